"""Melanoma: asymmetric, of many colours, with an atypical network, streaks, a blue-white veil or regression."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Self

import numpy as np

from vesalius.virtual.course import Course
from vesalius.virtual.findings.base import Case, lognormal
from vesalius.virtual.skin.lesion import SkinDisease, Structures, draw_outline, draw_place

__all__ = ["FINDING", "Melanoma"]


@dataclass(frozen=True, kw_only=True)
class Melanoma(SkinDisease):
    """One melanoma."""

    concept: ClassVar[str] = "melanoma"
    code: ClassVar[str] = "1162635006"
    course: ClassVar[Course] = Course(doubling_days=(60, 400))

    breslow_mm: float
    """Depth; it cannot be seen from above."""

    @classmethod
    def draw(cls, rng: np.random.Generator, case: Case) -> tuple[Self, ...]:
        del case
        outline = draw_outline(rng, 9.0, 0.40, (0.3, 1.0), (0.35, 1.0))
        side, site = draw_place(rng)
        signs = rng.random(8)
        parts = Structures(
            network="atypical" if signs[0] < 0.7 else "",
            globules=int(rng.integers(8, 40)) if signs[1] < 0.6 else 0,
            globules_even=False,
            streaks=int(rng.integers(5, 20)) if signs[2] < 0.5 else 0,
            veil=float(rng.uniform(0.25, 0.6)) if signs[3] < 0.5 else 0.0,
            regression=float(rng.uniform(0.2, 0.45)) if signs[4] < 0.3 else 0.0,
            peppering=int(rng.integers(25, 90)) if signs[4] < 0.35 else 0,
            blotches=int(rng.integers(1, 4)) if signs[5] < 0.5 else 0,
            vessels="linear irregular" if signs[6] < 0.25 else "",
            vessel_count=int(rng.integers(6, 20)),
            white_lines=int(rng.integers(6, 20)) if signs[7] < 0.25 else 0,
        )
        others = rng.permutation(["light brown", "black", "red"])[: rng.integers(1, 3)].tolist()
        colours = ("dark brown", *others, *(["blue-grey"] if parts.veil or parts.peppering else []),
                   *(["white"] if parts.regression else []))  # fmt: skip
        return (
            cls(laterality=side, anatomy=site, severity=cls.size_word(outline.diameter_mm), outline=outline,
                structures=parts, soft=float(rng.uniform(0.15, 0.5)), abrupt=int(rng.integers(2, 9)), colours=colours,
                depth=float(rng.uniform(0.72, 0.95)), uneven=float(rng.uniform(0.4, 1.0)),
                breslow_mm=lognormal(rng, 0.8, 0.7, 0.1, 8.0)),
        )  # fmt: skip


FINDING = Melanoma
