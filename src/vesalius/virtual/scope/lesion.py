"""What a disease of the bowel does to the wall, and the brushes that it does it with."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from vesalius.virtual.findings.base import Case, Disease, choose
from vesalius.virtual.scope.camera import Array
from vesalius.virtual.scope.texture import linear, mix
from vesalius.virtual.scope.wall import Patch, Wall

__all__ = ["BowelDisease", "drawn_site", "outline", "stain"]

_NEAR_MM = 5.0
"""How far a second lesion lies from the first along the bowel: a clip shows one stretch, and all that is in it."""


@dataclass(frozen=True, kw_only=True)
class BowelDisease(Disease):
    """A disease that an endoscope sees on the wall of a hollow organ."""

    region: ClassVar[str] = "bowel"
    organ: ClassVar[str] = "colon"
    """colon, oesophagus or stomach."""
    depth: ClassVar[int] = 1
    """Order of painting: diffuse disease first."""
    focal: ClassVar[bool] = True
    """False where it has no one place round the wall, so that `angle` says nothing."""

    distance_mm: float = 0.0
    """Along the scope: from the anal verge, or from the teeth."""
    angle: float = 0.0
    """Place round the wall, radians."""

    @abstractmethod
    def put(self, wall: Wall, rng: np.random.Generator, *, station_mm: float, label: int) -> None:
        """Change the wall at a station; what belongs to the disease gets the label."""


def drawn_site(rng: np.random.Generator, case: Case, shares: Mapping[str, float], ends: Mapping[str, float]) -> float:
    """Draw a distance by the shares of the segments, or beside the lesion of the colon that is already there.

    Args:
        rng: stream of the disease.
        case: what is already there.
        shares: of the segments named in `ends`.
        ends: farther end of each segment in mm, ascending.
    """
    name = choose(rng, shares)
    names, limits = list(ends), [0.0, *ends.values()]
    place = names.index(name)
    free = float(rng.uniform(limits[place] + 0.08 * (limits[place + 1] - limits[place]), limits[place + 1] - 20))
    beside = float(rng.uniform(-_NEAR_MM, _NEAR_MM))
    first = next((part for part in case.diseases if isinstance(part, BowelDisease) and part.organ == "colon"), None)
    return free if first is None else float(np.clip(first.distance_mm + beside, 20, 1180))


def outline(patch: Patch, radius_mm: float, rng: np.random.Generator, uneven: float = 0.12) -> Array:
    """Return the distance from the middle against that of an uneven edge: below 1 is inside, (n, a)."""
    angle = np.arctan2(patch.across + 0 * patch.along, patch.along + 0 * patch.across)
    edge = np.ones_like(angle)
    for wave in (2, 3, 5, 8):
        edge += uneven / np.sqrt(wave) * np.sin(wave * angle + float(rng.uniform(0, 6.3))) * float(rng.normal(1, 0.3))
    part: Array = (patch.off / np.maximum(radius_mm * edge, 0.3)).astype(np.float32)
    return part


def stain(wall: Wall, patch: Patch, share: Array, colour: Sequence[float]) -> None:
    """Blend an sRGB colour into the wall."""
    wall.albedo[patch.where] = mix(wall.albedo[patch.where], linear(colour), np.clip(share, 0, 1))
