"""The pulmonary vessels: a space-filling tree grown by halving clouds of end points, all branches of a level at once.

T trees, C clusters of a level, M end points of a cluster, N samples.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

__all__ = ["Branches", "grow", "sample"]


class Branches(NamedTuple):
    """Branches of trees: curves from `start` through `middle` to `stop`."""

    start: NDArray[np.float64]
    """(B, 3), mm."""
    middle: NDArray[np.float64]
    """Control point, (B, 3)."""
    stop: NDArray[np.float64]
    """(B, 3)."""
    radius: NDArray[np.float64]
    """(B,), mm."""
    order: NDArray[np.int64]
    """Level from the root, (B,)."""


def grow(
    rng: np.random.Generator, root: NDArray[np.float64], ends: NDArray[np.float64], *, radius_mm: float,
    exponent: float = 2.6,
) -> Branches:  # fmt: skip
    """Grow one tree per row from `root` (T, 3) to `ends` (T, 2^k, 3).

    A cloud is halved across its longest extent; a branch goes from its parent part of the way to the cloud's centre.
    Radii follow r^exponent = sum over the daughters.
    """
    trees, count, _ = ends.shape
    clusters = ends[:, None]
    start = root[:, None]
    parts: list[Branches] = []
    level = 0
    while True:
        size = clusters.shape[2]
        centre = clusters.mean(axis=2)
        reach = 1.0 if size == 1 else 0.30 + 0.22 * rng.random((trees, clusters.shape[1], 1))
        stop = start + reach * (centre - start)
        span = np.linalg.norm(stop - start, axis=-1, keepdims=True)
        middle = (start + stop) / 2 + 0.10 * span * rng.standard_normal(stop.shape)
        radius = np.full(stop.shape[:2], radius_mm * (size / count) ** (1 / exponent))
        order = np.full(stop.shape[:2], level)
        parts.append(
            Branches(start.reshape(-1, 3), middle.reshape(-1, 3), stop.reshape(-1, 3), radius.ravel(), order.ravel())
        )
        if size == 1:
            break
        clusters = _halve(clusters)
        start = np.repeat(stop, 2, axis=1)
        level += 1
    return Branches(
        np.concatenate([part.start for part in parts]),
        np.concatenate([part.middle for part in parts]),
        np.concatenate([part.stop for part in parts]),
        np.concatenate([part.radius for part in parts]),
        np.concatenate([part.order for part in parts]),
    )


def _halve(clusters: NDArray[np.float64]) -> NDArray[np.float64]:
    """Split every cloud (T, C, M, 3) across its longest extent into two: (T, 2C, M/2, 3)."""
    trees, number, size, _ = clusters.shape
    extent = clusters.max(axis=2) - clusters.min(axis=2)
    axis = extent.argmax(axis=-1)
    along = np.take_along_axis(clusters, axis[:, :, None, None], axis=3)[..., 0]
    order = along.argsort(axis=2, kind="stable")
    ordered = np.take_along_axis(clusters, order[..., None], axis=2)
    return ordered.reshape(trees, number * 2, size // 2, 3)


def sample(
    branches: Branches, step_mm: float
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64], NDArray[np.int64]]:
    """Sample branches densely: points (N, 3), radii (N,), steps (N,) in mm and the branch of each sample (N,).

    The step is about half a radius and never below `step_mm`.
    """
    span = np.linalg.norm(branches.middle - branches.start, axis=1)
    span += np.linalg.norm(branches.stop - branches.middle, axis=1)
    count = np.maximum(2, np.ceil(span / np.maximum(step_mm, 0.6 * branches.radius)).astype(np.int64))
    which = np.repeat(np.arange(len(count)), count)
    first = np.repeat(np.cumsum(count) - count, count)
    t = ((np.arange(len(which)) - first + 0.5) / count[which])[:, None]
    a, b, c = branches.start[which], branches.middle[which], branches.stop[which]
    points = (1 - t) ** 2 * a + 2 * t * (1 - t) * (2 * b - (a + c) / 2) + t**2 * c
    taper = 1 - 0.12 * t[:, 0]
    return points, branches.radius[which] * taper, (span / count)[which], which
