"""Ulcerative colitis: even inflammation from the rectum upwards."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import ClassVar, Self

import numpy as np

from vesalius.virtual.course import Course
from vesalius.virtual.findings.base import Case, choose
from vesalius.virtual.scope.colon import segment_of
from vesalius.virtual.scope.lesion import BowelDisease
from vesalius.virtual.scope.texture import fractal, linear, mix, soft, wrapped_noise
from vesalius.virtual.scope.wall import STEP_MM, Wall

__all__ = ["FINDING", "UlcerativeColitis"]

_EXTENT_MM = {"proctitis": 150.0, "left-sided colitis": 600.0, "extensive colitis": 1180.0}
_GRADES = ("inactive", "mild", "moderate", "severe")


@dataclass(frozen=True, kw_only=True)
class UlcerativeColitis(BowelDisease):
    """Inflammation up to an extent; the clip lies within it."""

    concept: ClassVar[str] = "ulcerative_colitis"
    focal: ClassVar[bool] = False
    code: ClassVar[str] = "409774005"
    course: ClassVar[Course] = Course(clearing_days=(40.0, 150.0))
    depth: ClassVar[int] = 0

    extent_mm: float
    """From the anal verge."""
    activity: float
    """0 to 1: Mayo 1 below 0.33, 3 from 0.67."""

    @classmethod
    def draw(cls, rng: np.random.Generator, case: Case) -> tuple[Self, ...]:
        name = choose(rng, {"proctitis": 0.3, "left-sided colitis": 0.4, "extensive colitis": 0.3})
        others = [
            part.distance_mm for part in case.diseases if isinstance(part, BowelDisease) and part.organ == "colon"
        ]
        own = float(rng.uniform(30, _EXTENT_MM[name] - 20))
        at = others[0] if others else own
        extent = next((end for end in _EXTENT_MM.values() if end >= at + 10), 1200.0)
        activity = float(rng.uniform(0.05, 0.99))
        return (
            cls(anatomy=segment_of(at), severity=_grade(activity), distance_mm=at,
                extent_mm=max(extent, _EXTENT_MM[name]), activity=activity),
        )  # fmt: skip

    @property
    def mayo(self) -> int:
        """Endoscopic Mayo score, 1 to 3."""
        return 1 + int(self.activity >= 0.33) + int(self.activity >= 0.67)

    @property
    def attributes(self) -> Mapping[str, str]:
        extent = next((name for name, end in _EXTENT_MM.items() if self.extent_mm <= end), "extensive colitis")
        return {"mayo": f"Mayo {self.mayo}", "extent": extent}

    @property
    def visibility(self) -> float:
        return 3.5 + 8 * self.activity

    def scaled(self, factor: float) -> Self:
        activity = float(np.clip(self.activity * factor, 0.02, 0.99))
        return replace(self, activity=activity, severity=_grade(activity))

    def put(self, wall: Wall, rng: np.random.Generator, *, station_mm: float, label: int) -> None:
        shape = wall.radius.shape
        z = np.arange(shape[0], dtype=np.float32) * np.float32(STEP_MM)
        along = self.distance_mm + z - station_mm
        edge = soft(along - self.extent_mm, 8, -8)[:, None] * np.ones((1, shape[1]), np.float32)
        grains = fractal(rng, shape, (230, 110), 2)
        patchy = wrapped_noise(rng, shape, (16, 9))
        red = edge * np.clip(0.35 + 0.6 * self.activity + 0.12 * patchy, 0, 1)
        wall.albedo[:] = mix(wall.albedo, linear((203, 84, 72)), red)
        wall.albedo *= 1 + 0.16 * self.activity * (edge * grains)[..., None]
        if self.activity > 0.33:
            spots = soft(fractal(rng, shape, (90, 42), 3) + 0.5 * patchy, 1.7, 2.1) * edge
            wall.albedo[:] = mix(wall.albedo, linear((160, 20, 20)), 0.8 * spots)
        if self.activity > 0.5:
            reach = 2.4 - 1.2 * self.activity
            ulcer = soft(fractal(rng, shape, (34, 17), 4), reach, reach + 0.35) * edge
            wall.albedo[:] = mix(wall.albedo, linear((235, 222, 186)), 0.85 * ulcer)
            wall.radius += (0.8 * ulcer).astype(np.float32)
        np.clip(wall.albedo, 0.005, 1, out=wall.albedo)
        wall.radius += (0.12 * self.activity * edge * grains).astype(np.float32)
        wall.label[(edge > 0.5) & (wall.label == 0)] = label


def _grade(activity: float) -> str:
    return _GRADES[1 + int(activity >= 0.33) + int(activity >= 0.67)]


FINDING = UlcerativeColitis
