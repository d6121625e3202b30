"""DICOM objects written by hand with known content, independent of the writers, and what checks the writers."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from dicom_files import write_dicom
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian

from vesalius.data.geometry import Geometry
from vesalius.data.writers import Source, read_source

SEG = "1.2.840.10008.5.1.4.1.1.66.4"
LABELMAP = "1.2.840.10008.5.1.4.1.1.66.7"
RTSTRUCT = "1.2.840.10008.5.1.4.1.1.481.3"
BASIC_TEXT = "1.2.840.10008.5.1.4.1.1.88.11"
COMPREHENSIVE = "1.2.840.10008.5.1.4.1.1.88.33"

# Turned by 30 degrees about x, then by 20 about z: no axis of the grid is one of the patient.
_C, _S = np.cos(np.pi / 6), np.sin(np.pi / 6)
_D, _T = np.cos(np.pi / 9), np.sin(np.pi / 9)
OBLIQUE = np.array([[_D, -_T, 0], [_T, _D, 0], [0, 0, 1]]) @ np.array([[1, 0, 0], [0, _C, -_S], [0, _S, _C]])
STRAIGHT = np.eye(3)


def geometry(turn: np.ndarray = STRAIGHT, spacing: tuple[float, float, float] = (2.5, 0.75, 0.5)) -> Geometry:
    """Grid with axes (slices, rows, columns) along z, y and x, turned; its first voxel at (-40, 25, 110) mm."""
    directions = tuple(tuple(turn[:, axis].tolist()) for axis in (2, 1, 0))
    return Geometry(spacing_mm=spacing, directions=directions, origin_mm=(-40.0, 25.0, 110.0))


def source_paths(folder: Path, shape: tuple[int, int, int], grid: Geometry, **tags: Any) -> list[Path]:
    """Write a CT series on a grid, in shuffled order of names."""
    paths = []
    rng = np.random.default_rng(3)
    known = {
        "Modality": "CT", "StudyInstanceUID": "2.25.11", "SeriesInstanceUID": "2.25.12", "PatientID": "P1",
        "PatientName": "Virtual^Vera", "StudyDate": "20240102", "StudyTime": "101112", "PatientSex": "F",
        "FrameOfReferenceUID": "2.25.13", "RescaleSlope": "1", "RescaleIntercept": "-1024", "SliceThickness": "2",
        "PatientBirthDate": "19500101", "AccessionNumber": "A1", "StudyID": "S1",
        "ImageType": ["ORIGINAL", "PRIMARY"], "PositionReferenceIndicator": "", "Manufacturer": "Maker",
    }  # fmt: skip
    for number in rng.permutation(shape[0]).tolist():
        place = {
            "ImagePositionPatient": [f"{value:.10g}"[:16] for value in grid.to_patient([number, 0, 0])],
            "ImageOrientationPatient": [
                f"{value:.10g}"[:16] for axis in (grid.directions[2], grid.directions[1]) for value in axis
            ],
            "PixelSpacing": [str(grid.spacing_mm[1]), str(grid.spacing_mm[2])],
            "SOPInstanceUID": f"2.25.100{number}", "InstanceNumber": number + 1,
        }  # fmt: skip
        array = rng.integers(0, 2000, shape[1:], dtype=np.uint16)
        paths.append(write_dicom(folder / f"{len(paths):03d}.dcm", array, **{**known, **place, **tags}))
    return paths


def make_source(folder: Path, shape: tuple[int, int, int], turn: np.ndarray = STRAIGHT, **tags: Any) -> Source:
    """Write a series and read it as a source."""
    folder.mkdir(parents=True, exist_ok=True)
    return read_source(source_paths(folder, shape, geometry(turn), **tags))


def code_item(value: str, scheme: str, meaning: str) -> Dataset:
    item = Dataset()
    item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning = value, scheme, meaning
    return item


def saved(dataset: Dataset, path: Path, uid: str) -> Path:
    """Store a dataset of a class."""
    dataset.SOPClassUID, dataset.SOPInstanceUID = uid, "2.25.77"
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset.file_meta.MediaStorageSOPClassUID = uid
    dataset.file_meta.MediaStorageSOPInstanceUID = "2.25.77"
    dataset.save_as(path, enforce_file_format=True)
    return path


def segment_item(number: int, label: str) -> Dataset:
    item = Dataset()
    item.SegmentNumber, item.SegmentLabel, item.SegmentAlgorithmType = number, label, "MANUAL"
    item.SegmentedPropertyCategoryCodeSequence = [code_item("91723000", "SCT", "Anatomical Structure")]
    item.SegmentedPropertyTypeCodeSequence = [code_item("10200004", "SCT", "Liver")]
    return item


def write_segmentation_by_hand(
    path: Path, frames: Sequence[tuple[int, int, np.ndarray]], grid: Geometry, *, kind: str = "BINARY", **tags: Any
) -> Path:
    """Write a SEG of frames (segment, slice, plane) in the given order; the segment is ignored in a label map."""
    dataset = Dataset()
    planes = np.stack([plane for _, _, plane in frames])
    dataset.Modality, dataset.SegmentationType = "SEG", kind
    dataset.NumberOfFrames, dataset.Rows, dataset.Columns = planes.shape
    dataset.SamplesPerPixel, dataset.PhotometricInterpretation, dataset.PixelRepresentation = 1, "MONOCHROME2", 0
    bits = 1 if kind == "BINARY" else 8
    dataset.BitsAllocated = dataset.BitsStored = bits
    dataset.HighBit = bits - 1
    numbers = {int(n) for n in np.unique(planes) if n} if kind == "LABELMAP" else {number for number, _, _ in frames}
    dataset.SegmentSequence = [segment_item(number, f"part {number}") for number in sorted(numbers)]
    if kind == "FRACTIONAL":
        dataset.SegmentationFractionalType, dataset.MaximumFractionalValue = "PROBABILITY", 200
    shared = Dataset()
    measures, turn = Dataset(), Dataset()
    measures.PixelSpacing = [str(step) for step in grid.spacing_mm[1:]]
    turn.ImageOrientationPatient = [f"{v:.12g}"[:16] for axis in grid.directions[:0:-1] for v in axis]
    shared.PixelMeasuresSequence, shared.PlaneOrientationSequence = [measures], [turn]
    dataset.SharedFunctionalGroupsSequence = [shared]
    groups = []
    for number, slice_number, _ in frames:
        group, place, which = Dataset(), Dataset(), Dataset()
        place.ImagePositionPatient = [f"{v:.12g}"[:16] for v in grid.to_patient([slice_number, 0, 0])]
        which.ReferencedSegmentNumber = number
        group.PlanePositionSequence = [place]
        if kind != "LABELMAP":
            group.SegmentIdentificationSequence = [which]
        groups.append(group)
    dataset.PerFrameFunctionalGroupsSequence = groups
    data = np.packbits(planes.ravel(), bitorder="little") if bits == 1 else planes.astype(np.uint8).ravel()
    dataset.PixelData = data.tobytes() + b"\0" * (len(data.tobytes()) % 2)
    dataset["PixelData"].VR = "OB"
    for keyword, value in tags.items():
        setattr(dataset, keyword, value)
    return saved(dataset, path, LABELMAP if kind == "LABELMAP" else SEG)


def write_structures_by_hand(
    path: Path, structures: dict[str, Sequence[tuple[str, np.ndarray]]], **tags: Any
) -> Path:
    """Write an RTSTRUCT of named contours (kind, points in mm (n, 3))."""
    dataset = Dataset()
    dataset.Modality, dataset.StructureSetLabel = "RTSTRUCT", "plan"
    dataset.StructureSetROISequence, dataset.ROIContourSequence, dataset.RTROIObservationsSequence = [], [], []
    for number, (name, contours) in enumerate(structures.items(), start=1):
        known, drawn, observed = Dataset(), Dataset(), Dataset()
        known.ROINumber, known.ROIName, known.ROIGenerationAlgorithm = number, name, "MANUAL"
        known.ReferencedFrameOfReferenceUID = "2.25.13"
        drawn.ReferencedROINumber = number
        drawn.ContourSequence = []
        for kind, points in contours:
            item = Dataset()
            item.ContourGeometricType, item.NumberOfContourPoints = kind, len(points)
            item.ContourData = [f"{value:.10g}"[:16] for value in np.ravel(points)]
            drawn.ContourSequence.append(item)
        observed.ReferencedROINumber, observed.RTROIInterpretedType = number, "ORGAN"
        observed.ROIObservationLabel = f"of {name}"
        observed.RTROIIdentificationCodeSequence = [code_item("10200004", "SCT", "Liver")]
        dataset.StructureSetROISequence.append(known)
        dataset.ROIContourSequence.append(drawn)
        dataset.RTROIObservationsSequence.append(observed)
    for keyword, value in tags.items():
        setattr(dataset, keyword, value)
    return saved(dataset, path, RTSTRUCT)


def content(
    kind: str, name: tuple[str, str, str] | None, *children: Dataset, relation: str = "CONTAINS", **tags: Any
):
    """Return a content item of a report."""
    item = Dataset()
    item.ValueType, item.RelationshipType = kind, relation
    if name is not None:
        item.ConceptNameCodeSequence = [code_item(*name)]
    for keyword, value in tags.items():
        setattr(item, keyword, value)
    if children:
        item.ContentSequence = list(children)
    return item


def write_report_by_hand(path: Path, root: Dataset, uid: str = COMPREHENSIVE) -> Path:
    """Write a report with the given root."""
    root.CompletionFlag, root.VerificationFlag, root.Modality = "COMPLETE", "UNVERIFIED", "SR"
    return saved(root, path, uid)


def validator(name: str) -> str:
    """Return the path of a validator; the test is skipped where it is not installed."""
    found = shutil.which(name)
    if found is None:
        pytest.skip(f"{name} is not on PATH: apt-get install {'dicom3tools' if name == 'dciodvfy' else 'dcmtk'}")
    return found


def complaints(path: Path) -> list[str]:
    """Return the errors that dciodvfy finds in a file."""
    done = subprocess.run(
        [validator("dciodvfy"), "-new", os.fspath(path)], capture_output=True, text=True, timeout=60, check=False
    )
    return [line for line in (done.stdout + done.stderr).splitlines() if line.startswith(("Error", "Abort"))]
