"""DICOM images for a study that came without: PNG, TIFF, NIfTI or a virtual patient.

Objects such as SEG refer to DICOM instances. A CT volume in HU becomes CT Image Storage, one of MR becomes MR
Image Storage, everything else Secondary Capture; each slice is one file. Nothing is said of the patient but the
study's own pseudonym, age and sex; dates and names stay empty.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

import vesalius
from vesalius.data.readers.pixels import Pixels
from vesalius.data.records import Image, Study
from vesalius.data.writers.finish import MAKER, VIRTUAL, saved, state_side
from vesalius.data.writers.source import Source, read_source
from vesalius.data.writers.uids import digest_of, uid_of
from vesalius.errors import DataError
from vesalius.optional import require

if TYPE_CHECKING:
    from pydicom import Dataset

__all__ = ["write_series"]

_CLASSES = {"CT": "1.2.840.10008.5.1.4.1.1.2", "MR": "1.2.840.10008.5.1.4.1.1.4"}
_CAPTURE = "1.2.840.10008.5.1.4.1.1.7"
_EXPLICIT_LITTLE = "1.2.840.10008.1.2.1"
_MAX_STORED = 65535


def write_series(pixels: Pixels, image: Image, study: Study, folder: str | Path) -> Source:
    """Write a picture, volume or clip as DICOM files, one a slice or frame, and return them as a source.

    Whole numbers of up to 16 bits keep their values; others are stored as 16 bits with a rescale slope, which
    costs half a step of 1/65535 of their range.

    Args:
        pixels: as read.
        image: record of it.
        study: that it belongs to; its provenance says whether it is virtual.
        folder: of the files, named by slice.

    Raises:
        DataError: a time series of volumes, which has no place here.
    """
    require("pydicom", purpose="writing DICOM images")
    slices, colour = _slices(pixels)
    virtual = study.provenance.virtual
    stored, slope, intercept = _stored(slices) if not colour else (_bytes(slices, pixels), 1.0, 0.0)
    series = uid_of(study.id, image.id, digest_of(stored))
    paths = []
    for number in range(len(stored)):
        dataset = _identified(study, image, series, number, pixels)
        _pixel_module(dataset, stored[number], colour=colour)
        _values(dataset, pixels, colour=colour, slope=slope, intercept=intercept)
        _geometry(dataset, pixels, series, number)
        _kind_module(dataset, image, virtual=virtual)
        paths.append(saved(dataset, Path(folder) / f"{number:04d}.dcm"))
    if len(paths) > 1 and (pixels.geometry is None or not pixels.geometry.directions):
        return _unplaced(paths, virtual)
    return read_source(paths, virtual=virtual)


def _unplaced(paths: list[Path], virtual: bool) -> Source:
    """Frames of a clip have no place in the patient; they keep their order."""
    from vesalius.data.readers.objects.grid import Grid

    parts = [read_source([path]) for path in paths]
    shape = (len(paths), *parts[0].grid.shape[1:])
    return Source(datasets=tuple(part.first for part in parts), grid=Grid(shape), paths=tuple(paths), virtual=virtual)


def _slices(pixels: Pixels) -> tuple[NDArray[Any], bool]:
    """Return (slices, rows, columns) or (slices, rows, columns, 3), and whether it is in colour."""
    if pixels.axes.startswith("TZ"):
        raise DataError(f"{pixels.source}: a time series of volumes; export one time point of it")
    colour = pixels.axes.endswith("C")
    array = pixels.array if pixels.axes[0] in "ZT" else pixels.array[None]
    return array, colour


def _stored(array: NDArray[Any]) -> tuple[NDArray[Any], float, float]:
    """Return values of at most 16 bits, with the slope and intercept that give the true ones back."""
    if array.dtype == np.bool_:
        array = array.astype(np.uint8)
    whole = array.dtype.kind in "iu" or bool(np.isfinite(array).all() and (array == np.rint(array)).all())
    low, high = float(np.nanmin(array)), float(np.nanmax(array))
    if whole and array.dtype == np.uint8:
        return array, 1.0, 0.0
    if whole and low >= -32768 and high <= 32767:
        return array.astype(np.int16), 1.0, 0.0
    if whole and low >= 0 and high <= _MAX_STORED:
        return array.astype(np.uint16), 1.0, 0.0
    slope = (high - low) / _MAX_STORED if high > low else 1.0
    filled = np.nan_to_num(array.astype(np.float64), nan=low, posinf=high, neginf=low)
    return np.rint((filled - low) / slope).astype(np.uint16), float(f"{slope:.9g}"), float(f"{low:.9g}")


def _bytes(array: NDArray[Any], pixels: Pixels) -> NDArray[np.uint8]:
    """Return colours with 8 bits each."""
    if array.dtype == np.uint8:
        return array
    white = pixels.presentation.white or float(np.iinfo(array.dtype).max)
    return np.rint(np.clip(array / white, 0, 1) * 255).astype(np.uint8)


def _identified(study: Study, image: Image, series: str, number: int, pixels: Pixels) -> Dataset:
    from pydicom.dataset import Dataset, FileMetaDataset
    from pydicom.uid import UID

    dataset = Dataset()
    dataset.SpecificCharacterSet = "ISO_IR 192"
    volume = pixels.axes[0] == "Z" and pixels.geometry is not None and bool(pixels.geometry.directions)
    dataset.SOPClassUID = _CLASSES.get(image.modality, _CAPTURE) if volume else _CAPTURE
    dataset.SOPInstanceUID = uid_of(series, str(number))
    dataset.StudyInstanceUID = uid_of("study", study.patient, study.id)
    dataset.SeriesInstanceUID = series
    dataset.Modality = image.modality or "OT"
    dataset.PatientID = study.patient[:64]
    dataset.PatientSex = study.sex
    if study.age_years is not None and 1 <= study.age_years < 1000:
        dataset.PatientAge = f"{int(study.age_years):03d}Y"
    for keyword in ("PatientName", "PatientBirthDate", "StudyDate", "StudyTime", "StudyID", "AccessionNumber"):
        setattr(dataset, keyword, "")
    dataset.ReferringPhysicianName = ""
    dataset.SeriesNumber, dataset.InstanceNumber = 1, number + 1
    dataset.Manufacturer, dataset.SoftwareVersions = MAKER, vesalius.__version__
    if image.body_part:
        dataset.BodyPartExamined = image.body_part.upper()[:16]
    dataset.SeriesDescription = VIRTUAL if study.provenance.virtual else "Images without DICOM headers"
    if study.provenance.virtual:
        dataset.PatientComments = VIRTUAL
        dataset.ImageComments = VIRTUAL
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = UID(_EXPLICIT_LITTLE)
    dataset.file_meta.MediaStorageSOPClassUID = dataset.SOPClassUID
    dataset.file_meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
    return dataset


def _pixel_module(dataset: Dataset, plane: NDArray[Any], *, colour: bool) -> None:
    dataset.Rows, dataset.Columns = plane.shape[:2]
    dataset.SamplesPerPixel = 3 if colour else 1
    dataset.PhotometricInterpretation = "RGB" if colour else "MONOCHROME2"
    if colour:
        dataset.PlanarConfiguration = 0
    dataset.BitsAllocated = dataset.BitsStored = 8 * plane.dtype.itemsize
    dataset.HighBit = dataset.BitsStored - 1
    dataset.PixelRepresentation = int(plane.dtype.kind == "i")
    data = np.ascontiguousarray(plane, dtype=plane.dtype.newbyteorder("<")).tobytes()
    dataset.PixelData = data + b"\0" * (len(data) % 2)
    dataset["PixelData"].VR = "OB" if plane.dtype.itemsize == 1 else "OW"


def _values(dataset: Dataset, pixels: Pixels, *, colour: bool, slope: float, intercept: float) -> None:
    """State what stored values mean; CT always does, others where they were scaled."""
    if colour:
        return
    computed = dataset.SOPClassUID == _CLASSES["CT"]
    if computed or (slope, intercept) != (1.0, 0.0):
        dataset.RescaleSlope, dataset.RescaleIntercept = f"{slope:.9g}", f"{intercept:.9g}"
        dataset.RescaleType = "HU" if pixels.units == "HU" else "US"
    if pixels.presentation.inverted:
        dataset.PhotometricInterpretation = "MONOCHROME1"
    if pixels.presentation.windows:
        window = pixels.presentation.windows[0]
        dataset.WindowCenter, dataset.WindowWidth = f"{window.centre:.9g}", f"{window.width:.9g}"
        if window.shape != "LINEAR":
            dataset.VOILUTFunction = window.shape


def _geometry(dataset: Dataset, pixels: Pixels, series: str, number: int) -> None:
    """State spacing, and position and orientation where they are known."""
    geometry = pixels.geometry
    if geometry is None:
        return
    row, column = geometry.spacing_mm[-2:]
    if geometry.plane in ("patient", ""):
        dataset.PixelSpacing = [f"{row:.9g}", f"{column:.9g}"]
    else:
        dataset.ImagerPixelSpacing = [f"{row:.9g}", f"{column:.9g}"]
    if not geometry.directions:
        return
    index = [number, 0, 0] if len(geometry.directions) == 3 else [0, 0]
    dataset.ImagePositionPatient = [f"{value:.9g}" for value in geometry.to_patient(index).tolist()]
    dataset.ImageOrientationPatient = [
        f"{value:.9g}" for direction in (geometry.directions[-1], geometry.directions[-2]) for value in direction
    ]
    dataset.FrameOfReferenceUID = uid_of(series, "frame of reference")
    dataset.PositionReferenceIndicator = ""
    if len(geometry.directions) == 3:
        dataset.SliceThickness = ""


def _kind_module(dataset: Dataset, image: Image, *, virtual: bool) -> None:
    """Add what the class of image must state; what nobody knows is empty where the standard allows it."""
    kind = ["DERIVED" if virtual else "ORIGINAL", "PRIMARY"]
    if image.laterality in ("left", "right"):
        dataset.Laterality = image.laterality[0].upper()
    state_side(dataset)
    if dataset.SOPClassUID in _CLASSES.values():
        dataset.PatientPosition = ""
    if dataset.SOPClassUID == _CLASSES["CT"]:
        dataset.ImageType = [*kind, "AXIAL"]
        dataset.KVP = dataset.AcquisitionNumber = ""
    elif dataset.SOPClassUID == _CLASSES["MR"]:
        dataset.ImageType = [*kind, "OTHER"]
        dataset.ScanningSequence, dataset.SequenceVariant = "RM", "NONE"
        for keyword in ("ScanOptions", "MRAcquisitionType", "RepetitionTime", "EchoTime", "EchoTrainLength"):
            setattr(dataset, keyword, "")
    else:
        dataset.ImageType = ["DERIVED", "SECONDARY"]
        dataset.ConversionType = "SYN" if virtual else "WSD"
        dataset.PatientOrientation = ""
