"""Consolidation: air spaces of a lobe filled, with air in the bronchi and a sharp edge only at a fissure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import ClassVar, Self

import numpy as np

from vesalius.virtual.anatomy.parts import Anatomy, Part
from vesalius.virtual.anatomy.thorax_lesions import Filled, filled_parts
from vesalius.virtual.course import Course
from vesalius.virtual.findings.base import Case, choose, lobe_side, lognormal, severity_of
from vesalius.virtual.noise import smooth_noise
from vesalius.virtual.radiograph import beam
from vesalius.virtual.radiograph.canvas import Canvas
from vesalius.virtual.radiograph.disease import ChestDisease
from vesalius.virtual.radiograph.lesions import lobe_share
from vesalius.virtual.radiograph.lobes import random_point
from vesalius.virtual.radiograph.lungs import air_tree, inside_lung
from vesalius.virtual.radiograph.shapes import Ellipsoid, sweep

__all__ = ["FINDING", "Consolidation"]

_LOBES = {
    "right lower lobe": 0.30, "left lower lobe": 0.25, "right upper lobe": 0.20, "left upper lobe": 0.15,
    "right middle lobe": 0.10,
}  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Consolidation(ChestDisease):
    """Pneumonia of a part of one lobe."""

    concept: ClassVar[str] = "consolidation"
    course: ClassVar[Course] = Course(clearing_days=(14, 35))

    size_mm: float
    density: float
    """Share of the air that is replaced."""
    bronchogram: bool
    place: tuple[float, float, float]
    """Shares of the lung, see `Chest.lung_point`."""

    @classmethod
    def draw(cls, rng: np.random.Generator, case: Case) -> tuple[Self, ...]:
        lobes = [choose(rng, _LOBES), choose(rng, _LOBES)]
        number = 1 if rng.random() < 0.72 else 2
        made = []
        for lobe in lobes[:number]:
            size = lognormal(rng, 68, 0.35, 32, 140)
            made.append(
                cls(laterality=lobe_side(lobe), anatomy=lobe, severity=_grade(size), size_mm=size,
                    density=float(rng.uniform(0.55, 0.95)), bronchogram=bool(rng.random() < 0.5),
                    place=random_point(lobe, rng))
            )  # fmt: skip
        return tuple(made[:1]) if len({part.anatomy for part in made}) == 1 else tuple(made)

    @property
    def attributes(self) -> Mapping[str, str]:
        extent = "focal" if self.size_mm < 55 else "segmental" if self.size_mm < 90 else "lobar"
        return {"extent": extent, "air_bronchogram": "present" if self.bronchogram else "absent"}

    @property
    def sizes_mm(self) -> Mapping[str, float]:
        return {"extent": self.size_mm}

    @property
    def visibility(self) -> float:
        return self.density * self.size_mm / 7.5

    def parts(self, anatomy: Anatomy, rng: np.random.Generator) -> tuple[Part, ...]:
        lesion = Filled(
            concept=self.concept, lobe=self.anatomy, place=self.place, size_mm=self.size_mm, tissue="consolidation",
            opacity=0.45 + 0.55 * self.density, bronchi=self.bronchogram,
        )  # fmt: skip
        return filled_parts(anatomy, lesion, rng)

    def scaled(self, factor: float) -> Self:
        size = self.size_mm * factor
        return replace(self, size_mm=size, severity=_grade(size))

    def paint(self, canvas: Canvas, rng: np.random.Generator, instance: int) -> None:
        side = lobe_side(self.anatomy)
        centre = canvas.chest.lung_point(side, *self.place)
        half = self.size_mm / 2
        parts = []
        for number in range(14):
            spread = 0.0 if number == 0 else 0.52
            offset = rng.normal(size=3) * half * spread * np.array([0.85, 0.85, 1.0])
            size = half * (0.85 if number == 0 else rng.uniform(0.32, 0.75))
            parts.append(Ellipsoid(centre + offset, size * rng.uniform(0.8, 1.2, 3), np.eye(3)))
        share = lobe_share(canvas, self.anatomy, side, parts, soft=True)
        size = canvas.camera.size
        # Patchy at its edge, where air spaces are filled one by one, and even inside.
        loose = np.float32(1) - share * share
        mottle = 0.08 * smooth_noise(rng, size, 24) + loose * (
            0.17 * smooth_noise(rng, size, 26) + 0.13 * smooth_noise(rng, size, 58)
        )
        share = np.clip(1.2 * share * np.clip(0.94 + mottle, 0.2, 1.5), 0, 1) * np.float32(self.density)
        canvas.mark(self.concept, self.anatomy, share > 0.16, instance)
        canvas.fill(share)
        if self.bronchogram:
            self._bronchi(canvas, share, rng)

    def _bronchi(self, canvas: Canvas, share: np.ndarray, rng: np.random.Generator) -> None:
        side = lobe_side(self.anatomy)
        points, radius, step = air_tree(canvas.chest, side, rng, 0.5 * canvas.camera.spacing_mm)
        keep = inside_lung(canvas, side, points) & (radius > 0.7)
        air = np.zeros_like(canvas.soft)
        sweep(air, canvas.camera, points[keep], radius[keep], step[keep])
        canvas.soft -= air * np.clip(share, 0, 1) * np.float32(0.1 * beam.SOFT_DENSITY)


def _grade(size_mm: float) -> str:
    return severity_of(size_mm, (55, 90))


FINDING = Consolidation
