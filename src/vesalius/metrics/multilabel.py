"""Metrics of several yes/no labels at once.

Macro means are over the labels that are defined on the test items (both classes for AUROC, a positive for
average precision); how many were left out is said beside the mean.

Letters: n items, L labels.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from vesalius.errors import ConfigError, did_you_mean
from vesalius.metrics import classification

__all__ = ["LabelMean", "auroc", "f1", "hamming_loss", "jaccard", "mean_average_precision", "subset_accuracy"]

Floats = NDArray[np.float64]
_AVERAGES = ("macro", "macro_zero", "micro", "weighted", "samples")


class LabelMean(NamedTuple):
    """A mean over labels with what it is made of."""

    value: float
    """NaN where no label is defined."""
    each: Floats
    """One value a label, NaN where not defined, (L,)."""
    undefined: int


def auroc(target: ArrayLike, score: ArrayLike) -> LabelMean:
    """Macro AUROC over the labels that have both classes; (n, L) targets 0 or 1 and scores."""
    return _mean(classification.auroc, target, score)


def mean_average_precision(target: ArrayLike, score: ArrayLike) -> LabelMean:
    """Mean of average precision over the labels that have a positive; (n, L)."""
    return _mean(classification.average_precision, target, score)


def f1(
    target: ArrayLike,
    predicted: ArrayLike,
    *,
    average: Literal["macro", "macro_zero", "micro", "weighted", "samples"] = "macro",
) -> float:
    """F1 of (n, L) decisions.

    Args:
        target: 0 or 1, (n, L).
        predicted: decisions, (n, L).
        average: "macro" (over labels with a positive), "macro_zero" (over all, 0/0 = 0), "micro" (all cells
            together), "weighted" (by positives), "samples" (mean over items).
    """
    truth, said = np.asarray(target, dtype=np.float64) == 1, np.asarray(predicted, dtype=bool)
    if average == "micro":
        return float(classification.f1(classification.confusion(truth.reshape(-1), said.reshape(-1))))
    if average == "samples":
        return float(np.mean(classification.f1(classification.confusion(truth.T, said.T))))
    each, positives = classification.f1(classification.confusion(truth, said)), truth.sum(axis=0)
    if average == "macro":
        return float(each[positives > 0].mean()) if positives.any() else float("nan")
    if average == "macro_zero":
        return float(each.mean())
    if average == "weighted":
        return float(np.average(each, weights=positives)) if positives.any() else float("nan")
    raise ConfigError(f"unknown average {average!r}{did_you_mean(average, _AVERAGES)}")


def subset_accuracy(target: ArrayLike, predicted: ArrayLike) -> float:
    """Share of items with every label right."""
    return float(np.mean(np.all(np.asarray(target) == np.asarray(predicted), axis=1)))


def hamming_loss(target: ArrayLike, predicted: ArrayLike) -> float:
    """Share of wrong cells."""
    return float(np.mean(np.asarray(target) != np.asarray(predicted)))


def jaccard(target: ArrayLike, predicted: ArrayLike) -> float:
    """Mean over items of the labels in both over the labels in either; 0 where both are empty."""
    truth, said = np.asarray(target, dtype=bool), np.asarray(predicted, dtype=bool)
    either = np.sum(truth | said, axis=1)
    return float(np.mean(np.sum(truth & said, axis=1) / np.maximum(either, 1)))


def _mean(metric: Callable[[Floats, Floats], float], target: ArrayLike, score: ArrayLike) -> LabelMean:
    truth, values = np.asarray(target, dtype=np.float64), np.asarray(score, dtype=np.float64)
    each = np.array([metric(truth[:, place], values[:, place]) for place in range(truth.shape[1])])
    defined = np.isfinite(each)
    value = float(each[defined].mean()) if defined.any() else float("nan")
    return LabelMean(value, each, int((~defined).sum()))
