"""Lesions of the retina as geometry: groups of one kind in the retina's frame, seen by every examination of the eye.

N lesions of a group. Places and sizes in mm (x towards the nose, y upwards), heights in µm.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vesalius.virtual.strokes import Spots

__all__ = ["QUADRANTS", "Group", "Strands", "branch", "group", "joined", "quadrant_of", "scatter"]

Floats = NDArray[np.float64]
QUADRANTS = ("superotemporal", "inferotemporal", "superonasal", "inferonasal")


@dataclass(frozen=True, kw_only=True, eq=False)
class Group:
    """Lesions of one kind of one finding."""

    concept: str
    kind: str
    """Name of the lesion, such as "microaneurysm"; the examinations know how a kind looks."""
    spots: Spots
    height_um: Floats
    """How far each lifts what lies above it, or its own height within the retina, (N,)."""
    level: float = 0.5
    """Place in the retina: 0 the inner surface, 1 the pigment epithelium."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Strands:
    """Thin lines of one kind of one finding: new vessels, folds."""

    concept: str
    kind: str
    start: Floats
    """(N, 2)."""
    end: Floats
    """(N, 2)."""
    radius: Floats
    """Half width, (N,)."""
    number: NDArray[np.int64]
    """Which lesion a piece belongs to, (N,)."""


def branch(rng: np.random.Generator) -> np.random.Generator:
    """Return a generator of its own, so that more lesions of one kind do not move those of the next."""
    return np.random.Generator(np.random.Philox(key=int(rng.integers(2**63))))


def group(
    concept: str, kind: str, places: Floats, radius: Floats, rng: np.random.Generator, *, flat: float = 1.0,
    wobble: float = 0.0, soft: float = 0.0, height_um: Floats | float = 0.0, level: float = 0.5,
) -> Group:  # fmt: skip
    """Make a group of turned ovals.

    Args:
        concept: name of the finding.
        kind: name of the lesion.
        places: (N, 2).
        radius: (N,) half of the longer axis.
        rng: turns and outlines.
        flat: axis across over the longer one, the smallest; drawn up to 1.
        wobble: waves of the outline.
        soft: width of the edge as a share of the radius.
        height_um: (N,) or one number.
        level: place in the retina's depth, see `Group`.
    """
    n = len(places)
    share = branch(rng).random((n, 3))
    ratio = flat + (1 - flat) * share[:, 0]
    spots = Spots(
        places[:, 0], places[:, 1], radius, radius * ratio, np.pi * share[:, 1], np.full(n, wobble),
        2 * np.pi * share[:, 2], np.full(n, soft),
    )  # fmt: skip
    return Group(concept=concept, kind=kind, spots=spots, height_um=np.broadcast_to(height_um, (n,)), level=level)


def scatter(
    rng: np.random.Generator, count: int, centre: tuple[float, float], near_mm: float, far_mm: float
) -> Floats:
    """Draw places evenly over a ring about a centre, (count, 2)."""
    share = branch(rng).random((count, 2))  # by rows: the first places stay when there are more
    radius = np.sqrt(near_mm**2 + (far_mm**2 - near_mm**2) * share[:, 0])
    turn = 2 * np.pi * share[:, 1]
    return np.asarray(np.stack([centre[0] + radius * np.cos(turn), centre[1] + radius * np.sin(turn)], axis=1))


def joined(parts: list[Floats]) -> Floats:
    """Return lists of places (N, 2) as one."""
    return np.concatenate(parts) if parts else np.zeros((0, 2))


def quadrant_of(places: NDArray[np.floating]) -> NDArray[np.int64]:
    """Return the quadrant about the fovea of places (N, 2), an index of `QUADRANTS`."""
    return np.asarray((places[:, 0] > 0) * 2 + (places[:, 1] < 0), np.int64)
