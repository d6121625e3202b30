"""Scoliosis: the thoracic spine bows to one side."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import ClassVar, Self

import numpy as np

from vesalius.virtual.anatomy.parts import Anatomy, Part
from vesalius.virtual.anatomy.thorax_marked import structure_mark
from vesalius.virtual.findings.base import Case, lognormal, severity_of
from vesalius.virtual.radiograph.camera import Camera
from vesalius.virtual.radiograph.canvas import Canvas
from vesalius.virtual.radiograph.chest import BOW_MM, Chest
from vesalius.virtual.radiograph.disease import ChestDisease

__all__ = ["FINDING", "Scoliosis"]

_FOLLOWS = 0.25
"""How far trachea and great vessels go with the bow."""
_STEEPEST = float(np.sqrt(2) * np.exp(-0.5))
"""Largest slope of exp(-t²)."""


@dataclass(frozen=True, kw_only=True)
class Scoliosis(ChestDisease):
    """One curve with its top at T8; `laterality` is the side that it bows to."""

    concept: ClassVar[str] = "scoliosis"

    cobb_deg: float
    """Angle between the steepest parts above and below the top."""

    @classmethod
    def draw(cls, rng: np.random.Generator, case: Case) -> tuple[Self, ...]:
        angle = lognormal(rng, 20, 0.4, 10.5, 50)
        side = "right" if rng.random() < 0.78 else "left"
        return (cls(laterality="right" if side == "right" else "left", anatomy="thoracic spine",
                    severity=_grade(angle), cobb_deg=angle),)  # fmt: skip

    @property
    def attributes(self) -> Mapping[str, str]:
        return {"curve": "thoracic"}

    @property
    def visibility(self) -> float:
        return 1.0 + 0.3 * self.cobb_deg

    def scaled(self, factor: float) -> Self:
        angle = min(self.cobb_deg * factor, 90.0)
        return replace(self, cobb_deg=angle, severity=_grade(angle))

    def alter(self, chest: Chest, camera: Camera) -> Chest:
        bow = float(np.tan(np.radians(self.cobb_deg / 2))) * BOW_MM * chest.body.stature / _STEEPEST
        sign = 1 if self.laterality == "left" else -1
        shift = chest.shift_mm + _FOLLOWS * sign * bow
        return replace(chest, body=replace(chest.body, scoliosis_mm=sign * bow), shift_mm=shift)

    def parts(self, anatomy: Anatomy, rng: np.random.Generator) -> tuple[Part, ...]:
        names = (f"vertebra T{number}" for number in range(4, 13))
        return tuple(part for name in names for part in structure_mark(anatomy, self.concept, name))

    def paint(self, canvas: Canvas, rng: np.random.Generator, instance: int) -> None:
        camera, chest = canvas.camera, canvas.chest
        z = camera.height(35.0)
        places = np.stack([chest.spine_x(z), chest.spine_y(z), z], axis=1)
        u = camera.project(places)[:, 0].astype(np.float32)
        tall = np.abs(z / chest.body.stature - 124) < 1.6 * BOW_MM
        near = np.abs(camera.u[None, :] - u[:, None]) < 24 * chest.body.width
        canvas.mark(self.concept, self.anatomy, near & tall[:, None], instance)


def _grade(angle_deg: float) -> str:
    return severity_of(angle_deg, (25, 45))


FINDING = Scoliosis
