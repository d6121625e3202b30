"""The last step of every DICOM object: what the clock and chance have put into it is settled, then it is stored.

Libraries stamp objects with the current time and with random UIDs. Both are replaced, so that the same content
gives the same bytes: times by the stated moment, random UIDs by those of their place in the object.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import vesalius
from vesalius.data.disk import replacing
from vesalius.data.readers.dicom_tags import text
from vesalius.data.readers.quiet import quiet
from vesalius.data.writers.uids import uid_of
from vesalius.errors import DataError

if TYPE_CHECKING:
    from pydicom import DataElement, Dataset

__all__ = ["MAKER", "VIRTUAL", "building", "identity", "moment_of", "saved", "series_of", "settled", "state_side"]

MAKER = "Vesalius"
VIRTUAL = "VIRTUAL patient, no clinical evidence"
"""Stands in every object that is made of a virtual patient."""
_NO_SERIAL_NUMBER = "NONE"
"""A program has none, but some objects must state one; its version in this place would pass for one elsewhere."""
_UNKNOWN_MOMENT = datetime(1900, 1, 1)
"""Stands where an object must state a date and the source states none: plainly not a date of an examination."""
_REFUSALS = (ValueError, TypeError, AttributeError, KeyError, IndexError)
_RANDOM_ROOT = "1.2.826.0.1.3680043.10.511.3."
# Parts that have no side, as BodyPartExamined names them (PS3.16 Annex L); of all others a side is expected.
_SINGLE = {
    "ABDOMEN", "ABDOMENPELVIS", "AORTA", "BLADDER", "BRAIN", "CERVIX", "CHEST", "CHESTABDOMEN", "CHESTABDPELVIS",
    "COCCYX", "COLON", "CSPINE", "CTSPINE", "DUODENUM", "ESOPHAGUS", "GALLBLADDER", "HEAD", "HEADNECK", "HEART",
    "JAW", "LARYNX", "LIVER", "LSPINE", "LSSPINE", "MANDIBLE", "MAXILLA", "MEDIASTINUM", "MOUTH", "NECK",
    "NECKCHEST", "NECKCHESTABDOMEN", "NECKCHESTABDPELV", "NOSE", "PANCREAS", "PELVIS", "PENIS", "PHARYNX",
    "PROSTATE", "RECTUM", "SKULL", "SPINE", "SPLEEN", "SSPINE", "STERNUM", "STOMACH", "THYMUS", "THYROID", "TLSPINE",
    "TONGUE", "TRACHEA", "TSPINE", "URETHRA", "UTERUS", "VAGINA", "WHOLEBODY",
}  # fmt: skip
_DATES = {"ContentDate", "InstanceCreationDate", "PresentationCreationDate", "SeriesDate"}
_TIMES = {"ContentTime", "InstanceCreationTime", "PresentationCreationTime", "SeriesTime"}
_MOMENTS = {"ObservationDateTime", "ContributionDateTime", "VerificationDateTime"}


def moment_of(source: Dataset, when: datetime | None) -> datetime:
    """Return the stated moment, else that of the source's study, else 1 January 1900.

    The clock is not asked: the same call would give another file a second later.
    """
    if when is not None:
        return when
    date, time = text(source, "StudyDate"), text(source, "StudyTime").partition(".")[0]
    for form, value in (("%Y%m%d%H%M%S", date + time.ljust(6, "0")), ("%Y%m%d", date)):
        try:
            return datetime.strptime(value, form)
        except ValueError:
            continue
    return _UNKNOWN_MOMENT


def series_of(source: Dataset, kind: str, name: str) -> tuple[str, str, int]:
    """Return series UID, instance UID and series number of an object that is made of a source.

    Args:
        source: first instance of the source series.
        kind: of the object, such as "SEG".
        name: hash of its content.
    """
    study = text(source, "StudyInstanceUID")
    series = uid_of(study, text(source, "SeriesInstanceUID"), kind)
    numbers = {"SEG": 9001, "SR": 9002, "SC": 9003, "PR": 9004, "IMAGE": 9000}
    return series, uid_of(series, name), numbers[kind]


def identity(source: Dataset, kind: str, name: str) -> dict[str, Any]:
    """Return what every object states of its series, itself and its maker, as the library's keywords.

    Args:
        source: first instance of the source series.
        kind: of the object, such as "SEG".
        name: hash of its content.
    """
    series, instance, number = series_of(source, kind, name)
    return {
        "series_instance_uid": series, "series_number": number, "sop_instance_uid": instance, "instance_number": 1,
        "manufacturer": MAKER, "manufacturer_model_name": MAKER, "software_versions": vesalius.__version__,
        "device_serial_number": _NO_SERIAL_NUMBER,
    }  # fmt: skip


def settled(dataset: Dataset, *, moment: datetime) -> Dataset:
    """Replace times by the moment and random UIDs by those of their order in the object, in place."""
    names: dict[str, str] = {}
    root = text(dataset, "SOPInstanceUID")
    with quiet():
        for element in _elements(dataset):
            if element.keyword in _DATES:
                element.value = moment.strftime("%Y%m%d")
            elif element.keyword in _TIMES:
                element.value = moment.strftime("%H%M%S")
            elif element.keyword in _MOMENTS:
                element.value = moment.strftime("%Y%m%d%H%M%S")
            elif element.VR == "UI" and str(element.value).startswith(_RANDOM_ROOT):
                element.value = names.setdefault(str(element.value), uid_of(root, str(len(names))))
    return dataset


def state_side(dataset: Dataset) -> None:
    """State Laterality (0020,0060), if only empty, where the part may have a side, and drop it where it has none."""
    if text(dataset, "BodyPartExamined") in _SINGLE:
        if "Laterality" in dataset and not text(dataset, "Laterality"):
            del dataset.Laterality
    elif "Laterality" not in dataset and "ImageLaterality" not in dataset:
        dataset.Laterality = ""


@contextmanager
def building(path: Path) -> Iterator[None]:
    """Silence the library, whose warnings quote names, and turn what it refuses into an error with the file.

    Raises:
        DataError: the source holds a value that the object cannot take over.
    """
    try:
        with quiet():
            yield
    except _REFUSALS as error:
        raise DataError(f"{path}: {error}; the source series holds something that the object cannot take") from error


def saved(dataset: Dataset, path: Path) -> Path:
    """Store an object whole or not at all.

    Raises:
        DataError: a value that DICOM cannot hold; names the file.
    """
    try:
        with quiet(), replacing(path, scratch=path.parent, durable=False) as file:
            dataset.save_as(file, enforce_file_format=True)
    except _REFUSALS as error:
        raise DataError(f"{path}: cannot be written as DICOM: {error}") from None
    return path


def _elements(dataset: Dataset) -> Iterator[DataElement]:
    for element in dataset:
        if element.VR == "SQ":
            for item in element.value:
                yield from _elements(item)
        else:
            yield element
