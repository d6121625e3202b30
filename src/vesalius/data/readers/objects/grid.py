"""The grid of voxels that masks are put on, and where planes of an object lie on it.

Axes are (slices, rows, columns); positions are patient LPS in mm.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from vesalius.data.geometry import Geometry, Vector
from vesalius.data.readers.limits import check_size
from vesalius.data.readers.pixels import Pixels
from vesalius.errors import DataError

__all__ = ["Grid", "place_on", "stacked_grid"]

PLACE_TOLERANCE = 0.05
"""Share of a voxel by which a plane may miss the grid: rounding of decimal strings is far below, a shift is above."""
_GAP_TOLERANCE = 0.02
"""Share of a slice by which a gap may differ from whole slices."""


class Grid(NamedTuple):
    """Shape (slices, rows, columns) and, where it is known, the geometry of a volume; one slice for a picture."""

    shape: tuple[int, int, int]
    geometry: Geometry | None = None

    @classmethod
    def of(cls, pixels: Pixels) -> Grid:
        """Return the grid of an image or volume that a reader gave back."""
        shape = pixels.shape[-3:] if "Z" in pixels.axes else (1, *pixels.shape[-2:])
        if len(shape) != 3:
            raise DataError(f"{pixels.source}: axes {pixels.axes} have no grid of slices, rows and columns")
        return cls((shape[0], shape[1], shape[2]), pixels.geometry)

    @property
    def planes(self) -> Geometry:
        """Geometry with position and orientation, of two or three axes."""
        if self.geometry is None or not self.geometry.directions:
            raise DataError("the grid states no position in the patient, so that nothing can be placed on it")
        return self.geometry

    def locate(self, position: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return fractional (slice, row, column), (n, 3), of LPS positions, (n, 3).

        On the grid of one plane the first number is the distance from it in mm.
        """
        geometry = self.planes
        if len(geometry.directions) == 3:
            return geometry.to_index(position)
        row, column = geometry.directions
        normal = np.cross(column, row)
        volume = Geometry(
            spacing_mm=(1.0, *geometry.spacing_mm),
            directions=(_unit(normal), row, column),
            origin_mm=geometry.origin_mm,
        )
        return volume.to_index(position)


def place_on(grid: Grid, plane: Geometry, rows: int, columns: int) -> tuple[int, int, int]:
    """Return (slice, first row, first column) of a plane of pixels on a grid.

    Args:
        plane: geometry of the plane, axes (rows, columns).
        rows: of the plane, which may be smaller than the grid.
        columns: of the plane.

    Raises:
        DataError: it is turned, scaled or shifted against the grid, or lies beyond it.
    """
    corners = plane.to_patient([[0, 0], [rows - 1, 0], [0, columns - 1]])
    index = grid.locate(np.asarray(corners))
    expected = index[0] + np.array([[0, 0, 0], [0, rows - 1, 0], [0, 0, columns - 1]])
    nearest = np.rint(index[0])
    if np.abs(index - expected).max() > PLACE_TOLERANCE or np.abs(index[0] - nearest).max() > PLACE_TOLERANCE:
        raise DataError(
            f"its plane at {_shown(corners[0])} mm begins at voxel {_shown(index[0])} of the grid and is turned, "
            f"scaled or shifted against it by more than {PLACE_TOLERANCE} voxel; resample it to the grid first"
        )
    begin = nearest.astype(int).tolist()
    end = (begin[0] + 1, begin[1] + rows, begin[2] + columns)
    if min(begin) < 0 or any(last > size for last, size in zip(end, grid.shape, strict=True)):
        raise DataError(
            f"its plane at {_shown(corners[0])} mm covers voxels {tuple(begin)} to {end}, "
            f"beyond the grid {grid.shape}"
        )
    return begin[0], begin[1], begin[2]


def stacked_grid(name: str, planes: Sequence[Geometry], rows: int, columns: int, *, step_mm: float = 0.0) -> Grid:
    """Return the smallest grid that holds parallel planes; slices between them that none names are empty.

    Args:
        name: file name for messages.
        planes: geometry of every frame, axes (rows, columns), in any order, repeats allowed.
        rows: of a frame.
        columns: of a frame.
        step_mm: stated distance of slices; else the smallest gap counts.

    Raises:
        DataError: the planes are not parallel, or their gaps are no whole numbers of slices.
    """
    first = planes[0]
    row, column = (np.array(direction) for direction in first.directions)
    normal = np.cross(column, row)
    _check_parallel(name, planes)
    heights = {round(float(np.dot(plane.origin_mm, normal)), 4): plane.origin_mm for plane in planes}
    places = _merged(sorted(heights))
    if len(places) == 1:
        return Grid((1, rows, columns), _thick(first, normal, step_mm))
    gaps = [after - before for before, after in pairwise(places)]
    step = step_mm if step_mm > 0 and _whole(gaps, step_mm) else min(gaps)
    if not _whole(gaps, step):
        raise DataError(
            f"{name}: gaps between its planes, {min(gaps):.4g} to {max(gaps):.4g} mm, are no whole numbers of "
            f"slices; give the grid of the source series"
        )
    count = round((places[-1] - places[0]) / step) + 1
    check_size(name, count * rows * columns)
    along = np.subtract(heights[places[-1]], heights[places[0]]) / (count - 1)
    return Grid(
        (count, rows, columns),
        Geometry(
            spacing_mm=(float(np.linalg.norm(along)), *first.spacing_mm),
            directions=(_unit(along), *first.directions),
            origin_mm=heights[places[0]],
            source=first.source,
        ),
    )


def _check_parallel(name: str, planes: Sequence[Geometry]) -> None:
    first = planes[0]
    for number, plane in enumerate(planes):
        turned = not np.allclose(plane.directions, first.directions, atol=1e-4)
        if turned or not np.allclose(plane.spacing_mm, first.spacing_mm, rtol=1e-4):
            raise DataError(f"{name}: frame {number} is turned or scaled against frame 0; give the source's grid")


def _merged(heights: list[float]) -> list[float]:
    """Drop heights that differ from the one before by less than a hundredth of a millimetre."""
    kept = heights[:1]
    kept += [height for before, height in pairwise(heights) if height - before > 0.01]
    return kept


def _whole(gaps: Sequence[float], step: float) -> bool:
    counts = [gap / step for gap in gaps]
    return all(count > 0.5 and abs(count - round(count)) <= _GAP_TOLERANCE * max(round(count), 1) for count in counts)


def _thick(plane: Geometry, normal: NDArray[np.float64], step_mm: float) -> Geometry:
    """Return the geometry of one slice: of three axes where the distance of slices is stated, else of two."""
    if not (math.isfinite(step_mm) and step_mm > 0):
        return plane
    return Geometry(
        spacing_mm=(step_mm, *plane.spacing_mm),
        directions=(_unit(normal), *plane.directions),
        origin_mm=plane.origin_mm,
        source=plane.source,
    )


def _unit(vector: NDArray[np.float64]) -> Vector:
    x, y, z = (vector / np.linalg.norm(vector)).tolist()
    return (x, y, z)


def _shown(values: NDArray[np.float64]) -> str:
    return "(" + ", ".join(f"{value:.5g}" for value in np.asarray(values).tolist()) + ")"
