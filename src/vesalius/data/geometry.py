"""Where the samples of an array lie in the patient.

World coordinates are patient LPS in millimetres: x grows towards the patient's Left, y towards the Posterior,
z towards the Superior side (Head), as in DICOM PS3.3 C.7.6.2. NIfTI files state RAS and are converted.
Every tuple with one entry an axis is in the order of the array's axes: (rows, columns) for a picture,
(slices, rows, columns) for a volume. An index points at the centre of its sample.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from vesalius.errors import DataError

__all__ = ["Geometry", "Plane", "Vector"]

Vector = tuple[float, float, float]
Plane = Literal["axial", "coronal", "sagittal", "oblique", ""]

_LPS_FROM_RAS = np.diag([-1.0, -1.0, 1.0, 1.0])
# Cosines travel as decimal strings; three decimals ("0.707") leave a length error of 2e-4.
_UNIT_TOLERANCE = 1e-3
# A plane counts as axial, coronal or sagittal when its normal is within 25 degrees of that axis (cos 25°).
_ALIGNED = 0.906


@dataclass(frozen=True, kw_only=True, slots=True)
class Geometry:
    """Spacing of a grid and, where the file states it, its place and orientation in the patient.

    `directions` and `origin_mm` are either both stated or both empty: a projection radiograph has a spacing
    and no place in the patient.
    """

    spacing_mm: tuple[float, ...]
    """Distance of neighbouring samples along every axis of the array, in array order."""
    directions: tuple[Vector, ...] = ()
    """Unit vector in LPS along which the index of every axis grows, in array order."""
    origin_mm: Vector | tuple[()] = ()
    """LPS position of the centre of the sample with index 0 on every axis."""
    source: str = ""
    """Field of the file that the spacing was taken from, such as ``PixelSpacing (0028,0030)``."""
    plane: Literal["patient", "detector", "film", ""] = "patient"
    """Where the spacing holds: in the patient, or in the plane of the detector or film (magnified)."""

    def __post_init__(self) -> None:
        if not self.spacing_mm or not all(math.isfinite(step) and step > 0 for step in self.spacing_mm):
            raise DataError(f"spacing {self.spacing_mm} mm from {self.source or 'the file'} is not positive")
        if bool(self.directions) != bool(self.origin_mm):
            raise DataError("orientation and position must be stated together, only one was")
        if self.directions:
            self._check_directions()

    def _check_directions(self) -> None:
        # In plain Python, because this is done for every slice and NumPy is slow on three numbers.
        sizes = {*map(len, (self.origin_mm, *self.directions))}
        fits = len(self.directions) == len(self.spacing_mm) and sizes == {3}
        if not fits or not all(map(math.isfinite, self.origin_mm)):
            raise DataError(f"orientation {self.directions} at {self.origin_mm} does not fit {self.spacing_mm}")
        lengths = [math.hypot(*direction) for direction in self.directions]
        if not all(abs(length - 1.0) <= _UNIT_TOLERANCE for length in lengths):
            raise DataError(f"orientation {self.directions}: direction cosines have lengths {lengths}, not 1")
        if len(self.directions) > 1 and _spanned(self.directions) <= _UNIT_TOLERANCE:
            raise DataError(f"orientation {self.directions}: the axes lie in one plane or line")

    @classmethod
    def from_affine(cls, affine: ArrayLike, *, source: str = "") -> Geometry:
        """Build the geometry of a (slices, rows, columns) array from an LPS affine.

        Args:
            affine: takes (slice, row, column, 1) to LPS millimetres, (4, 4).
            source: field of the file that it was read from.
        """
        matrix = np.asarray(affine, dtype=np.float64)
        if matrix.shape != (4, 4) or not np.isfinite(matrix).all():
            raise DataError(f"affine from {source or 'the file'} is not a finite 4 by 4 matrix")
        steps = np.linalg.norm(matrix[:3, :3], axis=0)
        if not (steps > 0).all():
            raise DataError(f"affine from {source or 'the file'} has an axis of length 0: spacing {steps} mm")
        return cls(
            spacing_mm=tuple(steps.tolist()),
            directions=tuple(_vector(matrix[:3, axis] / steps[axis]) for axis in range(3)),
            origin_mm=_vector(matrix[:3, 3]),
            source=source,
        )

    @classmethod
    def from_nifti(cls, affine: ArrayLike, *, source: str = "") -> Geometry:
        """Build the geometry of a (slices, rows, columns) array from a NIfTI affine.

        Args:
            affine: takes (i, j, k, 1) to RAS millimetres, (4, 4); k are the slices, i the columns.
            source: field of the file that it was read from.
        """
        matrix = _LPS_FROM_RAS @ np.asarray(affine, dtype=np.float64)
        return cls.from_affine(matrix[:, [2, 1, 0, 3]], source=source)

    @property
    def affine(self) -> NDArray[np.float64]:
        """Matrix that takes (slice, row, column, 1) to LPS mm, (4, 4); needs three stated axes."""
        if len(self.directions) != 3:
            raise DataError(f"an affine needs position and orientation of three axes; stated are {self.directions}")
        matrix = np.eye(4)
        matrix[:3, :3] = np.array(self.directions).T * np.array(self.spacing_mm)
        matrix[:3, 3] = self.origin_mm
        return matrix

    @property
    def nifti_affine(self) -> NDArray[np.float64]:
        """Matrix that takes (i, j, k, 1) to RAS millimetres, i the columns and k the slices, (4, 4)."""
        return _LPS_FROM_RAS @ self.affine[:, [2, 1, 0, 3]]

    def to_patient(self, index: ArrayLike) -> NDArray[np.float64]:
        """Return LPS positions in mm, (..., 3), of array indices, (..., axes)."""
        if not self.directions:
            raise DataError(f"position in the patient is not stated; {self.source} states a spacing only")
        steps = np.asarray(index, dtype=np.float64) * np.array(self.spacing_mm)
        position: NDArray[np.float64] = np.asarray(self.origin_mm) + steps @ np.array(self.directions)
        return position

    def to_index(self, position: ArrayLike) -> NDArray[np.float64]:
        """Return fractional indices (slice, row, column), (..., 3), of LPS positions in mm, (..., 3)."""
        offset = np.asarray(position, dtype=np.float64) - self.affine[:3, 3]
        index = np.linalg.solve(self.affine[:3, :3], offset[..., None])[..., 0]
        return np.asarray(index, dtype=np.float64)

    @property
    def cosines(self) -> tuple[float, ...]:
        """Directions as records store them: of the columns index, the rows index and the slices, if any."""
        return tuple(value for direction in reversed(self.directions) for value in direction)

    @property
    def orientation(self) -> Plane:
        """Name of the plane of rows and columns, empty where the file does not state its orientation."""
        if not self.directions:
            return ""
        normal = np.abs(np.cross(self.directions[-1], self.directions[-2]))
        names: tuple[Plane, ...] = ("sagittal", "coronal", "axial")
        return names[int(normal.argmax())] if normal.max() >= _ALIGNED else "oblique"

    def stacked(self, origins: list[Vector]) -> Geometry:
        """Return the geometry of slices with this in-plane geometry at the given positions.

        Raises:
            DataError: fewer than two slices, or their steps differ by more than 1 % of a step or 0.01 mm.
        """
        steps = np.array([np.subtract(after, before) for before, after in pairwise(origins)])
        if len(steps) == 0:
            raise DataError("one slice alone has no slice spacing")
        step = steps.mean(axis=0)
        length = float(np.linalg.norm(step))
        worst = float(np.linalg.norm(steps - step, axis=1).max())
        if length == 0 or worst > max(0.01 * length, 0.01):
            raise DataError(
                f"slices are not evenly spaced: steps differ by up to {worst:.3g} mm from {length:.4g} mm"
            )
        return Geometry(
            spacing_mm=(length, *self.spacing_mm),
            directions=(_vector(step / length), *self.directions),
            origin_mm=origins[0],
            source=self.source,
            plane=self.plane,
        )


def _spanned(directions: tuple[Vector, ...]) -> float:
    """Area between two directions, or volume between three."""
    (a, b, c), (d, e, f) = directions[:2]
    normal = (b * f - c * e, c * d - a * f, a * e - b * d)
    if len(directions) == 2:
        return math.hypot(*normal)
    return abs(sum(first * second for first, second in zip(normal, directions[2], strict=True)))


def _vector(values: NDArray[np.float64]) -> Vector:
    x, y, z = values.tolist()
    return (x, y, z)
