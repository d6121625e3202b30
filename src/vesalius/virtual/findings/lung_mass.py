"""Lung mass: a round opacity of more than 30 mm."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from vesalius.virtual.anatomy.parts import Anatomy, Part
from vesalius.virtual.anatomy.thorax_lesions import Round, round_parts
from vesalius.virtual.course import Course
from vesalius.virtual.findings.base import Case, choose, lobe_side, lognormal, severity_of
from vesalius.virtual.radiograph.canvas import Canvas
from vesalius.virtual.radiograph.chest import Chest
from vesalius.virtual.radiograph.disease import ChestDisease
from vesalius.virtual.radiograph.lesions import RoundLesion, paint_round
from vesalius.virtual.radiograph.lobes import random_point

__all__ = ["FINDING", "LungMass"]

_LOBES = {
    "right upper lobe": 0.30, "left upper lobe": 0.25, "right lower lobe": 0.22, "left lower lobe": 0.18,
    "right middle lobe": 0.05,
}  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class LungMass(ChestDisease):
    """One mass, solid."""

    concept: ClassVar[str] = "lung_mass"
    code: ClassVar[str] = "4147007"
    course: ClassVar[Course] = Course(doubling_days=(60, 250), clearing_days=(60, 180), response=0.2)

    diameter_mm: float
    margin: str
    place: tuple[float, float, float]
    """Shares of the lung, see `Chest.lung_point`."""

    @classmethod
    def draw(cls, rng: np.random.Generator, case: Case) -> tuple[Self, ...]:
        lobe = choose(rng, _LOBES)
        size = lognormal(rng, 48, 0.30, 31, 95)
        central = rng.random() < 0.35
        x, y, z = random_point(lobe, rng)
        return (
            cls(laterality=lobe_side(lobe), anatomy=lobe,
                severity=_grade(size), diameter_mm=size,
                margin=choose(rng, {"spiculated": 0.5, "lobulated": 0.4, "smooth": 0.1}),
                place=(0.42 if central else min(x, 0.78), y, max(z, 0.2))),
        )  # fmt: skip

    @property
    def attributes(self) -> Mapping[str, str]:
        return {"margin": self.margin, "position": "central" if self.place[0] < 0.45 else "peripheral"}

    @property
    def sizes_mm(self) -> Mapping[str, float]:
        return {"diameter": self.diameter_mm}

    @property
    def visibility(self) -> float:
        return self.diameter_mm / 4.5

    def parts(self, anatomy: Anatomy, rng: np.random.Generator) -> tuple[Part, ...]:
        lesion = Round(
            concept=self.concept, side=lobe_side(self.anatomy), place=self.place, diameter_mm=self.diameter_mm,
            margin=self.margin, tissue="lung_cancer", necrotic=True,
        )  # fmt: skip
        return round_parts(anatomy, lesion, rng)

    def scaled(self, factor: float) -> Self:
        size = self.diameter_mm * factor
        return replace(self, diameter_mm=size, severity=_grade(size))

    def landmarks(self, chest: Chest) -> Mapping[str, NDArray[np.float64]]:
        return {"centre": chest.lung_point(lobe_side(self.anatomy), *self.place)}

    def paint(self, canvas: Canvas, rng: np.random.Generator, instance: int) -> None:
        side = lobe_side(self.anatomy)
        centre = canvas.chest.lung_point(side, *self.place)
        lesion = RoundLesion(centre=centre, diameter_mm=self.diameter_mm, margin=self.margin, density=1.03)
        canvas.mark(self.concept, self.anatomy, paint_round(canvas, side, lesion, rng), instance)


def _grade(size_mm: float) -> str:
    return severity_of(size_mm, (50, 70), ("small", "medium-sized", "large"))


FINDING = LungMass
