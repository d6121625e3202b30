"""Pleural effusion: fluid fills the cavity from below and rises along the wall."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from vesalius.virtual.anatomy.parts import Anatomy, Part
from vesalius.virtual.anatomy.thorax_diffuse import effusion_parts
from vesalius.virtual.body import Side
from vesalius.virtual.course import Course
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
_SLOPE = 0.22
"""How much nearer the back fluid of a patient on his back lies for each mm of height."""
_SEEN_MM = 9.0
"""Fluid thinner than this along the ray is not told from the wall."""


@dataclass(frozen=True, kw_only=True)
class PleuralEffusion(ChestDisease):
    """Free fluid of one side, upright."""

    concept: ClassVar[str] = "pleural_effusion"
    code: ClassVar[str] = "60046008"
    course: ClassVar[Course] = Course(clearing_days=(5, 14))

    volume_ml: float

    @classmethod
    def draw(cls, rng: np.random.Generator, case: Case) -> tuple[Self, ...]:
        where = choose(rng, {"right": 0.40, "left": 0.30, "both": 0.30})
        volumes = (lognormal(rng, 430, 0.75, 130, 2000), lognormal(rng, 300, 0.6, 130, 1200))
        sides: tuple[Side, ...] = ("right", "left") if where == "both" else ("right" if where == "right" else "left",)
        return tuple(
            cls(laterality=side, anatomy="pleural space", volume_ml=volume,
                severity=_grade(volume))
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
        lung = canvas.lungs[self.side]
        dry = self._layered(canvas) if canvas.chest.supine else self._above(canvas)
        front, back = np.maximum(lung.front, dry.front), np.minimum(lung.back, dry.back)
        gone = front > back
        front[gone], back[gone] = EMPTY, -EMPTY
        canvas.lungs[self.side] = Interval(front, back)
        canvas.fluid[self.side] = _DENSITY

    def _above(self, canvas: Canvas) -> Interval:
        """What lies above the meniscus: a bowl that is round a line in the middle of the lung."""
        camera, sign = canvas.camera, side_sign(self.side)
        height = camera.height(-70.0 * sign if camera.lateral else 0.0)
        centre, width, half, middle = (part.astype(np.float32)[:, None] for part in canvas.chest.cavity.at(height))
        steep = ((height - self._level(canvas.chest)) / self._rise)[:, None].astype(np.float32)
        across = camera.u[None, :] * np.float32(camera.scale(-70.0 * sign if camera.lateral else 0.0))
        low, high = np.float32(_MEDIAL_MM), centre + width
        if camera.lateral:
            off = np.clip((across - middle) / np.maximum(half, 1), -1, 1).astype(np.float32)
            axis, span = np.float32(-0.5 * sign) * (low + high), np.float32(0.5) * (high - low)
        else:
            off = _off(across * sign, high).astype(np.float32)
            axis, span = middle, half
        inside = steep - off * off
        reach = span * np.sqrt(np.maximum(inside, 0))
        front, back = axis - reach, axis + reach
        front[inside <= 0], back[inside <= 0] = EMPTY, -EMPTY
        return Interval(front, back)

    def _layered(self, canvas: Canvas) -> Interval:
        """What lies in front of fluid behind a patient on his back, deepest at the base."""
        camera, chest = canvas.camera, canvas.chest
        height = camera.height(50.0)
        behind = -self._level(chest) + _SLOPE * (height - chest.dome_top(self.side))
        shape = (camera.size, camera.size)
        back = np.broadcast_to(behind.astype(np.float32)[:, None], shape)
        return Interval(np.full(shape, -EMPTY, np.float32), back)

    @property
    def _rise(self) -> float:
        """How far the surface rises from the middle to the wall, mm."""
        return 20 + 25 * min(1.0, self.volume_ml / 700)

    def _level(self, chest: Chest) -> float:
        """Height of the surface's middle for the drawn volume: the volume of cells below it is counted.

        Of a patient on his back it is the height above his mid-plane, at the level of the dome.
        """
        z = np.arange(chest.dome_top(self.side) - 60, 280 * chest.body.stature, 6.0)
        share = np.linspace(-0.96, 0.96, 25)
        off, deep, height = np.meshgrid(share, share, z, indexing="ij")
        centre, width, half, middle = chest.cavity.at(height)
        x, y = side_sign(self.side) * (centre + off * width), middle + deep * half
        inside = (np.abs(off) ** 3 + deep**2 < 1) & (x * side_sign(self.side) > 0)
        inside &= ~occupied(chest, np.stack([x, y, height], axis=-1))
        cell = (share[1] - share[0]) ** 2 * width * half * 6.0 / 1000
        across = _off(np.abs(x), centre + width)
        surface = height - self._rise * (across**2 + deep**2)
        if chest.supine:
            surface = _SLOPE * (height - chest.dome_top(self.side)) - y
        surface = surface[inside]
        order = surface.argsort()
        filled = np.cumsum(cell[inside][order])
        return float(surface[order][min(len(order) - 1, int(np.searchsorted(filled, self.volume_ml)))])

    def parts(self, anatomy: Anatomy, rng: np.random.Generator) -> tuple[Part, ...]:
        return effusion_parts(anatomy, self.side, self.concept, self.volume_ml)

    def scaled(self, factor: float) -> Self:
        volume = self.volume_ml * factor**3
        return replace(self, volume_ml=volume, severity=_grade(volume))

    def paint(self, canvas: Canvas, rng: np.random.Generator, instance: int) -> None:
        fluid = canvas.spaces[self.side] - canvas.aerated[self.side]
        canvas.mark(self.concept, self.anatomy, fluid > min(_SEEN_MM, 0.35 * float(fluid.max())), instance)


def _off(x: NDArray[np.floating], wall: NDArray[np.floating]) -> NDArray[np.floating]:
    """Place across one lung: -1 at the mediastinum, 1 at the wall; both in mm from the mid-line."""
    return (x - (wall + _MEDIAL_MM) / 2) / np.maximum((wall - _MEDIAL_MM) / 2, 1)


def _grade(volume_ml: float) -> str:
    return severity_of(volume_ml, (300, 1000), ("small", "moderate", "large"))


FINDING = PleuralEffusion
