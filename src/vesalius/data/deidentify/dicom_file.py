"""One DICOM file: refused where it cannot be treated, else treated whole and written anew."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vesalius.data.deidentify.codes import declare
from vesalius.data.deidentify.dataset import Treatment
from vesalius.data.deidentify.dicom_pixels import clean_overlays, clean_pixels
from vesalius.data.deidentify.masking import NO_LOOK, Look
from vesalius.data.deidentify.options import Options
from vesalius.data.deidentify.secret import Secret
from vesalius.data.deidentify.text import Known
from vesalius.data.readers.dicom import guarded, open_dataset
from vesalius.data.readers.dicom_tags import text
from vesalius.data.readers.quiet import quiet
from vesalius.errors import DataError

if TYPE_CHECKING:
    from pydicom import Dataset

__all__ = ["Treated", "treat_dicom"]

_DIRECTORY = "1.2.840.10008.1.3.10"
_DOCUMENTS = "1.2.840.10008.5.1.4.1.1.104."
_RAW = "1.2.840.10008.5.1.4.1.1.66"
_READABLE = (
    "SegmentSequence", "DeformableRegistrationSequence", "RegistrationSequence", "SurfaceSequence",
    "FiducialSetSequence", "TrackSetSequence",
)  # fmt: skip
"""One of them is in every object whose class lies below that of raw data and that is not raw."""
_EXPLICIT = "1.2.840.10008.1.2.1"
_NATIVE = ("1.2.840.10008.1.2", _EXPLICIT, "1.2.840.10008.1.2.2", "1.2.840.10008.1.2.1.99")
_ROOT = "2.25.313386529385961253963419217433217138688"
"""Implementation class UID of Vesalius."""


@dataclass(frozen=True)
class Treated:
    """What was done to one file."""

    counts: Counter[str]
    masked: int = 0
    """Boxes of burned-in text that were masked."""
    held: str = ""
    """Why the file was left out by the user's policy; empty where it was written."""
    patient: str = ""
    """Pseudonym of the patient, empty where there is none."""
    look: Look = NO_LOOK
    """What people should look at."""
    name: str = ""
    """Stem of the new file: the new instance UID."""


def treat_dicom(path: Path, *, options: Options, secret: Secret, known: Known | None = None) -> tuple[Treated, bytes]:
    """Treat a file and return what was done and the bytes of the new one, empty where it is held back.

    Raises:
        DataError: broken, a directory, an encapsulated document, or pixels that cannot be looked at.
    """
    with quiet(), guarded(str(path)):
        dataset = open_dataset(path)
        dataset.decode()
        _refuse(path, dataset)
        treatment = Treatment.of(dataset, options=options, secret=secret, known=known)
        pixels = clean_pixels(path, dataset, options)
        if pixels.held:
            return Treated(treatment.counts, held=pixels.held), b""
        syntax = text(dataset.file_meta, "TransferSyntaxUID")
        treatment.treat(dataset)
        if options.graphics:
            treatment.counts["overlays cleaned"] += clean_overlays(dataset)
        declare(dataset, options, pixels)
        treatment.counts["boxes masked"] += pixels.masked
        treatment.counts["images blanked outside their regions"] += pixels.blanked
        patient = secret.pseudonym("patient", treatment.patient, prefix="P")
        name = _stem(dataset, path, secret)
        data = _written(dataset, _EXPLICIT if pixels.rewritten and syntax not in _NATIVE else syntax)
    return Treated(treatment.counts, masked=pixels.masked, patient=patient, name=name, look=pixels.look), data


def _refuse(path: Path, dataset: Dataset) -> None:
    kind = text(dataset, "SOPClassUID") or text(dataset.file_meta, "MediaStorageSOPClassUID")
    if kind == _DIRECTORY or "DirectoryRecordSequence" in dataset:
        raise DataError(f"{path}: a DICOMDIR lists patients and file names; make a new one from the output")
    if kind.startswith(_DOCUMENTS) or "EncapsulatedDocument" in dataset:
        raise DataError(f"{path}: an encapsulated document (PDF or the like) cannot be scrubbed; convert it to text")
    if kind == _RAW or kind.startswith(_RAW + "."):
        is_known = any(keyword in dataset for keyword in _READABLE)
        if not is_known:
            raise DataError(f"{path}: raw data in a form of its maker's own cannot be looked into")


def _stem(dataset: Dataset, path: Path, secret: Secret) -> str:
    found = text(dataset, "SOPInstanceUID")
    return found if found else secret.uid(f"file {path.name}")


def _written(dataset: Dataset, syntax: str) -> bytes:
    """Write a dataset with a file meta of its own and an empty preamble."""
    from io import BytesIO

    from pydicom import dcmwrite
    from pydicom.dataset import FileMetaDataset
    from pydicom.uid import UID

    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = dataset.get("SOPClassUID") or UID("1.2.840.10008.5.1.4.1.1.7")
    meta.MediaStorageSOPInstanceUID = dataset.get("SOPInstanceUID") or UID("2.25.0")
    meta.TransferSyntaxUID = UID(syntax)
    meta.ImplementationClassUID = UID(_ROOT)
    meta.ImplementationVersionName = "VESALIUS"
    fresh: Any = dataset
    fresh.file_meta = meta
    fresh.preamble = b"\0" * 128
    buffer = BytesIO()
    dcmwrite(buffer, fresh, enforce_file_format=True)
    return buffer.getvalue()
