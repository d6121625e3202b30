"""Gastric ulcer: a round defect with a white base."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import ClassVar, Self

import numpy as np

from vesalius.virtual.course import Course
from vesalius.virtual.findings.base import Case, choose, lognormal, severity_of
from vesalius.virtual.scope.lesion import BowelDisease, outline, stain
from vesalius.virtual.scope.texture import soft
from vesalius.virtual.scope.wall import Wall

__all__ = ["FINDING", "GastricUlcer"]

_FORREST = {"Ia": 0.02, "Ib": 0.1, "IIa": 0.1, "IIb": 0.1, "IIc": 0.15, "III": 0.53}
_SITES_MM = {"gastric body": (366.0, 384.0), "incisura": (388.0, 402.0), "antrum": (404.0, 422.0)}
"""Distances from the teeth of what the clip of the stomach shows."""


@dataclass(frozen=True, kw_only=True)
class GastricUlcer(BowelDisease):
    """One ulcer."""

    concept: ClassVar[str] = "gastric_ulcer"
    code: ClassVar[str] = "56208002"
    region: ClassVar[str] = "stomach"
    organ: ClassVar[str] = "stomach"
    course: ClassVar[Course] = Course(clearing_days=(20.0, 60.0))

    diameter_mm: float
    forrest: str
    heaped: bool
    """An irregular raised edge."""

    @classmethod
    def draw(cls, rng: np.random.Generator, case: Case) -> tuple[Self, ...]:
        site = choose(rng, {"gastric body": 0.25, "incisura": 0.3, "antrum": 0.45})
        size = lognormal(rng, 10, 0.4, 4, 32)
        return (
            cls(anatomy=site, severity=_grade(size), distance_mm=float(rng.uniform(*_SITES_MM[site])),
                angle=float(rng.uniform(0, 2 * np.pi)), diameter_mm=size, forrest=choose(rng, _FORREST),
                heaped=bool(rng.random() < 0.15)),
        )  # fmt: skip

    @property
    def attributes(self) -> Mapping[str, str]:
        return {"forrest": f"Forrest {self.forrest}", "edge": "irregular, heaped-up" if self.heaped else "regular"}

    @property
    def sizes_mm(self) -> Mapping[str, float]:
        return {"diameter": self.diameter_mm}

    @property
    def visibility(self) -> float:
        return 3.0 + 0.7 * self.diameter_mm

    def scaled(self, factor: float) -> Self:
        size = float(np.clip(self.diameter_mm * factor, 1.0, 40.0))
        return replace(self, diameter_mm=size, severity=_grade(size))

    def put(self, wall: Wall, rng: np.random.Generator, *, station_mm: float, label: int) -> None:
        half = self.diameter_mm / 2
        patch = wall.patch(station_mm, self.angle, 2.6 * half + 4)
        part = outline(patch, half, rng, 0.3 if self.heaped else 0.09)
        base = soft(part, 1.03, 0.86)
        rim = np.exp(-(((part - 1.2) / 0.22) ** 2))
        folds = 0.5 + 0.5 * np.cos(7 * np.arctan2(patch.across, patch.along))
        rise = (1.8 if self.heaped else 0.9) * rim + 0.8 * folds * soft(part, 2.3, 1.3) * soft(part, 1.0, 1.3)
        depth = (1.0 + 0.16 * self.diameter_mm) * base
        wall.radius[patch.where] += (depth - rise).astype(np.float32)
        stain(wall, patch, 0.7 * soft(part, 1.9, 1.05), (205, 72, 60))
        stain(wall, patch, 0.95 * base, (235, 225, 195))
        self._bleed(wall, rng, station_mm)
        wall.label[patch.where] = np.where(part < 1.05, label, wall.label[patch.where])

    def _bleed(self, wall: Wall, rng: np.random.Generator, station_mm: float) -> None:
        half = self.diameter_mm / 2
        patch = wall.patch(station_mm, self.angle, 4 * half + 4)
        spot = outline(patch, {"III": 0.01, "IIc": 0.22}.get(self.forrest, 0.45) * half, rng, 0.35)
        colour = {"IIb": (95, 20, 20), "IIc": (70, 25, 15), "IIa": (60, 20, 40)}.get(self.forrest, (160, 15, 15))
        stain(wall, patch, 0.9 * soft(spot, 1.1, 0.8) * (self.forrest != "III"), colour)
        if self.forrest in ("Ia", "Ib"):
            run = np.exp(-((patch.across / (0.35 * half)) ** 2)) * soft(patch.along, -1, 1)
            stain(wall, patch, 0.9 * run * soft(patch.along, 4 * half, 2 * half), (160, 15, 15))


def _grade(size: float) -> str:
    return severity_of(size, (8, 20), ("small", "medium-sized", "large"))


FINDING = GastricUlcer
