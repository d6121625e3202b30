"""Ischaemic infarct: the field of a vessel, or a lacune, from the first hours to the scar."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np

from vesalius.data.records import Laterality
from vesalius.virtual.anatomy.head_cortex import Cerebrum
from vesalius.virtual.anatomy.head_lesions import CEREBRUM, POSTERIOR_FOSSA, Sector, swelling, volume_ml
from vesalius.virtual.anatomy.parts import Part
from vesalius.virtual.anatomy.solids import Block, Ellipsoid, Intersection, Lumpy, Point, Solid
from vesalius.virtual.brain import BrainDisease, head, size_in
from vesalius.virtual.findings.base import Case, choose, lognormal, severity_of

if TYPE_CHECKING:
    from vesalius.virtual.anatomy.parts import Anatomy

__all__ = ["FINDING", "IschaemicInfarct"]

_SHARES = {"middle cerebral artery territory": 0.6, "posterior cerebral artery territory": 0.12,
           "anterior cerebral artery territory": 0.06, "lacunar": 0.15, "cerebellum": 0.07}  # fmt: skip
_STAGES = {"hyperacute": "infarct_hyperacute", "acute": "infarct_acute", "subacute": "infarct_subacute",
           "chronic": "infarct_chronic"}  # fmt: skip
# Left side: apex of the field and its box (centre, half sizes).
_FIELDS: dict[str, tuple[Point, Point, Point]] = {
    "middle cerebral artery territory": ((24, 2, 2), (47, 8, 18), (28, 55, 46)),
    "posterior cerebral artery territory": ((10, 40, 4), (30, 82, 8), (30, 32, 34)),
    "anterior cerebral artery territory": ((5, -12, 16), (10, -18, 40), (9.5, 52, 42)),
}
_WAYS: dict[str, tuple[Point, Point]] = {
    "middle cerebral artery territory": ((1.0, -0.7, -0.05), (1.0, 0.9, 0.7)),
    "posterior cerebral artery territory": ((0.15, 1.0, -0.1), (0.5, 1.0, 0.3)),
    "anterior cerebral artery territory": ((0.1, -0.8, 0.7), (0.25, 0.4, 1.0)),
}
_LACUNES: dict[str, Point] = {"thalamus": (11, 16, 8), "putamen": (26, 0, 4), "internal capsule": (20, 8, 8),
                              "corona radiata": (25, 8, 28)}  # fmt: skip
_ASPECTS: dict[str, Point] = {
    "C": (15, -10, 11), "L": (26, 0, 4), "IC": (20, 12, 7), "I": (37, 2, 2), "M1": (40, -34, 6), "M2": (52, 4, 2),
    "M3": (48, 38, 6), "M4": (40, -30, 32), "M5": (52, 4, 32), "M6": (46, 38, 32),
}  # fmt: skip
"""Middle of the ten regions on the left."""


@dataclass(frozen=True, kw_only=True)
class IschaemicInfarct(BrainDisease):
    """One infarct."""

    concept: ClassVar[str] = "ischaemic_infarct"
    code: ClassVar[str] = "230690007"

    place: Point
    """Apex of the field, or the centre."""
    outwards: Point
    half_angle_deg: float
    """Of a field; 0 of what is an ellipsoid."""
    diameter_mm: float
    """Of what is an ellipsoid."""
    age_days: float
    seed: int

    @classmethod
    def draw(cls, rng: np.random.Generator, case: Case) -> tuple[Self, ...]:
        kind = choose(rng, _SHARES)
        side: Laterality = "left" if rng.random() < 0.5 else "right"
        sign = 1.0 if side == "left" else -1.0
        days = choose(rng, {"0.1": 0.2, "1": 0.3, "4": 0.15, "12": 0.15, "120": 0.2})
        site, place, way, angle, diameter = _geometry(rng, kind)
        made = cls(
            laterality=side, anatomy=site, severity="", place=(sign * place[0], place[1], place[2]),
            outwards=(sign * way[0], way[1], way[2]), half_angle_deg=angle, diameter_mm=diameter,
            age_days=float(days) * float(rng.uniform(0.7, 1.4)), seed=int(rng.integers(2**31)),
        )  # fmt: skip
        return (made._graded(),)

    def _graded(self) -> Self:
        return replace(self, severity=severity_of(self.volume_ml, (10, 70), ("small", "moderate", "large")))

    @cached_property
    def volume_ml(self) -> float:
        """Volume in the mean head, of brain without sulci."""
        inside = None if self.anatomy == "cerebellum" else Cerebrum(2.5, 0.0, 1)
        return volume_ml(self._solid(1.0), step_mm=1.0 if self.half_angle_deg == 0 else 2.5, inside=inside)

    @property
    def stage(self) -> str:
        """Age in words."""
        return tuple(_STAGES)[sum(self.age_days >= limit for limit in (0.25, 7, 30))]

    @property
    def aspects(self) -> int | None:
        """10 less the regions of the middle cerebral artery whose middle is infarcted; None in other territories."""
        if "middle" not in self.anatomy:
            return None
        sign = 1 if self.laterality == "left" else -1
        solid = self._solid(1.0)
        return 10 - sum(solid.contains((sign * x, y, z)) for x, y, z in _ASPECTS.values())

    @property
    def attributes(self) -> Mapping[str, str]:
        diffusion = {
            "hyperacute": "restricted",
            "acute": "restricted",
            "subacute": "pseudonormal",
            "chronic": "facilitated",
        }
        return {
            "stage": self.stage,
            "diffusion": diffusion[self.stage],
            "shape": "wedge-shaped" if self.half_angle_deg else "round",
        }

    @property
    def sizes_mm(self) -> Mapping[str, float]:
        return {"diameter": self.diameter_mm} if self.half_angle_deg == 0 else {}

    @property
    def visibility(self) -> float:
        return float(2.5 + (self.volume_ml / 2) ** 0.5)

    def at(self, days: float, pace: float) -> Self | None:
        """Size stays, the stage changes."""
        return replace(self, age_days=self.age_days + days)

    def reshape(self, anatomy: Anatomy) -> Anatomy:
        swollen = self.volume_ml * {"hyperacute": 0.02, "acute": 0.14, "subacute": 0.06, "chronic": 0.0}[self.stage]
        if swollen < 1:
            return anatomy
        found = head(anatomy)
        assert found.shape is not None
        x, y, z = np.asarray(self.place) + 30 * np.asarray(self.outwards) * (self.half_angle_deg > 0)
        push = swelling((float(x), float(y), float(z)), swollen / found.shape.volume)
        return replace(found, pushes=(*found.pushes, push))

    def parts(self, anatomy: Anatomy, rng: np.random.Generator) -> tuple[Part, ...]:
        within = POSTERIOR_FOSSA if self.anatomy == "cerebellum" else CEREBRUM
        solid, stage = self._solid(size_in(anatomy).size), self.stage
        about: dict[str, Any] = {"structure": within[0], "within": within, "concept": self.concept}
        found = []
        if stage == "chronic":
            found.append(Part(solid=solid, tissue="gliosis", component="gliosis", softness_mm=1.5, **about))
            solid = Lumpy(solid, 1.0, 12.0, seed=self.seed + 3)
        found.append(Part(solid=solid, tissue=_STAGES[stage], component="core", softness_mm=0.8,
                          opacity=0.85 if stage == "chronic" else 0.95, **about))  # fmt: skip
        return tuple(found)

    def _solid(self, size: float) -> Solid:
        if self.half_angle_deg == 0:
            radius = self.diameter_mm / 2 / size
            ball = Ellipsoid(self.place, (radius, 0.8 * radius, 0.75 * radius), self.outwards)
            return ball if self.diameter_mm < 16 else Lumpy(ball, 0.12 * radius, radius, seed=self.seed)
        _, (x, y, z), half = _FIELDS[self.anatomy]
        sign = 1 if self.laterality == "left" else -1
        box = Block((sign * x, y, z), half, rounding_mm=6.0)
        return Intersection((Sector(self.place, self.outwards, self.half_angle_deg, self.seed), box))


def _geometry(rng: np.random.Generator, kind: str) -> tuple[str, Point, Point, float, float]:
    """Draw the site, place, direction, half angle and diameter of a kind, on the left."""
    if kind in _FIELDS:
        low, high = _WAYS[kind]
        way = rng.uniform(low, high)
        x, y, z = way / np.linalg.norm(way)
        return kind, _FIELDS[kind][0], (float(x), float(y), float(z)), float(rng.uniform(16, 42)), 0.0
    way = rng.standard_normal(3)
    x, y, z = (float(value) for value in way / np.linalg.norm(way))
    if kind == "cerebellum":
        place = (float(rng.uniform(18, 36)), float(rng.uniform(55, 76)), float(rng.uniform(-44, -24)))
        return kind, place, (x, y, z), 0.0, lognormal(rng, 28, 0.3, 14, 44)
    site = choose(rng, dict.fromkeys(_LACUNES, 1.0))
    a, b, c = (float(value) for value in np.asarray(_LACUNES[site]) + rng.normal(0, 1.5, 3))
    return site, (a, b, c), (x, y, z), 0.0, lognormal(rng, 8, 0.35, 4, 15)


FINDING = IschaemicInfarct
