"""Atelectasis: plates at the bases, or a collapsed lobe that draws its neighbours towards it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import ClassVar, Self

import numpy as np

from vesalius.virtual.anatomy.parts import Anatomy, Part
from vesalius.virtual.anatomy.thorax_lesions import collapsed_parts, plate_parts
from vesalius.virtual.body import SIDES, Side
from vesalius.virtual.course import Course
from vesalius.virtual.findings.base import Case, choose, lobe_side, lognormal
from vesalius.virtual.noise import smooth_noise
from vesalius.virtual.radiograph.camera import Camera
from vesalius.virtual.radiograph.canvas import Canvas
from vesalius.virtual.radiograph.chest import Chest, side_sign
from vesalius.virtual.radiograph.disease import ChestDisease
from vesalius.virtual.radiograph.lesions import lobe_share
from vesalius.virtual.radiograph.shapes import Ellipsoid

__all__ = ["FINDING", "Atelectasis", "raise_dome"]

_LOBAR = {
    "left lower lobe": 0.30, "right lower lobe": 0.25, "right upper lobe": 0.20, "right middle lobe": 0.15,
    "left upper lobe": 0.10,
}  # fmt: skip
# Where a collapsed lobe comes to lie (shares of the lung) and its half axes in mm.
_COLLAPSED: dict[str, tuple[tuple[float, float, float], tuple[float, float, float]]] = {
    "left lower lobe": ((0.36, 0.55, 0.14), (30, 36, 62)),
    "right lower lobe": ((0.36, 0.55, 0.14), (32, 38, 58)),
    "right upper lobe": ((0.42, 0.0, 0.84), (38, 52, 32)),
    "right middle lobe": ((0.40, -0.55, 0.24), (34, 34, 17)),
    "left upper lobe": ((0.42, -0.55, 0.58), (40, 30, 66)),
}


def raise_dome(chest: Chest, side: Side, lift_mm: float) -> Chest:
    """Return the chest with one hemidiaphragm higher."""
    domes = list(chest.domes)
    index = SIDES.index(side)
    domes[index] = replace(domes[index], centre=domes[index].centre + np.array([0, 0, lift_mm]))
    return replace(chest, domes=(domes[0], domes[1]))


@dataclass(frozen=True, kw_only=True)
class Atelectasis(ChestDisease):
    """Loss of air and volume of a part of a lung."""

    concept: ClassVar[str] = "atelectasis"
    code: ClassVar[str] = "40779009"
    course: ClassVar[Course] = Course(clearing_days=(2, 6))

    plates: tuple[tuple[float, float, float, float], ...]
    """Height over the dome, length, thickness in mm and tilt in radians of each plate; empty for a lobe."""
    lift_mm: float
    """How far the dome rises."""
    extent: float = 1.0
    """Linear size of a collapsed lobe against the full collapse."""

    @classmethod
    def draw(cls, rng: np.random.Generator, case: Case) -> tuple[Self, ...]:
        lobar = rng.random() < 0.3
        lobe, side = choose(rng, _LOBAR), choose(rng, {"right": 0.35, "left": 0.4, "both": 0.25})
        lift = float(rng.uniform(8, 20))
        if lobar:
            return (cls(laterality=lobe_side(lobe), anatomy=lobe, severity="lobar", plates=(), lift_mm=lift),)
        sides: tuple[Side, ...] = SIDES if side == "both" else ("right" if side == "right" else "left",)
        return tuple(cls._plates(rng, which) for which in sides)

    @classmethod
    def _plates(cls, rng: np.random.Generator, side: Side) -> Self:
        count = int(rng.integers(1, 4))
        plates = tuple(
            (float(rng.uniform(6, 34)), lognormal(rng, 58, 0.22, 34, 90), float(rng.uniform(3.0, 6.5)),
             float(rng.normal(0, 0.22)))
            for _ in range(count)
        )  # fmt: skip
        return cls(laterality=side, anatomy=f"{side} base", severity="linear" if count < 3 else "subsegmental",
                   plates=plates, lift_mm=float(rng.uniform(0, 6)))  # fmt: skip

    @property
    def side(self) -> Side:
        """Side of the loss of volume."""
        return "right" if self.laterality == "right" else "left"

    @property
    def attributes(self) -> Mapping[str, str]:
        return {"type": "plate-like" if self.plates else "lobar collapse"}

    @property
    def visibility(self) -> float:
        return 8.0 * self.extent if not self.plates else 2.2 + 0.9 * sum(plate[2] for plate in self.plates) ** 0.75

    def alter(self, chest: Chest, camera: Camera) -> Chest:
        chest = raise_dome(chest, self.side, self.lift_mm)
        pull = 0.0 if self.plates else 0.45 * self.lift_mm
        return replace(chest, shift_mm=chest.shift_mm + side_sign(self.side) * pull)

    def parts(self, anatomy: Anatomy, rng: np.random.Generator) -> tuple[Part, ...]:
        if self.plates:
            return plate_parts(anatomy, self.side, self.concept, self.plates, rng)
        return collapsed_parts(anatomy, self.anatomy, self.concept, _COLLAPSED[self.anatomy], rng)

    def scaled(self, factor: float) -> Self:
        plates = tuple((height, long * factor, thick * factor, tilt) for height, long, thick, tilt in self.plates)
        extent = min(self.extent * factor, 1.2) if not self.plates else 1.0
        return replace(self, plates=plates, lift_mm=self.lift_mm * factor, extent=extent)

    def paint(self, canvas: Canvas, rng: np.random.Generator, instance: int) -> None:
        share = self._plate_share(canvas, rng) if self.plates else self._lobe_share(canvas, rng)
        canvas.mark(self.concept, self.anatomy, share > (0.10 if self.plates else 0.2), instance)
        canvas.fill(share)

    def _lobe_share(self, canvas: Canvas, rng: np.random.Generator) -> np.ndarray:
        place, axes = _COLLAPSED[self.anatomy]
        centre = canvas.chest.lung_point(self.side, *place)
        size = np.array(axes) * rng.uniform(0.85, 1.15, 3) * self.extent
        direction = (side_sign(self.side) * 0.25, 0.0, 1.0) if "lower" in self.anatomy else (1.0, 0.0, 0.0)
        if direction[2]:
            size = size[[2, 1, 0]]
        share = lobe_share(canvas, self.anatomy, self.side, [Ellipsoid.of(centre, size.tolist(), direction)])
        mottle = 0.95 + 0.08 * smooth_noise(rng, canvas.camera.size, 30)
        return np.clip(share * mottle, 0, 1) * np.float32(min(1.0, 0.4 + 0.6 * self.extent))

    def _plate_share(self, canvas: Canvas, rng: np.random.Generator) -> np.ndarray:
        left = np.ones_like(canvas.soft)
        chest = canvas.chest
        for height, long, thick, tilt in self.plates:
            across = side_sign(self.side) * rng.uniform(55, 95) * chest.body.width
            depth = rng.uniform(-30, 30)
            centre = np.array([across, depth, chest.dome_top(self.side) + height])
            shape = Ellipsoid.of(centre, (long / 2, 48.0, thick / 2), (1.0, 0.0, float(np.tan(tilt))))
            left *= 1 - 0.75 * lobe_share(canvas, "", self.side, [shape])
        return 1 - left


FINDING = Atelectasis
