"""Metrics of one class out of K: accuracy, F1, correlation and agreement from the K x K table of counts."""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from vesalius.errors import ConfigError, DataError, did_you_mean

__all__ = ["accuracy", "balanced_accuracy", "confusion_matrix", "f1", "gwet_ac1", "kappa", "mcc"]

Floats = NDArray[np.float64]
_WEIGHTS = ("none", "linear", "quadratic")


def confusion_matrix(target: ArrayLike, predicted: ArrayLike, *, labels: ArrayLike) -> Floats:
    """Count items by true class (rows) and predicted class (columns), (K, K).

    Args:
        target: true classes, (n,).
        predicted: predicted classes, (n,).
        labels: all classes in order, fixed in advance: a class that nobody used still counts for weights.
    """
    names = np.asarray(labels)
    order = np.argsort(names, kind="stable")
    codes = []
    for values in (np.asarray(target), np.asarray(predicted)):
        place = order[np.minimum(np.searchsorted(names[order], values), len(names) - 1)]
        unknown = values[names[place] != values]
        if len(unknown):
            raise DataError(f"class {unknown.tolist()[0]!r} is not among the labels {names.tolist()}")
        codes.append(place)
    cells = np.bincount(codes[0] * len(names) + codes[1], minlength=len(names) ** 2)
    return cells.reshape(len(names), len(names)).astype(np.float64)


def accuracy(table: Floats) -> float:
    """Share of items on the diagonal."""
    return float(np.trace(table) / table.sum())


def balanced_accuracy(table: Floats) -> float:
    """Mean recall over the classes that are present in the truth."""
    present = table.sum(axis=1) > 0
    return float(np.mean(np.diag(table)[present] / table.sum(axis=1)[present]))


def f1(table: Floats, *, average: Literal["macro", "micro", "weighted"] = "macro") -> float:
    """F1 over the classes that occur in truth or prediction; micro equals the accuracy."""
    if average == "micro":
        return accuracy(table)
    size = table.sum(axis=1) + table.sum(axis=0)
    used = size > 0
    each = 2 * np.diag(table)[used] / size[used]
    if average == "macro":
        return float(each.mean())
    if average == "weighted":
        return float(np.average(each, weights=table.sum(axis=1)[used]))
    raise ConfigError(f"unknown average {average!r}{did_you_mean(average, ['macro', 'micro', 'weighted'])}")


def mcc(table: Floats) -> float:
    """Matthews correlation of K classes; 0 where its denominator is 0."""
    total, true, said = table.sum(), table.sum(axis=1), table.sum(axis=0)
    scale = (total**2 - np.sum(said**2)) ** 0.5 * (total**2 - np.sum(true**2)) ** 0.5
    return float((np.trace(table) * total - np.sum(true * said)) / scale) if scale else 0.0


def kappa(table: Floats, *, weights: Literal["none", "linear", "quadratic"] = "none") -> float:
    """Cohen's kappa; quadratic for ordered grades. NaN where both raters are constant and equal.

    Args:
        table: counts by the two raters over a label set that was fixed in advance, (K, K).
        weights: cost of a disagreement: 1, the distance of the classes, or its square.
    """
    if weights not in _WEIGHTS:
        raise ConfigError(f"unknown weights {weights!r}{did_you_mean(weights, _WEIGHTS)}")
    places = np.arange(len(table))
    distance = np.abs(places[:, None] - places[None, :]).astype(np.float64)
    cost = {"none": (distance > 0).astype(np.float64), "linear": distance, "quadratic": distance**2}[weights]
    expected = np.outer(table.sum(axis=1), table.sum(axis=0)) / table.sum()
    chance = float(np.sum(cost * expected))
    return 1 - float(np.sum(cost * table)) / chance if chance else float("nan")


def gwet_ac1(table: Floats) -> float:
    """Gwet's AC1: agreement beyond chance that does not break down at extreme prevalence."""
    share = (table.sum(axis=1) + table.sum(axis=0)) / (2 * table.sum())
    chance = float(np.sum(share * (1 - share)) / (len(table) - 1))
    return (accuracy(table) - chance) / (1 - chance)
