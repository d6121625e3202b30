"""Ranks in link prediction: how many wrong entities are scored above the right one.

Filtered (Bordes et al. 2013): other entities that are right as well are left out. Ties count half, so that a model
that scores everything alike is at chance (Berrendorf et al. 2020, arXiv 2002.06914).

Legend: T triples, E entities.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["link_ranks", "link_scores"]


def link_ranks(
    scores: NDArray[Any], right: NDArray[Any], *, known: Mapping[int, Collection[int]] | None = None
) -> NDArray[np.float64]:
    """Return the rank of the right entity of each triple, from 1.

    Args:
        scores: of every entity, higher is better, (T, E).
        right: number of the right one, (T,).
        known: by row, further entities that are right and are left out.
    """
    scores = np.array(scores, np.float64)
    rows = np.arange(len(scores))
    own = scores[rows, right][:, None]
    for row, others in (known or {}).items():
        out = [other for other in others if other != right[row]]
        scores[row, out] = -np.inf
    scores[rows, right] = -np.inf
    return np.asarray(1 + (scores > own).sum(axis=1) + 0.5 * (scores == own).sum(axis=1), np.float64)


def link_scores(ranks: NDArray[Any], *, hits: tuple[int, ...] = (1, 3, 5, 10)) -> dict[str, float]:
    """Return mean rank, mean reciprocal rank and the shares of ranks up to each number."""
    found = {"mean_rank": float(np.mean(ranks)), "mrr": float(np.mean(1 / ranks))}
    return {**found, **{f"hits_{k}": float(np.mean(ranks <= k)) for k in hits}}
