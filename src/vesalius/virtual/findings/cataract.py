"""Cataract, as a photograph of the fundus shows it: a veil that takes contrast and colour."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import ClassVar, Self

import numpy as np

from vesalius.virtual.course import Course
from vesalius.virtual.eye.anatomy import Eye, examined_eye
from vesalius.virtual.eye.disease import EyeDisease
from vesalius.virtual.findings.base import Case, severity_of

__all__ = ["FINDING", "Cataract"]


@dataclass(frozen=True, kw_only=True)
class Cataract(EyeDisease):
    """Cloudiness of one lens. It has no place on the retina, so that nothing is marked."""

    concept: ClassVar[str] = "cataract"
    code: ClassVar[str] = "193570009"
    course: ClassVar[Course] = Course(doubling_days=(1500, 5000))

    veil: float
    """Share of the light that is scattered, 0 to 1."""
    yellow: float
    """Added yellow of the nucleus, 0 to 1."""

    @classmethod
    def draw(cls, rng: np.random.Generator, case: Case) -> tuple[Self, ...]:
        veil = float(rng.uniform(0.25, 0.95))
        return (
            cls(laterality=examined_eye(case.body), anatomy="lens", severity=_grade(veil), veil=veil,
                yellow=float(rng.uniform(0.0, 0.6))),
        )  # fmt: skip

    @property
    def attributes(self) -> Mapping[str, str]:
        return {"kind": "nuclear" if self.yellow > 0.25 else "cortical"}

    @property
    def visibility(self) -> float:
        return 1.5 + 12 * self.veil

    def scaled(self, factor: float) -> Self:
        veil = min(1.0, self.veil * factor)
        return replace(self, veil=veil, severity=_grade(veil))

    def alter(self, eye: Eye) -> Eye:
        return replace(eye, veil=max(eye.veil, self.veil), yellow=min(1.0, eye.yellow + self.yellow))


def _grade(veil: float) -> str:
    return severity_of(veil, (0.45, 0.7))


FINDING = Cataract
