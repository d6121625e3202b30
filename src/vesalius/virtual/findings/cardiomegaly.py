"""Cardiomegaly: the heart is wider than half of the thorax."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import ClassVar, Self

import numpy as np

from vesalius.virtual.anatomy.parts import Anatomy, Part
from vesalius.virtual.anatomy.thorax_lesions import heart_mark
from vesalius.virtual.course import Course
from vesalius.virtual.findings.base import Case, choose, severity_of
from vesalius.virtual.radiograph.camera import Camera
from vesalius.virtual.radiograph.canvas import Canvas
from vesalius.virtual.radiograph.chest import Chest, resize_heart
from vesalius.virtual.radiograph.disease import ChestDisease
from vesalius.virtual.radiograph.shapes import length

__all__ = ["FINDING", "Cardiomegaly"]

_WIDEST = 0.78
"""Ratio that no heart goes beyond."""


@dataclass(frozen=True, kw_only=True)
class Cardiomegaly(ChestDisease):
    """Enlarged heart, given by the cardiothoracic ratio on the film."""

    concept: ClassVar[str] = "cardiomegaly"
    code: ClassVar[str] = "287272002"
    course: ClassVar[Course] = Course(doubling_days=(4000, 12000))
    late: ClassVar[bool] = True

    ratio: float
    pattern: str
    """"global" or "left ventricular"."""

    @classmethod
    def draw(cls, rng: np.random.Generator, case: Case) -> tuple[Self, ...]:
        ratio = float(0.515 + 0.15 * rng.beta(1.3, 2.2))
        pattern = choose(rng, {"left ventricular": 0.5, "global": 0.5})
        grade = _grade(ratio)
        return (cls(laterality="midline", anatomy="heart", severity=grade, ratio=ratio, pattern=pattern),)

    @property
    def attributes(self) -> Mapping[str, str]:
        return {"pattern": self.pattern}

    @property
    def visibility(self) -> float:
        return 3.0 + 60 * (self.ratio - 0.47)

    def alter(self, chest: Chest, camera: Camera) -> Chest:
        return resize_heart(chest, camera, self.ratio, left_only=self.pattern == "left ventricular")

    def parts(self, anatomy: Anatomy, rng: np.random.Generator) -> tuple[Part, ...]:
        return heart_mark(anatomy, self.concept)

    def scaled(self, factor: float) -> Self:
        ratio = min(max(self.ratio * factor, 0.5), _WIDEST)
        return replace(self, ratio=ratio, severity=_grade(ratio))

    def paint(self, canvas: Canvas, rng: np.random.Generator, instance: int) -> None:
        canvas.mark(self.concept, self.anatomy, length(canvas.heart) > 0, instance)


def _grade(ratio: float) -> str:
    return severity_of(ratio, (0.55, 0.60))


FINDING = Cardiomegaly
