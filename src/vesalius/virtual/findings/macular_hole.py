"""Macular hole: the fovea has torn open down to the pigment epithelium, with a cuff of fluid round it."""

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

__all__ = ["FINDING", "MacularHole"]


@dataclass(frozen=True, kw_only=True)
class MacularHole(EyeDisease):
    """A full-thickness hole."""

    concept: ClassVar[str] = "macular_hole"
    course: ClassVar[Course] = Course(doubling_days=(150, 900))

    diameter_mm: float
    """Smallest width of the gap."""
    cuff_um: float
    """Thickness that the fluid adds at the edge."""

    @classmethod
    def draw(cls, rng: np.random.Generator, case: Case) -> tuple[Self, ...]:
        size = lognormal(rng, 0.36, 0.4, 0.12, 0.8)
        return (
            cls(laterality=examined_eye(case.body), anatomy="fovea", severity=_grade(size), diameter_mm=size,
                cuff_um=float(rng.uniform(40, 130))),
        )  # fmt: skip

    @property
    def attributes(self) -> Mapping[str, str]:
        return {"extent": "full-thickness", "gap": f"{round(self.diameter_mm * 100) * 10} micrometers"}

    @property
    def visibility(self) -> float:
        return visible(24, self.diameter_mm**2)

    def scaled(self, factor: float) -> Self:
        size = self.diameter_mm * factor
        return replace(self, diameter_mm=size, severity=_grade(size))

    def alter(self, eye: Eye) -> Eye:
        return replace(eye, swelling=(*eye.swelling, (0.0, 0.0, 0.5 + self.diameter_mm / 2, self.cuff_um)))

    def lesions(self, eye: Eye, rng: np.random.Generator) -> tuple[Group | Strands, ...]:
        del eye
        place, radius = np.zeros((1, 2)), np.array([self.diameter_mm / 2])
        cuff = group(self.concept, "hole cuff", place, radius + 0.28, rng, soft=0.2, level=0.5)
        hole = group(self.concept, "macular hole", place, radius, rng, wobble=0.03, soft=0.1, level=0.5)
        return cuff, hole


def _grade(diameter_mm: float) -> str:
    """By the gap: small up to 250 µm, medium up to 400 µm, large above."""
    return severity_of(diameter_mm, (0.25, 0.4), ("small", "medium-sized", "large"))


FINDING = MacularHole
