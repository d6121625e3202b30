"""Retrieval by cosine: ranks with ties, hit rates, precision of classes, chance levels; in bounded blocks.

The right answers of a query are a group: the items that carry the query's group number. Identity matching
gives every pair its own number; duplicate-aware matching gives equal texts the same number.

Letters: Q queries, N gallery items, D width, C classes, q queries of one block.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from vesalius.errors import ConfigError, DataError, did_you_mean
from vesalius.metrics.bootstrap import BLOCK_BYTES

__all__ = [
    "Ranks",
    "average_precision_at",
    "chance_recall_at",
    "class_precision_at",
    "first_in_pool",
    "mrr",
    "ndcg_at",
    "normalise_text",
    "precision_at",
    "rank_among",
    "ranks",
    "recall_at",
    "same_text",
]

Floats = NDArray[np.float64]
TIE_WIDTH = 1e-6
"""Cosines nearer than this are level: float32 encoders give one text in two batches cosines 1e-7 apart."""
_TIES = {"optimistic": 0.0, "mean": 0.5, "pessimistic": 1.0}


class Ranks(NamedTuple):
    """Where the best right answer of each query stands."""

    above: NDArray[np.intp]
    """Wrong items that are nearer than the best right one, (Q,)."""
    level: NDArray[np.intp]
    """Wrong items that are level with it, (Q,)."""
    relevant: NDArray[np.intp]
    """Right items in the gallery, (Q,)."""
    top: NDArray[np.intp]
    """Nearest gallery items, nearest first, ties by lower index, (Q, k)."""

    def rank(self, ties: str = "mean") -> Floats:
        """Return the rank from 1, (Q,), NaN without a right answer.

        Args:
            ties: "optimistic" (right answer first), "pessimistic" (last) or "mean" (half of the level ones,
                so that constant embeddings do not reach R@1 = 1).
        """
        if ties not in _TIES:
            raise ConfigError(f"unknown rule for ties {ties!r}{did_you_mean(ties, _TIES)}")
        place = 1.0 + self.above + _TIES[ties] * self.level
        return np.where(self.relevant > 0, place, np.nan)


def ranks(
    query: ArrayLike,
    gallery: ArrayLike,
    *,
    query_group: ArrayLike,
    gallery_group: ArrayLike,
    top: int = 0,
    tie_width: float = TIE_WIDTH,
) -> Ranks:
    """Rank the best right answer of each query by cosine, with a block of queries at a time.

    Args:
        query: unit-norm embeddings, (Q, D).
        gallery: unit-norm embeddings, (N, D).
        query_group: group number of each query, (Q,).
        gallery_group: group number of each gallery item, (N,); right where equal to the query's.
        top: how many of the nearest items to return.
        tie_width: similarities nearer than this are level.
    """
    groups, answers = np.asarray(query_group), np.asarray(gallery_group)
    parts = []
    for rows, similarity in _similarity_blocks(query, gallery):
        right = groups[rows, None] == answers[None, :]
        best = np.where(right, similarity, -np.inf).max(axis=1, initial=-np.inf)[:, None]
        above = (similarity > best + tie_width) & ~right
        level = (np.abs(similarity - best) <= tie_width) & ~right
        counts = (above.sum(axis=1), level.sum(axis=1), right.sum(axis=1))
        parts.append((*counts, _nearest(similarity, top)))
    if not parts:
        raise DataError("no queries to rank")
    return Ranks(*(np.concatenate(column) for column in zip(*parts, strict=True)))


def rank_among(score: ArrayLike, right: ArrayLike, *, tie_width: float = TIE_WIDTH) -> Floats:
    """Rank the best right candidate of each query from 1, ties half, (Q,); NaN where none is right.

    Args:
        score: of each query's candidates, larger is nearer, NaN where a query has fewer, (Q, k).
        right: True for right answers, (Q, k).
        tie_width: scores nearer than this are level.
    """
    scores, answers = np.asarray(score, dtype=np.float64), np.asarray(right, dtype=bool)
    wrong = ~answers & np.isfinite(scores)
    best = np.where(answers & np.isfinite(scores), scores, -np.inf).max(axis=1, initial=-np.inf, keepdims=True)
    above = (wrong & (scores > best + tie_width)).sum(axis=1)
    level = (wrong & (np.abs(scores - best) <= tie_width)).sum(axis=1)
    return np.where(np.isfinite(best[:, 0]), 1.0 + above + level / 2, np.nan)


def recall_at(rank: ArrayLike, k: int) -> float:
    """Hit rate: share of queries with a rank of at most k; with one right answer the recall at k."""
    return float(np.mean(np.asarray(rank, dtype=np.float64) <= k))


def mrr(rank: ArrayLike) -> float:
    """Mean of 1/rank."""
    return float(np.mean(1 / np.asarray(rank, dtype=np.float64)))


def chance_recall_at(relevant: ArrayLike, gallery: int, k: int) -> float:
    """Hit rate of a random order: 1 - C(N - m, k)/C(N, k), mean over queries with m right answers each.

    With one right answer it is k/N.
    """
    right = np.asarray(relevant, dtype=np.int64)
    if k >= gallery:
        return float(np.mean(right > 0))
    missed = np.ones(len(right))
    for place in range(k):
        missed *= np.maximum(gallery - right - place, 0) / (gallery - place)
    return float(np.mean(1 - missed))


def first_in_pool(rank: ArrayLike, relevant: ArrayLike, *, gallery: int, pool: int) -> Floats:
    """Chance that the right answer is first among itself and pool - 1 wrong items drawn from the gallery, (Q,).

    With W wrong items, a of them nearer, it is C(W - a, pool - 1)/C(W, pool - 1): the mean over all pools, so that
    none is drawn. A level item counts half, as in the mean rank.

    Args:
        rank: of the best right answer, from 1, (Q,).
        relevant: right items in the gallery, (Q,).
        gallery: its items.
        pool: candidates, the right one included.
    """
    nearer = np.asarray(rank, dtype=np.float64) - 1
    wrong = gallery - np.asarray(relevant, dtype=np.int64)
    if pool < 2 or np.any(wrong < pool - 1):
        raise DataError(f"a pool of {pool} needs {pool - 1} wrong items beside each right one; found {wrong.min()}")
    found = np.ones(len(nearer))
    for place in range(pool - 1):
        found *= np.maximum(wrong - nearer - place, 0) / (wrong - place)
    return found


def class_precision_at(
    query: ArrayLike,
    gallery: ArrayLike,
    *,
    relevant: ArrayLike,
    ks: Sequence[int],
    excluded: tuple[ArrayLike, ArrayLike] | None = None,
    tie_width: float = TIE_WIDTH,
) -> Floats:
    """Precision among the k nearest items of a class, expected over a random order inside ties, (Q, len(ks)).

    Where fewer than k items may be found, the precision is NaN.

    Args:
        query: unit-norm embeddings of queries of one class, (Q, D).
        gallery: unit-norm embeddings, (N, D).
        relevant: True where the gallery item is of the class, (N,).
        ks: lengths of the list.
        excluded: numbers of the queries and of the gallery items; equal ones, such as the same patient, are
            not found.
        tie_width: similarities nearer than this are level.
    """
    hit = np.asarray(relevant, dtype=bool)
    blocks = []
    for rows, similarity in _similarity_blocks(query, gallery):
        if excluded is not None:
            same = np.asarray(excluded[0])[rows, None] == np.asarray(excluded[1])[None, :]
            similarity = np.where(same, -np.inf, similarity)
        lasts = _kth_largest(similarity, ks)
        columns = [_precision(similarity, lasts[k], hit, k, tie_width) for k in ks]
        blocks.append(np.stack(columns, axis=1))
    return np.concatenate(blocks) if blocks else np.empty((0, len(ks)))


def precision_at(relevance: ArrayLike, k: int) -> float:
    """Share of right items among the first k of a ranked list of 0 and 1."""
    return float(np.mean(np.asarray(relevance, dtype=np.float64)[:k]))


def average_precision_at(relevance: ArrayLike, k: int, *, divisor: str = "in_list") -> float:
    """Sum of precision at the right places of the first k, divided by the right items.

    Args:
        relevance: 0 or 1 in ranked order, for the whole gallery.
        k: length of the list.
        divisor: "in_list" (right items among the first k), "in_gallery", or "attainable" (the smaller of k
            and those in the gallery). NaN where it is 0.
    """
    whole = np.asarray(relevance, dtype=np.float64)
    found = whole[:k]
    options = {"in_list": found.sum(), "in_gallery": whole.sum(), "attainable": min(k, whole.sum())}
    if divisor not in options:
        raise ConfigError(f"unknown divisor {divisor!r}{did_you_mean(divisor, options)}")
    if not options[divisor]:
        return float("nan")
    places = np.cumsum(found) / np.arange(1, len(found) + 1)
    return float(np.sum(places * found) / options[divisor])


def ndcg_at(relevance: ArrayLike, k: int) -> float:
    """Discounted gain with log2(place + 1), over that of the best order; NaN without a right item."""
    whole = np.asarray(relevance, dtype=np.float64)
    discount = 1 / np.log2(np.arange(2, min(k, len(whole)) + 2))
    ideal = float(np.sum(-np.sort(-whole)[:k] * discount))
    return float(np.sum(whole[:k] * discount) / ideal) if ideal else float("nan")


def normalise_text(text: str) -> str:
    """Lower case, squeezed blanks, no end dot: equal results count as the same text."""
    return re.sub(r"\s+", " ", text).strip().lower().rstrip(". ")


def same_text(texts: Sequence[str]) -> NDArray[np.intp]:
    """Return a group number a text, equal where the normalised texts are equal, (N,)."""
    return np.unique([normalise_text(text) for text in texts], return_inverse=True)[1].astype(np.intp)


def _similarity_blocks(query: ArrayLike, gallery: ArrayLike) -> Iterator[tuple[slice, Floats]]:
    """Yield blocks of cosines (q, N); with the masks beside them they stay within `BLOCK_BYTES`."""
    queries, items = np.asarray(query, dtype=np.float64), np.asarray(gallery, dtype=np.float64)
    if queries.ndim != 2 or items.ndim != 2 or queries.shape[1] != items.shape[1]:
        raise DataError(f"queries {queries.shape} and gallery {items.shape} must be (Q, D) and (N, D)")
    if not np.isfinite(queries).all() or not np.isfinite(items).all():
        raise DataError("an embedding is not finite; the model's output cannot be ranked")
    step = max(1, BLOCK_BYTES // (4 * 8 * max(1, len(items))))
    for start in range(0, len(queries), step):
        rows = slice(start, min(start + step, len(queries)))
        yield rows, queries[rows] @ items.T


def _nearest(similarity: Floats, top: int) -> NDArray[np.intp]:
    count = min(top, similarity.shape[1])
    if not count:
        return np.empty((len(similarity), 0), dtype=np.intp)
    part = np.argpartition(-similarity, count - 1, axis=1)[:, :count]
    part.sort(axis=1)
    order = np.argsort(-np.take_along_axis(similarity, part, axis=1), axis=1, kind="stable")
    return np.take_along_axis(part, order, axis=1)


def _kth_largest(similarity: Floats, ks: Sequence[int]) -> dict[int, Floats]:
    """Return the k-th largest similarity of each row, (q, 1), or minus infinity where a row is shorter."""
    width = similarity.shape[1]
    places = sorted({width - k for k in ks if 0 < k <= width})
    parted = np.partition(similarity, places, axis=1) if places else similarity
    missing = np.full((len(similarity), 1), -np.inf)
    return {k: parted[:, width - k : width - k + 1] if 0 < k <= width else missing for k in ks}


def _precision(similarity: Floats, last: Floats, hit: NDArray[Any], k: int, tie_width: float) -> Floats:
    """Expected precision among the k nearest of which `last` is the last, (q,)."""
    above = similarity > last + tie_width
    level = (similarity >= last - tie_width) & ~above & np.isfinite(similarity)
    places = k - above.sum(axis=1)
    share = (level & hit).sum(axis=1) / np.maximum(level.sum(axis=1), 1)
    found = (above & hit).sum(axis=1) + places * share
    return np.where(np.isfinite(last[:, 0]), found / k, np.nan)
