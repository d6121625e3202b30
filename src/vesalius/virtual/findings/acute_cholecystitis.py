"""Acute cholecystitis: a wide gallbladder with a thick wall, fluid beside it and inflamed fat round it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import ClassVar, Self

import numpy as np

from vesalius.virtual.anatomy.abdomen_lesions import FAT, LIVER_ROOM, AbdomenDisease, inflamed_fat
from vesalius.virtual.anatomy.parts import Anatomy, Part
from vesalius.virtual.anatomy.solids import Inset, Tube
from vesalius.virtual.course import Course
from vesalius.virtual.findings.base import Case, lognormal, severity_of

__all__ = ["FINDING", "AcuteCholecystitis"]


@dataclass(frozen=True, kw_only=True)
class AcuteCholecystitis(AbdomenDisease):
    """An inflamed gallbladder."""

    concept: ClassVar[str] = "acute_cholecystitis"
    code: ClassVar[str] = "409774005"
    course: ClassVar[Course] = Course(clearing_days=(5, 20))

    wall_mm: float
    width_mm: float
    fluid_mm: float
    """Layer of fluid round it; 0 where there is none."""

    @classmethod
    def draw(cls, rng: np.random.Generator, case: Case) -> tuple[Self, ...]:
        wall = lognormal(rng, 5.5, 0.28, 4, 12)
        fluid = float(rng.uniform(1.5, 4)) if rng.random() < 0.5 else 0.0
        return (cls(wall_mm=wall, width_mm=float(rng.uniform(38, 50)), fluid_mm=fluid, anatomy="gallbladder",
                    severity=cls.grade(wall)),)  # fmt: skip

    @staticmethod
    def grade(wall_mm: float) -> str:
        """Return the grade by the wall's thickness."""
        return severity_of(wall_mm, (5, 7.5))

    @property
    def attributes(self) -> Mapping[str, str]:
        return {"fluid": "pericholecystic fluid" if self.fluid_mm > 0 else "no pericholecystic fluid"}

    @property
    def sizes_mm(self) -> Mapping[str, float]:
        return {"wall thickness": self.wall_mm}

    @property
    def visibility(self) -> float:
        return 1.6 * (self.wall_mm - 1.5) + self.fluid_mm

    def scaled(self, factor: float) -> Self:
        wall = float(np.clip(self.wall_mm * factor, 2, 15))
        return replace(self, wall_mm=wall, severity=self.grade(wall))

    def reshape(self, anatomy: Anatomy) -> Anatomy:
        sac = anatomy.solid("gallbladder")
        assert isinstance(sac, Tube)
        factor = self.width_mm / 2 / max(sac.radii)
        wide = replace(sac, radii=tuple(radius * factor for radius in sac.radii))
        return anatomy.changed("gallbladder", wide).changed("gallbladder lumen", Inset(wide, self.wall_mm))

    def parts(self, anatomy: Anatomy, rng: np.random.Generator) -> tuple[Part, ...]:
        sac = anatomy.solid("gallbladder")
        found = [inflamed_fat(sac, 14.0)]
        if self.fluid_mm > 0:
            found.append(Part(structure="visceral fat", solid=Inset(sac, -self.fluid_mm), tissue="ascites",
                              within=(*FAT, *LIVER_ROOM)))  # fmt: skip
        mask = Part(structure="gallbladder", solid=sac, tissue="gallbladder_wall", within=("gallbladder",
                "gallbladder lumen"),
                    opacity=0.0, concept=self.concept, component="organ")  # fmt: skip
        return (*found, mask)


FINDING = AcuteCholecystitis
