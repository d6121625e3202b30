"""Cysts of a kidney, often bulging from it; some with thin septa (Bosniak II)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Self

import numpy as np

from vesalius.virtual.anatomy.abdomen_lesions import FocalLesion, kidney_room, seat
from vesalius.virtual.anatomy.parts import Anatomy, Part
from vesalius.virtual.anatomy.solids import Block, Intersection, Point
from vesalius.virtual.body import SIDES
from vesalius.virtual.course import Course
from vesalius.virtual.findings.base import Case, choose, lognormal

__all__ = ["FINDING", "RenalCyst"]


@dataclass(frozen=True, kw_only=True)
class RenalCyst(FocalLesion):
    """One cyst."""

    concept: ClassVar[str] = "renal_cyst"
    code: ClassVar[str] = "367643001"
    course: ClassVar[Course] = Course(doubling_days=(900, 3000))
    tissue: ClassVar[str] = "simple_cyst"
    host: ClassVar[str] = "kidney_cortex"

    septa: int = 0

    @classmethod
    def draw(cls, rng: np.random.Generator, case: Case) -> tuple[Self, ...]:
        found = []
        for _ in range(int(choose(rng, {"1": 0.6, "2": 0.25, "3": 0.15}))):
            side = SIDES[int(rng.random() < 0.5)]
            septa = int(choose(rng, {"0": 0.85, "1": 0.1, "2": 0.05}))
            found.append(cls.shaped(rng, lognormal(rng, 22, 0.55, 6, 110), laterality=side, anatomy=f"{side} kidney",
                                    ratios=(0.95, 0.9), septa=septa))  # fmt: skip
        return tuple(found)

    @property
    def attributes(self) -> Mapping[str, str]:
        return {**super().attributes, "bosniak": "II" if self.septa else "I"}

    @property
    def room(self) -> tuple[str, ...]:
        return kidney_room(self.laterality)

    def seated(self, anatomy: Anatomy, rng: np.random.Generator) -> Point:
        return seat(anatomy, rng, self.anatomy, depth_mm=1.0, reach_mm=self.first_mm / 2)

    def parts(self, anatomy: Anatomy, rng: np.random.Generator) -> tuple[Part, ...]:
        whole = self.solid(centre := self.seated(anatomy, rng))
        found = [self.body(whole)]
        for _ in range(self.septa):
            way = rng.standard_normal(3)
            plate = Block(
                centre, (0.6, self.diameter_mm, self.diameter_mm), (float(way[0]), float(way[1]), float(way[2])), 0.2
            )
            found.append(self.body(Intersection((whole, plate)), component="septum", tissue="tumour_capsule"))
        return tuple(found)


FINDING = RenalCyst
