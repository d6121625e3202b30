"""Enlarged spleen: longer than 120 mm; it grows forward, down and to the middle."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import ClassVar, Self

import numpy as np

from vesalius.virtual.anatomy.abdomen_lesions import FAT, AbdomenDisease
from vesalius.virtual.anatomy.parts import Anatomy, Part
from vesalius.virtual.anatomy.solids import Ellipsoid, Lumpy
from vesalius.virtual.findings.base import Case, lognormal, severity_of

__all__ = ["FINDING", "Splenomegaly"]

_ROOM = (
    *FAT, "diaphragm", "left lung", "stomach", "stomach lumen", "stomach gas", "small bowel", "small bowel lumen",
    "small bowel gas", *(f"{part} colon{piece}" for part in ("descending", "transverse") for piece in ("", " lumen",
    " bubbles", " gas")),
)  # fmt: skip
"""What gives way to it; kidney and liver do not."""


@dataclass(frozen=True, kw_only=True)
class Splenomegaly(AbdomenDisease):
    """An enlarged spleen."""

    concept: ClassVar[str] = "splenomegaly"

    length_mm: float

    @classmethod
    def draw(cls, rng: np.random.Generator, case: Case) -> tuple[Self, ...]:
        length = lognormal(rng, 146, 0.13, 128, 220)
        return (cls(length_mm=length, anatomy="spleen", laterality="left", severity=cls.grade(length)),)

    @staticmethod
    def grade(length_mm: float) -> str:
        """Return the grade by length."""
        return severity_of(length_mm, (140, 170))

    @property
    def sizes_mm(self) -> Mapping[str, float]:
        return {"spleen length": self.length_mm}

    @property
    def visibility(self) -> float:
        return 3.5 + 0.14 * (self.length_mm - 120)

    def scaled(self, factor: float) -> Self:
        length = float(np.clip(self.length_mm * factor, 122, 240))
        return replace(self, length_mm=length, severity=self.grade(length))

    def reshape(self, anatomy: Anatomy) -> Anatomy:
        healthy = anatomy.solid("spleen")
        assert isinstance(healthy, Lumpy)
        assert isinstance(healthy.solid, Ellipsoid)
        egg = healthy.solid
        factor = self.length_mm / 2 / egg.axes[0]
        grown = [axis * factor - axis for axis in egg.axes]
        shift = 0.75 * grown[0] * egg.rotation[0] - 0.75 * grown[2] * egg.rotation[2]
        shift = shift + np.array([-0.25 * grown[0], -0.55 * grown[1], -0.1 * grown[0]])
        x, y, z = (float(value) for value in np.asarray(egg.centre) + shift)
        axes = (egg.axes[0] * factor, egg.axes[1] * factor, egg.axes[2] * factor)
        larger = replace(healthy, solid=Ellipsoid((x, y, z), axes, egg.direction))
        parts = [part for part in anatomy.parts if part.structure != "spleen"]
        spleen = next(part for part in anatomy.parts if part.structure == "spleen")
        place = next(i for i, part in enumerate(parts) if part.structure == "pancreas head")
        return replace(anatomy, parts=(*parts[:place], replace(spleen, solid=larger, within=_ROOM), *parts[place:]))

    def parts(self, anatomy: Anatomy, rng: np.random.Generator) -> tuple[Part, ...]:
        return (Part(structure="spleen", solid=anatomy.solid("spleen"), tissue="spleen", within=("spleen",),
                opacity=0.0,
                     concept=self.concept, component="organ"),)  # fmt: skip


FINDING = Splenomegaly
