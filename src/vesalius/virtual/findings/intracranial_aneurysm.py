"""Intracranial aneurysm: a sac at a fork of the circle of Willis."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, ClassVar, Self

import numpy as np

from vesalius.virtual.anatomy.head_brain import bent
from vesalius.virtual.anatomy.parts import Part
from vesalius.virtual.anatomy.solids import Ellipsoid, Point, Tube, Union
from vesalius.virtual.brain import BrainDisease, draw_direction, size_in
from vesalius.virtual.course import Course
from vesalius.virtual.findings.base import Case, choose, lognormal, severity_of

if TYPE_CHECKING:
    from vesalius.virtual.anatomy.parts import Anatomy

__all__ = ["FINDING", "IntracranialAneurysm"]

_SITES: dict[str, tuple[float, Point, Point]] = {
    "anterior communicating artery": (0.3, (0.5, -13, -12), (0.1, -0.8, 0.5)),
    "internal carotid artery": (0.3, (11, -2, -20), (-0.2, 0.9, -0.2)),
    "middle cerebral artery": (0.27, (37, 0, -9), (0.8, -0.3, -0.4)),
    "basilar artery": (0.13, (0, 9, -18), (0.05, -0.2, 1.0)),
}
"""Share, fork of the left and the usual way of the sac."""


@dataclass(frozen=True, kw_only=True)
class IntracranialAneurysm(BrainDisease):
    """One sac."""

    concept: ClassVar[str] = "intracranial_aneurysm"
    code: ClassVar[str] = "85659009"
    course: ClassVar[Course] = Course(doubling_days=(900, 6000))

    fork: Point
    """Where it arises, in the mean head."""
    way: Point
    """Unit vector to its dome."""
    dome_mm: float
    """Height of the sac."""
    width_mm: float
    neck_mm: float

    @classmethod
    def draw(cls, rng: np.random.Generator, case: Case) -> tuple[Self, ...]:
        site = choose(rng, {name: share for name, (share, _, _) in _SITES.items()})
        _, (x, y, z), usual = _SITES[site]
        sign = 1 if rng.random() < 0.5 else -1
        dome = lognormal(rng, 6, 0.42, 2.8, 22)
        way = np.asarray(usual) + 0.35 * np.asarray(draw_direction(rng))
        way /= np.linalg.norm(way)
        central = abs(x) < 5
        return (
            cls(laterality="midline" if central else "left" if sign > 0 else "right", anatomy=site,
                severity=severity_of(dome, (5, 12), ("small", "moderate", "large")), fork=(sign * x, y, z),
                way=(sign * float(way[0]), float(way[1]), float(way[2])), dome_mm=dome,
                width_mm=dome * float(rng.uniform(0.65, 1.0)), neck_mm=dome * float(rng.uniform(0.3, 0.65))),
        )  # fmt: skip

    @property
    def attributes(self) -> Mapping[str, str]:
        wide = self.dome_mm / self.neck_mm < 1.8
        return {"shape": "saccular", "neck": "wide-necked" if wide else "narrow-necked"}

    @property
    def sizes_mm(self) -> Mapping[str, float]:
        return {"dome": self.dome_mm, "width": self.width_mm, "neck": self.neck_mm}

    @property
    def visibility(self) -> float:
        return float(1.5 + 0.9 * self.dome_mm)

    def scaled(self, factor: float) -> Self:
        factor = min(factor, 30 / self.dome_mm)
        dome = self.dome_mm * factor
        return replace(self, dome_mm=dome, width_mm=self.width_mm * factor, neck_mm=self.neck_mm * factor,
                       severity=severity_of(dome, (5, 12), ("small", "moderate", "large")))  # fmt: skip

    def parts(self, anatomy: Anatomy, rng: np.random.Generator) -> tuple[Part, ...]:
        shape = size_in(anatomy)
        size, fork = shape.size, bent(self.fork, shape)
        dome, wide, neck = self.dome_mm / size, self.width_mm / size, self.neck_mm / size
        x, y, z = np.asarray(fork) + (0.55 * dome) * np.asarray(self.way)
        centre = (float(x), float(y), float(z))
        sac = Ellipsoid(centre, (0.5 * dome, 0.5 * wide, 0.5 * wide), self.way)
        stem = Tube((fork, centre), (0.5 * neck, 0.5 * neck))
        return (
            Part(structure="subarachnoid space", solid=Union((sac, stem)), tissue="artery", concept=self.concept,
                 component="sac"),
        )  # fmt: skip


FINDING = IntracranialAneurysm
