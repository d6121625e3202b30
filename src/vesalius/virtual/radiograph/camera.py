"""The X-ray camera: a point source behind the patient, a square detector in front, rays in trunk coordinates.

Trunk frame (LPS, mm): +x to the patient's left, +y to the back, +z to the head; the origin lies mid-sagittal, half
way between the front and the back skin, at the T12/L1 disc. Detector coordinates: `u` to the patient's left, which
is to the right of the picture (columns), `v` to the head (against the rows). Both in mm on the detector.

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
    """A postero-anterior exposure with diverging rays."""

    size: int
    """Rows and columns of the square picture."""
    spacing_mm: float
    """Side of a pixel on the detector."""
    source_y_mm: float
    """The source stands behind the patient."""
    detector_y_mm: float
    """The detector stands in front; negative."""
    centre_z_mm: float
    """Height of the central ray."""
    shift_x_mm: float = 0.0
    """Where the picture's centre lies, in mm of `u`: patients do not stand exactly in the middle."""
    rotation: float = 0.0
    """Rotation about the long axis in radians, to first order: x moves with y."""

    @cached_property
    def distance_mm(self) -> float:
        """Source to detector."""
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

    def project(self, points: NDArray[np.floating]) -> NDArray[np.floating]:
        """Project points (..., 3) to detector coordinates (..., 2) as (u, v)."""
        scale = (self.source_y_mm - points[..., 1]) / self.distance_mm
        u = (points[..., 0] + self.rotation * points[..., 1]) / scale
        v = (points[..., 2] - self.centre_z_mm) / scale
        return np.stack([u, v], axis=-1)

    def column(self, u_mm: NDArray[np.floating] | float) -> NDArray[np.floating]:
        """Column position of a detector coordinate; an integer at a pixel's centre."""
        return (np.asarray(u_mm) - self.shift_x_mm) / self.spacing_mm + (self.size - 1) / 2

    def row(self, v_mm: NDArray[np.floating] | float) -> NDArray[np.floating]:
        """Row position of a detector coordinate; an integer at a pixel's centre."""
        return (self.size - 1) / 2 - np.asarray(v_mm) / self.spacing_mm

    def height(self, y_mm: float) -> Array:
        """Trunk z of every row where its ray has depth `y_mm`, (H,)."""
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
