"""Dermatofibroma: a firm brown nodule with a central white patch and a fine network round it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Self

import numpy as np

from vesalius.virtual.course import STABLE, Course
from vesalius.virtual.findings.base import Case
from vesalius.virtual.skin.lesion import SkinDisease, Structures, draw_outline, draw_place

__all__ = ["FINDING", "Dermatofibroma"]


@dataclass(frozen=True, kw_only=True)
class Dermatofibroma(SkinDisease):
    """One dermatofibroma."""

    concept: ClassVar[str] = "dermatofibroma"
    course: ClassVar[Course] = STABLE

    @classmethod
    def draw(cls, rng: np.random.Generator, case: Case) -> tuple[Self, ...]:
        del case
        outline = draw_outline(rng, 6.0, 0.30, (0.0, 0.35), (0.0, 0.4))
        side, site = draw_place(rng, {"leg": 0.6, "arm": 0.25, "back": 0.15})
        return (
            cls(laterality=side, anatomy=site, severity=cls.size_word(outline.diameter_mm), outline=outline,
                structures=Structures(network="regular" if rng.random() < 0.8 else "",
                                      scar=float(rng.uniform(0.25, 0.5)),
                                      white_lines=int(rng.integers(4, 12)) * (rng.random() < 0.4)),
                soft=float(rng.uniform(0.5, 0.9)), abrupt=int(rng.integers(0, 2)), colours=("light brown", "white"),
                depth=float(rng.uniform(0.4, 0.65)), uneven=float(rng.uniform(0.0, 0.3))),
        )  # fmt: skip


FINDING = Dermatofibroma
