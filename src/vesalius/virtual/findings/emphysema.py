"""Emphysema: large, dark lungs with flat domes, a narrow heart and few vessels; bullae in some."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import ClassVar, Self

import numpy as np

from vesalius.virtual.anatomy.parts import Anatomy, Part
from vesalius.virtual.anatomy.thorax_diffuse import emphysema_parts
from vesalius.virtual.body import SIDES
from vesalius.virtual.course import Course
from vesalius.virtual.findings.base import Case, severity_of
from vesalius.virtual.radiograph import beam
from vesalius.virtual.radiograph.camera import Camera
from vesalius.virtual.radiograph.canvas import Canvas
from vesalius.virtual.radiograph.chest import Chest
from vesalius.virtual.radiograph.disease import ChestDisease
from vesalius.virtual.radiograph.shapes import Ellipsoid, ellipsoid, length

__all__ = ["FINDING", "Emphysema"]


@dataclass(frozen=True, kw_only=True)
class Emphysema(ChestDisease):
    """Destroyed lung of both sides, given by the share below -950 HU."""

    concept: ClassVar[str] = "emphysema"
    course: ClassVar[Course] = Course(doubling_days=(2500, 8000))

    share: float
    """0.05..0.5 of the lung."""
    bullae: tuple[tuple[str, float, float, float], ...]
    """Side, height share, place across and radius in mm."""

    @classmethod
    def draw(cls, rng: np.random.Generator, case: Case) -> tuple[Self, ...]:
        share = float(0.06 + 0.42 * rng.beta(1.6, 2.0))
        count = int(rng.integers(0, 4)) if rng.random() < 0.5 else 0
        bullae = tuple(
            (SIDES[int(rng.integers(2))], float(rng.uniform(0.62, 0.9)), float(rng.uniform(0.35, 0.85)),
             float(rng.uniform(9, 24)))
            for _ in range(count)
        )  # fmt: skip
        return (cls(laterality="bilateral", anatomy="lungs", severity=_grade(share), share=share,
                    bullae=bullae),)  # fmt: skip

    @property
    def attributes(self) -> Mapping[str, str]:
        return {"bullae": "present" if self.bullae else "absent"}

    @property
    def visibility(self) -> float:
        return 2.6 + 18 * self.share

    def alter(self, chest: Chest, camera: Camera) -> Chest:
        amount = self.share / 0.48
        domes = tuple(_flatten(dome, 0.35 + 0.6 * amount, 8 + 16 * amount) for dome in chest.domes)
        factor = 0.80 - 0.28 * amount
        heart = tuple(part.scaled(0.96 - 0.08 * amount, chest.place(6.0, -30.0, 125.0)) for part in chest.heart)
        return replace(
            chest, domes=(domes[0], domes[1]), heart=heart, vessel_count=0.8 - 0.5 * amount,
            lung_density=(chest.lung_density[0] * factor, chest.lung_density[1] * factor),
        )  # fmt: skip

    def parts(self, anatomy: Anatomy, rng: np.random.Generator) -> tuple[Part, ...]:
        return emphysema_parts(anatomy, self.concept, self.share, self.bullae, rng)

    def scaled(self, factor: float) -> Self:
        share = min(self.share * factor, 0.55)
        bullae = tuple((*bulla[:3], bulla[3] * factor) for bulla in self.bullae)
        return replace(self, share=share, bullae=bullae, severity=_grade(share))

    def paint(self, canvas: Canvas, rng: np.random.Generator, instance: int) -> None:
        lungs = canvas.aerated["right"] + canvas.aerated["left"] > 0
        amount = np.float32(self.share)
        height = (canvas.camera.height(0.0) / canvas.chest.body.stature - 150) / 90
        canvas.tint *= 1 - amount * np.clip(0.35 + 0.55 * height, 0, 0.8)[:, None].astype(np.float32)
        for side, up, across, radius in self.bullae:
            self._bulla(canvas, side, (across, up, radius))
        canvas.mark(self.concept, self.anatomy, lungs, instance)

    def _bulla(self, canvas: Canvas, side: str, place: tuple[float, float, float]) -> None:
        across, up, radius = place
        which = SIDES[SIDES.index("right" if side == "right" else "left")]
        centre = canvas.chest.lung_point(which, across, -0.2, up)
        outer = ellipsoid(canvas.camera, Ellipsoid(centre, np.full(3, radius), np.eye(3)))
        inner = ellipsoid(canvas.camera, Ellipsoid(centre, np.full(3, radius - 0.7), np.eye(3)))
        if outer is None or inner is None:
            return
        inside = canvas.aerated[which] > 0
        hollow, wall = np.zeros_like(canvas.soft), np.zeros_like(canvas.soft)
        hollow[inner[0]] = length(inner[1])
        wall[outer[0]] = length(outer[1])
        wall = np.minimum(np.maximum(wall - hollow, 0), 14) * inside
        hollow = np.minimum(hollow, canvas.aerated[which])
        canvas.soft += 0.1 * (
            wall * np.float32(0.55 * beam.SOFT_DENSITY) - hollow * canvas.chest.lung_density[0] * 0.6
        )


def _flatten(dome: Ellipsoid, share: float, lower_mm: float) -> Ellipsoid:
    """Return a dome with less bulge and a lower top."""
    axes = dome.axes * np.array([1 + 0.55 * share, 1 + 0.3 * share, 1 - 0.30 * share])
    top = dome.centre[2] + dome.axes[2] - lower_mm
    return Ellipsoid(np.array([dome.centre[0], dome.centre[1], top - axes[2]]), axes, dome.rotation)


def _grade(share: float) -> str:
    return severity_of(share, (0.15, 0.30))


FINDING = Emphysema
