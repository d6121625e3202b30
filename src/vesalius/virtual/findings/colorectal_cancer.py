"""Colorectal cancer: an ulcerated mass that takes part or all of the ring."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import ClassVar, Self

import numpy as np

from vesalius.virtual.course import Course
from vesalius.virtual.findings.base import Case, lognormal, severity_of
from vesalius.virtual.scope.colon import SEGMENTS, segment_of
from vesalius.virtual.scope.lesion import BowelDisease, drawn_site, stain
from vesalius.virtual.scope.texture import fractal, soft
from vesalius.virtual.scope.wall import Wall

__all__ = ["FINDING", "ColorectalCancer"]

_SITES = {"rectum": 0.3, "sigmoid colon": 0.27, "descending colon": 0.08, "transverse colon": 0.1,
          "ascending colon": 0.15, "caecum": 0.1}  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class ColorectalCancer(BowelDisease):
    """One cancer."""

    concept: ClassVar[str] = "colorectal_cancer"
    code: ClassVar[str] = "408645001"
    course: ClassVar[Course] = Course(doubling_days=(90.0, 700.0))

    length_mm: float
    ring: float
    """Share of the circumference."""
    height_mm: float
    ulcer: float
    """Share of the mass that is ulcerated."""
    bleeding: bool

    @classmethod
    def draw(cls, rng: np.random.Generator, case: Case) -> tuple[Self, ...]:
        site = drawn_site(rng, case, _SITES, SEGMENTS)
        length = lognormal(rng, 40, 0.3, 15, 70)
        ring = float(np.clip(0.35 + 0.012 * (length - 30) + rng.normal(0, 0.18), 0.25, 1.0))
        return (
            cls(anatomy=segment_of(site), severity=_grade(ring), distance_mm=site, angle=float(rng.uniform(0, 6.28)),
                length_mm=length, ring=ring, height_mm=float(rng.uniform(5, 11)), ulcer=float(rng.uniform(0.2, 0.6)),
                bleeding=bool(rng.random() < 0.5)),
        )  # fmt: skip

    @property
    def attributes(self) -> Mapping[str, str]:
        form = "circumferential" if self.ring > 0.85 else "half-circumferential" if self.ring > 0.45 else "polypoid"
        return {"form": form, "surface": "ulcerated" if self.ulcer > 0.35 else "nodular",
                "bleeding": "oozing" if self.bleeding else "not bleeding"}  # fmt: skip

    @property
    def sizes_mm(self) -> Mapping[str, float]:
        return {"length": self.length_mm, "height": self.height_mm}

    @property
    def visibility(self) -> float:
        return 9 + self.length_mm / 10

    def scaled(self, factor: float) -> Self:
        ring = float(np.clip(self.ring * factor, 0.1, 1.0))
        return replace(self, length_mm=float(np.clip(self.length_mm * factor, 5, 90)), ring=ring,
                       height_mm=float(np.clip(self.height_mm * factor, 2, 14)), severity=_grade(ring))  # fmt: skip

    def put(self, wall: Wall, rng: np.random.Generator, *, station_mm: float, label: int) -> None:
        calibre = wall.calibre(station_mm, self.angle)
        half, turn = self.length_mm / 2, np.pi * self.ring * calibre
        patch = wall.patch(station_mm, self.angle, max(1.4 * half, min(1.3 * turn, np.pi * calibre)))
        shape = (patch.along.shape[0], patch.across.shape[1])
        lumps = fractal(rng, shape, (max(2, shape[0] // 28), max(2, shape[1] // 30)), 4)
        part = np.hypot(patch.along / half, patch.across / turn if self.ring < 1 else 0 * patch.across) - 0.1 * lumps
        inside = soft(part, 1.1, 0.8)
        mound = soft(part, 1.15, 0.4)
        crater = soft(part + 0.12 * lumps, self.ulcer + 0.2, self.ulcer)
        height = min(self.height_mm, 0.5 * calibre) * (1 + 0.22 * lumps) * mound * (1 - 0.75 * crater)
        wall.radius[patch.where] -= np.clip(height, 0, 0.6 * calibre).astype(np.float32)
        stain(wall, patch, 0.9 * inside, (170, 75, 65))
        stain(wall, patch, 0.5 * inside * soft(lumps, 0.2, 1.4), (205, 110, 95))
        stain(wall, patch, 0.9 * crater * soft(lumps, 0.9, -0.3), (226, 208, 170))
        stain(wall, patch, 0.8 * crater * soft(lumps, 0.9, 1.6), (95, 35, 25))
        if self.bleeding:
            stain(wall, patch, 0.9 * soft(fractal(rng, shape, (6, 8), 4), 0.8, 1.2) * inside, (160, 15, 15))
        wall.label[patch.where] = np.where(part < 1, label, wall.label[patch.where])


def _grade(ring: float) -> str:
    return severity_of(ring, (0.5, 0.85), ("non-obstructing", "partly obstructing", "stenosing"))


FINDING = ColorectalCancer
