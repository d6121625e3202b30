"""Small DICOM series and multi-frame files with known content."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from dicom_files import write_dicom

AXIAL = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0)
ROWS, COLUMNS = 4, 5


def picture(value: int) -> np.ndarray:
    """A slice whose samples are the value, plus 10 a row and 1 a column."""
    rows, columns = np.mgrid[:ROWS, :COLUMNS]
    return (value + 10 * rows + columns).astype(np.int16)


def write_slice(path: Path, position: Sequence[float], value: int, **tags: Any) -> Path:
    """Write one CT slice at a position, in decimal strings of 16 characters at most.

    What `tags` state goes before the defaults, and None leaves a tag out.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    stated = {
        "Modality": "CT", "SeriesInstanceUID": "1.2.3.4", "StudyInstanceUID": "1.2.3", "PatientID": "SECRET-1",
        "PatientName": "Doe^Jane", "ImageOrientationPatient": list(AXIAL), "PixelSpacing": [0.5, 0.25],
        "RescaleSlope": "1", "RescaleIntercept": "-1024",
        "ImagePositionPatient": [round(float(x), 9) for x in position],
    }  # fmt: skip
    array = tags.pop("array", picture(value))
    kept = {keyword: value for keyword, value in {**stated, **tags}.items() if value is not None}
    return write_dicom(path, array, **kept)


def write_series(folder: Path, positions: Sequence[Sequence[float]], *, first: int = 0, **tags: Any) -> list[Path]:
    """Write a slice a position, with value 100 × its place, and with names and numbers that run the other way."""
    count = len(positions)
    return [
        write_slice(
            folder / f"{first + count - place:03d}.dcm",
            position,
            100 * place,
            InstanceNumber=count - place,
            **tags,
        )
        for place, position in enumerate(positions)
    ]


def heights(*values: float) -> list[tuple[float, float, float]]:
    """Positions on the z axis."""
    return [(-10.0, -20.0, value) for value in values]


def write_enhanced(
    path: Path, frames: Sequence[dict[str, Any]], values: Sequence[int], *, mapping: Any = None, **tags: Any
) -> Path:
    """Write an enhanced multi-frame CT; each frame states `position` and what else its functional groups hold.

    `mapping` is an item of the real world value mapping.
    """
    from pydicom import Dataset

    def item(**elements: Any) -> Dataset:
        dataset = Dataset()
        for keyword, value in elements.items():
            setattr(dataset, keyword, value)
        return dataset

    shared = item(
        PixelMeasuresSequence=[item(PixelSpacing=[0.5, 0.25])],
        PlaneOrientationSequence=[item(ImageOrientationPatient=list(AXIAL))],
        PixelValueTransformationSequence=[item(RescaleSlope="1", RescaleIntercept="-1024", RescaleType="HU")],
    )
    if mapping is not None:
        shared.RealWorldValueMappingSequence = [mapping]
    groups = []
    for frame in frames:
        group = item(PlanePositionSequence=[item(ImagePositionPatient=list(frame["position"]))])
        if content := frame.get("content"):
            group.FrameContentSequence = [item(**content)]
        if echo := frame.get("echo"):
            group.MREchoSequence = [item(EffectiveEchoTime=float(echo))]
        groups.append(group)
    stated = {
        "SOPClassUID": "1.2.840.10008.5.1.4.1.1.2.1", "Modality": "CT", "SeriesInstanceUID": "1.2.3.9",
        "SharedFunctionalGroupsSequence": [shared], "PerFrameFunctionalGroupsSequence": groups,
    }  # fmt: skip
    array = np.stack([picture(value) for value in values])
    return write_dicom(path, array, frames=len(frames), **{**stated, **tags})
