"""Chest drain: a tube through the lateral wall into the pleural space."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from vesalius.virtual.body import SIDES, Side
from vesalius.virtual.course import Course
from vesalius.virtual.findings.base import Case
from vesalius.virtual.radiograph.chest import Chest, side_sign
from vesalius.virtual.radiograph.devices import Device, Strand, cut
from vesalius.virtual.radiograph.disease import Distance

__all__ = ["FINDING", "ChestDrain"]

_LEAST_MM = 60.0
"""The last side hole lies so far from the tip: less inside, and it is outside of the pleura."""
_HOLES_MM = (15.0, 35.0, 55.0)


@dataclass(frozen=True, kw_only=True)
class ChestDrain(Device):
    """One drain of one side, on its way up to air or down to fluid."""

    concept: ClassVar[str] = "chest_drain"
    course: ClassVar[Course] = Course(lasting_days=(2, 10))

    inside_mm: float
    """Length inside the pleural space."""
    target: str
    """"apex" or "base"."""
    entry: float
    """Height share of the entry, see `Chest.lung_point`."""
    calibre_mm: float

    @classmethod
    def draw(cls, rng: np.random.Generator, case: Case) -> tuple[Self, ...]:
        air, fluid = sorted(case.sides("pneumothorax")), sorted(case.sides("pleural_effusion"))
        pick, bad = int(rng.integers(2)), rng.random() < 0.12
        reach, short = float(rng.uniform(110, 190)), float(rng.uniform(15, 50))
        upward = rng.random() < 0.55
        side = (air or fluid or [SIDES[pick]])[0]
        target = "apex" if air or (upward and not fluid) else "base"
        return (
            cls(laterality="right" if side == "right" else "left", anatomy="pleural space",
                inside_mm=short if bad else reach, target=target, entry=float(rng.uniform(0.22, 0.38)),
                calibre_mm=float(rng.uniform(4.0, 9.0))),
        )  # fmt: skip

    @property
    def side(self) -> Side:
        """Side of the drain."""
        return "right" if self.laterality == "right" else "left"

    @property
    def attributes(self) -> Mapping[str, str]:
        return {"position": self.position, "course": "apical" if self.target == "apex" else "basal"}

    @property
    def position(self) -> str:
        return "correct" if self.inside_mm >= _LEAST_MM else "malposed"

    def _entry(self, chest: Chest) -> NDArray[np.float64]:
        return chest.lung_point(self.side, 1.0, 0.05, self.entry)

    def strands(self, chest: Chest) -> Sequence[Strand]:
        wall = self._entry(chest)
        thick = 14.0 + chest.body.fat_mm[1]
        out = [np.array([side_sign(self.side) * thick * k, 0.0, -12.0 * k]) for k in (2.2, 1.0)]
        if self.target == "apex":
            way = ((0.90, 0.15, self.entry + 0.08), (0.88, 0.15, 0.62), (0.72, 0.1, 0.84), (0.52, 0.0, 0.93))
        else:
            way = ((0.88, 0.35, self.entry - 0.04), (0.78, 0.6, 0.12), (0.55, 0.7, 0.03), (0.40, 0.6, 0.0))
        inner = [chest.lung_point(self.side, *place) for place in way]
        knots = np.stack([wall + out[0], wall + out[1], wall, *inner])
        outside = float(np.linalg.norm(np.diff(knots[:3], axis=0), axis=1).sum())
        return (Strand(cut(knots, outside + self.inside_mm), radius_mm=self.calibre_mm / 2, density=1.5,
                       wall_mm=1.2, stripe=True, holes=_HOLES_MM),)  # fmt: skip

    def distances(self, chest: Chest) -> Mapping[str, Distance]:
        ends = np.stack([self.strands(chest)[0].knots[-1], self._entry(chest)])
        return {"chest_drain_length_in_pleural_space": Distance(self.inside_mm, ends)}


FINDING = ChestDrain
