"""Enlarged prostate: it grows upwards into the floor of the bladder."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import ClassVar, Self

import numpy as np

from vesalius.virtual.anatomy.abdomen_lesions import AbdomenDisease
from vesalius.virtual.anatomy.parts import Anatomy, Part
from vesalius.virtual.anatomy.solids import Ellipsoid
from vesalius.virtual.course import Course
from vesalius.virtual.findings.base import Case, lognormal, severity_of

__all__ = ["FINDING", "ProstateEnlargement"]


@dataclass(frozen=True, kw_only=True)
class ProstateEnlargement(AbdomenDisease):
    """A prostate above 40 ml; women have none."""

    concept: ClassVar[str] = "prostate_enlargement"
    code: ClassVar[str] = "41216001"
    sex: ClassVar[str] = "M"
    course: ClassVar[Course] = Course(doubling_days=(2500, 7000))

    volume_ml: float
    ratios: tuple[float, float, float]
    """Width, depth and height against a ball."""

    @classmethod
    def draw(cls, rng: np.random.Generator, case: Case) -> tuple[Self, ...]:
        volume = lognormal(rng, 62, 0.3, 45, 160)
        depth = float(rng.uniform(0.82, 0.95))
        height = float(rng.uniform(0.95, 1.1))
        ratios = (1 / (depth * height), depth, height)
        return (
            cls(
                volume_ml=volume, ratios=ratios, anatomy="prostate", laterality="midline", severity=cls.grade(volume)
            ),
        )

    @staticmethod
    def grade(volume_ml: float) -> str:
        """Return the grade by volume."""
        return severity_of(volume_ml, (60, 90))

    @property
    def axes_mm(self) -> tuple[float, float, float]:
        """Semi-axes: width, depth, height."""
        ball = (self.volume_ml * 3000 / (4 * np.pi)) ** (1 / 3)
        wide, deep, high = (float(ball * ratio) for ratio in self.ratios)
        return wide, deep, high

    @property
    def sizes_mm(self) -> Mapping[str, float]:
        return {"width": 2 * self.axes_mm[0]}

    @property
    def attributes(self) -> Mapping[str, str]:
        return {"bladder floor": "indented" if self.volume_ml > 60 else "normal"}

    @property
    def visibility(self) -> float:
        return 2.0 + (self.volume_ml - 30) / 5

    def scaled(self, factor: float) -> Self:
        volume = float(np.clip(self.volume_ml * factor**3, 20, 250))
        return replace(self, volume_ml=volume, severity=self.grade(volume))

    def reshape(self, anatomy: Anatomy) -> Anatomy:
        healthy = anatomy.solid("prostate")
        assert isinstance(healthy, Ellipsoid)
        x, y, z = healthy.centre
        rise = 0.8 * (self.axes_mm[2] - healthy.axes[2])
        return anatomy.changed("prostate", Ellipsoid((x, y, z + rise), self.axes_mm))

    def parts(self, anatomy: Anatomy, rng: np.random.Generator) -> tuple[Part, ...]:
        return (Part(structure="prostate", solid=anatomy.solid("prostate"), tissue="prostate", within=("prostate",),
                     opacity=0.0, concept=self.concept, component="organ"),)  # fmt: skip


FINDING = ProstateEnlargement
