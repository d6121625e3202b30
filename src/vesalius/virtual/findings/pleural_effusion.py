"""Pleural effusion: fluid fills the cavity from below and rises along the wall."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from vesalius.virtual.body import Side
from vesalius.virtual.findings.base import Case, choose, lognormal, severity_of
from vesalius.virtual.radiograph.camera import Camera
from vesalius.virtual.radiograph.canvas import Canvas
from vesalius.virtual.radiograph.chest import Chest, side_sign
from vesalius.virtual.radiograph.disease import ChestDisease
from vesalius.virtual.radiograph.mediastinum import occupied
from vesalius.virtual.radiograph.shapes import EMPTY, Interval

__all__ = ["FINDING", "PleuralEffusion"]

_DENSITY = 1.03
_MEDIAL_MM = 24.0
"""Distance of the medial pleura from the mid-line."""
_SEEN_MM = 9.0
"""Fluid thinner than this along the ray is not told from the wall."""


@dataclass(frozen=True, kw_only=True)
class PleuralEffusion(ChestDisease):
    """Free fluid of one side, upright."""

    concept: ClassVar[str] = "pleural_effusion"
    code: ClassVar[str] = "60046008"

    volume_ml: float

    @classmethod
    def draw(cls, rng: np.random.Generator, case: Case) -> tuple[Self, ...]:
        where = choose(rng, {"right": 0.40, "left": 0.30, "both": 0.30})
        volumes = (lognormal(rng, 430, 0.75, 130, 2000), lognormal(rng, 300, 0.6, 130, 1200))
        sides: tuple[Side, ...] = ("right", "left") if where == "both" else ("right" if where == "right" else "left",)
        return tuple(
            cls(laterality=side, anatomy="pleural space", volume_ml=volume,
                severity=severity_of(volume, (300, 1000), ("small", "moderate", "large")))
            for side, volume in zip(sides, volumes, strict=False)
        )  # fmt: skip

    @property
    def side(self) -> Side:
        """Side of the fluid."""
        return "right" if self.laterality == "right" else "left"

    @property
    def visibility(self) -> float:
        return 1.2 + self.volume_ml / 55

    @property
    def attributes(self) -> Mapping[str, str]:
        return {"distribution": "free"}

    def alter(self, chest: Chest, camera: Camera) -> Chest:
        if self.volume_ml < 900:
            return chest
        push = (self.volume_ml - 900) / 110
        return replace(chest, shift_mm=chest.shift_mm - side_sign(self.side) * push)

    def displace(self, canvas: Canvas) -> None:
        level, rise = self._level(canvas.chest), self._rise
        camera, lung = canvas.camera, canvas.lungs[self.side]
        height = camera.height(0.0)
        centre, width, half, middle = (part.astype(np.float32)[:, None] for part in canvas.chest.cavity.at(height))
        x = camera.u[None, :] * np.float32(camera.scale(0.0)) * side_sign(self.side)
        off = _off(x, centre + width)
        inside = ((height - level) / rise)[:, None].astype(np.float32) - off * off
        reach = half * np.sqrt(np.maximum(inside, 0))
        front, back = np.maximum(lung.front, middle - reach), np.minimum(lung.back, middle + reach)
        gone = inside <= 0
        front[gone], back[gone] = EMPTY, -EMPTY
        canvas.lungs[self.side] = Interval(front, back)
        canvas.fluid[self.side] = _DENSITY

    @property
    def _rise(self) -> float:
        """How far the surface rises from the middle to the wall, mm."""
        return 20 + 25 * min(1.0, self.volume_ml / 700)

    def _level(self, chest: Chest) -> float:
        """Height of the surface's middle for the drawn volume: the volume of cells below it is counted."""
        z = np.arange(chest.dome_top(self.side) - 60, 280 * chest.body.stature, 6.0)
        share = np.linspace(-0.96, 0.96, 25)
        off, deep, height = np.meshgrid(share, share, z, indexing="ij")
        centre, width, half, middle = chest.cavity.at(height)
        x, y = side_sign(self.side) * (centre + off * width), middle + deep * half
        inside = (np.abs(off) ** 3 + deep**2 < 1) & (x * side_sign(self.side) > 0)
        inside &= ~occupied(chest, np.stack([x, y, height], axis=-1))
        cell = (share[1] - share[0]) ** 2 * width * half * 6.0 / 1000
        across = _off(np.abs(x), centre + width)
        surface = (height - self._rise * (across**2 + deep**2))[inside]
        order = surface.argsort()
        filled = np.cumsum(cell[inside][order])
        return float(surface[order][min(len(order) - 1, int(np.searchsorted(filled, self.volume_ml)))])

    def paint(self, canvas: Canvas, rng: np.random.Generator, instance: int) -> None:
        fluid = canvas.spaces[self.side] - canvas.aerated[self.side]
        canvas.mark(self.concept, self.anatomy, fluid > min(_SEEN_MM, 0.35 * float(fluid.max())), instance)


def _off(x: NDArray[np.floating], wall: NDArray[np.floating]) -> NDArray[np.floating]:
    """Place across one lung: -1 at the mediastinum, 1 at the wall; both in mm from the mid-line."""
    return (x - (wall + _MEDIAL_MM) / 2) / np.maximum((wall - _MEDIAL_MM) / 2, 1)


FINDING = PleuralEffusion
