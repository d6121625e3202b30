"""Simple cysts of the liver: water with a thin wall that is not seen."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Self

import numpy as np

from vesalius.virtual.anatomy.abdomen_lesions import FocalLesion, draw_segment
from vesalius.virtual.course import Course
from vesalius.virtual.findings.base import Case, choose, lognormal

__all__ = ["FINDING", "LiverCyst"]


@dataclass(frozen=True, kw_only=True)
class LiverCyst(FocalLesion):
    """One cyst."""

    concept: ClassVar[str] = "liver_cyst"
    code: ClassVar[str] = "367643001"
    course: ClassVar[Course] = Course(doubling_days=(900, 3000))
    tissue: ClassVar[str] = "simple_cyst"

    @classmethod
    def draw(cls, rng: np.random.Generator, case: Case) -> tuple[Self, ...]:
        count = int(choose(rng, {"1": 0.55, "2": 0.2, "3": 0.12, "4": 0.08, "5": 0.05}))
        return tuple(
            cls.shaped(rng, lognormal(rng, 14, 0.6, 5, 90), anatomy=draw_segment(rng, right=0.65))
            for _ in range(count)
        )


FINDING = LiverCyst
