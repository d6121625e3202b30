"""Pneumothorax: air between the wall and a lung that has drawn back, bounded by the thin visceral pleura."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import ClassVar, Self

import numpy as np

from vesalius.virtual.anatomy.parts import Anatomy, Part
from vesalius.virtual.anatomy.thorax_diffuse import pneumothorax_parts
from vesalius.virtual.body import Side
from vesalius.virtual.course import Course
from vesalius.virtual.findings.base import Case, choose, lognormal, severity_of
from vesalius.virtual.radiograph.camera import Camera
from vesalius.virtual.radiograph.canvas import Canvas, meet_outline
from vesalius.virtual.radiograph.chest import Chest, Outline, side_sign
from vesalius.virtual.radiograph.disease import ChestDisease
from vesalius.virtual.radiograph.shapes import Interval

__all__ = ["FINDING", "Pneumothorax"]

_AIR = 0.0012
_LINE_MM = 1.0
"""Thickness of the visceral pleura as it shows."""
_SEEN_MM = 12.0


@dataclass(frozen=True, kw_only=True)
class Pneumothorax(ChestDisease):
    """Air of one side, upright: widest at the apex."""

    concept: ClassVar[str] = "pneumothorax"
    code: ClassVar[str] = "36118008"
    course: ClassVar[Course] = Course(clearing_days=(6, 20))

    gap_mm: float
    """Distance from the wall to the visceral pleura at the apex."""

    @classmethod
    def draw(cls, rng: np.random.Generator, case: Case) -> tuple[Self, ...]:
        side = choose(rng, {"right": 0.55, "left": 0.45})
        gap = lognormal(rng, 24, 0.5, 9, 75)
        wet = case.sides("pleural_effusion")
        if side in wet:
            # Air and a meniscus are not on one side: there would be a level.
            side = "left" if side == "right" else "right"
        if side in wet:
            return ()
        grade = _grade(gap)
        return (cls(laterality="right" if side == "right" else "left", anatomy="pleural space", severity=grade,
                    gap_mm=gap),)  # fmt: skip

    @property
    def side(self) -> Side:
        """Side of the air."""
        return "right" if self.laterality == "right" else "left"

    @property
    def sizes_mm(self) -> Mapping[str, float]:
        return {"apical_gap": self.gap_mm}

    @property
    def visibility(self) -> float:
        return 1.5 + 0.28 * self.gap_mm

    def alter(self, chest: Chest, camera: Camera) -> Chest:
        if chest.supine:
            chest = self._deepened(chest)
        if self.gap_mm < 55:
            return chest
        push = 8 + 0.4 * (self.gap_mm - 55)
        return replace(chest, shift_mm=chest.shift_mm - side_sign(self.side) * push)

    def _deepened(self, chest: Chest) -> Chest:
        """Return the chest with a deep sulcus: air beside the dome presses it inwards and down."""
        domes = list(chest.domes)
        index = 0 if self.side == "right" else 1
        press = min(0.35 * self.gap_mm, 14.0)
        dome = domes[index]
        axes = dome.axes * np.array([1 - 0.006 * press, 1.0, 1.0])
        domes[index] = replace(dome, axes=axes, centre=dome.centre - np.array([0.0, 0.0, 0.4 * press]))
        return replace(chest, domes=(domes[0], domes[1]))

    def _fallen(self, cavity: Outline, thinner: float) -> Outline:
        """Outline of the lung of a patient on his back, less `thinner` mm: air lies in front and low at the side."""
        low = np.clip((cavity.z[-2] - cavity.z) / 230, 0, 1)
        width = np.maximum(np.sqrt(cavity.width2) - 0.55 * self.gap_mm * low**2 - thinner, 0)
        depth = np.maximum(np.sqrt(cavity.depth2) - 0.30 * self.gap_mm - thinner, 0)
        return replace(cavity, width2=width**2, depth2=depth**2, middle=cavity.middle + 0.30 * self.gap_mm)

    def _outline(self, cavity: Outline, thinner: float = 0.0) -> Outline:
        """Outline of the lung that has drawn back, less `thinner` mm."""
        top = cavity.z[-2]
        near = np.clip((cavity.z - (top - 210)) / 210, 0, 1)
        width = np.maximum(np.sqrt(cavity.width2) - self.gap_mm * 0.62 * near**1.5 - thinner, 0)
        centre = cavity.centre - 0.30 * self.gap_mm * near**2
        return replace(
            cavity, z=cavity.z - (self.gap_mm + thinner) * near**3, width2=width**2, centre=np.maximum(centre, 0),
        )  # fmt: skip

    def displace(self, canvas: Canvas) -> None:
        cavity = canvas.chest.cavity
        outline = self._fallen(cavity, 0.0) if canvas.chest.supine else self._outline(cavity)
        lung = meet_outline(canvas.camera, outline, self.side)
        whole = canvas.lungs[self.side]
        canvas.lungs[self.side] = Interval(np.maximum(lung.front, whole.front), np.minimum(lung.back, whole.back))
        canvas.fluid[self.side] = _AIR

    def parts(self, anatomy: Anatomy, rng: np.random.Generator) -> tuple[Part, ...]:
        return pneumothorax_parts(anatomy, self.side, self.concept, self.gap_mm)

    def scaled(self, factor: float) -> Self:
        gap = self.gap_mm * factor
        return replace(self, gap_mm=gap, severity=_grade(gap))

    def paint(self, canvas: Canvas, rng: np.random.Generator, instance: int) -> None:
        lung = canvas.lungs[self.side]
        cavity = canvas.chest.cavity
        thinner = self._fallen(cavity, _LINE_MM) if canvas.chest.supine else self._outline(cavity, _LINE_MM)
        inner = meet_outline(canvas.camera, thinner, self.side)
        core = Interval(np.maximum(lung.front, inner.front), np.minimum(lung.back, inner.back))
        line = np.clip(canvas.aerated[self.side] - canvas.free(core), 0, 30)
        canvas.soft += line * np.float32(0.1 * 0.7)
        air = canvas.spaces[self.side] - canvas.aerated[self.side]
        canvas.mark(self.concept, self.anatomy, air > min(_SEEN_MM, 0.4 * float(air.max())), instance)


def _grade(gap_mm: float) -> str:
    return severity_of(gap_mm, (20, 55), ("small", "large", "tension"))


FINDING = Pneumothorax
