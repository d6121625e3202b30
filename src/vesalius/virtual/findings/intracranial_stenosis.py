"""Intracranial stenosis: a narrow piece of an artery at the base of the brain."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, ClassVar, Self

import numpy as np

from vesalius.virtual.anatomy.head_brain import artery, knots_of
from vesalius.virtual.anatomy.head_shape import HeadShape, Knot, tube
from vesalius.virtual.anatomy.parts import Part
from vesalius.virtual.anatomy.solids import Ellipsoid
from vesalius.virtual.brain import BrainDisease, size_in
from vesalius.virtual.course import Course
from vesalius.virtual.findings.base import Case, choose, severity_of

if TYPE_CHECKING:
    from vesalius.virtual.anatomy.parts import Anatomy

__all__ = ["FINDING", "IntracranialStenosis"]

_SITES = {"middle cerebral artery": 0.5, "internal carotid artery": 0.2, "basilar artery": 0.2,
          "posterior cerebral artery": 0.1}  # fmt: skip
_SPAN = {"middle cerebral artery": (0.12, 0.42), "internal carotid artery": (0.62, 0.9), "basilar artery": (0.3, 0.8),
         "posterior cerebral artery": (0.15, 0.5)}  # fmt: skip
"""Share of the way along the artery."""


@dataclass(frozen=True, kw_only=True)
class IntracranialStenosis(BrainDisease):
    """One narrow piece."""

    concept: ClassVar[str] = "intracranial_stenosis"
    code: ClassVar[str] = "415582006"
    course: ClassVar[Course] = Course()
    late: ClassVar[bool] = True

    along: float
    """Place as a share of the way along the artery."""
    narrowing: float
    """1 - smallest / usual diameter."""
    length_mm: float

    @classmethod
    def draw(cls, rng: np.random.Generator, case: Case) -> tuple[Self, ...]:
        site = choose(rng, _SITES)
        narrowing = float(rng.uniform(0.4, 0.97))
        side = "left" if rng.random() < 0.5 else "right"
        return (
            cls(laterality="midline" if site == "basilar artery" else "left" if side == "left" else "right",
                anatomy=site, severity=severity_of(narrowing, (0.5, 0.7)), narrowing=narrowing,
                along=float(rng.uniform(*_SPAN[site])), length_mm=float(rng.uniform(4, 12))),
        )  # fmt: skip

    @property
    def structure(self) -> str:
        """Name of the artery in the catalogue."""
        return self.anatomy if self.laterality == "midline" else f"{self.laterality} {self.anatomy}"

    @property
    def attributes(self) -> Mapping[str, str]:
        return {"percent": str(5 * round(20 * self.narrowing)), "extent": "focal" if self.length_mm < 8 else "long"}

    @property
    def sizes_mm(self) -> Mapping[str, float]:
        return {"length": self.length_mm}

    @property
    def visibility(self) -> float:
        return 10 * self.narrowing - 1

    def at(self, days: float, pace: float) -> Self | None:
        """Plaque grows by 0 to 6 points a year."""
        narrowing = min(0.99, self.narrowing + 0.06 * pace * days / 365)
        return replace(self, narrowing=narrowing, severity=severity_of(narrowing, (0.5, 0.7)))

    def _trunk(self, shape: HeadShape) -> tuple[tuple[Knot, ...], Knot]:
        """Knots of the narrowed artery and its narrowest place, with the radius that it should have."""
        line = tube(*knots_of(self.structure, shape), steps=12).samples
        step = np.linalg.norm(np.diff(line[:, :3], axis=0), axis=1)
        way = np.concatenate([[0], np.cumsum(step)])
        off = (way - self.along * way[-1]) / (0.5 * self.length_mm / shape.size)
        narrow = line.copy()
        narrow[:, 3] *= 1 - self.narrowing * np.exp(-(off**2) * 1.2)
        middle = int(np.abs(off).argmin())
        return tuple(_knot(row) for row in narrow), _knot(line[middle])

    def reshape(self, anatomy: Anatomy) -> Anatomy:
        trunk, _ = self._trunk(size_in(anatomy))
        return anatomy.changed(self.structure, artery(self.structure, size_in(anatomy), trunk))

    def parts(self, anatomy: Anatomy, rng: np.random.Generator) -> tuple[Part, ...]:
        """Return what marks the place: it adds nothing to the picture."""
        shape = size_in(anatomy)
        _, (x, y, z, radius) = self._trunk(shape)
        wide = max(radius + 0.6, 0.5 * self.length_mm / shape.size)
        return (
            Part(structure="subarachnoid space", solid=Ellipsoid((x, y, z), (wide,) * 3), tissue="csf", opacity=0.0,
                 concept=self.concept, component="segment"),
        )  # fmt: skip


def _knot(row: np.ndarray) -> Knot:
    x, y, z, radius = (float(value) for value in row)
    return (x, y, z, radius)


FINDING = IntracranialStenosis
