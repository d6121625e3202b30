"""Actinic keratosis: a red scaly patch of sun-worn skin."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Self

import numpy as np

from vesalius.virtual.course import Course
from vesalius.virtual.findings.base import Case
from vesalius.virtual.skin.lesion import SkinDisease, Structures, draw_outline, draw_place

__all__ = ["FINDING", "ActinicKeratosis"]


@dataclass(frozen=True, kw_only=True)
class ActinicKeratosis(SkinDisease):
    """One actinic keratosis."""

    concept: ClassVar[str] = "actinic_keratosis"
    code: ClassVar[str] = "201101007"
    course: ClassVar[Course] = Course(doubling_days=(500, 3000), clearing_days=(30, 120), response=0.5)

    @classmethod
    def draw(cls, rng: np.random.Generator, case: Case) -> tuple[Self, ...]:
        del case
        outline = draw_outline(rng, 7.5, 0.38, (0.1, 0.8), (0.2, 0.9))
        side, site = draw_place(rng, {"face": 0.65, "arm": 0.25, "neck": 0.1})
        parts = Structures(
            scale=int(rng.integers(5, 22)),
            vessels="dotted" if rng.random() < 0.4 else "",
            vessel_count=int(rng.integers(10, 40)),
        )
        return (
            cls(laterality=side, anatomy=site, severity=cls.size_word(outline.diameter_mm), outline=outline,
                structures=parts, soft=float(rng.uniform(0.4, 0.9)), abrupt=int(rng.integers(0, 3)),
                colours=("red", "light brown") if rng.random() < 0.35 else ("red",),
                depth=float(rng.uniform(0.25, 0.5)),
                uneven=float(rng.uniform(0.1, 0.8))),
        )  # fmt: skip


FINDING = ActinicKeratosis
