"""Bronchiectasis: wide bronchi with thick walls, seen as parallel lines and rings."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from vesalius.virtual.anatomy.parts import Anatomy, Part
from vesalius.virtual.anatomy.thorax_patches import Bronchi, bronchi_parts
from vesalius.virtual.findings.base import Case, choose, lobe_side, severity_of
from vesalius.virtual.radiograph import beam
from vesalius.virtual.radiograph.canvas import Canvas
from vesalius.virtual.radiograph.disease import ChestDisease
from vesalius.virtual.radiograph.lesions import soft_spot
from vesalius.virtual.radiograph.lungs import HILUM, inside_lung
from vesalius.virtual.radiograph.shapes import sweep
from vesalius.virtual.radiograph.skeleton import spline

__all__ = ["FINDING", "Bronchiectasis"]

_LOBES = {
    "left lower lobe": 0.28, "right lower lobe": 0.26, "right middle lobe": 0.18, "left upper lobe": 0.12,
    "right upper lobe": 0.16,
}  # fmt: skip
_ARTERY_MM = 3.0
"""Diameter of the artery beside a segmental bronchus."""
# Centre of a lobe's bronchi by shares of the lung, see `Chest.lung_point`.
_CENTRE = {
    "left lower lobe": (0.5, 0.45, 0.16), "right lower lobe": (0.5, 0.45, 0.16),
    "right middle lobe": (0.5, -0.55, 0.22), "left upper lobe": (0.5, -0.3, 0.62),
    "right upper lobe": (0.5, 0.0, 0.74),
}  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Bronchiectasis(ChestDisease):
    """Wide bronchi of one lobe."""

    concept: ClassVar[str] = "bronchiectasis"

    ratio: float
    """Inner diameter over that of the artery beside it, 1.2 to 4."""
    kind: str
    """"cylindric", "varicose" or "cystic"."""
    count: int
    wall_mm: float

    @classmethod
    def draw(cls, rng: np.random.Generator, case: Case) -> tuple[Self, ...]:
        lobe = choose(rng, _LOBES)
        ratio = float(1.3 + 2.4 * rng.beta(1.3, 2.2))
        kind = choose(rng, {"cylindric": 0.7, "varicose": 0.15, "cystic": 0.15})
        return (cls(laterality=lobe_side(lobe), anatomy=lobe, severity=severity_of(ratio, (2, 3)), ratio=ratio,
                    kind=kind, count=int(rng.integers(5, 11)), wall_mm=float(rng.uniform(1.2, 2.2))),)  # fmt: skip

    @property
    def attributes(self) -> Mapping[str, str]:
        return {"type": self.kind}

    @property
    def sizes_mm(self) -> Mapping[str, float]:
        return {"bronchus": self.ratio * _ARTERY_MM}

    @property
    def visibility(self) -> float:
        return 1.0 + 1.1 * self.ratio + 0.25 * self.count + (1.0 if self.kind == "cystic" else 0.0)

    def scaled(self, factor: float) -> Self:
        ratio = max(1.0, self.ratio * factor)
        return replace(self, ratio=ratio, severity=severity_of(ratio, (2, 3)))

    def parts(self, anatomy: Anatomy, rng: np.random.Generator) -> tuple[Part, ...]:
        lesion = Bronchi(
            concept=self.concept, lobe=self.anatomy, centre=_CENTRE[self.anatomy], kind=self.kind, count=self.count,
            diameter_mm=self.ratio * _ARTERY_MM, wall_mm=self.wall_mm,
        )  # fmt: skip
        return bronchi_parts(anatomy, lesion, rng)

    def paint(self, canvas: Canvas, rng: np.random.Generator, instance: int) -> None:
        side = lobe_side(self.anatomy)
        walls, air = np.zeros_like(canvas.soft), np.zeros_like(canvas.soft)
        for _ in range(self.count):
            points, radius = self._bronchus(canvas, rng)
            step = np.linalg.norm(np.diff(points, axis=0, append=points[-1:]), axis=1)
            keep = inside_lung(canvas, side, points)
            points, radius, step = points[keep], radius[keep], step[keep]
            thick = np.full(len(points), self.wall_mm)
            sweep(walls, canvas.camera, points, radius + thick, step, core=(thick, 1.0))
            sweep(air, canvas.camera, points, radius, step)
        gain = 0.1 * (beam.SOFT_DENSITY - canvas.chest.body.lung_density)
        canvas.soft += walls * np.float32(gain) - air * np.float32(0.1 * canvas.chest.body.lung_density)
        centre = canvas.chest.lung_point(side, *_CENTRE[self.anatomy])
        haze = soft_spot(canvas, centre, (26.0, 24.0)) * (canvas.aerated[side] > 0)
        canvas.fill(haze * np.float32(0.06))
        canvas.mark(self.concept, self.anatomy, _widened(walls > 0), instance)

    def _bronchus(
        self, canvas: Canvas, rng: np.random.Generator
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:  # fmt: skip
        """Axis (N, 3) and inner radii (N,) of one bronchus from the hilum's side outwards, mm."""
        side, chest = lobe_side(self.anatomy), canvas.chest
        root = np.array(HILUM[side]) * chest.scale
        end = chest.lung_point(side, *(np.array(_CENTRE[self.anatomy]) + rng.uniform(-1, 1, 3) * (0.22, 0.3, 0.12)))
        start = root + float(rng.uniform(0.25, 0.45)) * (end - root) + rng.normal(0, 4, 3)
        middle = (start + end) / 2 + rng.normal(0, 5, 3)
        points = spline(np.stack([start, middle, end]), 0.5 * canvas.camera.spacing_mm)
        along = np.linspace(0, 1, len(points))
        radius = np.full(len(points), 0.5 * self.ratio * _ARTERY_MM)
        if self.kind == "varicose":
            radius *= 1 + 0.28 * np.sin(2 * np.pi * (4 * along + rng.random()))
        elif self.kind == "cystic":
            radius *= 0.7 + 1.3 * np.exp(-(((along - 0.8) / 0.13) ** 2))
        return points, radius


def _widened(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Add a pixel all round."""
    wide = mask.copy()
    wide[1:] |= mask[:-1]
    wide[:-1] |= mask[1:]
    wide[:, 1:] |= mask[:, :-1]
    wide[:, :-1] |= mask[:, 1:]
    return wide


FINDING = Bronchiectasis
