"""Epiretinal membrane: a glistening film on the macula that folds and thickens the retina beneath it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import ClassVar, Self

import numpy as np

from vesalius.virtual.course import Course
from vesalius.virtual.eye.anatomy import Eye, examined_eye
from vesalius.virtual.eye.disease import EyeDisease, visible
from vesalius.virtual.eye.lesions import Group, Strands, group
from vesalius.virtual.findings.base import Case, lognormal, severity_of

__all__ = ["FINDING", "EpiretinalMembrane"]


@dataclass(frozen=True, kw_only=True)
class EpiretinalMembrane(EyeDisease):
    """A membrane on one macula."""

    concept: ClassVar[str] = "epiretinal_membrane"
    course: ClassVar[Course] = Course(doubling_days=(1500, 6000))

    diameter_mm: float
    place: tuple[float, float]
    """Middle of the membrane, mm from the fovea."""
    thickening_um: float
    folds: int

    @classmethod
    def draw(cls, rng: np.random.Generator, case: Case) -> tuple[Self, ...]:
        thickening = lognormal(rng, 80, 0.5, 25, 220)
        middle = rng.normal(0, 0.35, 2)
        return (
            cls(laterality=examined_eye(case.body), anatomy="macula", severity=_grade(thickening),
                diameter_mm=float(rng.uniform(1.6, 3.8)), place=(float(middle[0]), float(middle[1])),
                thickening_um=thickening, folds=int(rng.integers(5, 16))),
        )  # fmt: skip

    @property
    def attributes(self) -> Mapping[str, str]:
        return {"folds": "many" if self.folds > 9 else "few"}

    @property
    def sizes_mm(self) -> Mapping[str, float]:
        return {"diameter": self.diameter_mm}

    @property
    def visibility(self) -> float:
        return 0.35 * visible(14, self.diameter_mm**2) + 0.1 * self.folds

    def scaled(self, factor: float) -> Self:
        thickening = self.thickening_um * factor
        return replace(
            self,
            diameter_mm=self.diameter_mm * factor,
            thickening_um=thickening,
            severity=_grade(thickening),
        )

    def alter(self, eye: Eye) -> Eye:
        return replace(eye, swelling=(*eye.swelling, (*self.place, 0.45 * self.diameter_mm, self.thickening_um)))

    def lesions(self, eye: Eye, rng: np.random.Generator) -> tuple[Group | Strands, ...]:
        del eye
        place, radius = np.array([self.place]), np.array([self.diameter_mm / 2])
        film = group(self.concept, "epiretinal membrane", place, radius, rng,
                     flat=0.7, wobble=0.2, soft=0.5, height_um=12.0, level=0.0)  # fmt: skip
        angle = np.linspace(0, 2 * np.pi, self.folds, endpoint=False) + rng.normal(0, 0.25, self.folds)
        out = np.stack([np.cos(angle), np.sin(angle)], axis=1)
        near = rng.uniform(0.1, 0.25, (self.folds, 1)) * self.diameter_mm
        far = rng.uniform(0.35, 0.65, (self.folds, 1)) * self.diameter_mm
        folds = Strands(
            concept=self.concept, kind="retinal fold", start=np.array(self.place) + near * out,
            end=np.array(self.place) + far * out + rng.normal(0, 0.12, (self.folds, 2)),
            radius=np.full(self.folds, 0.022), number=np.arange(self.folds),
        )  # fmt: skip
        return film, folds


def _grade(thickening_um: float) -> str:
    return severity_of(thickening_um, (60, 120))


FINDING = EpiretinalMembrane
