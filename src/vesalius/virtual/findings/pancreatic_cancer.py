"""Cancer of the pancreas: ill-defined and dark, the duct above it wide."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Self

import numpy as np

from vesalius.virtual.anatomy.abdomen_lesions import FAT, FocalLesion
from vesalius.virtual.anatomy.parts import Anatomy, Part
from vesalius.virtual.anatomy.solids import Point, Tube
from vesalius.virtual.course import Course
from vesalius.virtual.findings.base import Case, choose, lognormal, severity_of

__all__ = ["FINDING", "PancreaticCancer"]

_ROOM = ("pancreas head", "pancreas body", "pancreas tail", "pancreatic duct", "common bile duct", *FAT)


@dataclass(frozen=True, kw_only=True)
class PancreaticCancer(FocalLesion):
    """One tumour."""

    concept: ClassVar[str] = "pancreatic_cancer"
    code: ClassVar[str] = "700423003"
    course: ClassVar[Course] = Course(doubling_days=(60, 160))
    tissue: ClassVar[str] = "pancreatic_cancer"
    host: ClassVar[str] = "pancreas"

    duct_mm: float = 4.0
    """Diameter of the duct above the tumour."""

    @classmethod
    def draw(cls, rng: np.random.Generator, case: Case) -> tuple[Self, ...]:
        site = choose(rng, {"pancreas head": 0.65, "pancreas body": 0.2, "pancreas tail": 0.15})
        return (
            cls.shaped(rng, lognormal(rng, 29, 0.3, 14, 70), anatomy=site, softness=float(rng.uniform(0.12, 0.26)),
                       lobing=float(rng.uniform(0.04, 0.16)), duct_mm=float(rng.uniform(3.5, 9))),
        )  # fmt: skip

    @classmethod
    def grade(cls, diameter_mm: float) -> str:
        return severity_of(diameter_mm, (20, 40), ("small", "medium-sized", "large"))

    @property
    def attributes(self) -> Mapping[str, str]:
        duct = "normal" if self.anatomy == "pancreas tail" else "dilated"
        return {**super().attributes, "duct": duct}

    @property
    def room(self) -> tuple[str, ...]:
        return _ROOM

    def seated(self, anatomy: Anatomy, rng: np.random.Generator) -> Point:
        return anatomy.point_in(rng, self.anatomy, margin_mm=4.0)

    def parts(self, anatomy: Anatomy, rng: np.random.Generator) -> tuple[Part, ...]:
        centre = self.seated(anatomy, rng)
        tumour = self.body(self.solid(centre))
        return (*self._duct(anatomy, centre), tumour)

    def _duct(self, anatomy: Anatomy, centre: Point) -> tuple[Part, ...]:
        """The wide duct between tumour and tail."""
        duct = anatomy.solid("pancreatic duct")
        if self.anatomy == "pancreas tail" or not isinstance(duct, Tube):
            return ()
        above = [tuple(row) for row in duct.samples[:, :3] if row[0] > centre[0] + 0.3 * self.diameter_mm]
        if len(above) < 2:
            return ()
        points = tuple((float(x), float(y), float(z)) for x, y, z in above)
        wide = Tube(points, tuple(np.linspace(self.duct_mm / 2, self.duct_mm / 3, len(points)).tolist()), 1)
        return (Part(structure="pancreatic duct", solid=wide, tissue="bile", within=_ROOM[:4]),)


FINDING = PancreaticCancer
