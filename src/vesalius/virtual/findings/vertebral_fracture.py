"""Vertebral fracture: a wedge-shaped body that has lost height in front."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from vesalius.virtual.anatomy.parts import Anatomy, Part
from vesalius.virtual.anatomy.thorax_marked import structure_mark
from vesalius.virtual.findings.base import Case, choose, severity_of
from vesalius.virtual.radiograph.camera import Camera
from vesalius.virtual.radiograph.canvas import Canvas
from vesalius.virtual.radiograph.chest import Chest
from vesalius.virtual.radiograph.disease import ChestDisease
from vesalius.virtual.radiograph.skeleton import VERTEBRAE, vertebra_size

__all__ = ["FINDING", "VertebralFracture"]

_LEVELS = {"T6": 0.08, "T7": 0.14, "T8": 0.16, "T9": 0.1, "T10": 0.08, "T11": 0.12, "T12": 0.18, "L1": 0.14}


@dataclass(frozen=True, kw_only=True)
class VertebralFracture(ChestDisease):
    """One wedged body."""

    concept: ClassVar[str] = "vertebral_fracture"

    loss: float
    """Share of the height that is lost in front, 0.2 to 0.6."""

    @classmethod
    def draw(cls, rng: np.random.Generator, case: Case) -> tuple[Self, ...]:
        loss = float(0.21 + 0.4 * rng.beta(1.4, 2.0))
        return (cls(laterality="midline", anatomy=choose(rng, _LEVELS), severity=_grade(loss), loss=loss),)

    @property
    def number(self) -> int:
        """Place of the vertebra below T1."""
        return int(self.anatomy[1:]) - 1 + (12 if self.anatomy.startswith("L") else 0)

    @property
    def attributes(self) -> Mapping[str, str]:
        return {"shape": "wedge", "level": self.anatomy}

    @property
    def visibility(self) -> float:
        return 1.0 + 9 * self.loss

    def scaled(self, factor: float) -> Self:
        loss = min(self.loss * factor, 0.8)
        return replace(self, loss=loss, severity=_grade(loss))

    def alter(self, chest: Chest, camera: Camera) -> Chest:
        return replace(chest, wedged=(*chest.wedged, (self.number, self.loss)))

    def landmarks(self, chest: Chest) -> Mapping[str, NDArray[np.float64]]:
        z = float(VERTEBRAE[self.number, 0]) * chest.body.stature
        return {"centre": np.array([float(chest.spine_x(z)), float(chest.spine_y(z)), z])}

    def parts(self, anatomy: Anatomy, rng: np.random.Generator) -> tuple[Part, ...]:
        name = f"vertebra {self.anatomy}"
        return structure_mark(anatomy, self.concept, name) if name in anatomy.structures else ()

    def paint(self, canvas: Canvas, rng: np.random.Generator, instance: int) -> None:
        camera = canvas.camera
        centre = self.landmarks(canvas.chest)["centre"]
        wide, deep, high = vertebra_size(self.number)
        u, v = camera.project(centre)
        across = (deep if camera.lateral else wide) + 2
        near_u, near_v = np.abs(camera.u - u) < across * 1.08, np.abs(camera.v - v) < (high + 2) * 1.08
        canvas.mark(self.concept, self.anatomy, near_v[:, None] & near_u[None, :], instance)


def _grade(loss: float) -> str:
    return severity_of(loss, (0.25, 0.40))


FINDING = VertebralFracture
