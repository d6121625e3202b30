"""What a mass does to the tissue round it: fields of displacement, and the tilt of a head in the scanner.

A picture is made by asking every voxel for its place in the body without the mass. So each field maps where tissue
is seen to where it was before: `moved` takes seen places and returns former ones, mm.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from vesalius.virtual.anatomy.solids import Array, Bounds, Point, Solid

__all__ = ["Pressure", "Push", "Swelling"]

_EDGE_MM = 2.0
"""Depth below a wall at which displacements have come to their height."""


class Push(ABC):
    """A displacement of tissue by a mass."""

    @abstractmethod
    def moved(self, x: Array, y: Array, z: Array) -> tuple[Array, Array, Array]:
        """Return the former places of seen places, each of the broadcast shape; float32."""

    @property
    @abstractmethod
    def reach_mm(self) -> float:
        """Largest displacement."""

    def seen(self, bounds: Bounds) -> Bounds:
        """Box that holds what is seen of tissue that was in a box before."""
        return bounds.grown(self.reach_mm)


@dataclass(frozen=True)
class Swelling(Push):
    """Radial displacement by a ball that has grown among tissue that cannot be compressed.

    A shell of tissue at distance r from the centre was at (r³ - R³)^(1/3) before. The wall lets nothing move:
    displacements fade within `fading_mm` of it, and to the other side of the falx they are halved.
    """

    centre: Point
    radius_mm: float
    """Of a ball of the volume that was added."""
    wall: Solid
    """What the tissue fills; it does not give way."""
    falx_mm: float = 12.0
    """Width of the change from full to half displacement across the mid-line plane x = 0."""
    fading_mm: float = 14.0
    cap_mm: float = 15.0

    @property
    def reach_mm(self) -> float:
        return min(self.radius_mm, self.cap_mm)

    def seen(self, bounds: Bounds) -> Bounds:
        nearest = np.clip(np.asarray(self.centre), bounds.low - self.reach_mm, bounds.high + self.reach_mm)
        distance = float(np.linalg.norm(nearest - np.asarray(self.centre)))
        return bounds.grown(min(self.reach_mm, self.radius_mm**3 / (3 * max(distance, 1e-3) ** 2) * 1.6))

    def moved(self, x: Array, y: Array, z: Array) -> tuple[Array, Array, Array]:
        offset = [part - np.float32(c) for part, c in zip((x, y, z), self.centre, strict=True)]
        distance = np.sqrt(offset[0] ** 2 + offset[1] ** 2 + offset[2] ** 2)
        former = np.cbrt(np.maximum(distance**3 - np.float32(self.radius_mm**3), 0))
        push = np.minimum(distance - former, np.float32(self.cap_mm))
        push *= np.clip(-self.wall.distance(x, y, z) / np.float32(self.fading_mm), 0, 1)
        side = np.sign(np.float32(self.centre[0]))
        across = np.clip(np.float32(0.5) + side * x / np.float32(self.falx_mm), 0, 1)
        push *= np.float32(0.5) + np.float32(0.5) * across
        push /= np.maximum(distance, np.float32(1e-3))
        return x - offset[0] * push, y - offset[1] * push, z - offset[2] * push


@dataclass(frozen=True)
class Pressure(Push):
    """Displacement away from a layer outside the brain, along one direction.

    It is `thickness_mm` under the layer's middle, falls off to its ends as cos², and linearly with depth to 0 at
    the opposite wall.
    """

    wall_point: Point
    """Inner surface of the skull under the middle of the layer."""
    inwards: Point
    """Unit vector."""
    thickness_mm: float
    width_mm: tuple[float, float]
    """Half the layer's extent from front to back and from foot to head."""
    depth_mm: float
    """From wall to wall."""
    wall: Solid
    """What the tissue fills; nothing moves outside it."""

    @property
    def reach_mm(self) -> float:
        return self.thickness_mm

    @cached_property
    def _axes(self) -> NDArray[np.float64]:
        """Rows: inwards, and two directions across, the second as near to +z as it can."""
        first = np.asarray(self.inwards, float)
        up = np.array([0.0, 0.0, 1.0]) - first * first[2]
        up /= np.linalg.norm(up)
        return np.stack([first, np.cross(up, first), up])

    def moved(self, x: Array, y: Array, z: Array) -> tuple[Array, Array, Array]:
        offset = [part - np.float32(c) for part, c in zip((x, y, z), self.wall_point, strict=True)]
        depth, along, up = (
            offset[0] * row[0] + offset[1] * row[1] + offset[2] * row[2] for row in self._axes.astype(np.float32)
        )
        share = np.sqrt((along / np.float32(self.width_mm[0])) ** 2 + (up / np.float32(self.width_mm[1])) ** 2)
        bell = np.cos(np.float32(np.pi / 2) * np.minimum(share, np.float32(1))) ** 2
        push = np.float32(self.thickness_mm) * bell
        push = push * np.clip(1 - depth / np.float32(self.depth_mm), 0, 1)
        push = push * np.clip(-self.wall.distance(x, y, z) / np.float32(_EDGE_MM), 0, 1)
        way: Sequence[np.float32] = self._axes[0].astype(np.float32)
        return x - push * way[0], y - push * way[1], z - push * way[2]
