"""The X-ray camera: a point source, a square detector on the other side of the patient, rays in trunk coordinates.

Trunk frame (LPS, mm): +x to the patient's left, +y to the back, +z to the head; the origin lies mid-sagittal, half
way between the front and the back skin, at the T12/L1 disc. Detector coordinates: `u` to the patient's left, which
is to the right of the picture (columns), `v` to the head (against the rows). Both in mm on the detector.

The camera's own frame has its second axis, the depth, along the central ray. For PA and AP it is the trunk frame; for
a left lateral film it is turned about z: (y, -x, z), so that `u` runs to the back and depth to the patient's right.

H rows, W columns of the picture.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

__all__ = ["Array", "Camera", "Window"]

Array = NDArray[np.float32]
Window = tuple[slice, slice]
"""Rows and columns of a picture."""


@dataclass(frozen=True, kw_only=True)
class Camera:
    """An exposure with diverging rays: postero-anterior, antero-posterior or left lateral."""

    size: int
    """Rows and columns of the square picture."""
    spacing_mm: float
    """Side of a pixel on the detector."""
    source_y_mm: float
    """Depth of the source: positive behind the patient (PA) or on his right (lateral), negative in front (AP)."""
    detector_y_mm: float
    """Depth of the detector, on the other side."""
    centre_z_mm: float
    """Height of the central ray."""
    shift_x_mm: float = 0.0
    """Where the picture's centre lies, in mm of `u`: patients do not stand exactly in the middle."""
    rotation: float = 0.0
    """Rotation about the long axis in radians, to first order: x moves with y."""
    lateral: bool = False
    """True where the rays run across the patient, his left side at the detector."""

    @cached_property
    def distance_mm(self) -> float:
        """Source minus detector in depth; negative where the source stands in front."""
        return self.source_y_mm - self.detector_y_mm

    @cached_property
    def u(self) -> Array:
        """Detector coordinate of the column centres, (W,)."""
        index = np.arange(self.size, dtype=np.float32) - np.float32((self.size - 1) / 2)
        return (index * np.float32(self.spacing_mm) + np.float32(self.shift_x_mm)).astype(np.float32)

    @cached_property
    def v(self) -> Array:
        """Detector coordinate of the row centres, (H,)."""
        index = np.float32((self.size - 1) / 2) - np.arange(self.size, dtype=np.float32)
        return (index * np.float32(self.spacing_mm)).astype(np.float32)

    def scale(self, y_mm: float) -> float:
        """Millimetres in the patient at depth `y_mm` for one millimetre on the detector; below 1."""
        return (self.source_y_mm - y_mm) / self.distance_mm

    @cached_property
    def slant(self) -> Array:
        """Path along a ray for one millimetre of depth, (H, W)."""
        tangent = (self.u[None, :] ** 2 + self.v[:, None] ** 2) / np.float32(self.distance_mm**2)
        slant: Array = np.sqrt(1 + tangent).astype(np.float32)
        return slant

    def turned(self, points: NDArray[np.floating]) -> NDArray[np.floating]:
        """Bring points or directions (..., 3) of the trunk into the camera's frame."""
        if not self.lateral:
            return points
        return np.stack([points[..., 1], -points[..., 0], points[..., 2]], axis=-1)

    def project(self, points: NDArray[np.floating]) -> NDArray[np.float64]:
        """Project points (..., 3) of the trunk to detector coordinates (..., 2) as (u, v)."""
        x, depth, z = np.moveaxis(self.turned(points), -1, 0)
        scale = (self.source_y_mm - depth) / self.distance_mm
        place = np.stack([(x + self.rotation * depth) / scale, (z - self.centre_z_mm) / scale], axis=-1)
        return np.asarray(place, np.float64)

    def pixels(self, points: NDArray[np.floating]) -> NDArray[np.floating]:
        """Project points (..., 3) of the trunk to places on the picture (..., 2) as (column, row)."""
        place = self.project(points)
        return np.stack([self.column(place[..., 0]), self.row(place[..., 1])], axis=-1)

    def column(self, u_mm: NDArray[np.floating] | float) -> NDArray[np.floating]:
        """Column position of a detector coordinate; an integer at a pixel's centre."""
        return (np.asarray(u_mm) - self.shift_x_mm) / self.spacing_mm + (self.size - 1) / 2

    def row(self, v_mm: NDArray[np.floating] | float) -> NDArray[np.floating]:
        """Row position of a detector coordinate; an integer at a pixel's centre."""
        return (self.size - 1) / 2 - np.asarray(v_mm) / self.spacing_mm

    def height(self, y_mm: float) -> Array:
        """Trunk z of every row where its ray has depth `y_mm` in the camera's frame, (H,)."""
        return (np.float32(self.centre_z_mm) + self.v * np.float32(self.scale(y_mm))).astype(np.float32)

    def window(self, centre: NDArray[np.floating], reach: NDArray[np.floating]) -> Window | None:
        """Pixels that a body within ``centre ± reach`` (mm, trunk) can touch; None where it is out of the picture."""
        corners = np.array(
            [[centre[0] + i * reach[0], centre[1] + j * reach[1], centre[2] + k * reach[2]] for i in (-1, 1)
             for j in (-1, 1) for k in (-1, 1)]
        )  # fmt: skip
        projected = self.project(corners)
        columns, rows = self.column(projected[:, 0]), self.row(projected[:, 1])
        left, right = max(0, int(columns.min())), min(self.size, int(columns.max()) + 2)
        top, bottom = max(0, int(rows.min())), min(self.size, int(rows.max()) + 2)
        return (slice(top, bottom), slice(left, right)) if top < bottom and left < right else None
