"""Reflux oesophagitis: red breaks of the lining above the junction, graded by Los Angeles."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import ClassVar, Self

import numpy as np

from vesalius.virtual.course import Course
from vesalius.virtual.findings.base import Case, choose
from vesalius.virtual.scope.colon import ANCHOR_MM
from vesalius.virtual.scope.lesion import BowelDisease, stain
from vesalius.virtual.scope.stomach import JUNCTION_MM
from vesalius.virtual.scope.texture import soft
from vesalius.virtual.scope.wall import Wall

__all__ = ["FINDING", "RefluxOesophagitis"]

_GRADE = {"A": "mild", "B": "moderate", "C": "severe", "D": "very severe"}
_NUMBER = {"A": (1, 3), "B": (2, 5), "C": (4, 7), "D": (7, 9)}
_ANGLE = {"A": 0.16, "B": 0.2, "C": 0.38, "D": 0.6}
"""Half width of a break, radians: together below 75 % of the ring up to C."""


@dataclass(frozen=True, kw_only=True)
class RefluxOesophagitis(BowelDisease):
    """The breaks above the junction."""

    concept: ClassVar[str] = "reflux_oesophagitis"
    focal: ClassVar[bool] = False
    region: ClassVar[str] = "stomach"
    organ: ClassVar[str] = "oesophagus"
    course: ClassVar[Course] = Course(clearing_days=(20.0, 80.0))

    breaks: tuple[tuple[float, float], ...]
    """Angle and length in mm."""
    grade: str
    """Los Angeles A to D."""

    @classmethod
    def draw(cls, rng: np.random.Generator, case: Case) -> tuple[Self, ...]:
        grade = choose(rng, {"A": 0.4, "B": 0.35, "C": 0.17, "D": 0.08})
        low, high = _NUMBER[grade]
        count = int(rng.integers(low, high))
        start = float(rng.uniform(0, 2 * np.pi))
        span = (2.0, 5.0) if grade == "A" else (6.0, 18.0)
        breaks = tuple((start + 2 * np.pi * number / count + float(rng.normal(0, 0.1)), float(rng.uniform(*span)))
                       for number in range(count))  # fmt: skip
        return (cls(anatomy="distal oesophagus", severity=_GRADE[grade], distance_mm=400 + JUNCTION_MM - ANCHOR_MM,
                    breaks=breaks, grade=grade),)  # fmt: skip

    @property
    def attributes(self) -> Mapping[str, str]:
        return {"grade": f"Los Angeles grade {self.grade}"}

    @property
    def sizes_mm(self) -> Mapping[str, float]:
        return {"length": max(length for _, length in self.breaks)}

    @property
    def visibility(self) -> float:
        return 2.5 + 0.35 * self.sizes_mm["length"] + 0.5 * len(self.breaks)

    def scaled(self, factor: float) -> Self:
        breaks = tuple((angle, float(np.clip(length * factor, 0.5, 40))) for angle, length in self.breaks)
        longest = max(length for _, length in breaks)
        grade = "A" if longest <= 5 else "B" if self.grade == "A" else self.grade
        return replace(self, breaks=breaks, grade=grade, severity=_GRADE[grade])

    def put(self, wall: Wall, rng: np.random.Generator, *, station_mm: float, label: int) -> None:
        for angle, length in self.breaks:
            patch = wall.patch(station_mm - length / 2, angle % (2 * np.pi), length + 5)
            turn = patch.across / wall.calibre(station_mm - length / 2, angle % (2 * np.pi))
            height = np.clip((length / 2 - patch.along) / length, 0, 1)
            width = _ANGLE[self.grade] * (1 - 0.75 * height) * (1 + 0.2 * np.sin(1.7 * patch.along + angle))
            edge = np.maximum(np.abs(turn) / width, np.abs(patch.along) / (length / 2 + 0.01))
            inside = soft(edge, 1.1, 0.8)
            stain(wall, patch, 0.85 * inside, (190, 48, 42))
            coat = soft(np.abs(turn) / width + 0 * patch.along, 0.45, 0.1) * inside
            stain(wall, patch, 0.7 * coat * float(rng.uniform(0.4, 1.0)), (235, 222, 190))
            wall.label[patch.where] = np.where(edge < 1, label, wall.label[patch.where])


FINDING = RefluxOesophagitis
