"""Barrett oesophagus: salmon-coloured lining that climbs above the junction, measured by Prague C and M."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import ClassVar, Self

import numpy as np

from vesalius.virtual.findings.base import Case, severity_of
from vesalius.virtual.scope.colon import ANCHOR_MM
from vesalius.virtual.scope.lesion import BowelDisease
from vesalius.virtual.scope.stomach import JUNCTION_MM
from vesalius.virtual.scope.texture import fractal, linear, mix, soft
from vesalius.virtual.scope.wall import STEP_MM, Wall

__all__ = ["FINDING", "BarrettOesophagus"]


@dataclass(frozen=True, kw_only=True)
class BarrettOesophagus(BowelDisease):
    """Columnar lining above the junction."""

    concept: ClassVar[str] = "barrett_oesophagus"
    region: ClassVar[str] = "stomach"
    organ: ClassVar[str] = "oesophagus"
    depth: ClassVar[int] = 0

    ring_mm: float
    """Prague C: height of the closed ring."""
    tongue_mm: float
    """Prague M: height of the longest tongue, not below C."""
    tongues: int

    @classmethod
    def draw(cls, rng: np.random.Generator, case: Case) -> tuple[Self, ...]:
        tongue = float(np.clip(np.exp(rng.normal(np.log(28), 0.5)), 10, 80))
        ring = float(np.clip(tongue * rng.uniform(-0.4, 0.9), 0, None))
        return (
            cls(anatomy="distal oesophagus", severity=_grade(tongue), distance_mm=400 + JUNCTION_MM - ANCHOR_MM,
                angle=float(rng.uniform(0, 2 * np.pi)), ring_mm=ring, tongue_mm=tongue,
                tongues=int(rng.integers(1, 5))),
        )  # fmt: skip

    @property
    def attributes(self) -> Mapping[str, str]:
        return {"prague": f"Prague C{self.ring_mm / 10:.0f}M{self.tongue_mm / 10:.0f}"}

    @property
    def sizes_mm(self) -> Mapping[str, float]:
        return {"maximal extent": self.tongue_mm, "circumferential extent": self.ring_mm}

    @property
    def visibility(self) -> float:
        return 4.0 + self.tongue_mm / 7

    def scaled(self, factor: float) -> Self:
        tongue = float(np.clip(self.tongue_mm * factor, 2, 120))
        return replace(self, ring_mm=min(self.ring_mm * factor, tongue), tongue_mm=tongue, severity=_grade(tongue))

    def put(self, wall: Wall, rng: np.random.Generator, *, station_mm: float, label: int) -> None:
        shape = wall.radius.shape
        angle = np.arange(shape[1]) * (2 * np.pi / shape[1]) - self.angle
        crown = np.clip(np.cos(self.tongues * angle / 2) ** 2, 0, 1) ** 3 * (0.7 + 0.3 * np.cos(angle / 2) ** 2)
        climb = self.ring_mm + (self.tongue_mm - self.ring_mm) * crown
        above = station_mm - np.arange(shape[0]) * STEP_MM
        gap = climb[None, :] - above[:, None] + 0.9 * fractal(rng, shape, (60, 30), 3)
        share = soft(gap.astype(np.float32), -0.5, 0.7) * (above > -4)[:, None]
        salmon = linear((190, 80, 65)) * (1 + 0.12 * fractal(rng, shape, (150, 90), 2)[..., None])
        wall.albedo[:] = np.clip(mix(wall.albedo, salmon, 0.92 * share), 0.01, 1)
        wall.label[(share > 0.5) & (above > 0)[:, None]] = label


def _grade(tongue_mm: float) -> str:
    return severity_of(tongue_mm, (30, 100), ("short-segment", "long-segment", "very long-segment"))


FINDING = BarrettOesophagus
