"""Lung metastases: several round, sharp nodules of both lungs, most of them low and near the wall."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from vesalius.virtual.anatomy.parts import Anatomy, Part
from vesalius.virtual.anatomy.thorax_patches import deposit_parts
from vesalius.virtual.body import SIDES, Side
from vesalius.virtual.course import Course
from vesalius.virtual.findings.base import Case, lognormal, severity_of
from vesalius.virtual.radiograph.canvas import Canvas
from vesalius.virtual.radiograph.chest import Chest
from vesalius.virtual.radiograph.disease import ChestDisease
from vesalius.virtual.radiograph.lesions import RoundLesion, paint_round

__all__ = ["FINDING", "Deposit", "LungMetastases"]

Deposit = tuple[Side, float, float, float, float]
"""Side, place by shares of the lung (see `Chest.lung_point`) and diameter in mm."""


@dataclass(frozen=True, kw_only=True)
class LungMetastases(ChestDisease):
    """All deposits together."""

    concept: ClassVar[str] = "lung_metastases"
    code: ClassVar[str] = "94391008"
    course: ClassVar[Course] = Course(doubling_days=(20, 150), clearing_days=(30, 120), response=0.35)

    deposits: tuple[Deposit, ...]

    @classmethod
    def draw(cls, rng: np.random.Generator, case: Case) -> tuple[Self, ...]:
        count = int(lognormal(rng, 8, 0.7, 3, 40))
        median = lognormal(rng, 12, 0.3, 6, 25)
        made = []
        for _ in range(count):
            side = SIDES[int(rng.integers(2))]
            place = (float(rng.uniform(0.35, 0.93)), float(rng.uniform(-0.7, 0.75)), float(rng.beta(1.3, 1.9)) * 0.88)
            made.append((side, *place, lognormal(rng, median, 0.35, 4, 60)))
        sides = {part[0] for part in made}
        where = "bilateral" if len(sides) == 2 else next(iter(sides))
        return (cls(laterality=where, anatomy="lungs", severity=_grade(count), deposits=tuple(made)),)

    @property
    def attributes(self) -> Mapping[str, str]:
        count = _word(len(self.deposits))
        return {"number": count, "pattern": "cannonball" if self.largest_mm > 30 else "nodular"}

    @property
    def largest_mm(self) -> float:
        """Diameter of the largest deposit."""
        return max(part[4] for part in self.deposits)

    @property
    def sizes_mm(self) -> Mapping[str, float]:
        return {"largest_diameter": self.largest_mm}

    @property
    def visibility(self) -> float:
        return float(1.0 + (self.largest_mm / 9.5) ** 1.6 + 0.2 * len(self.deposits))

    def scaled(self, factor: float) -> Self:
        return replace(self, deposits=tuple((*part[:4], part[4] * factor) for part in self.deposits))

    def landmarks(self, chest: Chest) -> Mapping[str, NDArray[np.float64]]:
        return {f"centre_{i}": chest.lung_point(*part[:4]) for i, part in enumerate(self.deposits)}

    def parts(self, anatomy: Anatomy, rng: np.random.Generator) -> tuple[Part, ...]:
        return deposit_parts(anatomy, self.concept, self.deposits, rng)

    def paint(self, canvas: Canvas, rng: np.random.Generator, instance: int) -> None:
        mask = np.zeros(canvas.soft.shape, bool)
        for side, x, y, z, size in self.deposits:
            centre = canvas.chest.lung_point(side, x, y, z)
            lesion = RoundLesion(centre=centre, diameter_mm=size, margin="smooth", density=1.04)
            mask |= paint_round(canvas, side, lesion, rng) & (canvas.aerated[side] > 0)
        canvas.mark(self.concept, self.anatomy, mask, instance)


def _word(count: int) -> str:
    """Word for a number of deposits."""
    return severity_of(count, (6, 16), ("few", "multiple", "innumerable"))


def _grade(count: int) -> str:
    return severity_of(count, (5, 21))


FINDING = LungMetastases
