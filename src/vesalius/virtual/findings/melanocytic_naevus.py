"""Melanocytic naevus: a mole, even in shape and colour; a dysplastic one is less so."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Self

import numpy as np

from vesalius.virtual.course import STABLE, Course
from vesalius.virtual.findings.base import Case
from vesalius.virtual.skin.lesion import SkinDisease, Structures, draw_outline, draw_place

__all__ = ["FINDING", "MelanocyticNaevus"]


@dataclass(frozen=True, kw_only=True)
class MelanocyticNaevus(SkinDisease):
    """One naevus."""

    concept: ClassVar[str] = "melanocytic_naevus"
    course: ClassVar[Course] = STABLE

    dysplastic: bool
    """True for a naevus with some of the signs of a melanoma."""

    @classmethod
    def draw(cls, rng: np.random.Generator, case: Case) -> tuple[Self, ...]:
        del case
        dysplastic = rng.random() < 0.25
        outline = draw_outline(rng, 5.5 if dysplastic else 4.6, 0.34, (0.0, 0.6 if dysplastic else 0.3), (0.0, 0.5))
        side, site = draw_place(rng)
        pattern = rng.random()
        parts = Structures(
            network=("atypical" if dysplastic and rng.random() < 0.4 else "regular") if pattern < 0.65 else "",
            globules=int(rng.integers(8, 45)) if pattern > 0.5 else 0,
            globules_even=not dysplastic,
            blotches=int(dysplastic and rng.random() < 0.15),
            vessels="comma" if pattern > 0.9 else "",
            vessel_count=int(rng.integers(3, 10)),
        )
        ground = "light brown" if rng.random() < 0.6 else "dark brown"
        other = "dark brown" if ground == "light brown" else "light brown"
        count = int(rng.integers(0, 3 if dysplastic else 2))
        return (
            cls(laterality=side, anatomy=site, severity=cls.size_word(outline.diameter_mm), outline=outline,
                structures=parts, soft=float(rng.uniform(0.25, 0.7)),
                abrupt=int(rng.integers(0, 6 if dysplastic else 4)),
                colours=(ground, *(other, "red")[:count]), depth=float(rng.uniform(0.55, 0.9)),
                uneven=float(rng.uniform(0.0, 0.7 if dysplastic else 0.35)), dysplastic=dysplastic),
        )  # fmt: skip


FINDING = MelanocyticNaevus
