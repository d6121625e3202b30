"""Ground-glass opacity: patches of faint veil through which vessels show, as in viral pneumonia."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import ClassVar, Self

import numpy as np

from vesalius.virtual.anatomy.parts import Anatomy, Part
from vesalius.virtual.anatomy.thorax_patches import patch_parts
from vesalius.virtual.body import SIDES, Side
from vesalius.virtual.course import Course
from vesalius.virtual.findings.base import Case, choose, severity_of
from vesalius.virtual.noise import smooth_noise
from vesalius.virtual.radiograph.canvas import Canvas
from vesalius.virtual.radiograph.disease import ChestDisease
from vesalius.virtual.radiograph.lesions import soft_spot

__all__ = ["FINDING", "GroundGlass", "Patch"]

Patch = tuple[Side, float, float, float, float]
"""Side, place by shares of the lung (see `Chest.lung_point`) and diameter in mm."""
_LUNG_ML = 2600.0
"""Volume of one lung, for the share that patches take."""


@dataclass(frozen=True, kw_only=True)
class GroundGlass(ChestDisease):
    """Patches of one or both lungs."""

    concept: ClassVar[str] = "ground_glass"
    course: ClassVar[Course] = Course(clearing_days=(9, 26), peak_days=(1, 8))

    patches: tuple[Patch, ...]
    density: float
    """Share of the air in a patch that is replaced."""
    pattern: str
    """"peripheral" or "central"."""

    @classmethod
    def draw(cls, rng: np.random.Generator, case: Case) -> tuple[Self, ...]:
        pattern = choose(rng, {"peripheral": 0.75, "central": 0.25})
        count = int(rng.integers(2, 21))
        sides: tuple[Side, ...] = SIDES if rng.random() < 0.8 else (SIDES[int(rng.integers(2))],)
        across = (0.62, 0.92) if pattern == "peripheral" else (0.3, 0.6)
        patches = tuple(
            (sides[int(rng.integers(len(sides)))], float(rng.uniform(*across)), float(rng.uniform(-0.5, 0.7)),
             float(rng.beta(1.4, 2.2)) * 0.9, float(rng.uniform(22, 70)))
            for _ in range(count)
        )  # fmt: skip
        found = {part[0] for part in patches}
        where = "bilateral" if len(found) == 2 else next(iter(found))
        return (cls(laterality=where, anatomy="lungs", severity=_grade(patches), patches=patches,
                    density=float(rng.uniform(0.16, 0.34)), pattern=pattern),)  # fmt: skip

    @property
    def attributes(self) -> Mapping[str, str]:
        return {
            "pattern": self.pattern,
            "score": str(int(severity_of(self.extent, (0.05, 0.25, 0.5, 0.75), "12345"))),
        }

    @property
    def extent(self) -> float:
        """Share of both lungs that the patches take, reckoned without their overlap."""
        return _extent(self.patches)

    @property
    def sizes_mm(self) -> Mapping[str, float]:
        return {"largest_patch": max(part[4] for part in self.patches)}

    @property
    def visibility(self) -> float:
        return float(1.2 + 20 * self.density * (self.extent + 0.02) ** 0.35)

    def scaled(self, factor: float) -> Self:
        patches = tuple((*part[:4], part[4] * factor) for part in self.patches)
        return replace(self, patches=patches, severity=_grade(patches))

    def parts(self, anatomy: Anatomy, rng: np.random.Generator) -> tuple[Part, ...]:
        return patch_parts(anatomy, self.concept, self.patches, self.density, rng)

    def paint(self, canvas: Canvas, rng: np.random.Generator, instance: int) -> None:
        met = np.zeros_like(canvas.soft)
        for side, x, y, z, size in self.patches:
            centre = canvas.chest.lung_point(side, x, y, z)
            stretch = rng.uniform(0.75, 1.25, 2)
            spot = soft_spot(canvas, centre, (0.42 * size * stretch[0], 0.42 * size * stretch[1]))
            depth = np.minimum(size * 1.3 / np.maximum(canvas.aerated[side], 20), 1)
            met += spot * depth * (canvas.aerated[side] > 0)
        # Patches one behind the other add up to less than filled air spaces.
        share = np.float32(1.4 * self.density) * (1 - np.exp(-1.5 * met))
        size = canvas.camera.size
        mottle = 1 + 0.14 * smooth_noise(rng, size, 22) + 0.10 * smooth_noise(rng, size, 50)
        canvas.mark(self.concept, self.anatomy, share > 0.35 * float(share.max()), instance)
        canvas.fill(share * np.clip(mottle, 0.2, 1.8))


def _extent(patches: tuple[Patch, ...]) -> float:
    volume = sum(np.pi / 6 * size**3 / 1000 for *_, size in patches)
    return float(1 - np.exp(-volume / (2 * _LUNG_ML)))


def _grade(patches: tuple[Patch, ...]) -> str:
    return severity_of(_extent(patches), (0.05, 0.25))


FINDING = GroundGlass
