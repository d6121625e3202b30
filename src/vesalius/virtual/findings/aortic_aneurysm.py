"""Aneurysm of the thoracic aorta: a wide knob, a bulging ascending or a broad descending aorta."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import ClassVar, Self

import numpy as np

from vesalius.virtual.anatomy.parts import Anatomy, Part
from vesalius.virtual.anatomy.thorax_marked import structure_mark
from vesalius.virtual.course import Course
from vesalius.virtual.findings.base import Case, choose, lognormal, severity_of
from vesalius.virtual.radiograph.camera import Camera
from vesalius.virtual.radiograph.canvas import Canvas
from vesalius.virtual.radiograph.chest import Chest
from vesalius.virtual.radiograph.disease import ChestDisease
from vesalius.virtual.radiograph.mediastinum import descending_aorta, great_vessels, meet
from vesalius.virtual.radiograph.shapes import length

__all__ = ["FINDING", "AorticAneurysm"]

_PARTS = ("ascending aorta", "aortic arch", "descending aorta")
_LEAST = 1.3
"""Least widening against the body's own aorta."""
_RADIUS_MM = (18.0, 13.0, 12.5)
"""Of the three parts of the reference adult."""

_STRUCTURES = ("ascending aorta", "aortic arch", "descending thoracic aorta")
"""In the catalogue of structures."""


@dataclass(frozen=True, kw_only=True)
class AorticAneurysm(ChestDisease):
    """Fusiform widening of one part."""

    concept: ClassVar[str] = "aortic_aneurysm"
    code: ClassVar[str] = "67362008"
    course: ClassVar[Course] = Course(doubling_days=(1400, 5000))

    diameter_mm: float

    @classmethod
    def draw(cls, rng: np.random.Generator, case: Case) -> tuple[Self, ...]:
        part = choose(rng, {_PARTS[0]: 0.5, _PARTS[1]: 0.2, _PARTS[2]: 0.3})
        own = 2 * _RADIUS_MM[_PARTS.index(part)] * case.body.aorta * case.body.width
        size = max(lognormal(rng, 54, 0.16, 45, 85), _LEAST * own)
        return (cls(laterality="midline", anatomy=part, severity=_grade(size), diameter_mm=size),)

    @property
    def attributes(self) -> Mapping[str, str]:
        return {"shape": "fusiform"}

    @property
    def sizes_mm(self) -> Mapping[str, float]:
        return {"diameter": self.diameter_mm}

    @property
    def visibility(self) -> float:
        return 1.5 + 0.19 * (self.diameter_mm - 30)

    def scaled(self, factor: float) -> Self:
        size = self.diameter_mm * factor
        return replace(self, diameter_mm=size, severity=_grade(size))

    def alter(self, chest: Chest, camera: Camera) -> Chest:
        place = _PARTS.index(self.anatomy)
        factors = list(chest.aorta)
        across = chest.body.aorta * (1.0 if place == 2 else float(chest.scale[0]))
        factors[place] = max(self.diameter_mm / (2 * _RADIUS_MM[place] * across), 1.0)
        return replace(chest, aorta=(factors[0], factors[1], factors[2]))

    def parts(self, anatomy: Anatomy, rng: np.random.Generator) -> tuple[Part, ...]:
        return structure_mark(anatomy, self.concept, _STRUCTURES[_PARTS.index(self.anatomy)])

    def paint(self, canvas: Canvas, rng: np.random.Generator, instance: int) -> None:
        camera, chest = canvas.camera, canvas.chest
        place = _PARTS.index(self.anatomy)
        shape = descending_aorta(camera, chest) if place == 2 else meet(camera, great_vessels(chest)[2 - place])
        mask = length(shape) > 0
        if place == 2:
            level = np.abs(camera.height(0.0) / chest.body.stature - 140) < 65
            mask &= level[:, None]
        canvas.mark(self.concept, self.anatomy, mask, instance)


def _grade(size_mm: float) -> str:
    return severity_of(size_mm, (45, 55))


FINDING = AorticAneurysm
