"""Subdural haematoma: a crescent between dura and brain that does not cross the falx."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, ClassVar, Self

import numpy as np

from vesalius.virtual.anatomy.head_lesions import CEREBRUM, Crescent, wall_point
from vesalius.virtual.anatomy.head_skull import CAVITY
from vesalius.virtual.anatomy.parts import Part
from vesalius.virtual.anatomy.pushes import Pressure
from vesalius.virtual.anatomy.solids import Point
from vesalius.virtual.brain import BrainDisease, head, size_in
from vesalius.virtual.findings.base import Case, choose, lognormal, severity_of

if TYPE_CHECKING:
    from vesalius.virtual.anatomy.parts import Anatomy

__all__ = ["EXTRA_AXIAL", "FINDING", "SubduralHaematoma", "sidewards"]

_STAGES = {
    "acute": ("blood_acute", 1.0),
    "subacute": ("blood_late_subacute", 9.0),
    "chronic": ("blood_chronic", 30.0),
}
"""Tissue and days."""
EXTRA_AXIAL = ("subarachnoid space", "dura mater", "inner table", *CEREBRUM)
"""Structures that blood under the skull takes room of."""


@dataclass(frozen=True, kw_only=True)
class SubduralHaematoma(BrainDisease):
    """Blood of one side."""

    concept: ClassVar[str] = "subdural_haematoma"
    code: ClassVar[str] = "35566002"

    outwards: Point
    """Unit vector to its middle."""
    thickness_mm: float
    width_mm: tuple[float, float]
    age_days: float

    @classmethod
    def draw(cls, rng: np.random.Generator, case: Case) -> tuple[Self, ...]:
        sides = choose(rng, {"left": 0.4, "right": 0.4, "both": 0.2})
        stage = choose(rng, {"acute": 0.45, "subacute": 0.25, "chronic": 0.3})
        made = []
        for side in ("right", "left") if sides == "both" else (sides,):
            thickness = lognormal(rng, 11, 0.4, 5, 25)
            made.append(
                cls(laterality="left" if side == "left" else "right", anatomy="cerebral convexity",
                    severity=severity_of(thickness, (10, 15), ("thin", "moderate", "large")),
                    outwards=sidewards(rng, side, (-0.35, 0.3), (0.0, 0.35)), thickness_mm=thickness,
                    width_mm=(float(rng.uniform(55, 78)), float(rng.uniform(42, 58))),
                    age_days=_STAGES[stage][1] * float(rng.uniform(0.6, 1.4)))
            )  # fmt: skip
        return tuple(made)

    @property
    def stage(self) -> str:
        """Age of the blood in words."""
        return tuple(_STAGES)[sum(self.age_days >= limit for limit in (4, 20))]

    @property
    def attributes(self) -> Mapping[str, str]:
        return {"stage": self.stage, "shape": "crescentic"}

    @property
    def sizes_mm(self) -> Mapping[str, float]:
        return {"thickness": self.thickness_mm}

    @property
    def visibility(self) -> float:
        return 1.5 + 0.55 * self.thickness_mm

    def scaled(self, factor: float) -> Self:
        thick = self.thickness_mm * factor
        return replace(self, thickness_mm=thick, severity=severity_of(thick, (10, 15), ("thin", "moderate", "large")))

    def at(self, days: float, pace: float) -> Self | None:
        """Blood ages; after two weeks it is taken up with a time constant of 40 to 120 days."""
        aged = replace(self, age_days=self.age_days + days)
        size = float(np.exp(-max(0.0, aged.age_days - max(14.0, self.age_days)) / (40 * 3**pace)))
        return aged.scaled(size) if size > 0.25 else None

    def reshape(self, anatomy: Anatomy) -> Anatomy:
        found, shape = head(anatomy), size_in(anatomy)
        thick = max(0.0, self.thickness_mm / shape.size - 0.5 * shape.gap_mm)
        inwards = (-self.outwards[0], -self.outwards[1], -self.outwards[2])
        push = Pressure(wall_point(self.outwards), inwards, thick, self.width_mm, 128.0, CAVITY)
        return replace(found, pushes=(*found.pushes, push))

    def parts(self, anatomy: Anatomy, rng: np.random.Generator) -> tuple[Part, ...]:
        solid = Crescent(self.outwards, self.thickness_mm / size_in(anatomy).size, self.width_mm)
        return (
            Part(structure="subarachnoid space", solid=solid, tissue=_STAGES[self.stage][0], within=EXTRA_AXIAL,
                 concept=self.concept, component="haematoma", fixed=True),
        )  # fmt: skip


def sidewards(rng: np.random.Generator, side: str, along: tuple[float, float], up: tuple[float, float]) -> Point:
    """Draw a unit vector to a side, with ranges of its y and z parts against x."""
    way = np.array([1.0 if side == "left" else -1.0, rng.uniform(*along), rng.uniform(*up)])
    x, y, z = way / np.linalg.norm(way)
    return (float(x), float(y), float(z))


FINDING = SubduralHaematoma
