"""Pulmonary oedema: wide upper vessels, then septal lines, then filled air spaces about the hila."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import ClassVar, Self

import numpy as np

from vesalius.virtual.anatomy.parts import Anatomy, Part
from vesalius.virtual.anatomy.thorax_diffuse import oedema_parts
from vesalius.virtual.body import SIDES
from vesalius.virtual.course import Course
from vesalius.virtual.findings.base import Case, choose
from vesalius.virtual.noise import smooth_noise
from vesalius.virtual.radiograph import beam
from vesalius.virtual.radiograph.camera import Camera
from vesalius.virtual.radiograph.canvas import Canvas
from vesalius.virtual.radiograph.chest import Chest
from vesalius.virtual.radiograph.disease import ChestDisease
from vesalius.virtual.radiograph.lesions import soft_spot
from vesalius.virtual.radiograph.lungs import inside_lung
from vesalius.virtual.radiograph.shapes import sweep

__all__ = ["FINDING", "Edema"]

_MOTTLE = ((14, 1.0), (32, 0.8), (62, 0.5))
"""Bumps across the picture and their share."""
_GRADES = ("mild", "moderate", "severe")
_LEAST, _SPAN = 0.75, 0.5
"""Least strength within a grade, and how much more the greatest has."""


@dataclass(frozen=True, kw_only=True)
class Edema(ChestDisease):
    """Fluid in the lung by pressure, of both sides."""

    concept: ClassVar[str] = "edema"
    code: ClassVar[str] = "19242006"
    course: ClassVar[Course] = Course(clearing_days=(0.6, 1.9))

    grade: int
    """1 vascular congestion, 2 interstitial, 3 alveolar."""
    strength: float
    """0.7..1.3 within the grade."""

    @classmethod
    def draw(cls, rng: np.random.Generator, case: Case) -> tuple[Self, ...]:
        grade = int(choose(rng, {"1": 0.3, "2": 0.4, "3": 0.3}))
        strength = float(rng.uniform(_LEAST, _LEAST + _SPAN))
        return (cls(laterality="bilateral", anatomy="lungs", severity=_GRADES[grade - 1], grade=grade,
                    strength=strength),)  # fmt: skip

    @property
    def attributes(self) -> Mapping[str, str]:
        return {"stage": ("vascular congestion", "interstitial", "alveolar")[self.grade - 1]}

    @property
    def visibility(self) -> float:
        return (3.4, 5.8, 9.5)[self.grade - 1] * (0.5 + 0.5 * self.strength)

    def alter(self, chest: Chest, camera: Camera) -> Chest:
        return replace(chest, vessel_upper=1.25 + 0.16 * self.grade * self.strength)

    def parts(self, anatomy: Anatomy, rng: np.random.Generator) -> tuple[Part, ...]:
        return oedema_parts(anatomy, self.concept, self.grade, self.strength, rng)

    def scaled(self, factor: float) -> Self:
        """Fluid goes through the grades; each is one unit of the amount, from its least to its greatest strength."""
        amount = (self.grade - 1 + (self.strength - _LEAST) / _SPAN) * factor
        grade = min(max(int(amount), 0), 2) + 1
        strength = _LEAST + _SPAN * min(max(amount - grade + 1, 0.0), 1.5)
        return replace(self, grade=grade, strength=strength, severity=_GRADES[grade - 1])

    def paint(self, canvas: Canvas, rng: np.random.Generator, instance: int) -> None:
        share = np.zeros_like(canvas.soft)
        body = canvas.chest.body
        height = body.stature
        for side, x in zip(SIDES, (-1, 1), strict=True):
            hilum = np.array([x * 52.0 * body.width, 0.0, 165.0 * height])
            base = np.array([x * 72.0 * body.width, 0.0, canvas.chest.dome_top(side) + 34])
            near = soft_spot(canvas, hilum, (30.0, 44.0)) * (0.09, 0.14, 0.52)[self.grade - 1]
            low = soft_spot(canvas, base, (42.0, 40.0)) * (0.03, 0.10, 0.24)[self.grade - 1]
            share += np.maximum(near, low) * (canvas.aerated[side] > 0)
        size = canvas.camera.size
        patchy = (0.10, 0.16, 0.26)[self.grade - 1]
        mottle = 1 + patchy * sum(share * smooth_noise(rng, size, cells) for cells, share in _MOTTLE)
        smooth = share * np.float32(self.strength)
        canvas.mark(self.concept, self.anatomy, smooth > 0.45 * float(smooth.max()), instance)
        canvas.fill(smooth * np.clip(mottle, 0.1, 2.2))
        if self.grade >= 2:
            self._septal_lines(canvas, rng)

    def _septal_lines(self, canvas: Canvas, rng: np.random.Generator) -> None:
        """Kerley B lines: 10 to 20 mm long, about 1 mm thick, at the wall of the bases."""
        picture = np.zeros_like(canvas.soft)
        for side in SIDES:
            count = int(14 * self.strength)
            height = rng.uniform(0.02, 0.36, count)
            long = rng.uniform(10, 20, count)
            t = np.linspace(0, 1, 14)
            lines = []
            for z, size in zip(height, long, strict=True):
                wall = canvas.chest.lung_point(side, 0.985, float(rng.uniform(-0.35, 0.35)), float(z))
                step = -np.sign(wall[0]) * size * t
                lines.append(np.stack([wall[0] + step, np.full_like(t, wall[1]), wall[2] + 0.12 * size * t], axis=1))
            points = np.concatenate(lines)
            step_mm = np.repeat(long / len(t), len(t))
            seen = inside_lung(canvas, side, points)
            # A septum is a sheet: it is deeper along the ray than it is thick.
            sweep(picture, canvas.camera, points[seen], np.full(int(seen.sum()), 0.6), 5.0 * step_mm[seen])
        canvas.soft += picture * np.float32(0.1 * beam.SOFT_DENSITY)


FINDING = Edema
