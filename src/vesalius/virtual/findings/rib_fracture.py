"""Rib fracture: a step and a gap in the cortex, or callus where it heals."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import ClassVar, Self

import numpy as np

from vesalius.virtual.anatomy.parts import Anatomy, Part
from vesalius.virtual.anatomy.thorax_lesions import broken_rib_parts
from vesalius.virtual.body import Side
from vesalius.virtual.findings.base import Case, choose
from vesalius.virtual.radiograph.canvas import Canvas
from vesalius.virtual.radiograph.disease import ChestDisease
from vesalius.virtual.radiograph.skeleton import Break, rib_curve

__all__ = ["FINDING", "RibFracture"]

_HEALING_DAYS = 60.0
"""Time to a full callus."""
_REACH_MM = 12.0
"""Half side of the region about a fracture."""


@dataclass(frozen=True, kw_only=True)
class RibFracture(ChestDisease):
    """One to four neighbouring ribs of one side."""

    concept: ClassVar[str] = "rib_fracture"

    ribs: tuple[int, ...]
    place: tuple[float, ...]
    """Share of each rib's course from the spine."""
    step_mm: float
    gap_mm: float
    callus: float
    """0 acute … 1 healed."""

    @classmethod
    def draw(cls, rng: np.random.Generator, case: Case) -> tuple[Self, ...]:
        side = choose(rng, {"right": 0.5, "left": 0.5})
        count = int(choose(rng, {"1": 0.4, "2": 0.3, "3": 0.2, "4": 0.1}))
        first = int(rng.integers(4, 10 - count + 1))
        place = float(rng.uniform(0.28, 0.66))
        healed = rng.random() < 0.35
        jitter = rng.normal(0, 0.02, 4)
        step = float(rng.uniform(2.5, 8))
        return (
            cls(laterality="right" if side == "right" else "left", anatomy=f"{side} ribs",
                severity=_grade(step * (0.4 if healed else 1)),
                ribs=tuple(range(first, first + count)), place=tuple(place + float(jitter[i]) for i in range(count)),
                step_mm=step * (0.4 if healed else 1), gap_mm=float(rng.uniform(1.5, 4.5)),
                callus=float(rng.uniform(0.6, 1.0)) if healed else 0.0),
        )  # fmt: skip

    @property
    def attributes(self) -> Mapping[str, str]:
        return {"age": "healing" if self.callus else "acute", "count": str(len(self.ribs))}

    @property
    def visibility(self) -> float:
        return 1.6 + 0.55 * self.step_mm + 0.7 * len(self.ribs) + 2.2 * self.callus

    @property
    def side(self) -> Side:
        """Side of the ribs."""
        return "right" if self.laterality == "right" else "left"

    def breaks(self) -> tuple[Break, ...]:
        return tuple(
            Break(self.side, rib, place, self.step_mm, self.gap_mm, self.callus)
            for rib, place in zip(self.ribs, self.place, strict=True)
        )

    def parts(self, anatomy: Anatomy, rng: np.random.Generator) -> tuple[Part, ...]:
        return tuple(part for crack in self.breaks() for part in broken_rib_parts(anatomy, self.concept, crack))

    def scaled(self, factor: float) -> Self:
        step = self.step_mm * factor
        return replace(self, step_mm=step, gap_mm=self.gap_mm * factor, severity=_grade(step))

    def at(self, days: float, pace: float) -> Self | None:
        """Callus grows within weeks; the bone keeps its step."""
        return replace(self, callus=min(1.0, self.callus + days / (_HEALING_DAYS * (0.7 + 0.6 * pace))))

    def paint(self, canvas: Canvas, rng: np.random.Generator, instance: int) -> None:
        camera = canvas.camera
        for rib, place in zip(self.ribs, self.place, strict=True):
            curve = rib_curve(canvas.chest, self.side, rib, 1.0)
            u, v = camera.project(curve[int(place * (len(curve) - 1))])
            near_u, near_v = np.abs(camera.u - u) < _REACH_MM, np.abs(camera.v - v) < _REACH_MM
            canvas.mark(self.concept, f"{self.side} rib {rib}", near_v[:, None] & near_u[None, :], instance)


def _grade(step_mm: float) -> str:
    return "displaced" if step_mm >= 4 else "undisplaced"


FINDING = RibFracture
