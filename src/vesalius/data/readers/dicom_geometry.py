"""Geometry of DICOM objects: which field of spacing counts, and what is never taken for one.

Rules, in this order:

1. PixelSpacing (0028,0030), or that of the Pixel Measures functional group. In a projection radiograph it
holds in
   the patient where it was calibrated, that is, PixelSpacingCalibrationType (0028,0A02) is stated or it
   differs from ImagerPixelSpacing; where the two are equal it holds in the plane of the detector (PS3.3
   10.7.1.3).
2. ImagerPixelSpacing (0018,1164): in the plane of the detector, where everything is magnified. It is stated
as such and
   not divided by a magnification.
3. NominalScannedPixelSpacing (0018,2010): in the plane of a scanned film.

PixelAspectRatio, SliceThickness and SpacingBetweenSlices are never taken for a spacing: the distance of
slices comes from their positions.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Literal, NamedTuple

import numpy as np

from vesalius.data.geometry import Geometry, Vector
from vesalius.data.readers.dicom_tags import functional_group, numbers, text
from vesalius.errors import DataError

if TYPE_CHECKING:
    from pydicom import Dataset

__all__ = ["Found", "frame_geometry", "stack_geometry"]

_ORTHOGONAL_TOLERANCE = 1e-3
"""Cosine between rows and columns that rounding of decimal strings explains."""


class Found(NamedTuple):
    """A geometry, or why there is none; `position` says why a spacing has no place."""

    geometry: Geometry | None
    missing: str = ""
    position: str = ""


class _Spacing(NamedTuple):
    values: tuple[float, float]
    source: str
    plane: Literal["patient", "detector", "film"]


class _Place(NamedTuple):
    origin: Vector
    directions: tuple[Vector, Vector]


def frame_geometry(dataset: Dataset, frame: int) -> Found:
    """Return the geometry of one frame, axes (rows, columns)."""
    spacing = _spacing(dataset, frame)
    if isinstance(spacing, str):
        return Found(None, missing=spacing)
    values, source, plane = spacing
    place = _place(dataset, frame)
    reason = place if isinstance(place, str) else ""
    if not isinstance(place, str):
        origin, directions = place
        try:
            return Found(
                Geometry(spacing_mm=values, directions=directions, origin_mm=origin, source=source, plane=plane)
            )
        except DataError as error:
            reason = f"ImageOrientationPatient (0020,0037) is wrong: {error}"
    return Found(Geometry(spacing_mm=values, source=source, plane=plane), position=reason)


def stack_geometry(dataset: Dataset, frames: int) -> Found:
    """Return the geometry of all frames as one volume, axes (slices, rows, columns), where they are one.

    They are one volume where all frames have the same spacing and orientation and evenly spaced positions.
    """
    first = frame_geometry(dataset, 0)
    if first.geometry is None or not first.geometry.directions:
        return Found(None, missing=first.missing or first.position)
    origins: list[Vector] = []
    for frame in range(frames):
        found = frame_geometry(dataset, frame)
        geometry = found.geometry
        if geometry is None or not geometry.origin_mm:
            return Found(None, missing=f"frame {frame}: {found.missing or found.position}")
        if not np.allclose(geometry.directions, first.geometry.directions, atol=1e-4):
            return Found(None, missing=f"frame {frame} is oriented differently from frame 0 (0020,0037)")
        if geometry.spacing_mm != first.geometry.spacing_mm:
            return Found(None, missing=f"frame {frame} has a different PixelSpacing (0028,0030) from frame 0")
        origins.append(geometry.origin_mm)
    try:
        return Found(first.geometry.stacked(origins))
    except DataError as error:
        return Found(None, missing=f"the frames are not one volume: {error} (0020,0032)")


def _moved(dataset: Dataset, place: _Place, frame: int) -> _Place | str:
    """Move the position of an object with one position for many frames to the frame in question.

    Planes of a dose grid lie at offsets along the normal of the first (PS3.3 C.8.8.3.2), which either start
    with 0 or with the z coordinate of the position.
    """
    values = numbers(dataset, "GridFrameOffsetVector")
    if not values:
        return "the file states no position for every frame, such as (5200,9230)"
    if frame >= len(values):
        return f"GridFrameOffsetVector (3004,000C) has {len(values)} entries, none for frame {frame}"
    rows, columns = place.directions
    x, y, z = np.add(place.origin, (values[frame] - values[0]) * np.cross(columns, rows)).tolist()
    return place._replace(origin=(x, y, z))


def _spacing(dataset: Dataset, frame: int) -> _Spacing | str:
    """Return the spacing of rows and of columns in millimetres, or what is missing or wrong."""
    measures = functional_group(dataset, frame, "PixelMeasuresSequence")
    stated = _pair(measures, "PixelSpacing") if measures is not None else None
    stated = stated or _pair(dataset, "PixelSpacing")
    imager = _pair(dataset, "ImagerPixelSpacing")
    scanned = _pair(dataset, "NominalScannedPixelSpacing")
    for value, name in (
        (stated, "PixelSpacing (0028,0030)"),
        (imager, "ImagerPixelSpacing (0018,1164)"),
        (scanned, "NominalScannedPixelSpacing (0018,2010)"),
    ):
        if value is None:
            continue
        if not all(math.isfinite(step) and step > 0 for step in value):
            return f"{name} is {value[0]:g} by {value[1]:g} mm, expected two positive numbers"
        if value is scanned:
            return _Spacing(value, name, "film")
        if value is imager:
            return _Spacing(value, name, "detector")
        calibrated = bool(text(dataset, "PixelSpacingCalibrationType")) or imager is None or imager != stated
        return _Spacing(value, name, "patient" if calibrated else "detector")
    return "neither PixelSpacing (0028,0030) nor ImagerPixelSpacing (0018,1164) is stated"


def _pair(item: Dataset, keyword: str) -> tuple[float, float] | None:
    values = numbers(item, keyword)
    if not values:
        return None
    return (values[0], values[1]) if len(values) == 2 else (math.nan, math.nan)


def _place(dataset: Dataset, frame: int) -> _Place | str:
    """Return position and axes of a frame in the patient, or what is missing or wrong."""
    position_group = functional_group(dataset, frame, "PlanePositionSequence") or dataset
    orientation_group = functional_group(dataset, frame, "PlaneOrientationSequence") or dataset
    position = numbers(position_group, "ImagePositionPatient")
    cosines = numbers(orientation_group, "ImageOrientationPatient")
    if not cosines:
        return "ImageOrientationPatient (0020,0037) is not stated"
    if not position:
        return "ImagePositionPatient (0020,0032) is not stated"
    if len(cosines) != 6 or len(position) != 3:
        return f"{len(cosines)} direction cosines (0020,0037) and {len(position)} coordinates, not 6 and 3"
    # First the direction in which the columns index grows, then that of the rows index.
    cx, cy, cz, rx, ry, rz = cosines
    if not abs(cx * rx + cy * ry + cz * rz) <= _ORTHOGONAL_TOLERANCE:
        return f"ImageOrientationPatient (0020,0037) is {cosines}: not at right angles"
    x, y, z = position
    place = _Place((x, y, z), ((rx, ry, rz), (cx, cy, cz)))
    return place if position_group is not dataset or frame == 0 else _moved(dataset, place, frame)
