"""Fibroid of the uterus: in its wall or bulging from it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Self

import numpy as np

from vesalius.virtual.anatomy.abdomen_lesions import FAT, FocalLesion, seat
from vesalius.virtual.anatomy.parts import Anatomy, Part
from vesalius.virtual.anatomy.solids import Inset, Lumpy, Point, Solid
from vesalius.virtual.course import Course
from vesalius.virtual.findings.base import Case, choose, lognormal

__all__ = ["FINDING", "UterineFibroid"]

_ROOM = ("uterus", "endometrium", "small bowel", "small bowel lumen", "small bowel gas", "sigmoid colon",
         "sigmoid colon lumen", "sigmoid colon gas", *FAT)  # fmt: skip
_CALCIFIED = 0.15


@dataclass(frozen=True, kw_only=True)
class UterineFibroid(FocalLesion):
    """One fibroid; men have none."""

    concept: ClassVar[str] = "uterine_fibroid"
    code: ClassVar[str] = "1162890002"
    sex: ClassVar[str] = "F"
    course: ClassVar[Course] = Course(doubling_days=(400, 2500))
    tissue: ClassVar[str] = "fibroid"
    host: ClassVar[str] = "uterus"

    outside: bool = False
    """Below the outer surface and bulging, not within the wall."""
    calcified: bool = False

    @classmethod
    def draw(cls, rng: np.random.Generator, case: Case) -> tuple[Self, ...]:
        found = []
        for _ in range(int(choose(rng, {"1": 0.6, "2": 0.25, "3": 0.15}))):
            found.append(cls.shaped(rng, lognormal(rng, 34, 0.45, 12, 110), anatomy="uterus", laterality="midline",
                                    lobing=float(rng.uniform(0.0, 0.1)), outside=bool(rng.random() < 0.45),
                                    calcified=bool(rng.random() < _CALCIFIED)))  # fmt: skip
        return tuple(found)

    @property
    def attributes(self) -> Mapping[str, str]:
        site = "subserosal" if self.outside else "intramural"
        return {**super().attributes, "location": site, "calcification": "present" if self.calcified else "absent"}

    @property
    def visibility(self) -> float:
        return float(self.diameter_mm / 5 + (3 if self.outside or self.calcified else 0))

    @property
    def room(self) -> tuple[str, ...]:
        return _ROOM

    def seated(self, anatomy: Anatomy, rng: np.random.Generator) -> Point:
        depth = 1.0 if self.outside else min(0.5 * self.first_mm, 14.0)
        return seat(anatomy, rng, "uterus", depth_mm=depth, reach_mm=self.first_mm / 2)

    def parts(self, anatomy: Anatomy, rng: np.random.Generator) -> tuple[Part, ...]:
        whole: Solid = self.solid(self.seated(anatomy, rng))
        found = [self.body(whole)]
        if self.calcified:
            radius = self.diameter_mm / 2
            spots = Lumpy(Inset(whole, 0.9 * radius), 0.7 * radius, 0.7 * radius, self.seed + 3)
            found.append(self.body(spots, component="calcification", tissue="calcification"))
        return tuple(found)


FINDING = UterineFibroid
