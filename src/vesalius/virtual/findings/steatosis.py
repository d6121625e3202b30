"""Steatosis: fat in the liver, which falls below the spleen and below its own vessels."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import ClassVar, Self

import numpy as np

from vesalius.virtual.anatomy.abdomen_lesions import AbdomenDisease
from vesalius.virtual.anatomy.abdomen_organs import LIVER_PARTS
from vesalius.virtual.anatomy.parts import Anatomy, Part
from vesalius.virtual.anatomy.tissues import tissues
from vesalius.virtual.course import Course
from vesalius.virtual.findings.base import Case, severity_of

__all__ = ["FINDING", "Steatosis"]

_TISSUE = "fatty_liver"
_HEALTHY_HU = 57.0


@dataclass(frozen=True, kw_only=True)
class Steatosis(AbdomenDisease):
    """Fat all over the liver."""

    concept: ClassVar[str] = "steatosis"
    code: ClassVar[str] = "197315008"
    course: ClassVar[Course] = Course(clearing_days=(120, 500))

    native_hu: float
    """CT number of the liver without contrast."""

    @classmethod
    def draw(cls, rng: np.random.Generator, case: Case) -> tuple[Self, ...]:
        weight = float(np.clip((case.body.bmi - 26) / 12, -0.6, 0.9))
        native = float(np.clip(26 - 9 * weight + 11 * rng.standard_normal(), 0, 42))
        return (cls(native_hu=native, anatomy="liver", severity=cls.grade(native)),)

    @staticmethod
    def grade(native_hu: float) -> str:
        """Return the grade by the native CT number."""
        return severity_of(-native_hu, (-30, -15))

    @property
    def attributes(self) -> Mapping[str, str]:
        return {"distribution": "diffuse"}

    @property
    def visibility(self) -> float:
        return 0.22 * (_HEALTHY_HU - self.native_hu)

    def scaled(self, factor: float) -> Self:
        native = float(np.clip(_HEALTHY_HU - factor * (_HEALTHY_HU - self.native_hu), 0, 48))
        return replace(self, native_hu=native, severity=self.grade(native))

    def reshape(self, anatomy: Anatomy) -> Anatomy:
        tissue = tissues()[_TISSUE]
        score = (self.native_hu - tissue.hu[0]) / tissue.hu_sd
        parts = [
            replace(part, tissue=_TISSUE)
            if part.tissue in ("liver", "cirrhotic_liver") and not part.concept
            else part
            for part in anatomy.parts
        ]
        return replace(anatomy, parts=tuple(parts), scores={**anatomy.scores, _TISSUE: score})

    def parts(self, anatomy: Anatomy, rng: np.random.Generator) -> tuple[Part, ...]:
        return (Part(structure="liver", solid=anatomy.solid("liver"), tissue=_TISSUE, within=LIVER_PARTS, opacity=0.0,
                     concept=self.concept, component="organ"),)  # fmt: skip


FINDING = Steatosis
