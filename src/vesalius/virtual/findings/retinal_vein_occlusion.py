"""Retinal vein occlusion: the veins before the stop are wide and winding, and blood follows the nerve fibres."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from vesalius.virtual.course import Course
from vesalius.virtual.eye.anatomy import Eye, examined_eye
from vesalius.virtual.eye.disease import EyeDisease, visible
from vesalius.virtual.eye.lesions import QUADRANTS, Group, Strands, branch, quadrant_of, scatter
from vesalius.virtual.eye.surface import cotton_wool_spots, flame_haemorrhages
from vesalius.virtual.eye.vessels import VEIN
from vesalius.virtual.findings.base import Case, choose, lognormal, severity_of

__all__ = ["FINDING", "RetinalVeinOcclusion"]


@dataclass(frozen=True, kw_only=True)
class RetinalVeinOcclusion(EyeDisease):
    """Occlusion of a branch (one quadrant) or of the central vein (all four)."""

    concept: ClassVar[str] = "retinal_vein_occlusion"
    course: ClassVar[Course] = Course(clearing_days=(60, 300))

    quadrants: tuple[int, ...]
    flames: int
    """Flame haemorrhages of each quadrant."""
    cotton_wool: int
    widening: float
    """Factor of the veins' width."""
    swelling_um: float

    @classmethod
    def draw(cls, rng: np.random.Generator, case: Case) -> tuple[Self, ...]:
        central = rng.random() < 0.35
        where = int(choose(rng, {"0": 0.48, "1": 0.34, "2": 0.08, "3": 0.10}))
        flames = int(rng.integers(10, 45))
        return (
            cls(laterality=examined_eye(case.body), severity=_grade(flames),
                anatomy="retina" if central else f"{QUADRANTS[where]} quadrant",
                quadrants=(0, 1, 2, 3) if central else (where,), flames=flames, cotton_wool=int(rng.integers(0, 6)),
                widening=float(rng.uniform(1.3, 1.65)), swelling_um=lognormal(rng, 140, 0.5, 0, 400)),
        )  # fmt: skip

    @property
    def attributes(self) -> Mapping[str, str]:
        return {"kind": "central" if len(self.quadrants) == 4 else "branch"}

    @property
    def visibility(self) -> float:
        return visible(60, 0.05 * self.flames * len(self.quadrants))

    def scaled(self, factor: float) -> Self:
        flames = max(1, round(self.flames * factor))
        return replace(
            self, flames=flames, cotton_wool=round(self.cotton_wool * factor), swelling_um=self.swelling_um * factor,
            widening=1 + (self.widening - 1) * factor, severity=_grade(flames),
        )  # fmt: skip

    def alter(self, eye: Eye) -> Eye:
        vessels = eye.vessels
        middle = vessels.middle - np.array([0.0, 0.3])
        ill = (vessels.kind == VEIN) & np.isin(self._quadrant(eye, middle), self.quadrants)
        vessels = vessels.widened(1 + (self.widening - 1) * ill).wound(ill, 0.09)
        macular = (0.0, 0.0) if len(self.quadrants) == 4 else (-0.4, 0.5 if self.quadrants[0] % 2 == 0 else -0.5)
        return replace(eye, vessels=vessels, swelling=(*eye.swelling, (*macular, 1.0, self.swelling_um)))

    def _quadrant(self, eye: Eye, places: NDArray[np.float64]) -> NDArray[np.int64]:
        """Quadrants about the disc for nasal places, about the fovea for the others: as the veins drain."""
        nasal = places[:, 0] > eye.disc.x
        return np.asarray(np.where(nasal, 2 + (places[:, 1] < eye.disc.y), quadrant_of(places) % 2), np.int64)

    def lesions(self, eye: Eye, rng: np.random.Generator) -> tuple[Group | Strands, ...]:
        found = [scatter(rng, 1, (0.0, 0.0), 0.0, 0.1)[:0]]
        for number in self.quadrants:
            tries = scatter(rng, 60 * self.flames, (1.6, 0.2), 0.9, 5.6)
            fits = self._quadrant(eye, tries) == number
            clear = (np.hypot(*tries.T) > 0.35) & (np.hypot(tries[:, 0] - eye.disc.x, tries[:, 1] - eye.disc.y) > 1.0)
            found.append(tries[fits & clear][: self.flames])
        places = np.concatenate(found)
        length = np.clip(0.30 * np.exp(0.35 * branch(rng).standard_normal(len(places))), 0.12, 0.6)
        flame = flame_haemorrhages(self.concept, eye, places, length, rng, wobble=0.25)
        count = min(self.cotton_wool, len(places))
        wool = places[rng.permutation(len(places))[:count]] + rng.normal(0, 0.15, (count, 2))
        return flame, cotton_wool_spots(self.concept, wool, rng)


def _grade(flames: int) -> str:
    return severity_of(flames, (18, 32))


FINDING = RetinalVeinOcclusion
