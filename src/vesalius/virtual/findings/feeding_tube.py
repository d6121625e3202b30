"""Feeding tube: through the oesophagus into the stomach, its tip at least 100 mm below the hiatus."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from vesalius.virtual.course import Course
from vesalius.virtual.findings.base import Case
from vesalius.virtual.radiograph.airways import bronchus, carina, trachea_point
from vesalius.virtual.radiograph.chest import Chest
from vesalius.virtual.radiograph.devices import Device, Strand, cut, length_to
from vesalius.virtual.radiograph.disease import Distance

__all__ = ["FINDING", "FeedingTube", "hiatus"]

_LEAST_MM = 100.0
# Oesophagus and stomach of the reference adult, mm; the stomach follows the left dome.
_DOWN = ((0, -16, 345), (0, -14, 300), (3, 10, 240), (4, 16, 190), (6, 11, 120), (18, -4, 72))
_STOMACH = ((30, -12, -22), (48, -20, -52), (50, -42, -84), (32, -60, -112), (4, -66, -122), (-18, -58, -112))


def hiatus(chest: Chest) -> NDArray[np.float64]:
    """Return the oesophageal hiatus, (3,), mm: just under the lower dome, left of the mid-line."""
    width, depth, _ = chest.scale
    return np.array([20.0 * width, -8.0 * depth, min(chest.dome_top("left"), chest.dome_top("right")) - 6])


@dataclass(frozen=True, kw_only=True)
class FeedingTube(Device):
    """One tube, by its way and how far its tip reaches."""

    concept: ClassVar[str] = "feeding_tube"
    code: ClassVar[str] = "25062003"
    course: ClassVar[Course] = Course(lasting_days=(3, 30))

    tip_mm: float
    """Below the hiatus along the tube; negative above it. In a bronchus below the carina."""
    bronchial: bool
    """True where it went down the airway."""

    @classmethod
    def draw(cls, rng: np.random.Generator, case: Case) -> tuple[Self, ...]:
        usual = float(rng.uniform(_LEAST_MM, 190))
        bad, bronchial = rng.random() < 0.15, rng.random() < 0.4
        short, deep = float(rng.uniform(-110, 60)), float(rng.uniform(25, 65))
        if not bad:
            return (cls(laterality="midline", anatomy="stomach", tip_mm=usual, bronchial=False),)
        if bronchial:
            return (cls(laterality="right", anatomy="right main bronchus", tip_mm=deep, bronchial=True),)
        place = "oesophagus" if short < 0 else "gastro-oesophageal junction"
        return (cls(laterality="midline", anatomy=place, tip_mm=short, bronchial=False),)

    @property
    def position(self) -> str:
        return "correct" if self.tip_mm >= _LEAST_MM and not self.bronchial else "malposed"

    def strands(self, chest: Chest) -> Sequence[Strand]:
        if self.bronchial:
            fork = carina(chest)
            top = np.array([trachea_point(chest, float(z)) for z in np.linspace(fork[2] + 170, fork[2], 10)])
            knots = np.concatenate([top, bronchus(chest, "right")[0][4::6]])
            reach = float(np.linalg.norm(np.diff(top, axis=0), axis=1).sum()) + self.tip_mm
        else:
            width, depth, _ = chest.scale
            low = np.array(_STOMACH, float) * [width, depth, 1.0]
            low[:, 2] += hiatus(chest)[2]
            above = np.array([knot for knot in _DOWN if knot[2] * chest.scale[2] > hiatus(chest)[2] + 25], float)
            knots = np.concatenate([above * chest.scale, hiatus(chest)[None], low])
            reach = length_to(knots, float(hiatus(chest)[2])) + self.tip_mm
        return (Strand(cut(knots, reach), radius_mm=2.2, density=3.0, wall_mm=0.7, stripe=True),)

    def distances(self, chest: Chest) -> Mapping[str, Distance]:
        tip = self.strands(chest)[0].knots[-1]
        if self.bronchial:
            return {"feeding_tube_tip_below_carina": Distance(self.tip_mm, np.stack([tip, carina(chest)]))}
        return {"feeding_tube_tip_below_hiatus": Distance(self.tip_mm, np.stack([tip, hiatus(chest)]))}


FINDING = FeedingTube
