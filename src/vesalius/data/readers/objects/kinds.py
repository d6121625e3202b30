"""Which object a DICOM file holds, and clear words where it is not the one that was asked for."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from vesalius.data.readers.dicom_tags import text
from vesalius.errors import DataError

if TYPE_CHECKING:
    from pydicom import Dataset

__all__ = ["ObjectKind", "check_references", "kind_of", "kind_of_class", "require_kind"]

ObjectKind = Literal["segmentation", "structures", "report", "document", ""]

_ROOT = "1.2.840.10008.5.1.4.1.1."
_KINDS: dict[str, ObjectKind] = {
    f"{_ROOT}66.4": "segmentation", f"{_ROOT}66.7": "segmentation", f"{_ROOT}481.3": "structures",
    f"{_ROOT}88.11": "report", f"{_ROOT}88.22": "report", f"{_ROOT}88.33": "report", f"{_ROOT}88.34": "report",
    f"{_ROOT}88.35": "report", f"{_ROOT}88.40": "report", f"{_ROOT}88.50": "report", f"{_ROOT}88.59": "report",
    f"{_ROOT}88.65": "report", f"{_ROOT}88.67": "report", f"{_ROOT}88.68": "report", f"{_ROOT}88.69": "report",
    f"{_ROOT}88.70": "report", f"{_ROOT}88.71": "report", f"{_ROOT}88.72": "report",
    f"{_ROOT}104.1": "document", f"{_ROOT}104.2": "document", f"{_ROOT}104.3": "document",
    f"{_ROOT}104.4": "document", f"{_ROOT}104.5": "document",
}  # fmt: skip
_READERS = {
    "segmentation": "a segmentation; read it with read_segmentation",
    "structures": "an RT structure set; read it with read_structures",
    "report": "a structured report; read it with read_report",
}
_DOCUMENTS = {
    f"{_ROOT}104.1": "PDF", f"{_ROOT}104.2": "CDA", f"{_ROOT}104.3": "STL", f"{_ROOT}104.4": "OBJ",
    f"{_ROOT}104.5": "MTL",
}  # fmt: skip
_ENDINGS = {"PDF": "pdf", "CDA": "xml", "STL": "stl", "OBJ": "obj", "MTL": "mtl"}


def kind_of_class(uid: str) -> ObjectKind:
    """Return what a SOP class UID stands for, empty where it is none of these objects."""
    return _KINDS.get(uid, "")


def kind_of(dataset: Dataset) -> ObjectKind:
    """Return which of these objects a dataset is, empty where it is another."""
    return kind_of_class(_class(dataset))


def require_kind(path: Path, dataset: Dataset, wanted: ObjectKind) -> None:
    """Check that a dataset is of the wanted kind.

    Raises:
        DataError: it is another object; says which, and how to open it.
    """
    found = kind_of(dataset)
    if found == wanted:
        return
    uid = _class(dataset)
    if found == "document":
        what = _DOCUMENTS[uid]
        raise DataError(
            f"{path}: an encapsulated {what} document, which holds no pixels and no coded content; extract it "
            f"with `dcm2pdf` or, for any kind, write EncapsulatedDocument (0042,0011) to a .{_ENDINGS[what]} file"
        )
    raise DataError(f"{path}: found {_READERS.get(found) or _named(uid)}; expected {_article(wanted)}")


def check_references(path: Path, name: str, found: Iterable[int], known: Iterable[int]) -> None:
    """Check that numbers which items refer to are stated, each once.

    Raises:
        DataError: names the numbers that are not, or that are stated twice.
    """
    stated = list(known)
    if len(stated) != len(set(stated)):
        twice = sorted({number for number in stated if stated.count(number) > 1})
        raise DataError(f"{path}: {name} {twice[:5]} stated more than once; expected one entry each")
    unknown = sorted(set(found) - set(stated))
    if unknown:
        raise DataError(f"{path}: refers to {name} {unknown[:5]}, but only {sorted(stated)[:20]} are described")


def _class(dataset: Dataset) -> str:
    return text(dataset, "SOPClassUID") or text(dataset.file_meta, "MediaStorageSOPClassUID")


def _named(uid: str) -> str:
    from pydicom.uid import UID

    return f"DICOM of class {UID(uid).name!r}" if uid else "DICOM without a class (0008,0016)"


def _article(kind: ObjectKind) -> str:
    return _READERS[kind].split(";")[0]
