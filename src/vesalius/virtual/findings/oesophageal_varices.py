"""Oesophageal varices: winding blue cords under the lining."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import ClassVar, Self

import numpy as np

from vesalius.virtual.course import Course
from vesalius.virtual.findings.base import Case, severity_of
from vesalius.virtual.scope.colon import ANCHOR_MM
from vesalius.virtual.scope.lesion import BowelDisease
from vesalius.virtual.scope.stomach import JUNCTION_MM
from vesalius.virtual.scope.texture import linear, mix, soft, wrapped_noise
from vesalius.virtual.scope.wall import STEP_MM, Wall

__all__ = ["FINDING", "OesophagealVarices"]


@dataclass(frozen=True, kw_only=True)
class OesophagealVarices(BowelDisease):
    """The cords of the lower oesophagus."""

    concept: ClassVar[str] = "oesophageal_varices"
    focal: ClassVar[bool] = False
    region: ClassVar[str] = "stomach"
    organ: ClassVar[str] = "oesophagus"
    course: ClassVar[Course] = Course(doubling_days=(300.0, 1500.0), clearing_days=(60.0, 200.0), response=0.4)

    cords: tuple[float, ...]
    """Angles."""
    calibre_mm: float
    """Diameter of the largest cord."""
    red_signs: bool

    @classmethod
    def draw(cls, rng: np.random.Generator, case: Case) -> tuple[Self, ...]:
        count, start = int(rng.integers(2, 5)), float(rng.uniform(0, 2 * np.pi))
        cords = tuple(start + 2 * np.pi * number / count + float(rng.normal(0, 0.15)) for number in range(count))
        calibre = float(np.clip(np.exp(rng.normal(np.log(4.5), 0.35)), 2, 9))
        return (
            cls(anatomy="distal oesophagus", severity=_grade(calibre), distance_mm=400 + JUNCTION_MM - ANCHOR_MM,
                cords=cords, calibre_mm=calibre, red_signs=bool(rng.random() < 0.35)),
        )  # fmt: skip

    @property
    def attributes(self) -> Mapping[str, str]:
        form = "F1" if self.calibre_mm < 3.5 else "F2" if self.calibre_mm < 6 else "F3"
        return {"form": form, "signs": "red wale markings" if self.red_signs else "no red signs"}

    @property
    def sizes_mm(self) -> Mapping[str, float]:
        return {"calibre": self.calibre_mm}

    @property
    def visibility(self) -> float:
        return 2.0 + 1.4 * self.calibre_mm

    def scaled(self, factor: float) -> Self:
        calibre = float(np.clip(self.calibre_mm * factor, 0.5, 12))
        return replace(self, calibre_mm=calibre, severity=_grade(calibre))

    def put(self, wall: Wall, rng: np.random.Generator, *, station_mm: float, label: int) -> None:
        shape = wall.radius.shape
        z = np.arange(shape[0], dtype=np.float32) * np.float32(STEP_MM)
        angle = np.arange(shape[1]) * (2 * np.pi / shape[1])
        mean = np.median(wall.radius, axis=1)
        reach = soft(z - (station_mm + 8), 6, 0) * soft(z - (station_mm - 150), 0, 60)
        for cord in self.cords:
            wind = cord + 0.22 * np.sin(z / float(rng.uniform(6, 10)) + float(rng.uniform(0, 6.3)))
            off = (angle[None, :] - wind[:, None] + np.pi) % (2 * np.pi) - np.pi
            across = off * mean[:, None] / (self.calibre_mm / 2)
            bead = (1 + 0.25 * np.sin(z / 3.1 + cord)) * reach
            hump = np.sqrt(np.clip(1 - across**2, 0, 1)) * bead[:, None]
            wall.radius -= (0.75 * self.calibre_mm * hump * np.minimum(1, mean[:, None] / 9)).astype(np.float32)
            share = soft(hump.astype(np.float32), 0.0, 0.7)
            wall.albedo[:] = mix(wall.albedo, linear((150, 118, 140)), 0.6 * share)
            if self.red_signs:
                welts = soft(wrapped_noise(rng, shape, (70, 60)), 1.3, 1.7) * share
                wall.albedo[:] = mix(wall.albedo, linear((185, 30, 34)), 0.8 * welts)
            wall.label[hump > 0.25] = label


def _grade(calibre_mm: float) -> str:
    return severity_of(calibre_mm, (3.5, 6), ("small", "medium-sized", "large"))


FINDING = OesophagealVarices
