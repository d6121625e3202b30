"""Metrics in every bootstrap resample at once, by weights: no loop over resamples, no repeated items.

Each function gives the metric of B resamples, NaN where it is not defined there, and equals the plain metric
on the repeated items. Sums (accuracy, F1, Brier, ECE, R@k, MRR) are one matrix product of patient totals;
ranks (AUROC, average precision, median) sort once and run in blocks of bounded memory.

Letters: n items, B resamples, b resamples of one block, p positives, L labels.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from vesalius.metrics.bootstrap import PatientWeights
from vesalius.metrics.classification import Confusion

__all__ = [
    "BestF1",
    "Macro",
    "auroc",
    "average_precision",
    "best_f1",
    "calibration_error",
    "confusion",
    "macro",
    "mean",
    "median",
]

Floats = NDArray[np.float64]


class Macro(NamedTuple):
    """Mean over labels in every resample, and how many labels a resample had to leave out."""

    draws: Floats
    """(B,)."""
    left_out: int
    """Labels left out because a resample held one class only, summed over resamples."""


class BestF1(NamedTuple):
    """Largest F1 of any threshold in every resample, chosen on the very items that it is measured on."""

    f1: Floats
    """(B,)."""
    accuracy: Floats
    """At that threshold, the largest of several, (B,)."""


def mean(values: ArrayLike, weights: PatientWeights) -> Floats:
    """Weighted mean (sum over sum) of the items' values, (B,) for (n,), (B, k) for (n, k)."""
    columns = np.asarray(values, dtype=np.float64)
    table = columns.reshape(weights.num_items, -1)
    totals = weights.sums(np.concatenate([table, np.ones((len(table), 1))], axis=1))
    means = _divide(totals[:, :-1], totals[:, -1:])
    return means[:, 0] if columns.ndim == 1 else means


def confusion(target: ArrayLike, predicted: ArrayLike, weights: PatientWeights) -> Confusion:
    """Weighted counts of a yes/no decision, each (B,); (n,) targets and decisions."""
    truth = np.asarray(target, dtype=np.float64) == 1
    said = np.asarray(predicted, dtype=bool)
    cells = np.stack([truth & said, ~truth & said, truth & ~said, ~truth & ~said], axis=1)
    return Confusion(*weights.sums(cells).T)


def auroc(target: ArrayLike, score: ArrayLike, weights: PatientWeights) -> Floats:
    """AUROC with half credit for ties, (B,).

    The negatives are sorted once; a positive wins the weight of the negatives below it and half of those
    level with it, read from the running sum of their weights.
    """
    positive = np.asarray(target, dtype=np.float64) == 1
    values = np.asarray(score, dtype=np.float64)
    hits, others = np.flatnonzero(positive), np.flatnonzero(~positive)
    others = others[np.argsort(values[others], kind="stable")]
    below = np.searchsorted(values[others], values[hits], side="left")
    level = np.searchsorted(values[others], values[hits], side="right")
    result = np.full(weights.num_draws, np.nan)
    if not len(hits) or not len(others):
        return result
    for start, stop in weights.blocks(len(positive) + 2 * len(hits)):
        positives = weights.items(start, stop, hits)
        running = _running(weights.items(start, stop, others))
        won = np.einsum("pb,pb->b", positives, running[below]) + np.einsum("pb,pb->b", positives, running[level])
        result[start:stop] = _divide(won, 2 * positives.sum(axis=0) * running[-1])
    return result


def average_precision(target: ArrayLike, score: ArrayLike, weights: PatientWeights) -> Floats:
    """Average precision as a step function over distinct thresholds, (B,)."""
    positive = np.asarray(target, dtype=np.float64) == 1
    values = np.asarray(score, dtype=np.float64)
    hits, others = np.flatnonzero(positive), np.flatnonzero(~positive)
    result = np.full(weights.num_draws, np.nan)
    if not len(hits):
        return result
    hits = hits[np.argsort(-values[hits], kind="stable")]
    others = others[np.argsort(-values[others], kind="stable")]
    first = np.flatnonzero(np.diff(values[hits], prepend=np.inf))
    thresholds = values[hits[first]]
    alarms_at = np.searchsorted(-values[others], -thresholds, side="right")
    for start, stop in weights.blocks(len(positive) + 3 * len(first)):
        steps = np.add.reduceat(weights.items(start, stop, hits), first, axis=0)
        found = np.cumsum(steps, axis=0)
        alarms = _running(weights.items(start, stop, others))[alarms_at]
        precision = np.divide(found, found + alarms, out=np.zeros_like(found), where=found > 0)
        result[start:stop] = _divide(np.einsum("tb,tb->b", steps, precision), found[-1])
    return result


def best_f1(target: ArrayLike, score: ArrayLike, weights: PatientWeights) -> BestF1:
    """Choose the threshold of the best F1 in every resample; NaN where it holds no positive."""
    positive = np.asarray(target, dtype=np.float64) == 1
    values = np.asarray(score, dtype=np.float64)
    best = BestF1(np.full(weights.num_draws, np.nan), np.full(weights.num_draws, np.nan))
    order = np.argsort(-values, kind="stable")
    last = np.append(np.flatnonzero(np.diff(values[order])), len(order) - 1)
    for start, stop in weights.blocks(4 * len(order)):
        counted = weights.items(start, stop, order)
        hits = np.cumsum(counted * positive[order, None], axis=0)[last]
        said = np.cumsum(counted, axis=0)[last]
        f1 = _divide(2 * hits, said + hits[-1])
        chosen = np.argmax(f1 >= f1.max(axis=0) - 1e-12, axis=0)
        place = (chosen, np.arange(stop - start))
        known = hits[-1] > 0
        right = 2 * hits[place] - said[place] + said[-1] - hits[-1]
        best.f1[start:stop] = np.where(known, f1[place], np.nan)
        best.accuracy[start:stop] = np.where(known, _divide(right, said[-1]), np.nan)
    return best


def calibration_error(
    target: ArrayLike, probability: ArrayLike, codes: NDArray[np.intp], weights: PatientWeights
) -> Floats:
    """Expected calibration error with bins that stay those of the sample, (B,).

    A resample adds noise to every bin, so the draws lie above the sample's own value: print the null level
    beside the interval.

    Args:
        target: 0 or 1, (n,).
        probability: stated probability of 1, (n,).
        codes: bin of each item, (n,).
        weights: the resamples.
    """
    used, places = np.unique(codes, return_inverse=True)
    cells = np.zeros((len(codes), len(used) + 1))
    cells[np.arange(len(codes)), places] = np.asarray(target, float) - np.asarray(probability, float)
    cells[:, -1] = 1
    totals = weights.sums(cells)
    return _divide(np.abs(totals[:, :-1]).sum(axis=1), totals[:, -1])


def median(values: ArrayLike, weights: PatientWeights) -> Floats:
    """Median of the repeated items, the mean of the two middle ones where their number is even, (B,)."""
    items = np.asarray(values, dtype=np.float64)
    order = np.argsort(items, kind="stable")
    ordered = items[order]
    result = np.full(weights.num_draws, np.nan)
    for start, stop in weights.blocks(2 * len(items)):
        running = np.cumsum(weights.items(start, stop, order), axis=0)
        half = running[-1] / 2
        lower = np.minimum((running < half).sum(axis=0), len(items) - 1)
        upper = np.minimum((running <= half).sum(axis=0), len(items) - 1)
        result[start:stop] = np.where(half > 0, (ordered[lower] + ordered[upper]) / 2, np.nan)
    return result


def macro(labels: Floats) -> Macro:
    """Mean over the labels that a resample defines, of (B, L) for labels defined on the sample itself."""
    defined = np.isfinite(labels)
    count = defined.sum(axis=1)
    draws = _divide(np.where(defined, labels, 0.0).sum(axis=1), count)
    return Macro(draws, int((~defined).sum()))


def _running(weights: Floats) -> Floats:
    """Running sum over the first axis with a leading row of zeros, (n + 1, b)."""
    total = np.zeros((len(weights) + 1, weights.shape[1]))
    np.cumsum(weights, axis=0, out=total[1:])
    return total


def _divide(above: Floats, below: NDArray[np.generic]) -> Floats:
    above, below = np.broadcast_arrays(above, below)
    ratio = np.full(above.shape, np.nan)
    np.divide(above, below, out=ratio, where=below != 0)
    return ratio
