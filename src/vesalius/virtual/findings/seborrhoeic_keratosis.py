"""Seborrhoeic keratosis: a sharp-edged plaque with milia-like cysts and comedo-like openings."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Self

import numpy as np

from vesalius.virtual.course import Course
from vesalius.virtual.findings.base import Case
from vesalius.virtual.skin.lesion import SkinDisease, Structures, draw_outline, draw_place

__all__ = ["FINDING", "SeborrhoeicKeratosis"]


@dataclass(frozen=True, kw_only=True)
class SeborrhoeicKeratosis(SkinDisease):
    """One seborrhoeic keratosis."""

    concept: ClassVar[str] = "seborrhoeic_keratosis"
    course: ClassVar[Course] = Course(doubling_days=(1200, 5000))

    @classmethod
    def draw(cls, rng: np.random.Generator, case: Case) -> tuple[Self, ...]:
        del case
        outline = draw_outline(rng, 8.0, 0.42, (0.0, 0.6), (0.2, 0.9))
        side, site = draw_place(
            rng, {"back": 0.34, "chest": 0.2, "abdomen": 0.12, "face": 0.16, "neck": 0.08, "arm": 0.1}
        )
        signs = rng.random(3)
        milia = int(rng.integers(4, 26)) if signs[0] < 0.85 else 0
        parts = Structures(
            milia=milia,
            openings=int(rng.integers(4, 30)) if signs[1] < 0.8 or not milia else 0,
            vessels="hairpin" if signs[2] < 0.35 else "",
            vessel_count=int(rng.integers(5, 16)),
        )
        ground = "light brown" if rng.random() < 0.55 else "dark brown"
        colours = (
            ground,
            *rng.permutation(["black", "dark brown" if ground == "light brown" else "light brown"])[
                : rng.integers(0, 3)
            ].tolist(),
        )
        return (
            cls(laterality=side, anatomy=site, severity=cls.size_word(outline.diameter_mm), outline=outline,
                structures=parts, soft=float(rng.uniform(0.07, 0.2)), abrupt=int(rng.integers(4, 9)), colours=colours,
                depth=float(rng.uniform(0.6, 0.92)), uneven=float(rng.uniform(0.0, 0.9))),
        )  # fmt: skip


FINDING = SeborrhoeicKeratosis
