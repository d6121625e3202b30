"""Metastases of the liver: several, darker than the liver, with a rim that enhances."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Self

import numpy as np

from vesalius.virtual.anatomy.abdomen_lesions import FocalLesion, draw_segment
from vesalius.virtual.anatomy.parts import Anatomy, Part
from vesalius.virtual.anatomy.solids import Inset
from vesalius.virtual.course import Course
from vesalius.virtual.findings.base import Case, lognormal, severity_of

__all__ = ["FINDING", "LiverMetastases"]


@dataclass(frozen=True, kw_only=True)
class LiverMetastases(FocalLesion):
    """One of the metastases."""

    concept: ClassVar[str] = "liver_metastases"
    code: ClassVar[str] = "128462008"
    course: ClassVar[Course] = Course(doubling_days=(50, 200), clearing_days=(60, 200), response=0.35)
    tissue: ClassVar[str] = "liver_metastasis"

    count: int = 1
    """Of all metastases in the liver when they were found."""

    @classmethod
    def draw(cls, rng: np.random.Generator, case: Case) -> tuple[Self, ...]:
        count = int(np.clip(round(2 * np.exp(0.75 * abs(rng.standard_normal()))), 2, 12))
        softness, found = float(rng.uniform(0.02, 0.2)), []
        for _ in range(count):
            size = lognormal(rng, 20, 0.45, 6, 90)
            found.append(cls.shaped(rng, size, anatomy=draw_segment(rng), lobing=float(rng.uniform(0, 0.12)),
                                    softness=softness, count=count))  # fmt: skip
        return tuple(found)

    @property
    def attributes(self) -> Mapping[str, str]:
        number = severity_of(self.count, (4, 8), ("few", "several", "numerous"))
        return {**super().attributes, "number": number, "count": str(self.count)}

    def parts(self, anatomy: Anatomy, rng: np.random.Generator) -> tuple[Part, ...]:
        whole = self.solid(self.seated(anatomy, rng))
        rim = max(1.5, 0.16 * self.diameter_mm / 2)
        return (
            self.body(Inset(whole, 0.0), component="rim", tissue="liver_metastasis_rim"),
            self.body(Inset(whole, rim), component="body"),
        )


FINDING = LiverMetastases
