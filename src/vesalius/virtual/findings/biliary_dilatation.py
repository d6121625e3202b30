"""Dilated bile ducts: the common duct, and tubes beside the portal branches in the liver."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import ClassVar, Self

import numpy as np

from vesalius.virtual.anatomy.abdomen_lesions import AbdomenDisease
from vesalius.virtual.anatomy.parts import Anatomy, Part
from vesalius.virtual.anatomy.solids import Solid, Tube, Union
from vesalius.virtual.course import Course
from vesalius.virtual.findings.base import Case, lognormal, severity_of

__all__ = ["FINDING", "BiliaryDilatation"]


@dataclass(frozen=True, kw_only=True)
class BiliaryDilatation(AbdomenDisease):
    """Dilatation of the common duct, and of those in the liver where it is wide."""

    concept: ClassVar[str] = "biliary_dilatation"
    code: ClassVar[str] = "25322007"
    course: ClassVar[Course] = Course(clearing_days=(10, 60))

    diameter_mm: float
    intrahepatic: bool

    @classmethod
    def draw(cls, rng: np.random.Generator, case: Case) -> tuple[Self, ...]:
        size = lognormal(rng, 11, 0.28, 8, 22)
        return (cls(diameter_mm=size, intrahepatic=bool(size > 10 and rng.random() < 0.8), anatomy="common bile duct",
                    severity=severity_of(size, (10, 14))),)  # fmt: skip

    @property
    def attributes(self) -> Mapping[str, str]:
        return {"extent": "intrahepatic and extrahepatic" if self.intrahepatic else "extrahepatic"}

    @property
    def sizes_mm(self) -> Mapping[str, float]:
        return {"common bile duct diameter": self.diameter_mm}

    @property
    def visibility(self) -> float:
        return 1.3 * (self.diameter_mm - 4)

    def scaled(self, factor: float) -> Self:
        size = float(np.clip(self.diameter_mm * factor, 4, 30))
        return replace(
            self, diameter_mm=size, intrahepatic=self.intrahepatic and size > 9, severity=severity_of(size, (10, 14))
        )

    def reshape(self, anatomy: Anatomy) -> Anatomy:
        duct = anatomy.solid("common bile duct")
        assert isinstance(duct, Tube)
        radius = self.diameter_mm / 2
        return anatomy.changed("common bile duct", replace(duct, radii=(0.8 * radius, radius, radius)))

    def parts(self, anatomy: Anatomy, rng: np.random.Generator) -> tuple[Part, ...]:
        duct = anatomy.solid("common bile duct")
        found = [self._part(duct, "common bile duct")]
        if self.intrahepatic:
            branches = anatomy.solid("portal vein branches")
            assert isinstance(branches, Union)
            width = 0.12 * self.diameter_mm + 0.6
            tubes = [_beside(tube, width) for tube in branches.solids if isinstance(tube, Tube)]
            found += [self._part(tube, "liver") for tube in tubes]
        return tuple(found)

    def _part(self, tube: Solid, structure: str) -> Part:
        return Part(structure=structure, solid=tube, tissue="bile", concept=self.concept, component="ducts")


def _beside(vein: Tube, radius_mm: float) -> Tube:
    """A duct in front of a vein and above it."""
    points = tuple(
        (x, y - radius - radius_mm, z + 0.5 * radius)
        for (x, y, z), radius in zip(vein.points, vein.radii, strict=True)
    )
    taper = tuple(radius_mm * radius / max(vein.radii) for radius in vein.radii)
    return Tube(points, taper, vein.steps)


FINDING = BiliaryDilatation
