"""Lens and pose of an endoscope.

The camera looks along its z axis, x to the right, y down. A pose maps camera to world, (3, 4), mm. Pixel centres lie
at whole numbers plus one half. H rows, W columns, N points, T frames.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from vesalius.data.records import Event, Measurement

__all__ = ["Array", "Lens", "look_at", "pose_events", "to_camera", "to_world"]

Array = NDArray[np.float32]


@dataclass(frozen=True)
class Lens:
    """A square picture, the optical axis in its middle."""

    kind: Literal["fisheye", "pinhole"]
    """A fish-eye draws an angle θ from the axis at r = f·θ, a pinhole at r = f·tan θ."""
    field_deg: float
    """Angle of view along a side of the picture."""
    size: int
    """Rows and columns."""

    @property
    def focal_px(self) -> float:
        """Focal length in pixels (a fish-eye: pixels a radian)."""
        half = np.radians(self.field_deg) / 2
        return float(self.size / 2 / (half if self.kind == "fisheye" else np.tan(half)))

    @cached_property
    def rays(self) -> Array:
        """Unit directions of all pixels in camera axes, (H, W, 3)."""
        step = (np.arange(self.size, dtype=np.float32) + 0.5 - self.size / 2) / self.focal_px
        x, y = np.meshgrid(step, step)
        radius = np.hypot(x, y)
        angle = radius if self.kind == "fisheye" else np.arctan(radius)
        scale = np.sin(angle) / np.maximum(radius, 1e-9)
        return np.stack([x * scale, y * scale, np.cos(angle)], axis=-1).astype(np.float32)

    @cached_property
    def aperture(self) -> NDArray[np.bool_]:
        """Where the picture is: a fish-eye's circle cut to an octagon, all of a pinhole's square; (H, W)."""
        if self.kind == "pinhole":
            return np.ones((self.size, self.size), bool)
        step = np.abs((np.arange(self.size) + 0.5) / self.size - 0.5) * 2
        x, y = np.meshgrid(step, step)
        octagon: NDArray[np.bool_] = (x + y < 1.5) & (np.maximum(x, y) < 0.99)
        return octagon

    def project(self, points: NDArray[np.floating]) -> NDArray[np.float64]:
        """Return pixels (x, y) of points in camera axes, both (N, ·); NaN behind a pinhole."""
        x, y, z = np.asarray(points, float).T
        across = np.hypot(x, y)
        angle = np.arctan2(across, z)
        radius = angle if self.kind == "fisheye" else np.where(z > 0, across / np.where(z > 0, z, 1), np.nan)
        scale = self.focal_px * radius / np.maximum(across, 1e-12)
        return np.stack([x * scale, y * scale], axis=-1) + self.size / 2

    def measurements(self, image: str) -> tuple[Measurement, ...]:
        """Return what is needed to turn a depth map into points."""
        unit = "{pixel}/rad" if self.kind == "fisheye" else "{pixel}"
        return (
            Measurement(name="focal length", value=self.focal_px, unit=unit, image=image, source="geometry"),
            Measurement(name="field of view", value=self.field_deg, unit="deg", image=image, source="geometry"),
        )


def look_at(place: NDArray[np.floating], target: NDArray[np.floating], roll: float) -> NDArray[np.float64]:
    """Return the pose (3, 4) of a camera at `place` that looks at `target`; a `roll` of 0 has world y down."""
    forward = np.asarray(target, float) - place
    forward /= np.linalg.norm(forward)
    right = np.cross([0.0, 1.0, 0.0], forward)
    right /= np.linalg.norm(right)
    down = np.cross(forward, right)
    cos, sin = np.cos(roll), np.sin(roll)
    return np.stack([cos * right + sin * down, cos * down - sin * right, forward, place], axis=1)


def to_world(pose: NDArray[np.floating], points: NDArray[np.floating]) -> NDArray[np.floating]:
    """Move points (…, 3) from camera to world."""
    moved: NDArray[np.floating] = points @ pose[:, :3].T + pose[:, 3]
    return moved


def to_camera(pose: NDArray[np.floating], points: NDArray[np.floating]) -> NDArray[np.floating]:
    """Move points (…, 3) from world to camera."""
    moved: NDArray[np.floating] = (points - pose[:, 3]) @ pose[:, :3]
    return moved


def pose_events(poses: Sequence[NDArray[np.floating]], image: str, frames_per_second: float) -> tuple[Event, ...]:
    """Return one event a frame with the camera-to-world matrix by rows."""
    return tuple(
        Event(image=image, kind="pose", label="camera to world", start_s=number / frames_per_second,
              end_s=(number + 1) / frames_per_second, source="geometry",
              values=tuple(round(float(value), 6) for value in pose.ravel()))
        for number, pose in enumerate(poses)
    )  # fmt: skip
