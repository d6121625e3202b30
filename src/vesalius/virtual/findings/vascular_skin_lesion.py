"""Vascular lesion of the skin: a haemangioma or angioma of red and purple lacunae."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Self

import numpy as np

from vesalius.virtual.course import STABLE, Course
from vesalius.virtual.findings.base import Case
from vesalius.virtual.skin.lesion import SkinDisease, Structures, draw_outline, draw_place

__all__ = ["FINDING", "VascularSkinLesion"]


@dataclass(frozen=True, kw_only=True)
class VascularSkinLesion(SkinDisease):
    """One haemangioma."""

    concept: ClassVar[str] = "vascular_skin_lesion"
    code: ClassVar[str] = "400210000"
    course: ClassVar[Course] = STABLE

    @classmethod
    def draw(cls, rng: np.random.Generator, case: Case) -> tuple[Self, ...]:
        del case
        outline = draw_outline(rng, 4.6, 0.38, (0.0, 0.5), (0.1, 0.6))
        side, site = draw_place(rng)
        return (
            cls(laterality=side, anatomy=site, severity=cls.size_word(outline.diameter_mm), outline=outline,
                structures=Structures(lacunae=int(rng.integers(6, 26)),
                                      white_lines=int(rng.integers(4, 9)) * (rng.random() < 0.2)),
                soft=float(rng.uniform(0.07, 0.25)), abrupt=int(rng.integers(3, 9)), colours=("red",),
                depth=float(rng.uniform(0.5, 0.8)), uneven=float(rng.uniform(0.0, 0.5))),
        )  # fmt: skip


FINDING = VascularSkinLesion
