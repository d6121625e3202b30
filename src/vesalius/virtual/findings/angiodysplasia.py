"""Angiodysplasia: a bright red fern of small vessels in the lining."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import ClassVar, Self

import numpy as np

from vesalius.virtual.course import Course
from vesalius.virtual.findings.base import Case, lognormal, severity_of
from vesalius.virtual.scope.colon import SEGMENTS, segment_of
from vesalius.virtual.scope.lesion import BowelDisease, drawn_site, outline, stain
from vesalius.virtual.scope.texture import soft, vessels
from vesalius.virtual.scope.wall import STEP_MM, Wall

__all__ = ["FINDING", "Angiodysplasia"]

_SITES = {"caecum": 0.4, "ascending colon": 0.35, "transverse colon": 0.08, "descending colon": 0.05,
          "sigmoid colon": 0.07, "rectum": 0.05}  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Angiodysplasia(BowelDisease):
    """One vascular ectasia."""

    concept: ClassVar[str] = "angiodysplasia"
    course: ClassVar[Course] = Course(doubling_days=(1500.0, 4000.0))

    diameter_mm: float
    bleeding: bool

    @classmethod
    def draw(cls, rng: np.random.Generator, case: Case) -> tuple[Self, ...]:
        site, size = drawn_site(rng, case, _SITES, SEGMENTS), lognormal(rng, 5, 0.4, 2, 10)
        return (
            cls(anatomy=segment_of(site), severity=severity_of(size, (4, 7), ("small", "medium-sized", "large")),
                distance_mm=site, angle=float(rng.uniform(0, 2 * np.pi)), diameter_mm=size,
                bleeding=bool(rng.random() < 0.25)),
        )  # fmt: skip

    @property
    def attributes(self) -> Mapping[str, str]:
        return {"bleeding": "actively bleeding" if self.bleeding else "not bleeding"}

    @property
    def sizes_mm(self) -> Mapping[str, float]:
        return {"diameter": self.diameter_mm}

    @property
    def visibility(self) -> float:
        return 1.5 + 1.1 * self.diameter_mm + 2.0 * self.bleeding

    def scaled(self, factor: float) -> Self:
        size = float(np.clip(self.diameter_mm * factor, 1.0, 14.0))
        return replace(self, diameter_mm=size, severity=severity_of(size, (4, 7), ("small", "medium-sized", "large")))

    def put(self, wall: Wall, rng: np.random.Generator, *, station_mm: float, label: int) -> None:
        patch = wall.patch(station_mm, self.angle, 3 * self.diameter_mm + 2)
        part = outline(patch, self.diameter_mm / 2, rng, 0.22)
        shape = (patch.along.shape[0], patch.across.shape[1])
        inside = soft(part, 1.1, 0.8)
        fern = vessels(rng, shape, 60, 1.3, 0.8 * self.diameter_mm / STEP_MM)
        stain(wall, patch, inside * np.clip(0.45 + 0.55 * fern, 0, 1), (196, 26, 30))
        if self.bleeding:
            trail = np.exp(-((patch.across / (0.25 * self.diameter_mm)) ** 2)) * soft(patch.along, 0, 2)
            stain(
                wall, patch, 0.85 * trail * soft(patch.along, 3 * self.diameter_mm, self.diameter_mm), (150, 12, 14)
            )
        wall.label[patch.where] = np.where(part < 1, label, wall.label[patch.where])


FINDING = Angiodysplasia
