"""Lung nodule: a round opacity of at most 30 mm."""

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

__all__ = ["FINDING", "LungNodule"]

_LOBES = {
    "right upper lobe": 0.25, "left upper lobe": 0.20, "right lower lobe": 0.25, "left lower lobe": 0.20,
    "right middle lobe": 0.10,
}  # fmt: skip
_DENSITY = {"solid": 1.04, "ground-glass": 0.62, "calcified": 1.25}


@dataclass(frozen=True, kw_only=True)
class LungNodule(ChestDisease):
    """One nodule."""

    concept: ClassVar[str] = "lung_nodule"
    code: ClassVar[str] = "27925004"
    course: ClassVar[Course] = Course(doubling_days=(40, 500), clearing_days=(8, 40), response=0.25)

    diameter_mm: float
    margin: str
    consistency: str
    place: tuple[float, float, float]
    """Shares of the lung, see `Chest.lung_point`."""

    @classmethod
    def draw(cls, rng: np.random.Generator, case: Case) -> tuple[Self, ...]:
        count = int(choose(rng, {"1": 0.8, "2": 0.14, "3": 0.06}))
        made = []
        for _ in range(count):
            lobe = choose(rng, _LOBES)
            size = lognormal(rng, 15, 0.36, 7, 30)
            made.append(
                cls(laterality=lobe_side(lobe), anatomy=lobe,
                    severity=_grade(size), diameter_mm=size,
                    margin=choose(rng, {"smooth": 0.6, "lobulated": 0.2, "spiculated": 0.2}),
                    consistency=choose(rng, {"solid": 0.72, "ground-glass": 0.1, "calcified": 0.18}),
                    place=random_point(lobe, rng))
            )  # fmt: skip
        return tuple(made)

    @property
    def attributes(self) -> Mapping[str, str]:
        return {"margin": self.margin, "consistency": self.consistency}

    @property
    def sizes_mm(self) -> Mapping[str, float]:
        return {"diameter": self.diameter_mm}

    @property
    def visibility(self) -> float:
        gain = {"solid": 1.0, "ground-glass": 0.55, "calcified": 1.9}[self.consistency]
        return float(gain * (self.diameter_mm / 9.5) ** 1.6 + 1.2)

    def parts(self, anatomy: Anatomy, rng: np.random.Generator) -> tuple[Part, ...]:
        tissue = "granuloma" if self.consistency == "calcified" else "lung_nodule"
        faint = self.consistency == "ground-glass"
        lesion = Round(
            concept=self.concept, side=lobe_side(self.anatomy), place=self.place, diameter_mm=self.diameter_mm,
            margin=self.margin, tissue=tissue, opacity=0.35 if faint else 1.0, softness=0.12 if faint else 0.0,
        )  # fmt: skip
        return round_parts(anatomy, lesion, rng)

    def scaled(self, factor: float) -> Self:
        size = self.diameter_mm * factor
        return replace(self, diameter_mm=size, severity=_grade(size))

    def at(self, days: float, pace: float) -> Self | None:
        """A calcified nodule neither grows nor goes."""
        return self if self.consistency == "calcified" else super().at(days, pace)

    def landmarks(self, chest: Chest) -> Mapping[str, NDArray[np.float64]]:
        return {"centre": chest.lung_point(lobe_side(self.anatomy), *self.place)}

    def paint(self, canvas: Canvas, rng: np.random.Generator, instance: int) -> None:
        side = lobe_side(self.anatomy)
        lesion = RoundLesion(
            centre=canvas.chest.lung_point(side, *self.place), diameter_mm=self.diameter_mm, margin=self.margin,
            density=_DENSITY[self.consistency], calcium_mm=1.6 if self.consistency == "calcified" else 0.0,
        )  # fmt: skip
        canvas.mark(self.concept, self.anatomy, paint_round(canvas, side, lesion, rng), instance)


def _grade(size_mm: float) -> str:
    return severity_of(size_mm, (10, 20), ("small", "medium-sized", "large"))


FINDING = LungNodule
