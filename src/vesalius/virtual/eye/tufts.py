"""New and abnormal small vessels as lines: fans of loops, and short winding connections."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["arcs", "tuft"]

Lines = NDArray[np.float64]


def tuft(rng: np.random.Generator, place: tuple[float, float], reach_mm: float) -> Lines:
    """Return a fan of fine loops that start at a place, as pieces (n, 2, 2) in mm."""
    pieces = []
    front = rng.uniform(0, 2 * np.pi)
    for _ in range(int(rng.integers(7, 14))):
        heading = front + rng.normal(0, 0.8)
        steps = 14
        turn = rng.normal(0, 0.30) + rng.normal(0, 0.25, steps)
        angle = heading + np.cumsum(turn)
        stride = reach_mm * rng.uniform(0.5, 1.2) / steps
        line = np.cumsum(np.stack([np.cos(angle), np.sin(angle)], axis=1), axis=0) * stride
        points = np.concatenate([np.zeros((1, 2)), line]) + np.array(place) + rng.normal(0, 0.08, 2)
        pieces.append(np.stack([points[:-1], points[1:]], axis=1))
    return np.concatenate(pieces)


def arcs(rng: np.random.Generator, place: tuple[float, float], reach_mm: float) -> Lines:
    """Return a short branching and winding vessel about a place, as pieces (n, 2, 2) in mm."""
    pieces = []
    for _ in range(int(rng.integers(2, 5))):
        steps = 10
        angle = rng.uniform(0, 2 * np.pi) + np.cumsum(rng.normal(0, 0.75, steps))
        line = np.cumsum(np.stack([np.cos(angle), np.sin(angle)], axis=1), axis=0) * (2 * reach_mm / steps)
        points = line - line.mean(axis=0) + np.array(place)
        pieces.append(np.stack([points[:-1], points[1:]], axis=1))
    return np.concatenate(pieces)
