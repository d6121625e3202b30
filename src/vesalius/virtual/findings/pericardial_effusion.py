"""Pericardial effusion: the heart's shadow grows to all sides and sags like a bottle of water."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import ClassVar, Self

import numpy as np

from vesalius.virtual.anatomy.parts import Anatomy, Part
from vesalius.virtual.anatomy.thorax_lesions import as_thorax
from vesalius.virtual.anatomy.thorax_marked import pericardial_parts
from vesalius.virtual.course import Course
from vesalius.virtual.findings.base import Case, lognormal, severity_of
from vesalius.virtual.radiograph.camera import Camera
from vesalius.virtual.radiograph.canvas import Canvas
from vesalius.virtual.radiograph.chest import Chest
from vesalius.virtual.radiograph.disease import ChestDisease
from vesalius.virtual.radiograph.shapes import Ellipsoid, length

__all__ = ["FINDING", "PericardialEffusion"]


@dataclass(frozen=True, kw_only=True)
class PericardialEffusion(ChestDisease):
    """Fluid of a given depth round the heart."""

    concept: ClassVar[str] = "pericardial_effusion"
    code: ClassVar[str] = "373945007"
    late: ClassVar[bool] = True
    course: ClassVar[Course] = Course(clearing_days=(5, 20))

    depth_mm: float

    @classmethod
    def draw(cls, rng: np.random.Generator, case: Case) -> tuple[Self, ...]:
        depth = lognormal(rng, 15, 0.4, 6, 40)
        return (cls(laterality="midline", anatomy="pericardium", severity=_grade(depth), depth_mm=depth),)

    @property
    def attributes(self) -> Mapping[str, str]:
        return {"shape": "globular"}

    @property
    def sizes_mm(self) -> Mapping[str, float]:
        return {"depth": self.depth_mm}

    @property
    def visibility(self) -> float:
        return 1.2 + 0.28 * self.depth_mm

    def scaled(self, factor: float) -> Self:
        depth = self.depth_mm * factor
        return replace(self, depth_mm=depth, severity=_grade(depth))

    def alter(self, chest: Chest, camera: Camera) -> Chest:
        down = np.array([0.0, 0.0, -0.25 * self.depth_mm])
        sac = [Ellipsoid(part.centre + down, part.axes + self.depth_mm, part.rotation) for part in chest.heart[:3]]
        low = chest.heart[0].centre + np.array([0.0, 0.0, -0.4 * self.depth_mm - 8])
        wide = np.array([0.80 * chest.heart[0].axes[0] + 1.1 * self.depth_mm, 44.0, 34.0])
        return replace(chest, heart=(*sac, *chest.heart[3:], Ellipsoid(low, wide, np.eye(3))))

    def reshape(self, anatomy: Anatomy) -> Anatomy:
        # The heart keeps its size: the fluid is a part of its own.
        return anatomy

    def parts(self, anatomy: Anatomy, rng: np.random.Generator) -> tuple[Part, ...]:
        thorax = as_thorax(anatomy)
        return pericardial_parts(anatomy, self.concept, self.alter(thorax.chest, thorax.camera).heart)

    def paint(self, canvas: Canvas, rng: np.random.Generator, instance: int) -> None:
        canvas.mark(self.concept, self.anatomy, length(canvas.heart) > 0, instance)


def _grade(depth_mm: float) -> str:
    return severity_of(depth_mm, (10, 20), ("small", "moderate", "large"))


FINDING = PericardialEffusion
