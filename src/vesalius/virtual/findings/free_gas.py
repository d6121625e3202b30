"""Free gas in the abdomen: a dark crescent between the dome and the liver of an upright patient."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import ClassVar, Self

import numpy as np

from vesalius.virtual.anatomy.parts import Anatomy, Part
from vesalius.virtual.anatomy.thorax_marked import free_gas_parts
from vesalius.virtual.body import SIDES, Side
from vesalius.virtual.course import Course
from vesalius.virtual.findings.base import Case, lognormal, severity_of
from vesalius.virtual.radiograph import beam
from vesalius.virtual.radiograph.camera import Array
from vesalius.virtual.radiograph.canvas import Canvas
from vesalius.virtual.radiograph.disease import ChestDisease
from vesalius.virtual.radiograph.mediastinum import meet
from vesalius.virtual.radiograph.shapes import Ellipsoid, Interval

__all__ = ["FINDING", "FreeGas"]

_DIAPHRAGM_MM = 3.0
_SEEN_MM = 8.0
"""Gas shorter than this along a ray is not told from the dome."""


@dataclass(frozen=True, kw_only=True)
class FreeGas(ChestDisease):
    """Gas under one or both domes."""

    concept: ClassVar[str] = "free_gas"
    code: ClassVar[str] = "16838000"
    course: ClassVar[Course] = Course(clearing_days=(2, 6))

    gap_mm: float
    """Height of the crescent at the top of the dome."""

    @classmethod
    def draw(cls, rng: np.random.Generator, case: Case) -> tuple[Self, ...]:
        gap = lognormal(rng, 9, 0.45, 3, 28)
        both = rng.random() < 0.35
        return (cls(laterality="bilateral" if both else "right", anatomy="subphrenic space", severity=_grade(gap),
                    gap_mm=gap),)  # fmt: skip

    @property
    def attributes(self) -> Mapping[str, str]:
        return {"shape": "crescent"}

    @property
    def sizes_mm(self) -> Mapping[str, float]:
        return {"gap": self.gap_mm}

    @property
    def visibility(self) -> float:
        return 1.8 + 0.55 * self.gap_mm

    def scaled(self, factor: float) -> Self:
        gap = self.gap_mm * factor
        return replace(self, gap_mm=gap, severity=_grade(gap))

    def parts(self, anatomy: Anatomy, rng: np.random.Generator) -> tuple[Part, ...]:
        sides = SIDES if self.laterality == "bilateral" else SIDES[:1]
        return free_gas_parts(anatomy, self.concept, sides, self.gap_mm)

    def paint(self, canvas: Canvas, rng: np.random.Generator, instance: int) -> None:
        sides = SIDES if self.laterality == "bilateral" else SIDES[:1]
        gas = np.zeros_like(canvas.soft)
        for side in sides:
            gas += self._gas(canvas, side)
        canvas.soft -= gas * np.float32(0.1 * beam.SOFT_DENSITY)
        canvas.mark(self.concept, self.anatomy, gas > min(_SEEN_MM, 0.35 * float(gas.max())), instance)

    def _gas(self, canvas: Canvas, side: Side) -> Array:
        """Depth of gas along every ray, mm: between the dome and what has sunk below it.

        Of a patient on his back the gas lies in front, as a thin layer that no ray meets along its edge.
        """
        dome = canvas.chest.domes[SIDES.index(side)]
        roof = Ellipsoid(dome.centre, dome.axes - _DIAPHRAGM_MM, dome.rotation)
        if canvas.chest.supine:
            sunk = roof.centre + np.array([0.0, 0.6 * self.gap_mm, 0.0])
            floor = Ellipsoid(sunk, roof.axes, roof.rotation)
        else:
            # Wider and lower: the two surfaces meet where the crescent ends.
            grown = np.array([1.10, 1.10, 1.0]) * roof.axes
            floor = Ellipsoid(roof.centre - np.array([0.0, 0.0, self.gap_mm]), grown, roof.rotation)
        outer, inner = meet(canvas.camera, roof), meet(canvas.camera, floor)
        return _depth(outer) - _depth(_shared(outer, inner))


def _shared(one: Interval, other: Interval) -> Interval:
    return Interval(np.maximum(one.front, other.front), np.minimum(one.back, other.back))


def _depth(interval: Interval) -> Array:
    depth: Array = np.maximum(interval.back - interval.front, 0)
    return depth


def _grade(gap_mm: float) -> str:
    return severity_of(gap_mm, (6, 14), ("small", "moderate", "large"))


FINDING = FreeGas
