"""Diverticulosis: outpouchings of the bowel, seen as round openings between the folds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Self

import numpy as np

from vesalius.virtual.findings.base import Case, severity_of
from vesalius.virtual.scope.colon import SEGMENTS, segment_of
from vesalius.virtual.scope.lesion import BowelDisease, drawn_site, outline, stain
from vesalius.virtual.scope.texture import soft
from vesalius.virtual.scope.wall import Wall

__all__ = ["FINDING", "Diverticulosis"]

_SITES = {"sigmoid colon": 0.9, "descending colon": 0.06, "ascending colon": 0.04}


@dataclass(frozen=True, kw_only=True)
class Diverticulosis(BowelDisease):
    """The openings of one stretch."""

    concept: ClassVar[str] = "diverticulosis"
    focal: ClassVar[bool] = False
    code: ClassVar[str] = "31113003"

    openings: tuple[tuple[float, float, float], ...]
    """Station against the distance in mm, angle, diameter in mm."""

    @classmethod
    def draw(cls, rng: np.random.Generator, case: Case) -> tuple[Self, ...]:
        site = drawn_site(rng, case, _SITES, SEGMENTS)
        count = int(np.clip(np.exp(rng.normal(np.log(8), 0.6)), 3, 30))
        openings = tuple(
            (float(rng.normal(0, 24)), float(rng.uniform(0, 2 * np.pi)), float(rng.uniform(4, 9)))
            for _ in range(count)
        )
        return (cls(anatomy=segment_of(site), severity=severity_of(count, (6, 14)), distance_mm=site,
                    openings=openings),)  # fmt: skip

    @property
    def attributes(self) -> Mapping[str, str]:
        return {"number": "few" if len(self.openings) < 6 else "several" if len(self.openings) < 14 else "many"}

    @property
    def visibility(self) -> float:
        return 4.5 + float(np.sqrt(len(self.openings)))

    def put(self, wall: Wall, rng: np.random.Generator, *, station_mm: float, label: int) -> None:
        for off, angle, diameter in self.openings:
            station = float(np.clip(station_mm + off, 12, wall.length_mm - 14))
            patch = wall.patch(station, angle, diameter)
            part = outline(patch, diameter / 2, rng, 0.07)
            hole = soft(part, 1.05, 0.72)
            wall.radius[patch.where] += ((4.0 + 0.7 * diameter) * hole).astype(np.float32)
            stain(wall, patch, 0.35 * np.exp(-(((part - 1.15) / 0.14) ** 2)), (228, 165, 140))
            stain(wall, patch, 0.55 * soft(part, 0.95, 0.4), (110, 48, 42))
            wall.label[patch.where] = np.where(part < 1, label, wall.label[patch.where])


FINDING = Diverticulosis
