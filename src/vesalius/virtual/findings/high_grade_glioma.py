"""High-grade glioma: a ring that takes up contrast round a necrotic core, in a wide oedema."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Self

import numpy as np

from vesalius.virtual.anatomy.head import lobe_of
from vesalius.virtual.anatomy.head_lesions import MASS, draw_place
from vesalius.virtual.anatomy.parts import Part
from vesalius.virtual.anatomy.solids import Lumpy
from vesalius.virtual.brain import Lump, size_in
from vesalius.virtual.course import Course
from vesalius.virtual.findings.base import Case, choose, lognormal, severity_of

if TYPE_CHECKING:
    from vesalius.virtual.anatomy.parts import Anatomy

__all__ = ["FINDING", "HighGradeGlioma"]

_LOBES = {"frontal lobe": 0.38, "temporal lobe": 0.32, "parietal lobe": 0.22, "occipital lobe": 0.08}


@dataclass(frozen=True, kw_only=True)
class HighGradeGlioma(Lump):
    """One tumour."""

    concept: ClassVar[str] = "high_grade_glioma"
    code: ClassVar[str] = "1163375002"
    course: ClassVar[Course] = Course(doubling_days=(20, 60), clearing_days=(80, 200), response=0.2)

    limits_mm: ClassVar[tuple[float, float]] = (30.0, 50.0)
    waves: ClassVar[tuple[float, float]] = (0.05, 0.15)

    rim_mm: float
    """Thickness of the ring."""
    oedema_mm: float
    """How far the oedema reaches into the white matter."""

    @classmethod
    def draw(cls, rng: np.random.Generator, case: Case) -> tuple[Self, ...]:
        lobe = f"{choose(rng, {'left': 0.5, 'right': 0.5})} {choose(rng, _LOBES)}"
        diameter = lognormal(rng, 45, 0.3, 22, 75)
        centre = draw_place(rng, [lobe], depth_mm=(min(0.42 * diameter, 18.0), 60))
        return (
            cls(**cls.lump_fields(rng, centre, diameter), anatomy=lobe_of(centre),
                rim_mm=float(rng.uniform(4, 9)), oedema_mm=float(rng.uniform(9, 26))),
        )  # fmt: skip

    @property
    def attributes(self) -> Mapping[str, str]:
        core = self.diameter_mm * self.ratio / 2 > self.rim_mm + 4
        return {"margin": self.margin, "enhancement": "ring-enhancing" if core else "heterogeneously enhancing",
                "oedema": severity_of(self.oedema_mm, (12, 20), ("mild", "moderate", "extensive"))}  # fmt: skip

    def reshape(self, anatomy: Anatomy) -> Anatomy:
        return self.pushed(anatomy, 0.7 * self.ellipsoid_ml + 0.25 * self.oedema_mm)

    def parts(self, anatomy: Anatomy, rng: np.random.Generator) -> tuple[Part, ...]:
        shape = size_in(anatomy)
        whole = self.body(shape)
        reach = self.oedema_mm / shape.size
        share = max(0.0, 1 - 2 * self.rim_mm / (self.diameter_mm * self.ratio))
        found = [
            self.part(Lumpy(self.body(shape, share=1 + 2 * self.oedema_mm / self.diameter_mm), 0.4 * reach, 16.0,
                             seed=self.seed + 7), "brain_oedema", "oedema", ("cerebral white matter",), soft=1.5),
            self.part(whole, "high_grade_glioma", "rim", MASS, soft=0.6),
        ]  # fmt: skip
        if share > 0.25:
            core = self.body(shape, share=share, uneven=1.6)
            found.append(self.part(core, "tumour_necrosis", "core", MASS, soft=0.6))
        return tuple(found)


FINDING = HighGradeGlioma
