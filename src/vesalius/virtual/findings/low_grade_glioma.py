"""Low-grade glioma: a diffuse, even mass without oedema that takes up no contrast."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Self

import numpy as np

from vesalius.virtual.anatomy.head import lobe_of
from vesalius.virtual.anatomy.head_lesions import MASS, draw_place
from vesalius.virtual.anatomy.parts import Part
from vesalius.virtual.brain import Lump, size_in
from vesalius.virtual.course import Course
from vesalius.virtual.findings.base import Case, choose, lognormal

if TYPE_CHECKING:
    from vesalius.virtual.anatomy.parts import Anatomy

__all__ = ["FINDING", "LowGradeGlioma"]

_LOBES = {"frontal lobe": 0.45, "insula": 0.25, "temporal lobe": 0.2, "parietal lobe": 0.1}


@dataclass(frozen=True, kw_only=True)
class LowGradeGlioma(Lump):
    """One tumour."""

    concept: ClassVar[str] = "low_grade_glioma"
    code: ClassVar[str] = "108369006"
    course: ClassVar[Course] = Course(doubling_days=(700, 2000))
    limits_mm: ClassVar[tuple[float, float]] = (30.0, 50.0)
    waves: ClassVar[tuple[float, float]] = (0.05, 0.15)
    contrast: ClassVar[float] = 3.2

    blur_mm: float
    """Width of the margin."""

    @classmethod
    def draw(cls, rng: np.random.Generator, case: Case) -> tuple[Self, ...]:
        lobe = f"{choose(rng, {'left': 0.5, 'right': 0.5})} {choose(rng, _LOBES)}"
        diameter = lognormal(rng, 45, 0.3, 20, 75)
        centre = draw_place(rng, [lobe], depth_mm=(6, 60), aside_mm=12)
        return (
            cls(**cls.lump_fields(rng, centre, diameter), anatomy=lobe_of(centre), blur_mm=float(rng.uniform(1, 3))),
        )

    @property
    def attributes(self) -> Mapping[str, str]:
        # Soft edges of a sigmoid of width w: below 0.05 of the radius sharp, above 0.15 ill-defined.
        share = 2 * self.blur_mm / self.diameter_mm
        edge = "well-defined" if share < 0.05 else "slightly blurred" if share < 0.15 else "ill-defined"
        return {"margin": edge, "enhancement": "non-enhancing"}

    def reshape(self, anatomy: Anatomy) -> Anatomy:
        return self.pushed(anatomy, 0.35 * self.ellipsoid_ml)

    def parts(self, anatomy: Anatomy, rng: np.random.Generator) -> tuple[Part, ...]:
        solid = self.body(size_in(anatomy))
        return (self.part(solid, "low_grade_glioma", "tumour", MASS, soft=self.blur_mm, opacity=0.9),)


FINDING = LowGradeGlioma
