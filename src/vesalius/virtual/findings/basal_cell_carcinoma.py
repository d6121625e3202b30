"""Basal cell carcinoma: pearly, with arborising vessels, blue-grey nests, leaf-like areas or an ulcer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Self

import numpy as np

from vesalius.virtual.course import Course
from vesalius.virtual.findings.base import Case
from vesalius.virtual.skin.lesion import SkinDisease, Structures, draw_outline, draw_place

__all__ = ["FINDING", "BasalCellCarcinoma"]


@dataclass(frozen=True, kw_only=True)
class BasalCellCarcinoma(SkinDisease):
    """One basal cell carcinoma."""

    concept: ClassVar[str] = "basal_cell_carcinoma"
    course: ClassVar[Course] = Course(doubling_days=(300, 900))

    @classmethod
    def draw(cls, rng: np.random.Generator, case: Case) -> tuple[Self, ...]:
        del case
        outline = draw_outline(rng, 7.0, 0.42, (0.1, 0.8), (0.1, 0.7))
        side, site = draw_place(rng, {"face": 0.6, "neck": 0.1, "back": 0.15, "chest": 0.1, "arm": 0.05})
        signs = rng.random(6)
        nests = int(rng.integers(2, 8)) if signs[0] < 0.6 else 0
        parts = Structures(
            vessels="arborising" if signs[1] < 0.8 else "linear irregular",
            vessel_count=int(rng.integers(3, 8)),
            nests=nests,
            leaves=int(rng.integers(2, 7)) if signs[2] < 0.35 else 0,
            white_lines=int(rng.integers(5, 18)) * (signs[3] < 0.4),
            ulcer=float(rng.uniform(0.15, 0.4)) if signs[4] < 0.35 else 0.0,
            scale=int(rng.integers(2, 6)) * (signs[5] < 0.15),
        )
        colours = ("red", *(["blue-grey"] if nests else []), *(["light brown"] if parts.leaves else []))
        return (
            cls(laterality=side, anatomy=site, severity=cls.size_word(outline.diameter_mm), outline=outline,
                structures=parts, soft=float(rng.uniform(0.25, 0.8)), abrupt=int(rng.integers(0, 5)), colours=colours,
                depth=float(rng.uniform(0.28, 0.5)), uneven=float(rng.uniform(0.2, 0.9))),
        )  # fmt: skip


FINDING = BasalCellCarcinoma
