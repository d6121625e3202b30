"""Adenoma of an adrenal gland: small, oval, rich in fat."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Self

import numpy as np

from vesalius.virtual.anatomy.abdomen_lesions import FAT, LIVER_ROOM, FocalLesion
from vesalius.virtual.anatomy.parts import Anatomy
from vesalius.virtual.anatomy.solids import Point
from vesalius.virtual.anatomy.tissues import tissues
from vesalius.virtual.body import SIDES
from vesalius.virtual.course import Course
from vesalius.virtual.findings.base import Case, lognormal

__all__ = ["FINDING", "AdrenalAdenoma"]


@dataclass(frozen=True, kw_only=True)
class AdrenalAdenoma(FocalLesion):
    """One adenoma."""

    concept: ClassVar[str] = "adrenal_adenoma"
    code: ClassVar[str] = "1187375007"
    course: ClassVar[Course] = Course(doubling_days=(1500, 5000))
    tissue: ClassVar[str] = "adrenal_adenoma"
    host: ClassVar[str] = "fat"

    @classmethod
    def draw(cls, rng: np.random.Generator, case: Case) -> tuple[Self, ...]:
        side = SIDES[int(rng.random() < 0.55)]
        size = lognormal(rng, 19, 0.32, 10, 48)
        ratios = (float(rng.uniform(0.75, 0.95)), float(rng.uniform(0.6, 0.8)))
        return (cls.shaped(rng, size, laterality=side, anatomy=f"{side} adrenal gland", ratios=ratios),)

    @property
    def density(self) -> str:
        tissue = tissues()[self.tissue]
        native = tissue.hu[0] + self.score * tissue.hu_sd
        return "rich in fat" if native <= 10 else "poor in fat"

    @property
    def room(self) -> tuple[str, ...]:
        kidney = f"{self.laterality} kidney"
        return (
            f"{self.laterality} adrenal gland",
            kidney,
            f"{kidney} medulla",
            "crura of diaphragm",
            *FAT,
            *LIVER_ROOM,
        )

    def seated(self, anatomy: Anatomy, rng: np.random.Generator) -> Point:
        low, high = anatomy.solid(self.anatomy).bounds
        x, y, z = (float(value) for value in (low + high) / 2 + rng.uniform(-2, 2, 3))
        return (x, y, z)


FINDING = AdrenalAdenoma
