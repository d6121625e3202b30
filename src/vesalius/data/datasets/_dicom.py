"""DICOM radiographs: what their headers state of a record, and minimal valid files for twins."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from vesalius.data.datasets._pictures import VIRTUAL, Gaps
from vesalius.data.readers.dicom import guarded, open_dataset
from vesalius.data.readers.dicom_geometry import frame_geometry
from vesalius.data.readers.dicom_tags import text, whole
from vesalius.data.readers.quiet import quiet
from vesalius.data.records import Image
from vesalius.errors import DataError
from vesalius.optional import require

if TYPE_CHECKING:
    from pydicom import Dataset

__all__ = ["Header", "header", "image_of", "sex_of", "write_dicom", "years_of"]

_CLASSES = {"CR": "1.2.840.10008.5.1.4.1.1.1", "DX": "1.2.840.10008.5.1.4.1.1.1.1"}
_EXPLICIT_LITTLE = "1.2.840.10008.1.2.1"
_SEXES = {"M": "M", "F": "F", "O": "O"}


class Header(NamedTuple):
    """What the header of a radiograph states; empty where it does not."""

    shape: tuple[int, int]
    """Rows and columns."""
    spacing_mm: tuple[float, ...]
    """Of rows and columns, in the plane that the file states."""
    modality: str
    view: str
    age: str
    """As in DICOM, such as "054Y"."""
    sex: str
    moment: datetime | None
    """StudyDate and StudyTime."""


def header(path: Path) -> Header:
    """Read the header of a DICOM radiograph, without its pixels.

    Raises:
        DataError: not DICOM, broken, or without rows and columns.
    """
    with quiet(), guarded(str(path)):
        dataset = open_dataset(path, pixels=False)
        rows, columns = whole(dataset, "Rows"), whole(dataset, "Columns")
        if not rows or not columns:
            raise DataError(f"{path}: no Rows (0028,0010) and Columns (0028,0011); expected a radiograph")
        geometry = frame_geometry(dataset, 0).geometry
        return Header(
            shape=(rows, columns), spacing_mm=geometry.spacing_mm if geometry else (),
            modality=text(dataset, "Modality"), view=text(dataset, "ViewPosition"), age=text(dataset, "PatientAge"),
            sex=text(dataset, "PatientSex"),
            moment=_moment(text(dataset, "StudyDate"), text(dataset, "StudyTime")),
        )  # fmt: skip


def image_of(path: Path, name: str, gaps: Gaps) -> tuple[Image, Header] | None:
    """Return the record and the header of a radiograph; None, counted, where it is missing or broken."""
    if not path.is_file():
        gaps.note(path, "missing")
        return None
    try:
        found = header(path)
    except DataError:
        gaps.note(path, "broken")
        return None
    image = Image(
        id=name, path=str(path), modality=found.modality or "DX", shape=found.shape, spacing_mm=found.spacing_mm,
        units="stored", view=found.view, body_part="CHEST",
    )  # fmt: skip
    return image, found


def years_of(age: str) -> float | None:
    """Read years from "054Y", "018M", "010W", "003D" or a plain number; None where it is nothing of these.

    An age above 130 is an error of the file and none.
    """
    per_year = {"Y": 1.0, "M": 12.0, "W": 365.25 / 7, "D": 365.25}
    unit = age[-1:].upper() if age[-1:].isalpha() else "Y"
    digits = age[:-1] if age[-1:].isalpha() else age
    if not digits.isdecimal() or unit not in per_year:
        return None
    years = int(digits) / per_year[unit]
    return years if years <= 130 else None


def sex_of(stated: str) -> Literal["F", "M", "O", ""]:
    """Read M, F or O, also as a word; empty for anything else."""
    found = _SEXES.get(stated.strip()[:1].upper(), "") if stated.strip().lower() != "unknown" else ""
    return found  # type: ignore[return-value]


def _moment(day: str, time: str) -> datetime | None:
    try:
        return datetime.strptime(day + time[:6], "%Y%m%d%H%M%S")
    except ValueError:
        return None


def write_dicom(
    path: Path, pixels: NDArray[np.uint8], *, bits: int = 12, inverted: bool = False,
    modality: Literal["CR", "DX"] = "DX", tags: Mapping[str, Any] | None = None,
) -> None:  # fmt: skip
    """Write an uncompressed radiograph with a window over all of its values, marked as virtual.

    Args:
        path: of the file; its name makes the UIDs, so that equal calls give equal bytes.
        pixels: grey values, black 0, (rows, columns).
        bits: that are stored, 8 to 16.
        inverted: store as MONOCHROME1, where 0 is white.
        modality: of the file.
        tags: more elements by keyword.
    """
    require("pydicom", purpose=f"{path.name}: writing DICOM")
    from pydicom.dataset import Dataset
    from pydicom.uid import generate_uid

    top = 2**bits - 1
    stored = np.rint(pixels.astype(np.float64) * (top / 255)).astype(np.uint8 if bits <= 8 else np.uint16)
    dataset = Dataset()
    dataset.SOPClassUID = _CLASSES[modality]
    for keyword, level in (("StudyInstanceUID", 1), ("SeriesInstanceUID", 2), ("SOPInstanceUID", 3)):
        setattr(dataset, keyword, generate_uid(entropy_srcs=[path.name, str(level)]))
    dataset.Modality, dataset.BodyPartExamined, dataset.ImageComments = modality, "CHEST", VIRTUAL
    dataset.PatientName = dataset.PatientID = ""
    dataset.Rows, dataset.Columns = pixels.shape
    dataset.SamplesPerPixel, dataset.PixelRepresentation = 1, 0
    dataset.PhotometricInterpretation = "MONOCHROME1" if inverted else "MONOCHROME2"
    dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit = (8 if bits <= 8 else 16), bits, bits - 1
    dataset.WindowCenter, dataset.WindowWidth = (top + 1) / 2, top + 1
    for keyword, value in (tags or {}).items():
        setattr(dataset, keyword, value)
    content = (top - stored if inverted else stored).astype(stored.dtype.newbyteorder("<")).tobytes()
    dataset.PixelData = content + b"\0" * (len(content) % 2)
    dataset["PixelData"].VR = "OB" if bits <= 8 else "OW"
    _store(path, dataset)


def _store(path: Path, dataset: Dataset) -> None:
    from pydicom.dataset import FileMetaDataset
    from pydicom.uid import UID

    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = UID(_EXPLICIT_LITTLE)
    dataset.file_meta.MediaStorageSOPClassUID = dataset.SOPClassUID
    dataset.file_meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
    path.parent.mkdir(parents=True, exist_ok=True)
    dataset.save_as(path, enforce_file_format=True)
