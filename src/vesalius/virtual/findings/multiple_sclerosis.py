"""Multiple sclerosis: ovoid plaques that stand on the ventricles, at the cortex and below the tentorium."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Self

import numpy as np

from vesalius.virtual.anatomy.head_lesions import CEREBRUM, POSTERIOR_FOSSA, draw_place
from vesalius.virtual.anatomy.parts import Part
from vesalius.virtual.anatomy.solids import Ellipsoid, Point, Solid, Union
from vesalius.virtual.brain import BrainDisease, size_in
from vesalius.virtual.findings.base import Case, lognormal, severity_of
from vesalius.virtual.findings.white_matter_disease import Spot

if TYPE_CHECKING:
    from vesalius.virtual.anatomy.parts import Anatomy

__all__ = ["FINDING", "MultipleSclerosis"]

_LINE: tuple[Point, ...] = ((15, -26, 12), (14, -8, 24), (17, 14, 27), (24, 36, 20), (27, 52, 12))
"""Outer edge of the left lateral ventricle."""
_LOBES = tuple(f"{side} {lobe} lobe" for side in ("left", "right") for lobe in ("frontal", "parietal", "temporal"))
_LOW: tuple[Point, ...] = ((6, 22, -28), (16, 42, -30), (22, 58, -34), (4, 26, -12))


@dataclass(frozen=True, kw_only=True)
class MultipleSclerosis(BrainDisease):
    """All plaques of a patient."""

    concept: ClassVar[str] = "multiple_sclerosis"

    spots: tuple[Spot, ...]
    active: int
    """How many of the first spots take up contrast."""

    @classmethod
    def draw(cls, rng: np.random.Generator, case: Case) -> tuple[Self, ...]:
        count = int(np.clip(round(9 * float(np.exp(0.6 * rng.standard_normal()))), 3, 30))
        spots = tuple(_draw_spot(rng) for _ in range(count))
        active = int(rng.integers(1, 4)) if rng.random() < 0.4 else 0
        return (
            cls(
                laterality="bilateral",
                anatomy="periventricular and juxtacortical white matter",
                spots=spots,
                active=min(active, count),
                severity=severity_of(count, (6, 14)),
            ),
        )

    @property
    def attributes(self) -> Mapping[str, str]:
        return {
            "count": str(len(self.spots)),
            "shape": "ovoid",
            "activity": "with active enhancing lesions" if self.active else "without enhancing lesions",
        }

    @property
    def sizes_mm(self) -> Mapping[str, float]:
        return {"largest": max(length for _, _, length in self.spots)}

    @property
    def visibility(self) -> float:
        return 3.0 + 0.4 * len(self.spots)

    def parts(self, anatomy: Anatomy, rng: np.random.Generator) -> tuple[Part, ...]:
        size = size_in(anatomy).size
        active = [_plaque(spot, size) for spot in self.spots[: self.active]]
        quiet = [_plaque(spot, size) for spot in self.spots[self.active :]]
        within = (*CEREBRUM, *POSTERIOR_FOSSA)
        return tuple(
            Part(
                structure=within[1],
                solid=Union(tuple(solids)),
                tissue=tissue,
                within=within,
                concept=self.concept,
                component=component,
                softness_mm=0.5,
            )
            for solids, tissue, component in ((quiet, "ms_plaque", "plaque"), (active, "ms_active", "active"))
            if solids
        )


def _plaque(spot: Spot, size: float) -> Solid:
    centre, way, length = spot
    return Ellipsoid(centre, (length / 2 / size, 0.3 * length / size, 0.3 * length / size), way)


def _draw_spot(rng: np.random.Generator) -> Spot:
    """Draw a plaque: 60 % at the ventricles and across them, 28 % below the cortex, 12 % below the tentorium."""
    sign = 1.0 if rng.random() < 0.5 else -1.0
    length = lognormal(rng, 8, 0.4, 3.5, 22)
    kind = rng.random()
    if kind < 0.6:
        place = int(rng.integers(len(_LINE) - 1))
        share = rng.random()
        x, y, z = (1 - share) * np.asarray(_LINE[place]) + share * np.asarray(_LINE[place + 1])
        way = np.array([sign, rng.normal(0, 0.25), rng.uniform(0.1, 0.8)])
        way /= np.linalg.norm(way)
        out = 0.45 * length * way
        return (sign * float(x) + float(out[0]), float(y + out[1]), float(z + out[2])), _point(way), length
    if kind < 0.88:
        centre = draw_place(rng, _LOBES, depth_mm=(4, 8))
        way = np.array(centre) / np.linalg.norm(centre)
        return centre, _point(way), 0.7 * length
    x, y, z = np.asarray(_LOW[int(rng.integers(len(_LOW)))]) + rng.normal(0, 1.5, 3)
    return (sign * float(x), float(y), float(z)), (sign, 0.2, 0.1), 0.7 * length


def _point(way: np.ndarray) -> Point:
    return (float(way[0]), float(way[1]), float(way[2]))


FINDING = MultipleSclerosis
