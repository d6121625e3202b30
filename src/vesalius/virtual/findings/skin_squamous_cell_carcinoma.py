"""Squamous cell carcinoma of the skin: a keratotic plaque with glomerular or hairpin vessels, often with an ulcer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Self

import numpy as np

from vesalius.virtual.course import Course
from vesalius.virtual.findings.base import Case
from vesalius.virtual.skin.lesion import SkinDisease, Structures, draw_outline, draw_place

__all__ = ["FINDING", "SkinSquamousCellCarcinoma"]


@dataclass(frozen=True, kw_only=True)
class SkinSquamousCellCarcinoma(SkinDisease):
    """One squamous cell carcinoma."""

    concept: ClassVar[str] = "skin_squamous_cell_carcinoma"
    code: ClassVar[str] = "254651007"
    course: ClassVar[Course] = Course(doubling_days=(60, 300))

    @classmethod
    def draw(cls, rng: np.random.Generator, case: Case) -> tuple[Self, ...]:
        del case
        outline = draw_outline(rng, 9.5, 0.36, (0.1, 0.9), (0.2, 1.0))
        side, site = draw_place(rng, {"face": 0.55, "arm": 0.2, "neck": 0.1, "leg": 0.15})
        ulcer = float(rng.uniform(0.15, 0.45)) if rng.random() < 0.55 else 0.0
        parts = Structures(
            scale=int(rng.integers(3, 14)),
            ulcer=ulcer,
            vessels="glomerular" if rng.random() < 0.65 else "hairpin",
            vessel_count=int(rng.integers(15, 45)),
            scar=float(rng.uniform(0.15, 0.35)) if rng.random() < 0.4 else 0.0,
        )
        colours = ("red", *(["white"] if parts.scar else []), *(["light brown"] if rng.random() < 0.3 else []))
        return (
            cls(laterality=side, anatomy=site, severity=cls.size_word(outline.diameter_mm), outline=outline,
                structures=parts, soft=float(rng.uniform(0.1, 0.5)), abrupt=int(rng.integers(1, 7)), colours=colours,
                depth=float(rng.uniform(0.4, 0.7)), uneven=float(rng.uniform(0.1, 0.8))),
        )  # fmt: skip


FINDING = SkinSquamousCellCarcinoma
