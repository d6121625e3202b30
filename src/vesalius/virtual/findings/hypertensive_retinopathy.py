"""Hypertensive retinopathy: narrow arteries, then flame haemorrhages and cotton-wool spots about the disc."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import ClassVar, Self

import numpy as np

from vesalius.virtual.course import Course
from vesalius.virtual.eye.anatomy import Eye, examined_eye
from vesalius.virtual.eye.disease import EyeDisease, visible
from vesalius.virtual.eye.lesions import Group, Strands, branch, scatter
from vesalius.virtual.eye.surface import cotton_wool_spots, flame_haemorrhages
from vesalius.virtual.eye.vessels import ARTERY
from vesalius.virtual.findings.base import Case, severity_of

__all__ = ["FINDING", "HypertensiveRetinopathy"]


@dataclass(frozen=True, kw_only=True)
class HypertensiveRetinopathy(EyeDisease):
    """Vessels of one eye under high pressure."""

    concept: ClassVar[str] = "hypertensive_retinopathy"
    course: ClassVar[Course] = Course(clearing_days=(60, 300), doubling_days=(1500, 6000), response=0.5)

    narrowing: float
    """Factor of the arteries' width."""
    flames: int
    cotton_wool: int

    @classmethod
    def draw(cls, rng: np.random.Generator, case: Case) -> tuple[Self, ...]:
        bleeding = rng.random() < 0.7
        flames = int(rng.integers(1, 13)) if bleeding else 0
        wool = int(rng.integers(0, 7)) if bleeding else 0
        return (
            cls(laterality=examined_eye(case.body), anatomy="retina", severity=_grade(flames + wool),
                narrowing=float(rng.uniform(0.52, 0.72)), flames=flames, cotton_wool=wool),
        )  # fmt: skip

    @property
    def attributes(self) -> Mapping[str, str]:
        sign = "cotton-wool spots" if self.cotton_wool else "flame hemorrhages" if self.flames else "narrow arteries"
        return {
            "sign": sign,
            "haemorrhage": "present" if self.flames else "absent",
            "cotton_wool": "present" if self.cotton_wool else "absent",
        }

    @property
    def visibility(self) -> float:
        return 3.5 + visible(50, 0.06 * self.flames + 0.15 * self.cotton_wool)

    def scaled(self, factor: float) -> Self:
        flames, wool = round(self.flames * factor), round(self.cotton_wool * factor)
        return replace(self, flames=flames, cotton_wool=wool, severity=_grade(flames + wool))

    def alter(self, eye: Eye) -> Eye:
        arteries = eye.vessels.kind == ARTERY
        return replace(eye, vessels=eye.vessels.widened(1 - (1 - self.narrowing) * arteries))

    def lesions(self, eye: Eye, rng: np.random.Generator) -> tuple[Group | Strands, ...]:
        disc = (eye.disc.x, eye.disc.y)
        places = scatter(rng, self.flames, disc, 1.15, 2.8)
        flame = flame_haemorrhages(self.concept, eye, places, branch(rng).uniform(0.15, 0.38, self.flames), rng)
        wool = scatter(rng, self.cotton_wool, disc, 1.3, 2.9)
        return flame, cotton_wool_spots(self.concept, wool, rng)


def _grade(lesions: int) -> str:
    return severity_of(lesions, (1, 8))


FINDING = HypertensiveRetinopathy
