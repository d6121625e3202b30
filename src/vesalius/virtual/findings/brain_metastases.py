"""Brain metastases: round masses at the edge of grey and white matter, with much oedema for their size."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Self

import numpy as np

from vesalius.virtual.anatomy.head import LOBES, lobe_of
from vesalius.virtual.anatomy.head_lesions import MASS, draw_place
from vesalius.virtual.anatomy.parts import Part
from vesalius.virtual.anatomy.solids import Lumpy
from vesalius.virtual.brain import Lump, size_in
from vesalius.virtual.course import Course
from vesalius.virtual.findings.base import Case, choose, lognormal

if TYPE_CHECKING:
    from vesalius.virtual.anatomy.parts import Anatomy

__all__ = ["FINDING", "BrainMetastasis"]

_NUMBER = {"1": 0.35, "2": 0.2, "3": 0.14, "4": 0.1, "5": 0.08, "6": 0.05, "8": 0.05, "10": 0.03}


@dataclass(frozen=True, kw_only=True)
class BrainMetastasis(Lump):
    """One of the metastases."""

    concept: ClassVar[str] = "brain_metastases"
    code: ClassVar[str] = "128462008"
    course: ClassVar[Course] = Course(doubling_days=(25, 90), clearing_days=(40, 120), response=0.35)
    limits_mm: ClassVar[tuple[float, float]] = (10.0, 20.0)
    waves: ClassVar[tuple[float, float]] = (0.0, 0.08)
    contrast: ClassVar[float] = 5.0

    oedema_mm: float
    count: int
    """Of all metastases of the patient."""

    @classmethod
    def draw(cls, rng: np.random.Generator, case: Case) -> tuple[Self, ...]:
        count = int(choose(rng, _NUMBER))
        made: list[Self] = []
        while len(made) < count:
            diameter = lognormal(rng, 12, 0.45, 5, 38)
            centre = draw_place(rng, [name for name in LOBES if "insula" not in name], depth_mm=(4, 14))
            made.append(cls(**cls.lump_fields(rng, centre, diameter), anatomy=lobe_of(centre), count=count,
                            oedema_mm=float(rng.uniform(0.25, 0.8)) * diameter))  # fmt: skip
        return tuple(made)

    @property
    def attributes(self) -> Mapping[str, str]:
        return {"count": str(self.count), "number": "solitary" if self.count == 1 else "multiple",
                "enhancement": "ring-enhancing" if self.diameter_mm > 14 else "nodular-enhancing"}  # fmt: skip

    def reshape(self, anatomy: Anatomy) -> Anatomy:
        if self.diameter_mm < 18:
            return anatomy
        return self.pushed(anatomy, 0.8 * self.ellipsoid_ml + 0.3 * self.oedema_mm)

    def parts(self, anatomy: Anatomy, rng: np.random.Generator) -> tuple[Part, ...]:
        shape = size_in(anatomy)
        halo = self.body(shape, share=1 + 2 * self.oedema_mm / self.diameter_mm)
        found = [
            self.part(Lumpy(halo, 0.35 * self.oedema_mm, 13.0, seed=self.seed + 7), "brain_oedema", "oedema",
                      ("cerebral white matter",), soft=1.2),
            self.part(self.body(shape), "brain_metastasis", "rim", MASS),
        ]  # fmt: skip
        if self.diameter_mm > 14:
            share = 1 - 2 * (2.5 + 0.06 * self.diameter_mm) / self.diameter_mm
            found.append(self.part(self.body(shape, share=share), "tumour_necrosis", "core", MASS))
        return tuple(found)


FINDING = BrainMetastasis
