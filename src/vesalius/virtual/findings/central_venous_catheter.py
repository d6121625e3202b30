"""Central venous catheter: its tip belongs to the junction of superior vena cava and right atrium."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from vesalius.virtual.course import Course
from vesalius.virtual.findings.base import Case, choose
from vesalius.virtual.radiograph.chest import Chest
from vesalius.virtual.radiograph.devices import Device, Strand, cut, length_to
from vesalius.virtual.radiograph.disease import Distance

__all__ = ["FINDING", "CentralVenousCatheter", "junction"]

_TOLERANCE_MM = 15.0
# Ways in, down to the superior vena cava, of the reference adult, mm.
_ROUTES: dict[str, tuple[tuple[float, float, float], ...]] = {
    "right internal jugular": ((-36, -24, 345), (-34, -24, 300), (-27, -26, 262)),
    "right subclavian": ((-118, -66, 242), (-90, -56, 250), (-58, -40, 254), (-36, -30, 248)),
    "left subclavian": ((118, -66, 242), (85, -56, 252), (48, -42, 252), (8, -42, 240), (-18, -36, 232)),
    "right arm": ((-178, -10, 170), (-160, -14, 226), (-120, -30, 252), (-70, -36, 258), (-38, -30, 250)),
}
_CAVA = ((-22, -28, 222), (-23, -25, 190), (-24, -25, 160), (-24, -30, 135), (-20, -38, 108), (-14, -40, 92))
_SIDE = {"right internal jugular": "right", "right subclavian": "right", "left subclavian": "left",
         "right arm": "right"}  # fmt: skip


def junction(chest: Chest) -> NDArray[np.float64]:
    """Return where the superior vena cava meets the right atrium: two vertebrae below the carina, (3,), mm."""
    place = chest.place(-24.0, -26.0, 155.0)
    place[0] += 0.35 * chest.shift_mm
    return place


@dataclass(frozen=True, kw_only=True)
class CentralVenousCatheter(Device):
    """One catheter, by its way in and the height of its tip."""

    concept: ClassVar[str] = "central_venous_catheter"
    code: ClassVar[str] = "52124006"
    course: ClassVar[Course] = Course(lasting_days=(5, 30))

    route: str
    tip_mm: float
    """Below the junction of vena cava and atrium; negative above it."""

    @classmethod
    def draw(cls, rng: np.random.Generator, case: Case) -> tuple[Self, ...]:
        route = choose(rng, {"right internal jugular": 0.55, "right subclavian": 0.17, "left subclavian": 0.1,
                             "right arm": 0.18})  # fmt: skip
        usual = float(np.clip(rng.normal(-3, 8), -_TOLERANCE_MM, _TOLERANCE_MM))
        deep, high = float(rng.uniform(25, 55)), float(rng.uniform(-75, -30))
        bad, which = rng.random() < 0.15, rng.random()
        side = _SIDE[route]
        return (cls(laterality="right" if side == "right" else "left", anatomy="superior vena cava", route=route,
                    tip_mm=usual if not bad else deep if which < 0.5 else high),)  # fmt: skip

    @property
    def attributes(self) -> Mapping[str, str]:
        return {"position": self.position, "access": self.route}

    @property
    def position(self) -> str:
        return "correct" if abs(self.tip_mm) <= _TOLERANCE_MM else "malposed"

    def strands(self, chest: Chest) -> Sequence[Strand]:
        knots = np.array([*_ROUTES[self.route], *_CAVA], float) * chest.scale
        knots[:, 0] += chest.shift_mm * np.clip((knots[:, 2] / chest.scale[2] - 130) / 80, 0, 1) * 0.8
        reach = length_to(knots, float(junction(chest)[2])) + self.tip_mm
        return (Strand(cut(knots, reach), radius_mm=1.15, density=8.0),)

    def distances(self, chest: Chest) -> Mapping[str, Distance]:
        tip = self.strands(chest)[0].knots[-1]
        ends = np.stack([tip, junction(chest)])
        return {"central_venous_catheter_tip_to_cavoatrial_junction": Distance(self.tip_mm, ends)}


FINDING = CentralVenousCatheter
