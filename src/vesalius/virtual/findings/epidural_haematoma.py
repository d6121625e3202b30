"""Epidural haematoma: a lens of fresh blood between skull and dura."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, ClassVar, Self

import numpy as np

from vesalius.virtual.anatomy.head_lesions import wall_point
from vesalius.virtual.anatomy.head_skull import CAVITY
from vesalius.virtual.anatomy.parts import Part
from vesalius.virtual.anatomy.pushes import Pressure
from vesalius.virtual.anatomy.solids import Block, Ellipsoid, Intersection, Point, Solid
from vesalius.virtual.brain import BrainDisease, head, size_in
from vesalius.virtual.findings.base import Case, choose, lognormal, severity_of
from vesalius.virtual.findings.subdural_haematoma import EXTRA_AXIAL, sidewards

if TYPE_CHECKING:
    from vesalius.virtual.anatomy.parts import Anatomy

__all__ = ["FINDING", "EpiduralHaematoma"]


@dataclass(frozen=True, kw_only=True)
class EpiduralHaematoma(BrainDisease):
    """Blood of one side."""

    concept: ClassVar[str] = "epidural_haematoma"
    code: ClassVar[str] = "35566002"

    outwards: Point
    thickness_mm: float
    curve_mm: float
    """Radius of the inner surface."""
    fractured: bool
    """True where the skull over it is broken."""

    @classmethod
    def draw(cls, rng: np.random.Generator, case: Case) -> tuple[Self, ...]:
        side = choose(rng, {"left": 0.5, "right": 0.5})
        place = choose(rng, {"temporal": 0.7, "frontal": 0.15, "parietal": 0.15})
        along, up = {"temporal": ((-0.25, 0.15), (-0.3, -0.05)), "frontal": ((-1.3, -0.8), (0.1, 0.4)),
                     "parietal": ((0.5, 0.9), (0.3, 0.6))}[place]  # fmt: skip
        thickness = lognormal(rng, 18, 0.35, 8, 38)
        return (
            cls(laterality="left" if side == "left" else "right", anatomy=f"{place} convexity",
                severity=severity_of(thickness, (15, 25), ("small", "moderate", "large")),
                outwards=sidewards(rng, side, along, up), thickness_mm=thickness,
                curve_mm=float(rng.uniform(36, 50)), fractured=bool(rng.random() < 0.85)),
        )  # fmt: skip

    @property
    def attributes(self) -> Mapping[str, str]:
        return {
            "shape": "biconvex",
            "fracture": "with skull fracture" if self.fractured else "without skull fracture",
        }

    @property
    def sizes_mm(self) -> Mapping[str, float]:
        return {"thickness": self.thickness_mm}

    @property
    def visibility(self) -> float:
        return 2 + 0.5 * self.thickness_mm

    def scaled(self, factor: float) -> Self:
        thick = self.thickness_mm * factor
        return replace(
            self, thickness_mm=thick, severity=severity_of(thick, (15, 25), ("small", "moderate", "large"))
        )

    def reshape(self, anatomy: Anatomy) -> Anatomy:
        found, shape = head(anatomy), size_in(anatomy)
        inwards = (-self.outwards[0], -self.outwards[1], -self.outwards[2])
        wide = 0.62 * self.curve_mm
        push = Pressure(
            wall_point(self.outwards),
            inwards,
            max(0.0, self.thickness_mm / shape.size - 1),
            (wide, wide),
            128.0,
            CAVITY,
        )
        return replace(found, pushes=(*found.pushes, push))

    def parts(self, anatomy: Anatomy, rng: np.random.Generator) -> tuple[Part, ...]:
        found = [
            Part(structure="subarachnoid space", solid=Intersection((CAVITY, self._lens(size_in(anatomy).size))),
                 tissue="blood_acute", within=EXTRA_AXIAL, concept=self.concept, component="haematoma", fixed=True)
        ]  # fmt: skip
        if self.fractured:
            wall = np.asarray(wall_point(self.outwards)) + 3.5 * np.asarray(self.outwards)
            line = Block((float(wall[0]), float(wall[1]), float(wall[2])), (9.0, 0.8, 26.0), self.outwards)
            found.append(Part(structure="skull", solid=line, tissue="blood_acute", fixed=True, concept=self.concept,
                              within=("skull", "diploe", "inner table"), component="fracture"))  # fmt: skip
        return tuple(found)

    def _lens(self, size: float) -> Solid:
        """Ball from outside that reaches `thickness_mm` into the cavity."""
        out = self.curve_mm - self.thickness_mm / size
        x, y, z = np.asarray(wall_point(self.outwards)) + out * np.asarray(self.outwards)
        return Ellipsoid((float(x), float(y), float(z)), (self.curve_mm,) * 3)


FINDING = EpiduralHaematoma
