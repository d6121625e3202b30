"""Abscess of the liver: pus in chambers within a wall that enhances, sometimes with gas."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Self

import numpy as np

from vesalius.virtual.anatomy.abdomen_lesions import FocalLesion, draw_segment
from vesalius.virtual.anatomy.parts import Anatomy, Part
from vesalius.virtual.anatomy.solids import Block, HalfSpace, Inset, Intersection
from vesalius.virtual.course import Course
from vesalius.virtual.findings.base import Case, choose, lognormal

__all__ = ["FINDING", "LiverAbscess"]


@dataclass(frozen=True, kw_only=True)
class LiverAbscess(FocalLesion):
    """One abscess."""

    concept: ClassVar[str] = "liver_abscess"
    code: ClassVar[str] = "44132006"
    course: ClassVar[Course] = Course(clearing_days=(12, 45))
    tissue: ClassVar[str] = "liver_abscess"

    wall_mm: float = 4.0
    septa: int = 0
    gas: bool = False

    @classmethod
    def draw(cls, rng: np.random.Generator, case: Case) -> tuple[Self, ...]:
        return (
            cls.shaped(
                rng, lognormal(rng, 48, 0.35, 18, 120), anatomy=draw_segment(rng, right=0.75),
                lobing=float(rng.uniform(0.08, 0.18)), wall_mm=float(rng.uniform(2.5, 6)),
                septa=int(choose(rng, {"0": 0.3, "1": 0.3, "2": 0.25, "3": 0.15})), gas=bool(rng.random() < 0.2),
            ),
        )  # fmt: skip

    @property
    def attributes(self) -> Mapping[str, str]:
        return {
            **super().attributes, "wall": "thick" if self.wall_mm >= 4 else "thin",
            "septa": "loculated" if self.septa else "unilocular", "gas": "present" if self.gas else "absent",
        }  # fmt: skip

    def parts(self, anatomy: Anatomy, rng: np.random.Generator) -> tuple[Part, ...]:
        whole = self.solid(centre := self.seated(anatomy, rng))
        wall = min(self.wall_mm, 0.2 * self.diameter_mm)
        pus = Inset(whole, wall)
        found = [self.body(Inset(whole, 0.0), component="wall", tissue="liver_abscess_wall"), self.body(pus)]
        radius = self.diameter_mm / 2
        for _ in range(self.septa):
            way = rng.standard_normal(3)
            x, y, z = (float(v) for v in np.asarray(centre) + 0.35 * radius * rng.uniform(-1, 1, 3))
            plate = Block(
                (x, y, z), (0.8, 1.3 * radius, 1.3 * radius), (float(way[0]), float(way[1]), float(way[2])), 0.3
            )
            found.append(self.body(Intersection((pus, plate)), component="septum", tissue="liver_abscess_wall"))
        if self.gas:
            level = HalfSpace((0.0, centre[1] - 0.55 * radius, 0.0), (0.0, 1.0, 0.0))
            found.append(self.body(Intersection((pus, level)), component="gas", tissue="gas"))
        return tuple(found)


FINDING = LiverAbscess
