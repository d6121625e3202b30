"""Hiatal hernia: a part of the stomach behind the heart, often with a level of fluid under gas."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import ClassVar, Self

import numpy as np

from vesalius.virtual.anatomy.parts import Anatomy, Part
from vesalius.virtual.anatomy.thorax_lesions import hernia_parts
from vesalius.virtual.body import SIDES
from vesalius.virtual.findings.base import Case, lognormal, severity_of
from vesalius.virtual.radiograph import beam
from vesalius.virtual.radiograph.camera import Camera
from vesalius.virtual.radiograph.canvas import Canvas
from vesalius.virtual.radiograph.chest import Chest
from vesalius.virtual.radiograph.disease import ChestDisease
from vesalius.virtual.radiograph.shapes import Ellipsoid, ellipsoid, length

__all__ = ["FINDING", "HiatalHernia"]

_WALL_MM = 4.0


@dataclass(frozen=True, kw_only=True)
class HiatalHernia(ChestDisease):
    """Intrathoracic stomach of a given width."""

    concept: ClassVar[str] = "hiatal_hernia"

    size_mm: float
    gas: float
    """Share of the height above the level of fluid; 0 without gas."""
    aside_mm: float
    """Place of its centre left of the mid-line."""

    @classmethod
    def draw(cls, rng: np.random.Generator, case: Case) -> tuple[Self, ...]:
        size = lognormal(rng, 58, 0.28, 34, 100)
        gas = float(rng.uniform(0.3, 0.75)) if rng.random() < 0.8 else 0.0
        grade = _grade(size)
        aside = float(rng.normal(14, 9))
        return (cls(laterality="midline", anatomy="retrocardiac", severity=grade, size_mm=size, gas=gas,
                    aside_mm=aside),)  # fmt: skip

    @property
    def attributes(self) -> Mapping[str, str]:
        return {"air_fluid_level": "present" if self.gas else "absent"}

    @property
    def sizes_mm(self) -> Mapping[str, float]:
        return {"width": self.size_mm}

    @property
    def visibility(self) -> float:
        return self.size_mm / 11 + (2.0 if self.gas else -1.5)

    def alter(self, chest: Chest, camera: Camera) -> Chest:
        base = min(chest.dome_top(side) for side in SIDES)
        centre = np.array([self.aside_mm, 14.0, base + 0.30 * self.size_mm])
        axes = np.array([0.5, 0.42, 0.52]) * self.size_mm
        return replace(chest, hernia=Ellipsoid(centre, axes, np.eye(3)))

    def parts(self, anatomy: Anatomy, rng: np.random.Generator) -> tuple[Part, ...]:
        return hernia_parts(anatomy, self.concept, self.gas)

    def scaled(self, factor: float) -> Self:
        size = self.size_mm * factor
        return replace(self, size_mm=size, severity=_grade(size))

    def paint(self, canvas: Canvas, rng: np.random.Generator, instance: int) -> None:
        whole = canvas.chest.hernia
        if whole is None:
            return
        met = ellipsoid(canvas.camera, whole)
        hollow = ellipsoid(canvas.camera, Ellipsoid(whole.centre, whole.axes - _WALL_MM, whole.rotation))
        mask = np.zeros(canvas.soft.shape, bool)
        if met:
            mask[met[0]] = length(met[1]) > 0
        if hollow and self.gas:
            window, inside = hollow
            level = whole.centre[2] + (1 - 2 * self.gas) * whole.axes[2]
            rows = canvas.camera.height(float(whole.centre[1]))[window[0]]
            above = np.clip((rows - level) / canvas.camera.spacing_mm + 0.5, 0, 1)[:, None].astype(np.float32)
            canvas.soft[window] -= length(inside) * above * np.float32(0.1 * beam.SOFT_DENSITY)
        canvas.mark(self.concept, self.anatomy, mask, instance)


def _grade(size_mm: float) -> str:
    return severity_of(size_mm, (50, 75), ("small", "moderate", "large"))


FINDING = HiatalHernia
