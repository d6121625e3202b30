"""Appendicitis: a wide appendix with a thick wall, inflamed fat round it, sometimes with a stone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import ClassVar, Self

import numpy as np

from vesalius.virtual.anatomy.abdomen_lesions import FAT, AbdomenDisease, inflamed_fat
from vesalius.virtual.anatomy.parts import Anatomy, Part
from vesalius.virtual.anatomy.solids import Ellipsoid, Inset, Tube
from vesalius.virtual.course import Course
from vesalius.virtual.findings.base import Case, lognormal, severity_of

__all__ = ["FINDING", "Appendicitis"]

_ROOM = ("appendix", "caecum", "caecum lumen", "small bowel", "small bowel lumen", "small bowel gas",
         "right psoas muscle", "right iliacus muscle", *FAT)  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Appendicitis(AbdomenDisease):
    """An inflamed appendix."""

    concept: ClassVar[str] = "appendicitis"
    code: ClassVar[str] = "409774005"
    course: ClassVar[Course] = Course(clearing_days=(3, 12))

    diameter_mm: float
    """Outer."""
    stone: bool
    reach_mm: float
    """Of the inflamed fat."""

    @classmethod
    def draw(cls, rng: np.random.Generator, case: Case) -> tuple[Self, ...]:
        size = lognormal(rng, 10.5, 0.2, 7.2, 16)
        return (
            cls(diameter_mm=size, stone=bool(rng.random() < 0.3), reach_mm=float(rng.uniform(6, 22)),
                    anatomy="appendix",
                laterality="right", severity=cls.grade(size)),
        )  # fmt: skip

    @staticmethod
    def grade(diameter_mm: float) -> str:
        """Return the grade by outer diameter."""
        return severity_of(diameter_mm, (9, 12))

    @property
    def attributes(self) -> Mapping[str, str]:
        return {"stone": "with appendicolith" if self.stone else "without appendicolith"}

    @property
    def sizes_mm(self) -> Mapping[str, float]:
        return {"outer diameter": self.diameter_mm}

    @property
    def visibility(self) -> float:
        return 0.7 * (self.diameter_mm - 5) + 0.15 * self.reach_mm

    def scaled(self, factor: float) -> Self:
        size = float(np.clip(self.diameter_mm * factor, 3, 25))
        return replace(self, diameter_mm=size, reach_mm=self.reach_mm * factor, severity=self.grade(size))

    def parts(self, anatomy: Anatomy, rng: np.random.Generator) -> tuple[Part, ...]:
        healthy = anatomy.solid("appendix")
        assert isinstance(healthy, Tube)
        wide = Tube(healthy.points, (self.diameter_mm / 2,) * len(healthy.points), healthy.steps)
        wall = float(np.clip(0.28 * self.diameter_mm, 2, 4))
        parts = [
            inflamed_fat(wide, self.reach_mm),
            self._part(Inset(wide, 0.0), "gallbladder_wall", "wall"),
            self._part(Inset(wide, wall), "ascites", "lumen"),
        ]
        if self.stone:
            stone = Ellipsoid(healthy.place(float(rng.uniform(0.1, 0.5))), (3.0, 2.2, 2.2))
            parts.append(self._part(stone, "calcification", "stone"))
        return tuple(parts)

    def _part(self, solid: Tube | Inset | Ellipsoid, tissue: str, component: str) -> Part:
        return Part(
            structure="appendix", solid=solid, tissue=tissue, within=_ROOM, concept=self.concept, component=component
        )


FINDING = Appendicitis
