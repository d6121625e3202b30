"""Renal cell carcinoma: a solid mass that enhances, dead in its middle when large."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Self

import numpy as np

from vesalius.virtual.anatomy.abdomen_lesions import FocalLesion, kidney_room, seat
from vesalius.virtual.anatomy.parts import Anatomy, Part
from vesalius.virtual.anatomy.solids import Inset, Lumpy, Point
from vesalius.virtual.body import SIDES
from vesalius.virtual.course import Course
from vesalius.virtual.findings.base import Case, lognormal, severity_of

__all__ = ["FINDING", "RenalCellCarcinoma"]


@dataclass(frozen=True, kw_only=True)
class RenalCellCarcinoma(FocalLesion):
    """One tumour."""

    concept: ClassVar[str] = "renal_cell_carcinoma"
    code: ClassVar[str] = "702391001"
    course: ClassVar[Course] = Course(doubling_days=(500, 1500))
    tissue: ClassVar[str] = "kidney_cancer"
    host: ClassVar[str] = "kidney_cortex"

    @classmethod
    def draw(cls, rng: np.random.Generator, case: Case) -> tuple[Self, ...]:
        side = SIDES[int(rng.random() < 0.5)]
        return (
            cls.shaped(rng, lognormal(rng, 38, 0.42, 14, 120), laterality=side, anatomy=f"{side} kidney",
                       lobing=float(rng.uniform(0.02, 0.14))),
        )  # fmt: skip

    @classmethod
    def grade(cls, diameter_mm: float) -> str:
        return severity_of(diameter_mm, (40, 70), ("small", "medium-sized", "large"))

    @property
    def attributes(self) -> Mapping[str, str]:
        stage = severity_of(self.diameter_mm, (40, 70), ("T1a", "T1b", "T2"))
        return {**super().attributes, "stage": stage, "necrosis": "present" if self._necrotic else "absent"}

    @property
    def _necrotic(self) -> bool:
        return self.diameter_mm > 36

    @property
    def room(self) -> tuple[str, ...]:
        return kidney_room(self.laterality)

    def seated(self, anatomy: Anatomy, rng: np.random.Generator) -> Point:
        return seat(anatomy, rng, self.anatomy, depth_mm=3.0, reach_mm=self.first_mm / 2)

    def parts(self, anatomy: Anatomy, rng: np.random.Generator) -> tuple[Part, ...]:
        whole = self.solid(self.seated(anatomy, rng))
        found = [self.body(Inset(whole, 0.0))]
        if self._necrotic:
            radius = self.diameter_mm / 2
            core = Lumpy(Inset(whole, 0.5 * radius), 0.25 * radius, 0.9 * radius, self.seed + 1, 2)
            found.append(self.body(core, component="necrosis", tissue="necrotic_tumour"))
        return tuple(found)


FINDING = RenalCellCarcinoma
