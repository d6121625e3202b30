"""Haemangioma of the liver: blood-filled, enhancing from nodules at the rim inwards."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Self

import numpy as np

from vesalius.virtual.anatomy.abdomen_lesions import FocalLesion, draw_segment
from vesalius.virtual.anatomy.parts import Anatomy, Part
from vesalius.virtual.anatomy.solids import Ellipsoid, Intersection, Union
from vesalius.virtual.findings.base import Case, lognormal, severity_of

__all__ = ["FINDING", "Haemangioma"]


@dataclass(frozen=True, kw_only=True)
class Haemangioma(FocalLesion):
    """One haemangioma."""

    concept: ClassVar[str] = "haemangioma"
    code: ClassVar[str] = "400210000"
    tissue: ClassVar[str] = "liver_haemangioma"

    @classmethod
    def draw(cls, rng: np.random.Generator, case: Case) -> tuple[Self, ...]:
        size = lognormal(rng, 22, 0.45, 9, 120)
        return (cls.shaped(rng, size, anatomy=draw_segment(rng, right=0.75), lobing=float(rng.uniform(0.08, 0.15))),)

    @classmethod
    def grade(cls, diameter_mm: float) -> str:
        return severity_of(diameter_mm, (20, 50), ("small", "medium-sized", "giant"))

    def parts(self, anatomy: Anatomy, rng: np.random.Generator) -> tuple[Part, ...]:
        whole = self.solid(centre := self.seated(anatomy, rng))
        radius = self.diameter_mm / 2
        nodules = []
        for _ in range(6):
            way = rng.standard_normal(3)
            out = 0.82 * np.mean(self.axes_mm) * way / np.linalg.norm(way)
            x, y, z = (float(v) for v in np.asarray(centre) + out)
            size = radius * float(rng.uniform(0.2, 0.36))
            nodules.append(Ellipsoid((x, y, z), (1.2 * size, size, 0.8 * size)))
        rim = Intersection((whole, Union(tuple(nodules), 0.2 * radius)))
        return (self.body(whole), self.body(rim, component="nodules", tissue="liver_haemangioma_rim"))


FINDING = Haemangioma
