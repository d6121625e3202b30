"""Cardiomegaly: the heart is wider than half of the thorax."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Self

import numpy as np

from vesalius.virtual.anatomy.parts import Anatomy, Part
from vesalius.virtual.anatomy.thorax_lesions import heart_mark
from vesalius.virtual.findings.base import Case, choose, severity_of
from vesalius.virtual.radiograph.camera import Camera
from vesalius.virtual.radiograph.canvas import Canvas
from vesalius.virtual.radiograph.chest import Chest, resize_heart
from vesalius.virtual.radiograph.disease import ChestDisease
from vesalius.virtual.radiograph.shapes import length

__all__ = ["FINDING", "Cardiomegaly"]


@dataclass(frozen=True, kw_only=True)
class Cardiomegaly(ChestDisease):
    """Enlarged heart, given by the cardiothoracic ratio on the film."""

    concept: ClassVar[str] = "cardiomegaly"
    code: ClassVar[str] = "287272002"
    late: ClassVar[bool] = True

    ratio: float
    pattern: str
    """"global" or "left ventricular"."""

    @classmethod
    def draw(cls, rng: np.random.Generator, case: Case) -> tuple[Self, ...]:
        ratio = float(0.515 + 0.15 * rng.beta(1.3, 2.2))
        pattern = choose(rng, {"left ventricular": 0.5, "global": 0.5})
        grade = severity_of(ratio, (0.55, 0.60))
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

    def paint(self, canvas: Canvas, rng: np.random.Generator, instance: int) -> None:
        canvas.mark(self.concept, self.anatomy, length(canvas.heart) > 0, instance)


FINDING = Cardiomegaly
