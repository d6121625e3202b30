"""Interstitial fibrosis: a net of fine lines at the bases and under the pleura, and small lungs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import ClassVar, Self

import numpy as np

from vesalius.virtual.anatomy.parts import Anatomy, Part
from vesalius.virtual.anatomy.thorax_diffuse import fibrosis_parts
from vesalius.virtual.body import SIDES, Side
from vesalius.virtual.course import Course
from vesalius.virtual.findings.atelectasis import raise_dome
from vesalius.virtual.findings.base import Case, severity_of
from vesalius.virtual.noise import smooth_noise
from vesalius.virtual.radiograph import beam
from vesalius.virtual.radiograph.camera import Array, Camera
from vesalius.virtual.radiograph.canvas import Canvas
from vesalius.virtual.radiograph.chest import Chest
from vesalius.virtual.radiograph.disease import ChestDisease
from vesalius.virtual.radiograph.lungs import inside_lung
from vesalius.virtual.radiograph.shapes import sweep

__all__ = ["FINDING", "Fibrosis"]


@dataclass(frozen=True, kw_only=True)
class Fibrosis(ChestDisease):
    """Reticulation of both sides by its extent."""

    concept: ClassVar[str] = "fibrosis"
    course: ClassVar[Course] = Course(doubling_days=(1500, 5000))

    extent: float
    """Share of the lung, 0.06..0.5."""
    honeycomb: bool

    @classmethod
    def draw(cls, rng: np.random.Generator, case: Case) -> tuple[Self, ...]:
        extent = float(0.08 + 0.42 * rng.beta(1.4, 2.0))
        honeycomb = bool(rng.random() < (0.2 + extent))
        return (cls(laterality="bilateral", anatomy="lung bases", severity=_grade(extent),
                    extent=extent, honeycomb=honeycomb),)  # fmt: skip

    @property
    def attributes(self) -> Mapping[str, str]:
        return {"honeycombing": "present" if self.honeycomb else "absent"}

    @property
    def visibility(self) -> float:
        return 3.2 + 16 * self.extent

    def alter(self, chest: Chest, camera: Camera) -> Chest:
        for side in SIDES:
            chest = raise_dome(chest, side, 5 + 30 * self.extent)
        return chest

    def parts(self, anatomy: Anatomy, rng: np.random.Generator) -> tuple[Part, ...]:
        return fibrosis_parts(anatomy, self.concept, self.extent, self.honeycomb, rng)

    def scaled(self, factor: float) -> Self:
        extent = min(self.extent * factor, 0.6)
        return replace(self, extent=extent, severity=_grade(extent))

    def paint(self, canvas: Canvas, rng: np.random.Generator, instance: int) -> None:
        picture = np.zeros_like(canvas.soft)
        weight = np.zeros_like(canvas.soft)
        for side in SIDES:
            points, radius, step = self._net(canvas, side, rng)
            seen = inside_lung(canvas, side, points)
            sweep(picture, canvas.camera, points[seen], radius[seen], step[seen])
            weight += self._weight(canvas, side)
        canvas.soft += picture * np.float32(0.1 * beam.SOFT_DENSITY)
        mottle = np.clip(1 + 0.35 * smooth_noise(rng, canvas.camera.size, 44), 0.2, 2)
        canvas.fill(weight * mottle * np.float32(0.10 + 0.30 * self.extent))
        canvas.mark(self.concept, self.anatomy, weight > 0.35, instance)

    def _weight(self, canvas: Canvas, side: Side) -> Array:
        """How much of the disease a ray meets: strongest low and near the wall, 0..1."""
        camera, chest = canvas.camera, canvas.chest
        height = camera.height(0.0) - chest.dome_top(side)
        reach = 40 + 220 * self.extent
        low = np.exp(-np.maximum(height, 0) / (0.55 * reach))[:, None]
        centre, width, half, middle = (part[:, None] for part in chest.cavity.at(camera.height(0.0)))
        across = camera.u[None, :] * camera.scale(0.0)
        off = (
            np.abs(across - middle) / np.maximum(half, 1)
            if camera.lateral
            else np.abs(np.abs(across) - centre) / np.maximum(width, 1)
        )
        near = np.clip(0.35 + 0.75 * off**2, 0, 1)
        weight: Array = (low * near * (canvas.aerated[side] > 0)).astype(np.float32)
        return weight

    def _net(self, canvas: Canvas, side: Side, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Walls of many small cells under the pleura: rings of 3 to 10 mm."""
        count = int(260 + 1500 * self.extent)
        height = rng.exponential(0.10 + 0.30 * self.extent, count)
        angle = rng.uniform(-0.5 * np.pi, 0.5 * np.pi, count)
        shell = 1 - 0.22 * rng.random(count) ** 1.5
        chest = canvas.chest
        bottom = chest.dome_top(side)
        z = bottom - 30 + height * (250 * chest.body.stature - bottom)
        centre, width, half, middle = chest.cavity.at(z)
        sign = 1 if side == "left" else -1
        x = sign * (centre + width * shell * np.cos(angle) ** 0.8)
        y = middle + half * shell * np.sin(angle)
        size = rng.uniform(2.0, 5.0, count) * (1.15 if self.honeycomb else 0.9)
        turn = np.linspace(0, 2 * np.pi, 12, endpoint=False)
        squeeze = rng.uniform(0.6, 1.3, (count, 1))
        ring = np.stack(
            [x[:, None] + size[:, None] * np.cos(turn), np.repeat(y[:, None], 12, axis=1),
             z[:, None] + size[:, None] * squeeze * np.sin(turn)], axis=-1)  # fmt: skip
        wall = 0.75 if self.honeycomb else 0.5
        step = np.repeat(2 * np.pi * size / 12, 12) * 1.6
        return ring.reshape(-1, 3), np.full(count * 12, wall), step


def _grade(extent: float) -> str:
    return severity_of(extent, (0.16, 0.30))


FINDING = Fibrosis
