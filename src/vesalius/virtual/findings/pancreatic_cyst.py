"""Cyst of the pancreas."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Self

import numpy as np

from vesalius.virtual.anatomy.abdomen_lesions import FAT, FocalLesion
from vesalius.virtual.anatomy.parts import Anatomy
from vesalius.virtual.anatomy.solids import Point
from vesalius.virtual.course import Course
from vesalius.virtual.findings.base import Case, choose, lognormal

__all__ = ["FINDING", "PancreaticCyst"]

_ROOM = ("pancreas head", "pancreas body", "pancreas tail", "pancreatic duct", *FAT)


@dataclass(frozen=True, kw_only=True)
class PancreaticCyst(FocalLesion):
    """One cyst."""

    concept: ClassVar[str] = "pancreatic_cyst"
    code: ClassVar[str] = "367643001"
    course: ClassVar[Course] = Course(doubling_days=(700, 3000))
    tissue: ClassVar[str] = "simple_cyst"
    host: ClassVar[str] = "pancreas"

    @classmethod
    def draw(cls, rng: np.random.Generator, case: Case) -> tuple[Self, ...]:
        site = choose(rng, {"pancreas head": 0.4, "pancreas body": 0.35, "pancreas tail": 0.25})
        return (cls.shaped(rng, lognormal(rng, 15, 0.5, 5, 60), anatomy=site, lobing=float(rng.uniform(0.0, 0.12))),)

    @property
    def room(self) -> tuple[str, ...]:
        return _ROOM

    def seated(self, anatomy: Anatomy, rng: np.random.Generator) -> Point:
        return anatomy.point_in(rng, self.anatomy, margin_mm=2.5)


FINDING = PancreaticCyst
