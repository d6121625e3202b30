"""Acute pancreatitis: a swollen gland, inflamed fat round it, and dead parts where it is severe."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import ClassVar, Self

import numpy as np

from vesalius.virtual.anatomy.abdomen_lesions import AbdomenDisease, inflamed_fat
from vesalius.virtual.anatomy.parts import Anatomy, Part
from vesalius.virtual.anatomy.solids import Inset, Lumpy, Solid
from vesalius.virtual.course import Course
from vesalius.virtual.findings.base import Case, severity_of

__all__ = ["FINDING", "Pancreatitis"]

_GLAND = ("pancreas head", "pancreas body", "pancreas tail")
_NECROSIS_MM = 6.0


@dataclass(frozen=True, kw_only=True)
class Pancreatitis(AbdomenDisease):
    """An inflamed pancreas."""

    concept: ClassVar[str] = "pancreatitis"
    code: ClassVar[str] = "409774005"
    course: ClassVar[Course] = Course(clearing_days=(6, 30))

    swelling_mm: float
    """How far the surface moves outwards."""
    reach_mm: float
    """Of the inflamed fat."""
    necrosis: bool
    seed: int

    @classmethod
    def draw(cls, rng: np.random.Generator, case: Case) -> tuple[Self, ...]:
        reach = float(rng.uniform(8, 34))
        return (
            cls(swelling_mm=float(rng.uniform(3, 7)), reach_mm=reach,
                    necrosis=bool(reach > 20 and rng.random() < 0.6),
                seed=int(rng.integers(1 << 30)), anatomy="pancreas", severity=cls.grade(reach)),
        )  # fmt: skip

    @staticmethod
    def grade(reach_mm: float) -> str:
        """Return the grade by how far the fat is inflamed."""
        return severity_of(reach_mm, (15, 25))

    @property
    def attributes(self) -> Mapping[str, str]:
        return {"kind": "necrotizing" if self.necrosis else "edematous"}

    @property
    def visibility(self) -> float:
        return 0.5 * self.swelling_mm + 0.3 * self.reach_mm

    def scaled(self, factor: float) -> Self:
        reach = float(np.clip(self.reach_mm * factor, 2, 60))
        swelling = float(np.clip(self.swelling_mm * factor, 1, 12))
        return replace(self, reach_mm=reach, swelling_mm=swelling, severity=self.grade(reach))

    def reshape(self, anatomy: Anatomy) -> Anatomy:
        for name in _GLAND:
            anatomy = anatomy.changed(name, Inset(anatomy.solid(name), -self.swelling_mm))
        return anatomy

    def parts(self, anatomy: Anatomy, rng: np.random.Generator) -> tuple[Part, ...]:
        found: list[Part] = [inflamed_fat(anatomy.solid(name), self.reach_mm) for name in _GLAND]
        for name in _GLAND:
            gland = anatomy.solid(name)
            found.append(self._part(name, gland, "pancreas", "organ", 0.0))
            if self.necrosis:
                dead = Lumpy(Inset(gland, 0.5 * self.swelling_mm + 3), _NECROSIS_MM, 26.0, self.seed)
                found.append(self._part(name, dead, "necrotic_tumour", "necrosis", 1.0))
        return tuple(found)

    def _part(self, structure: str, solid: Solid, tissue: str, component: str, opacity: float) -> Part:
        return Part(structure=structure, solid=solid, tissue=tissue, within=(*_GLAND, "pancreatic duct"),
                opacity=opacity,
                    concept=self.concept, component=component)  # fmt: skip


FINDING = Pancreatitis
