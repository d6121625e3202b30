"""Pneumomediastinum: air along the heart's border and up into the neck, bounded by a thin white line."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import ClassVar, Self

import numpy as np

from vesalius.virtual.anatomy.parts import Anatomy, Part
from vesalius.virtual.anatomy.thorax_marked import mediastinal_air_parts
from vesalius.virtual.course import Course
from vesalius.virtual.findings.base import Case, lognormal, severity_of
from vesalius.virtual.radiograph import beam
from vesalius.virtual.radiograph.canvas import Canvas
from vesalius.virtual.radiograph.disease import ChestDisease
from vesalius.virtual.radiograph.mediastinum import meet
from vesalius.virtual.radiograph.shapes import Ellipsoid, length, sweep
from vesalius.virtual.radiograph.skeleton import spline

__all__ = ["FINDING", "Pneumomediastinum"]

_LINE_MM = 0.9
"""Thickness of the pleura that is lifted off."""
_STREAKS = (
    ((-22, -20, 205), (-26, -26, 250), (-24, -28, 300), (-30, -26, 345)),
    ((20, -18, 215), (26, -24, 255), (28, -26, 300), (34, -24, 345)),
    ((-10, -40, 190), (-12, -42, 240), (-14, -40, 290), (-16, -38, 340)),
    ((34, -28, 175), (36, -26, 205), (34, -28, 240), (40, -26, 280)),
)
"""Courses of air of the reference adult, mm."""


@dataclass(frozen=True, kw_only=True)
class Pneumomediastinum(ChestDisease):
    """Air of the mediastinum."""

    concept: ClassVar[str] = "pneumomediastinum"
    code: ClassVar[str] = "16838000"
    course: ClassVar[Course] = Course(clearing_days=(2, 6))
    late: ClassVar[bool] = True

    gap_mm: float
    """Thickness of the air beside the heart."""

    @classmethod
    def draw(cls, rng: np.random.Generator, case: Case) -> tuple[Self, ...]:
        gap = lognormal(rng, 5, 0.4, 2.5, 14)
        return (cls(laterality="midline", anatomy="mediastinum", severity=_grade(gap), gap_mm=gap),)

    @property
    def attributes(self) -> Mapping[str, str]:
        return {"extension": "cervical"}

    @property
    def sizes_mm(self) -> Mapping[str, float]:
        return {"gap": self.gap_mm}

    @property
    def visibility(self) -> float:
        return 2.6 + 0.75 * self.gap_mm

    def scaled(self, factor: float) -> Self:
        gap = self.gap_mm * factor
        return replace(self, gap_mm=gap, severity=_grade(gap))

    def parts(self, anatomy: Anatomy, rng: np.random.Generator) -> tuple[Part, ...]:
        return mediastinal_air_parts(anatomy, self.concept, self.gap_mm, _STREAKS, rng)

    def paint(self, canvas: Canvas, rng: np.random.Generator, instance: int) -> None:
        camera, chest = canvas.camera, canvas.chest
        mask = np.zeros(canvas.soft.shape, bool)
        beside = length(canvas.heart) <= 0
        for part in (chest.heart[2], chest.heart[4]):
            shells = [length(meet(camera, Ellipsoid(part.centre, part.axes + more, part.rotation)))
                      for more in (0.0, self.gap_mm, self.gap_mm + _LINE_MM)]  # fmt: skip
            room = beside & (canvas.spaces["left"] > 0)
            air = np.where(room, np.minimum(shells[1] - shells[0], canvas.spaces["left"]), 0)
            line = np.where(room, np.clip(shells[2] - shells[1], 0, 16), 0)
            density = chest.body.lung_density
            canvas.soft += (0.1 * (line * (beam.SOFT_DENSITY - density) - air * density)).astype(np.float32)
            mask |= air > 0.3 * max(float(air.max()), 1.0)
        streaks = np.zeros_like(canvas.soft)
        for knots in _STREAKS:
            curve = spline(np.array(knots, float) * chest.scale, 1.0)
            along = np.linspace(0, 1, len(curve))
            wide = 0.34 * self.gap_mm * (0.6 + 0.4 * np.sin(9 * along + rng.uniform(0, 6)))
            step = np.linalg.norm(np.diff(curve, axis=0, append=curve[-1:]), axis=1)
            # A sheet of air between layers: five times as deep along the ray as it is wide.
            sweep(streaks, camera, curve, np.maximum(wide, 0.5), 5 * step)
        canvas.soft -= streaks * np.float32(0.1 * beam.SOFT_DENSITY)
        canvas.mark(self.concept, self.anatomy, mask | (streaks > 2), instance)


def _grade(gap_mm: float) -> str:
    return severity_of(gap_mm, (4, 8), ("small", "moderate", "large"))


FINDING = Pneumomediastinum
