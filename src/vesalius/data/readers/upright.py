"""A sheared volume, as a tilted gantry gives it, resampled to a grid at right angles."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vesalius.data.geometry import Geometry
from vesalius.data.readers.limits import check_size
from vesalius.data.readers.pixels import Pixels
from vesalius.errors import DataError

__all__ = ["upright"]


def upright(pixels: Pixels) -> Pixels:
    """Shift every slice within its plane so that the slices stand one behind the other.

    Slices keep their planes, so that nothing is interpolated between slices; within them values are linear between
    pixels. The grid grows so that nothing is cut off, and what lies outside of a slice has the smallest value of the
    volume. A volume that stands upright comes back as it is.

    Args:
        pixels: axes ZYX with a place in the patient.

    Returns:
        float32, axes ZYX, `info["resampled"]` says that and how.
    """
    if pixels.axes != "ZYX":
        raise DataError(f"{pixels.source}: axes {pixels.axes} cannot be set upright; expected ZYX, so take one frame")
    geometry = pixels.require_geometry(position=True)
    normal, along, shift = _lean(geometry)
    depth = pixels.array.shape[0]
    if max(map(abs, shift)) * (depth - 1) < 1e-6:
        return pixels
    ends = [(min(0.0, pace * (depth - 1)), max(0.0, pace * (depth - 1))) for pace in shift]
    first = [math.floor(low) for low, _ in ends]
    plane = tuple(
        length + math.ceil(high) - start
        for length, (_, high), start in zip(pixels.array.shape[1:], ends, first, strict=True)
    )
    check_size(pixels.source, 4 * depth * math.prod(plane))
    fill = float(pixels.array.min())
    array = np.empty((depth, *plane), dtype=np.float32)
    for place in range(depth):
        at = (shift[0] * place - first[0], shift[1] * place - first[1])
        array[place] = _shifted(pixels.array[place], at, plane, fill)
    origin = geometry.to_patient([0, *first])
    x, y, z = origin.tolist()
    standing = Geometry(
        spacing_mm=(geometry.spacing_mm[0] * along, *geometry.spacing_mm[1:]),
        directions=(_unit(normal), *geometry.directions[1:]),
        origin_mm=(x, y, z),
        source=geometry.source,
        plane=geometry.plane,
    )
    info = {**pixels.info, "resampled": f"slices shifted by {shift[0]:.4g} rows and {shift[1]:.4g} columns each"}
    return replace(pixels, array=array, geometry=standing, info=info)


def _lean(geometry: Geometry) -> tuple[NDArray[np.float64], float, tuple[float, float]]:
    """Return the normal, the share of the step along it, and the rows and columns that each slice lies further."""
    step, rows, columns = (np.array(direction) for direction in geometry.directions)
    normal = np.cross(columns, rows)
    normal *= math.copysign(1.0, float(step @ normal))
    along = float(step @ normal)
    aside = geometry.spacing_mm[0] * (step - along * normal)
    return (
        normal,
        along,
        (float(aside @ rows) / geometry.spacing_mm[1], float(aside @ columns) / geometry.spacing_mm[2]),
    )


def _shifted(
    plane: NDArray[Any], at: tuple[float, float], shape: tuple[int, ...], fill: float
) -> NDArray[np.float32]:
    """Place a slice with its first pixel at a fractional place of a larger plane."""
    whole = [math.floor(value) for value in at]
    share = [value - start for value, start in zip(at, whole, strict=True)]
    height, width = plane.shape
    found = np.zeros(shape, dtype=np.float32)
    for down in (0, 1):
        for right in (0, 1):
            weight = (share[0] if down else 1.0 - share[0]) * (share[1] if right else 1.0 - share[1])
            if weight == 0.0:
                continue
            placed = np.full(shape, fill, dtype=np.float32)
            top, left = whole[0] + down, whole[1] + right
            placed[top : top + height, left : left + width] = plane
            found += np.float32(weight) * placed
    return found


def _unit(vector: NDArray[np.float64]) -> tuple[float, float, float]:
    x, y, z = (vector / np.linalg.norm(vector)).tolist()
    return (x, y, z)
