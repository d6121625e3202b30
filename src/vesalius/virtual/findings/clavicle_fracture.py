"""Clavicle fracture: a step in the middle third, or callus where it heals."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from vesalius.virtual.anatomy.parts import Anatomy, Part
from vesalius.virtual.anatomy.thorax_marked import broken_clavicle_parts
from vesalius.virtual.body import Side
from vesalius.virtual.findings.base import Case, choose
from vesalius.virtual.radiograph.canvas import Canvas
from vesalius.virtual.radiograph.chest import Chest
from vesalius.virtual.radiograph.disease import ChestDisease
from vesalius.virtual.radiograph.skeleton import CLAVICLE, Break, clavicle_curve

__all__ = ["FINDING", "ClavicleFracture"]

_REACH_MM = 20.0
"""Half side of the region about a fracture."""
_HEALING_DAYS = 70.0
"""Time to a full callus."""


@dataclass(frozen=True, kw_only=True)
class ClavicleFracture(ChestDisease):
    """One fracture."""

    concept: ClassVar[str] = "clavicle_fracture"

    place: float
    """Share of the bone's course from its medial end."""
    step_mm: float
    gap_mm: float
    callus: float
    """0 acute … 1 healed."""

    @classmethod
    def draw(cls, rng: np.random.Generator, case: Case) -> tuple[Self, ...]:
        side = choose(rng, {"right": 0.5, "left": 0.5})
        step = float(rng.uniform(2.5, 14))
        healed = rng.random() < 0.3
        return (
            cls(laterality="right" if side == "right" else "left", anatomy=f"{side} clavicle", severity=_grade(step),
                place=float(rng.uniform(0.4, 0.62)), step_mm=step, gap_mm=float(rng.uniform(2, 5)),
                callus=float(rng.uniform(0.5, 1.0)) if healed else 0.0),
        )  # fmt: skip

    @property
    def side(self) -> Side:
        """Side of the bone."""
        return "right" if self.laterality == "right" else "left"

    @property
    def attributes(self) -> Mapping[str, str]:
        return {"age": "healing" if self.callus else "acute"}

    @property
    def sizes_mm(self) -> Mapping[str, float]:
        return {"step": self.step_mm}

    @property
    def visibility(self) -> float:
        return 2.6 + 0.6 * self.step_mm + 1.5 * self.callus

    def scaled(self, factor: float) -> Self:
        step = self.step_mm * factor
        return replace(self, step_mm=step, severity=_grade(step))

    def at(self, days: float, pace: float) -> Self | None:
        return replace(self, callus=min(1.0, self.callus + days / (_HEALING_DAYS * (0.7 + 0.6 * pace))))

    def breaks(self) -> tuple[Break, ...]:
        return (Break(self.side, CLAVICLE, self.place, self.step_mm, self.gap_mm, self.callus),)

    def landmarks(self, chest: Chest) -> Mapping[str, NDArray[np.float64]]:
        curve = clavicle_curve(chest, self.side)
        return {"centre": curve[int(self.place * (len(curve) - 1))]}

    def parts(self, anatomy: Anatomy, rng: np.random.Generator) -> tuple[Part, ...]:
        return broken_clavicle_parts(anatomy, self.concept, self.breaks()[0])

    def paint(self, canvas: Canvas, rng: np.random.Generator, instance: int) -> None:
        u, v = canvas.camera.project(self.landmarks(canvas.chest)["centre"])
        near_u, near_v = np.abs(canvas.camera.u - u) < _REACH_MM, np.abs(canvas.camera.v - v) < _REACH_MM
        canvas.mark(self.concept, self.anatomy, near_v[:, None] & near_u[None, :], instance)


def _grade(step_mm: float) -> str:
    return "displaced" if step_mm >= 5 else "undisplaced"


FINDING = ClavicleFracture
