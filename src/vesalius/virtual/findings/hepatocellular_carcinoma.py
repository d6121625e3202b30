"""Hepatocellular carcinoma: arterial enhancement, washout with a capsule, a mosaic of necrosis when large."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Self

import numpy as np

from vesalius.virtual.anatomy.abdomen_lesions import FocalLesion, draw_segment
from vesalius.virtual.anatomy.parts import Anatomy, Part
from vesalius.virtual.anatomy.solids import Inset, Lumpy
from vesalius.virtual.course import Course
from vesalius.virtual.findings.base import Case, lognormal, severity_of

__all__ = ["FINDING", "HepatocellularCarcinoma"]

_CAPSULE_MM = 1.6


@dataclass(frozen=True, kw_only=True)
class HepatocellularCarcinoma(FocalLesion):
    """One tumour."""

    concept: ClassVar[str] = "hepatocellular_carcinoma"
    code: ClassVar[str] = "108369006"
    course: ClassVar[Course] = Course(doubling_days=(90, 180))
    tissue: ClassVar[str] = "liver_cancer"

    capsule: bool = True
    """An enhancing rim in the portal and late phase."""

    @classmethod
    def draw(cls, rng: np.random.Generator, case: Case) -> tuple[Self, ...]:
        size = lognormal(rng, 32, 0.5, 9, 140)
        lobing = float(rng.uniform(0.0, 0.15))
        return (
            cls.shaped(
                rng, size, anatomy=draw_segment(rng, right=0.75), lobing=lobing, capsule=bool(rng.random() < 0.65)
            ),
        )

    @classmethod
    def grade(cls, diameter_mm: float) -> str:
        return severity_of(diameter_mm, (20, 50), ("small", "medium-sized", "large"))

    @property
    def attributes(self) -> Mapping[str, str]:
        return {
            **super().attributes, "capsule": "present" if self.capsule else "absent",
            "necrosis": "present" if self._necrotic else "absent",
        }  # fmt: skip

    @property
    def _necrotic(self) -> bool:
        return self.diameter_mm > 40

    def parts(self, anatomy: Anatomy, rng: np.random.Generator) -> tuple[Part, ...]:
        whole = self.solid(self.seated(anatomy, rng))
        found = []
        if self.capsule:
            found.append(self.body(Inset(whole, 0.0), component="capsule", tissue="tumour_capsule"))
        found.append(self.body(Inset(whole, _CAPSULE_MM if self.capsule else 0.0)))
        if self._necrotic:
            radius = self.diameter_mm / 2
            core = Lumpy(Inset(whole, 0.5 * radius), 0.22 * radius, 0.8 * radius, self.seed + 1)
            found.append(self.body(core, component="necrosis", tissue="necrotic_tumour"))
        return tuple(found)


FINDING = HepatocellularCarcinoma
