"""Small-vessel disease of the white matter: caps and bands at the ventricles and spots in the depth."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np

from vesalius.virtual.anatomy.head_brain import lateral_ventricle
from vesalius.virtual.anatomy.head_lesions import draw_place
from vesalius.virtual.anatomy.parts import Part
from vesalius.virtual.anatomy.solids import Ellipsoid, Inset, Lumpy, Point, Union
from vesalius.virtual.brain import BrainDisease, draw_direction, size_in
from vesalius.virtual.findings.base import Case, choose, lognormal

if TYPE_CHECKING:
    from vesalius.virtual.anatomy.parts import Anatomy

__all__ = ["FINDING", "Spot", "WhiteMatterDisease"]

_WHITE = ("cerebral white matter", "corpus callosum")
Spot = tuple[Point, Point, float]
"""Centre, direction of the long axis, and length in the patient, mm."""
_DEEP = tuple(f"{side} {lobe} lobe" for side in ("left", "right") for lobe in ("frontal", "parietal", "occipital"))


@dataclass(frozen=True, kw_only=True)
class WhiteMatterDisease(BrainDisease):
    """All spots of a patient."""

    concept: ClassVar[str] = "white_matter_disease"

    fazekas: int
    band_mm: float
    """Width of the band at the ventricles."""
    spots: tuple[Spot, ...]
    seed: int

    @classmethod
    def draw(cls, rng: np.random.Generator, case: Case) -> tuple[Self, ...]:
        old = case.body.age_years > 65
        grade = int(choose(rng, {"1": 0.3, "2": 0.4, "3": 0.3} if old else {"1": 0.6, "2": 0.3, "3": 0.1}))
        count = int(rng.integers(*{1: (4, 10), 2: (10, 24), 3: (22, 46)}[grade]))
        median = {1: 3.5, 2: 5.5, 3: 8.5}[grade]
        spots = tuple(
            (
                draw_place(rng, _DEEP, depth_mm=(9, 30), aside_mm=14),
                draw_direction(rng),
                lognormal(rng, median, 0.35, 2, 18),
            )
            for _ in range(count)
        )
        band = {1: 2.0, 2: 4.0, 3: 7.0}[grade] * float(rng.uniform(0.8, 1.25))
        return (
            cls(
                laterality="bilateral",
                anatomy="periventricular and deep white matter",
                fazekas=grade,
                band_mm=band,
                severity={1: "mild", 2: "moderate", 3: "severe"}[grade],
                spots=spots,
                seed=int(rng.integers(2**31)),
            ),
        )

    @property
    def attributes(self) -> Mapping[str, str]:
        return {
            "fazekas": str(self.fazekas),
            "count": str(len(self.spots)),
            "pattern": "confluent"
            if self.fazekas == 3
            else "beginning to be confluent"
            if self.fazekas == 2
            else "punctate",
        }

    @property
    def sizes_mm(self) -> Mapping[str, float]:
        return {"largest": max(length for _, _, length in self.spots)}

    @property
    def visibility(self) -> float:
        return 2.0 + 2.2 * self.fazekas

    def parts(self, anatomy: Anatomy, rng: np.random.Generator) -> tuple[Part, ...]:
        shape = size_in(anatomy)
        about: dict[str, Any] = {
            "structure": _WHITE[0],
            "tissue": "gliosis",
            "within": _WHITE,
            "concept": self.concept,
        }
        bands = [
            Part(
                solid=Lumpy(
                    Inset(lateral_ventricle(shape, side), -self.band_mm), 0.6 * self.band_mm, 22.0, seed=self.seed
                ),
                component="periventricular",
                softness_mm=0.9,
                **about,
            )
            for side in ("left", "right")
        ]
        balls = tuple(
            Ellipsoid(centre, (length / 2 / shape.size, 0.4 * length / shape.size, 0.4 * length / shape.size), way)
            for centre, way, length in self.spots
        )
        return (*bands, Part(solid=Union(balls), component="deep", softness_mm=0.5, **about))


FINDING = WhiteMatterDisease
