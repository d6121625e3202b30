"""Measuring masks of volumes as readers do: axes in the axial plane by RECIST 1.1, depths, volumes.

D slices, H rows, W columns; spacings are of slices, rows and columns.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

__all__ = ["AxialAxes", "axial_axes", "deepest_mm", "inner", "volume_ml"]

_ANGLES = 90


class AxialAxes(NamedTuple):
    """Long axis of a mask and the longest diameter across it, on the slice where the long axis is longest."""

    long_mm: float
    short_mm: float
    slice: int


def axial_axes(mask: NDArray[np.bool_], spacing_mm: tuple[float, float, float]) -> AxialAxes | None:
    """Measure a mask (D, H, W); None where it is empty.

    The long axis is the longest in-plane diameter over all axial slices, not the longest in space; directions are 2
    degrees apart. A diameter runs between the outer edges of voxels.
    """
    best: AxialAxes | None = None
    for number in np.flatnonzero(mask.any(axis=(1, 2))):
        rows, columns = np.nonzero(_edge(mask[number]))
        extents = _extents(rows * spacing_mm[1], columns * spacing_mm[2], spacing_mm)
        place = int(extents.argmax())
        if best is None or extents[place] > best.long_mm:
            across = float(extents[(place + _ANGLES // 2) % _ANGLES])
            best = AxialAxes(float(extents[place]), across, int(number))
    return best


def _edge(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Keep the first and the last voxel of every row: no other can end a diameter."""
    before, after = np.zeros_like(mask), np.zeros_like(mask)
    before[:, 1:], after[:, :-1] = mask[:, :-1], mask[:, 1:]
    return mask & ~(before & after)


def _extents(
    rows: NDArray[np.floating], columns: NDArray[np.floating], spacing_mm: tuple[float, float, float]
) -> NDArray[np.float64]:
    """Width of points in each direction from 0 to 180 degrees, with the width of a voxel, (_ANGLES,)."""
    angle = np.pi / _ANGLES * np.arange(_ANGLES)
    along = np.cos(angle)[:, None] * columns + np.sin(angle)[:, None] * rows
    voxel = np.sqrt((np.cos(angle) * spacing_mm[2]) ** 2 + (np.sin(angle) * spacing_mm[1]) ** 2)
    extent: NDArray[np.float64] = along.max(axis=1) - along.min(axis=1) + voxel
    return extent


def volume_ml(mask: NDArray[np.bool_], spacing_mm: tuple[float, float, float]) -> float:
    """Volume of a mask."""
    return float(mask.sum() * np.prod(spacing_mm) / 1000)


def inner(mask: NDArray[np.bool_], voxels: int = 1) -> NDArray[np.bool_]:
    """Leave out what lies within some voxels of the surface: there values are mixed with what is beside."""
    found = mask.copy()
    for axis in range(3):
        for offset in range(1, voxels + 1):
            found &= np.roll(mask, offset, axis)
            found &= np.roll(mask, -offset, axis)
    return found


def deepest_mm(mask: NDArray[np.bool_], spacing_mm: tuple[float, float, float], axis: int = 1) -> float:
    """Largest length of a mask along an axis, voxels between counted or not."""
    return float(mask.sum(axis=axis).max(initial=0) * spacing_mm[axis])
