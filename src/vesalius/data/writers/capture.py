"""DICOM secondary capture: one picture with what was found burned in, for viewers that show nothing else.

Standard: PS3.3 A.8.1. A capture is for looking at only; measurements and masks belong in SR and SEG.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

import vesalius
from vesalius.data.writers.finish import MAKER, VIRTUAL, building, moment_of, saved, series_of, settled, state_side
from vesalius.data.writers.overlay import Drawn, burned
from vesalius.data.writers.source import Source
from vesalius.data.writers.uids import digest_of
from vesalius.optional import require

if TYPE_CHECKING:
    from pydicom import Dataset

__all__ = ["write_capture"]

_CLASS = "1.2.840.10008.5.1.4.1.1.7"
_EXPLICIT_LITTLE = "1.2.840.10008.1.2.1"
_COPIED = (
    "SpecificCharacterSet", "TimezoneOffsetFromUTC", "PatientName", "PatientID", "IssuerOfPatientID",
    "PatientBirthDate", "PatientSex", "PatientAge", "PatientComments", "PatientIdentityRemoved",
    "DeidentificationMethod", "DeidentificationMethodCodeSequence", "StudyInstanceUID", "StudyDate", "StudyTime",
    "ReferringPhysicianName", "StudyID", "AccessionNumber", "StudyDescription", "BodyPartExamined", "Laterality",
)  # fmt: skip
"""Of the patient, the study and what was done to hide the patient: as the source states them."""


def write_capture(
    picture: NDArray[np.float32],
    marks: Sequence[Drawn],
    source: Source,
    path: str | Path,
    *,
    slice_number: int = 0,
    when: datetime | None = None,
) -> Path:
    """Burn marks into a picture and write it as a secondary capture.

    Args:
        picture: as shown, 0 black to 1 white, (rows, columns) or (rows, columns, 3).
        marks: what is drawn.
        source: series that the picture is of; a virtual one is marked so in the picture.
        path: file to write; the same picture and marks give the same bytes.
        slice_number: of the picture in the source, where the capture refers to.
        when: moment of making; that of the source's study where it is not stated.
    """
    require("pydicom", purpose="writing a DICOM secondary capture")
    array, factor = burned(picture, marks, words=VIRTUAL if source.virtual else "")
    header, frame = source.instance(slice_number)
    series, instance, number = series_of(source.first, "SC", digest_of(array))
    with building(Path(path)):
        dataset = _of_patient(header, instance)
        dataset.SeriesInstanceUID, dataset.SeriesNumber, dataset.InstanceNumber = series, number, slice_number + 1
        dataset.SeriesDescription = VIRTUAL if source.virtual else "Capture with findings"
        _picture(dataset, array)
        _made_of(dataset, header, frame)
        geometry = source.grid.geometry
        if geometry is not None and geometry.plane == "patient":
            dataset.PixelSpacing = [f"{step / factor:.9g}" for step in geometry.spacing_mm[-2:]]
    return saved(settled(dataset, moment=moment_of(source.first, when)), Path(path))


def _of_patient(header: Dataset, instance: str) -> Dataset:
    """Return an object of the patient and study of a header."""
    from pydicom.dataset import Dataset, FileMetaDataset
    from pydicom.uid import UID

    dataset = Dataset()
    for keyword in _COPIED:
        if keyword in header:
            dataset[keyword] = header[keyword]
    state_side(dataset)
    dataset.SOPClassUID, dataset.SOPInstanceUID = _CLASS, instance
    dataset.ContentDate = dataset.InstanceCreationDate = dataset.ContentTime = dataset.InstanceCreationTime = ""
    dataset.Modality, dataset.ConversionType = header.get("Modality", "OT"), "WSD"
    dataset.Manufacturer = dataset.ManufacturerModelName = MAKER
    dataset.SoftwareVersions = vesalius.__version__
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = UID(_EXPLICIT_LITTLE)
    dataset.file_meta.MediaStorageSOPClassUID = UID(_CLASS)
    dataset.file_meta.MediaStorageSOPInstanceUID = UID(instance)
    return dataset


def _picture(dataset: Dataset, array: NDArray[np.uint8]) -> None:
    """State the pixels, (rows, columns, 3); in which way the picture is turned is left to its source."""
    dataset.Rows, dataset.Columns = array.shape[:2]
    dataset.SamplesPerPixel, dataset.PhotometricInterpretation, dataset.PlanarConfiguration = 3, "RGB", 0
    dataset.BitsAllocated = dataset.BitsStored = 8
    dataset.HighBit, dataset.PixelRepresentation = 7, 0
    dataset.ImageType, dataset.BurnedInAnnotation = ["DERIVED", "SECONDARY"], "YES"
    dataset.PatientOrientation = ""
    data = np.ascontiguousarray(array).tobytes()
    dataset.PixelData = data + b"\0" * (len(data) % 2)
    dataset["PixelData"].VR = "OB"


def _made_of(dataset: Dataset, header: Dataset, frame: int | None) -> None:
    """Refer to the image that the picture was made of."""
    from pydicom.dataset import Dataset
    from pydicom.sr.codedict import codes

    code = codes.DCM.SourceImageForImageProcessingOperation
    purpose = Dataset()
    purpose.CodeValue, purpose.CodingSchemeDesignator = code.value, code.scheme_designator
    purpose.CodeMeaning = code.meaning
    source = Dataset()
    source.ReferencedSOPClassUID, source.ReferencedSOPInstanceUID = header.SOPClassUID, header.SOPInstanceUID
    source.PurposeOfReferenceCodeSequence = [purpose]
    if frame is not None:
        source.ReferencedFrameNumber = frame
    dataset.SourceImageSequence = [source]
