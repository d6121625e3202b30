"""Endotracheal tube: its tip belongs 30 to 70 mm above the carina."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar, Self

import numpy as np

from vesalius.virtual.course import Course
from vesalius.virtual.findings.base import Case
from vesalius.virtual.radiograph.airways import bronchus, carina, trachea_point
from vesalius.virtual.radiograph.chest import Chest
from vesalius.virtual.radiograph.devices import Device, Strand, cut
from vesalius.virtual.radiograph.disease import Distance

__all__ = ["FINDING", "EndotrachealTube"]

_RANGE_MM = (30.0, 70.0)


@dataclass(frozen=True, kw_only=True)
class EndotrachealTube(Device):
    """One tube, by the height of its tip over the carina."""

    concept: ClassVar[str] = "endotracheal_tube"
    code: ClassVar[str] = "26412008"
    course: ClassVar[Course] = Course(lasting_days=(2, 14))

    tip_mm: float
    """Above the carina along the airway; negative in the right main bronchus."""

    @classmethod
    def draw(cls, rng: np.random.Generator, case: Case) -> tuple[Self, ...]:
        usual = float(np.clip(rng.normal(50, 11), *_RANGE_MM))
        low, high = float(rng.uniform(-28, 18)), float(rng.uniform(80, 105))
        bad, which = rng.random() < 0.15, rng.random()
        return (
            cls(laterality="midline", anatomy="trachea", tip_mm=usual if not bad else low if which < 0.7 else high),
        )

    @property
    def position(self) -> str:
        return "correct" if _RANGE_MM[0] <= self.tip_mm <= _RANGE_MM[1] else "malposed"

    def strands(self, chest: Chest) -> Sequence[Strand]:
        fork = carina(chest)
        top = [trachea_point(chest, float(z)) for z in np.linspace(fork[2] + 170, fork[2], 12)]
        down = bronchus(chest, "right")[0][4::6]
        knots = np.concatenate([np.array(top), down])
        reach = float(np.linalg.norm(np.diff(np.array(top), axis=0), axis=1).sum()) - self.tip_mm
        return (Strand(cut(knots, reach), radius_mm=5.2, density=1.1, wall_mm=1.4, stripe=True),)

    def distances(self, chest: Chest) -> Mapping[str, Distance]:
        tip = self.strands(chest)[0].knots[-1]
        return {"endotracheal_tube_tip_to_carina": Distance(self.tip_mm, np.stack([tip, carina(chest)]))}


FINDING = EndotrachealTube
