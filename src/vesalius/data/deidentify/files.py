"""One file of any kind: what it is, who treats it, what its copy is called."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache, partial
from pathlib import Path
from typing import TYPE_CHECKING

from vesalius.data.deidentify.dicom_file import treat_dicom
from vesalius.data.deidentify.identity import known_of, patient_key
from vesalius.data.deidentify.journal import file_key
from vesalius.data.deidentify.masking import NO_LOOK, Look
from vesalius.data.deidentify.nifti_header import treat_nifti
from vesalius.data.deidentify.options import Options
from vesalius.data.deidentify.rasters import treat_raster
from vesalius.data.deidentify.secret import Secret
from vesalius.data.deidentify.tables import TableColumns, treat_table, treat_text
from vesalius.data.deidentify.text import Known
from vesalius.data.deidentify.values import is_uid
from vesalius.data.readers import sniff
from vesalius.data.readers.dicom import open_dataset
from vesalius.errors import DataError

if TYPE_CHECKING:
    from pydicom import Dataset

__all__ = ["Made", "Source", "classed", "dicom_name", "treat_file"]

_TABLES = {".csv", ".tsv", ".json", ".jsonl", ".ndjson"}
GZIP = b"\x1f\x8b"
_TEXTS = {".txt", ".text", ".rpt"}
_NOBODY = Known()
_NO_NAMES: Mapping[str, str] = {}
_SUFFIXES = {"png": ".png", "jpeg": ".jpg", "tiff": ".tiff"}


@dataclass(frozen=True)
class Source:
    """A folder, or one file of it."""

    root: Path
    only: str = ""

    def files(self) -> Iterator[str]:
        """Yield the paths of all files below the root, in order; links are not followed."""
        if self.only:
            yield self.only
            return
        for path in sorted(self.root.rglob("*")):
            if path.is_file() and not path.is_symlink():
                yield path.relative_to(self.root).as_posix()


@dataclass(frozen=True)
class Made:
    """The copy of a file."""

    data: bytes
    counts: Counter[str] = field(default_factory=Counter)
    held: str = ""
    name: str = ""
    """Path below the output folder; empty for a keyed hash."""
    look: Look = NO_LOOK
    """What people should look at in its pixels."""
    suffix: str = ""


def classed(path: Path) -> str:
    """Return "dicom", "png", "jpeg", "tiff", "nifti", "table", "text" or "other", by content before suffix."""
    suffix = path.suffix.lower()
    if suffix in _TABLES:
        return "table"
    try:
        return sniff(path)
    except DataError:
        return "text" if suffix in _TEXTS else "other"


def treat_file(
    source: Source, relative: str, *, kind: str, options: Options, secret: Secret, columns: TableColumns,
    known: Known = _NOBODY, names: Mapping[str, str] = _NO_NAMES,
) -> Made:  # fmt: skip
    """Treat a file by its class.

    Args:
        source: the folder it lies in.
        relative: its path below the source.
        kind: as `classed` tells it.
        options: of the run.
        secret: decides replacements.
        columns: of tables.
        known: what other files of the same patient tell, for DICOM.
        names: of the copies of DICOM files whose instance UID others have too, by path, see `gather.Gathered`.

    Raises:
        DataError: it cannot be treated; tells why.
    """
    path = source.root / relative
    if kind == "dicom":
        treated, data = treat_dicom(path, options=options, secret=secret, known=known)
        name = names.get(relative, f"{treated.patient}/{treated.name}.dcm")
        return Made(data, treated.counts, treated.held, name=name, look=treated.look)
    if kind in _SUFFIXES:
        raster = treat_raster(path, kind=kind, options=options)
        return Made(raster.data, raster.counts, raster.held, suffix=_SUFFIXES[kind], look=raster.look)
    if kind == "nifti":
        counts, data = treat_nifti(path)
        return Made(data, counts, suffix=".nii.gz" if data.startswith(GZIP) else ".nii")
    if kind == "table":
        counts, data = treat_table(
            path, columns=columns, options=options, secret=secret,
            renamed=partial(_renamed, source, Path(relative).parent, options=options, secret=secret, names=names),
        )  # fmt: skip
        return Made(data, counts, suffix=path.suffix.lower())
    if kind == "text":
        beside, patient = _neighbours(path.parent)
        patient = patient or f"text {relative}"
        counts, data = treat_text(path, options=options, secret=secret, known=beside, patient=patient)
        return Made(data, counts, suffix=".txt")
    raise DataError(f"{path}: not DICOM, PNG, JPEG, TIFF, NIfTI, a table or a text")


def dicom_name(dataset: Dataset, path: Path, *, options: Options, secret: Secret) -> str:
    """Return the path below the output folder that the copy of a DICOM file gets where no other has its UID."""
    patient = secret.pseudonym("patient", patient_key(dataset), prefix="P")
    instance = str(dataset.get("SOPInstanceUID") or "")
    kept = options.uids and is_uid(instance)
    return f"{patient}/{instance if kept else secret.uid(instance or f'file {path.name}')}.dcm"


def _output_name(
    source: Source, relative: str, *, options: Options, secret: Secret, names: Mapping[str, str]
) -> str:  # fmt: skip
    """Return the path that the copy of a file gets, without treating it; empty for what no rule treats.

    DICOM files lie under patient and instance, all others under their class and a keyed hash.
    """
    path = source.root / relative
    kind = classed(path)
    if kind == "dicom":
        try:
            return names.get(relative) or dicom_name(
                open_dataset(path, pixels=False), path, options=options, secret=secret
            )
        except DataError:
            return ""
    if kind == "nifti":
        return f"nifti/{file_key(relative, secret)}{'.nii.gz' if path.read_bytes()[:2] == GZIP else '.nii'}"
    return f"{kind}/{file_key(relative, secret)}{_SUFFIXES[kind]}" if kind in _SUFFIXES else ""


def _renamed(
    source: Source, folder: Path, value: str, *, options: Options, secret: Secret, names: Mapping[str, str]
) -> str:  # fmt: skip
    """Return the copy of an image that a table in a folder names, from the folder or from the root."""
    for candidate in (folder / value, Path(value)):
        path = source.root / candidate
        inside = path.resolve().is_relative_to(source.root.resolve())
        if inside and path.is_file():
            relative = path.resolve().relative_to(source.root.resolve()).as_posix()
            return _output_name(source, relative, options=options, secret=secret, names=names)
    return ""


@lru_cache(maxsize=64)
def _neighbours(folder: Path) -> tuple[Known, str]:
    """Return what the DICOM files beside a report tell, and their patient where it is one."""
    known, patients = Known(), set()
    for path in sorted(folder.iterdir()):
        if not path.is_file() or classed(path) != "dicom":
            continue
        try:
            dataset = open_dataset(path, pixels=False)
        except DataError:
            continue
        patients.add(patient_key(dataset))
        known = known.with_more(known_of(dataset))
    return known, patients.pop() if len(patients) == 1 else ""
