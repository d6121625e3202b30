"""Lung cavity: a ring with gas inside, often with a level of fluid, as in tuberculosis or an abscess."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from vesalius.virtual.anatomy.parts import Anatomy, Part
from vesalius.virtual.anatomy.thorax_patches import Cavity, cavity_parts
from vesalius.virtual.course import Course
from vesalius.virtual.findings.base import Case, choose, lobe_side, lognormal, severity_of
from vesalius.virtual.radiograph import beam
from vesalius.virtual.radiograph.canvas import Canvas
from vesalius.virtual.radiograph.chest import Chest
from vesalius.virtual.radiograph.disease import ChestDisease
from vesalius.virtual.radiograph.lesions import soft_spot
from vesalius.virtual.radiograph.lobes import random_point
from vesalius.virtual.radiograph.shapes import Ellipsoid, ellipsoid, length

__all__ = ["FINDING", "LungCavity"]

_TUBERCULOUS = {"right upper lobe": 0.45, "left upper lobe": 0.35, "right lower lobe": 0.1, "left lower lobe": 0.1}
_ABSCESS = {"right lower lobe": 0.4, "left lower lobe": 0.25, "right upper lobe": 0.2, "left upper lobe": 0.15}


@dataclass(frozen=True, kw_only=True)
class LungCavity(ChestDisease):
    """One cavity with its wall."""

    concept: ClassVar[str] = "lung_cavity"
    course: ClassVar[Course] = Course(clearing_days=(20, 60))

    diameter_mm: float
    wall_mm: float
    fluid: float
    """Share of the hollow's height below the level; 0 without fluid."""
    haze: float
    """Share of the lung around it that is filled."""
    place: tuple[float, float, float]
    """Shares of the lung, see `Chest.lung_point`."""

    @classmethod
    def draw(cls, rng: np.random.Generator, case: Case) -> tuple[Self, ...]:
        tuberculous = rng.random() < 0.7
        lobe = choose(rng, _TUBERCULOUS if tuberculous else _ABSCESS)
        size = lognormal(rng, 35, 0.4, 18, 90)
        wall = min(lognormal(rng, 5.5, 0.45, 3, 15), 0.3 * size)
        fluid = float(rng.uniform(0.15, 0.5)) if rng.random() < (0.25 if tuberculous else 0.75) else 0.0
        haze = float(rng.uniform(0.05, 0.3))
        x, y, z = random_point(lobe, rng)
        return (cls(laterality=lobe_side(lobe), anatomy=lobe, severity=_grade(size), diameter_mm=size, wall_mm=wall,
                    fluid=fluid, haze=haze, place=(min(x, 0.72), y, z)),)  # fmt: skip

    @property
    def attributes(self) -> Mapping[str, str]:
        wall = severity_of(self.wall_mm, (4, 15), ("thin", "thick", "very thick"))
        return {"wall": wall, "air_fluid_level": "present" if self.fluid else "absent"}

    @property
    def sizes_mm(self) -> Mapping[str, float]:
        return {"diameter": self.diameter_mm, "wall": self.wall_mm}

    @property
    def visibility(self) -> float:
        return float(1.5 + self.diameter_mm * self.wall_mm**0.5 / 14)

    def scaled(self, factor: float) -> Self:
        size = self.diameter_mm * factor
        return replace(self, diameter_mm=size, wall_mm=self.wall_mm * factor, severity=_grade(size))

    def landmarks(self, chest: Chest) -> Mapping[str, NDArray[np.float64]]:
        return {"centre": chest.lung_point(lobe_side(self.anatomy), *self.place)}

    def parts(self, anatomy: Anatomy, rng: np.random.Generator) -> tuple[Part, ...]:
        lesion = Cavity(
            concept=self.concept, side=lobe_side(self.anatomy), place=self.place, diameter_mm=self.diameter_mm,
            wall_mm=self.wall_mm, fluid=self.fluid, haze=self.haze,
        )  # fmt: skip
        return cavity_parts(anatomy, lesion, rng)

    def paint(self, canvas: Canvas, rng: np.random.Generator, instance: int) -> None:
        side = lobe_side(self.anatomy)
        centre = self.landmarks(canvas.chest)["centre"]
        half = self.diameter_mm / 2 * np.array([1.0, 1.0, 0.92])
        outer = ellipsoid(canvas.camera, Ellipsoid(centre, half, np.eye(3)))
        inner = ellipsoid(canvas.camera, Ellipsoid(centre, np.maximum(half - self.wall_mm, 0.5), np.eye(3)))
        mask = np.zeros(canvas.soft.shape, bool)
        if outer is None or inner is None:
            return canvas.mark(self.concept, self.anatomy, mask, instance)
        seen = (canvas.aerated[side] > 0).astype(np.float32)
        whole, hollow = np.zeros_like(canvas.soft), np.zeros_like(canvas.soft)
        whole[outer[0]] = length(outer[1])
        hollow[inner[0]] = length(inner[1])
        wet = hollow * self._below(canvas, centre, float(half[2]))
        density = canvas.chest.body.lung_density
        solid = (whole - hollow + wet) * (beam.SOFT_DENSITY - density)
        canvas.soft += np.float32(0.1) * seen * (solid - (hollow - wet) * density).astype(np.float32)
        around = soft_spot(canvas, centre, (0.55 * self.diameter_mm, 0.5 * self.diameter_mm))
        canvas.fill(around * seen * np.float32(self.haze))
        canvas.mark(self.concept, self.anatomy, (whole > 0) & (seen > 0), instance)
        return None

    def _below(self, canvas: Canvas, centre: NDArray[np.float64], half: float) -> NDArray[np.float32]:
        """Weight of the rows under the level of fluid, (H, 1); on his back a patient shows no level."""
        if canvas.chest.supine:
            return np.full((canvas.camera.size, 1), self.fluid, np.float32)
        level = centre[2] + (2 * self.fluid - 1) * (half - self.wall_mm)
        height = canvas.camera.height(float(canvas.camera.turned(centre)[1]))
        under = np.clip((level - height) / canvas.camera.spacing_mm + 0.5, 0, 1)[:, None]
        return np.asarray(under * (self.fluid > 0), np.float32)


def _grade(size_mm: float) -> str:
    return severity_of(size_mm, (25, 50), ("small", "medium-sized", "large"))


FINDING = LungCavity
