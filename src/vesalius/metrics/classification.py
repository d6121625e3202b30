"""Classification: ranking metrics with ties, threshold metrics, thresholds, agreement with the truth.

Targets are 0 or 1 and known: the caller leaves unknown items out. A metric that is not defined, such as the
AUROC of one class, is NaN, never 0.5. "Present" means score >= threshold everywhere.

Letters: n items, L labels, K classes.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from vesalius.errors import ConfigError, DataError, did_you_mean

__all__ = [
    "Confusion",
    "Curve",
    "accuracy",
    "auroc",
    "auroc_multiclass",
    "average_precision",
    "balanced_accuracy",
    "best_threshold",
    "confusion",
    "f1",
    "mcc",
    "precision_recall_curve",
    "roc_curve",
    "sensitivity_at_specificity",
]

Floats = NDArray[np.float64]


class Confusion(NamedTuple):
    """Weighted counts of a yes/no decision; arrays of any one shape, such as (resamples, labels)."""

    true_positive: Floats
    false_positive: Floats
    false_negative: Floats
    true_negative: Floats


class Curve(NamedTuple):
    """Points of a curve over falling distinct thresholds."""

    threshold: Floats
    x: Floats
    y: Floats


def auroc(target: ArrayLike, score: ArrayLike) -> float:
    """Area under the ROC curve: P(s+ > s-) + P(s+ = s-)/2, by mid-ranks. NaN where a class is missing.

    Args:
        target: 0 or 1, (n,).
        score: larger means more likely 1, (n,); use float64 logits, for rounding makes ties.
    """
    positive, values = _checked(target, score)
    n_positive = int(positive.sum())
    n_negative = len(positive) - n_positive
    if not n_positive or not n_negative:
        return float("nan")
    below = np.sort(values[~positive])
    wins = np.searchsorted(below, values[positive], side="left")
    ties = np.searchsorted(below, values[positive], side="right") - wins
    return float((2 * wins.sum() + ties.sum()) / (2 * n_positive * n_negative))


def average_precision(target: ArrayLike, score: ArrayLike) -> float:
    """Area under the precision-recall curve as a step function over distinct thresholds. NaN without a 1.

    The trapezoid over the same curve is optimistic and is not offered. Chance level: the prevalence.
    """
    positive, values = _checked(target, score)
    if not positive.any():
        return float("nan")
    hits, alarms = _cumulative(positive, values)[1:]
    steps = np.diff(hits, prepend=0.0)
    return float(np.sum(steps * hits / (hits + alarms)) / hits[-1])


def roc_curve(target: ArrayLike, score: ArrayLike) -> Curve:
    """ROC points: x false-positive rate, y sensitivity, from (0, 0) at +inf over distinct thresholds."""
    positive, values = _checked(target, score)
    threshold, hits, alarms = _cumulative(positive, values)
    if not positive.any() or positive.all():
        raise DataError(f"a ROC curve needs both classes; {int(positive.sum())} of {len(positive)} are 1")
    return Curve(
        np.concatenate([[np.inf], threshold]),
        np.concatenate([[0.0], alarms / alarms[-1]]),
        np.concatenate([[0.0], hits / hits[-1]]),
    )


def precision_recall_curve(target: ArrayLike, score: ArrayLike) -> Curve:
    """Precision-recall points: x recall, y precision, over falling distinct thresholds."""
    positive, values = _checked(target, score)
    if not positive.any():
        raise DataError("a precision-recall curve needs at least one item with target 1")
    threshold, hits, alarms = _cumulative(positive, values)
    return Curve(threshold, hits / hits[-1], hits / (hits + alarms))


def sensitivity_at_specificity(target: ArrayLike, score: ArrayLike, *, specificity: float = 0.9) -> float:
    """Largest sensitivity over thresholds with at least the given specificity; no interpolation."""
    positive = np.asarray(target, dtype=np.float64) == 1
    if not positive.any() or positive.all():
        return float("nan")
    curve = roc_curve(target, score)
    return float(curve.y[1 - curve.x >= specificity - 1e-12].max())


def auroc_multiclass(target: ArrayLike, score: ArrayLike, *, average: str = "ovr_macro") -> float:
    """AUROC of K classes.

    Args:
        target: class numbers, (n,).
        score: one score a class, (n, K).
        average: "ovr_macro" (mean of each class against the rest), "ovr_weighted" (by prevalence) or
            "ovo_macro" (Hand and Till: mean over ordered pairs of classes).
    """
    classes, table = np.asarray(target), np.asarray(score, dtype=np.float64)
    numbers = range(table.shape[1])
    if average in ("ovr_macro", "ovr_weighted"):
        each = np.array([auroc(classes == number, table[:, number]) for number in numbers])
        share = np.array([np.mean(classes == number) for number in numbers])
        return float(each.mean() if average == "ovr_macro" else np.sum(each * share))
    if average != "ovo_macro":
        known = ["ovo_macro", "ovr_macro", "ovr_weighted"]
        raise ConfigError(f"unknown average {average!r}{did_you_mean(average, known)}")
    pairs = []
    for one in numbers:
        for other in numbers:
            if one != other:
                both = (classes == one) | (classes == other)
                pairs.append(auroc(classes[both] == one, table[both, one]))
    return float(np.mean(pairs))


def confusion(target: ArrayLike, predicted: ArrayLike) -> Confusion:
    """Count a yes/no decision over the first axis: (n,) gives scalars, (n, L) gives (L,).

    Args:
        target: 0 or 1.
        predicted: True or 1 where "present" was said.
    """
    truth = np.asarray(target, dtype=np.float64) == 1
    said = np.asarray(predicted, dtype=bool)
    cells = (truth & said, ~truth & said, truth & ~said, ~truth & ~said)
    return Confusion(*(np.asarray(cell.sum(axis=0), dtype=np.float64) for cell in cells))


def accuracy(counts: Confusion) -> Floats:
    """Share of right decisions; print it beside the share of the larger class."""
    total = sum(counts, np.zeros(()))
    return _ratio(counts.true_positive + counts.true_negative, total, empty=np.nan)


def balanced_accuracy(counts: Confusion) -> Floats:
    """Mean recall over the classes that are present in the truth."""
    recalls = np.stack(
        [
            _ratio(counts.true_positive, counts.true_positive + counts.false_negative, empty=np.nan),
            _ratio(counts.true_negative, counts.true_negative + counts.false_positive, empty=np.nan),
        ]
    )
    present = np.isfinite(recalls)
    return _ratio(np.where(present, recalls, 0.0).sum(axis=0), present.sum(axis=0), empty=np.nan)


def f1(counts: Confusion, *, empty: float = 0.0) -> Floats:
    """Harmonic mean of precision and recall; `empty` where nothing is present and nothing was called so."""
    hits = 2 * counts.true_positive
    return _ratio(hits, hits + counts.false_positive + counts.false_negative, empty=empty)


def mcc(counts: Confusion) -> Floats:
    """Matthews correlation; 0 where its denominator is 0."""
    tp, fp, fn, tn = counts
    scale = np.sqrt(tp + fp) * np.sqrt(tp + fn) * np.sqrt(tn + fp) * np.sqrt(tn + fn)
    return _ratio(tp * tn - fp * fn, scale, empty=0.0)


def best_threshold(target: ArrayLike, score: ArrayLike, *, objective: str = "f1") -> tuple[float, float]:
    """Choose a threshold and return it with the objective there; the largest threshold wins ties.

    Give it the validation split. On the test split the value is optimistic and is named ``max_f1_test``.

    Args:
        target: 0 or 1, (n,).
        score: (n,).
        objective: "f1" or "youden" (sensitivity + specificity - 1).

    Returns:
        Threshold and value; NaN and NaN where the objective is not defined.
    """
    positive, values = _checked(target, score)
    if objective not in ("f1", "youden"):
        raise ConfigError(f"unknown objective {objective!r}{did_you_mean(objective, ['f1', 'youden'])}")
    if not positive.any() or (objective == "youden" and positive.all()):
        return float("nan"), float("nan")
    threshold, hits, alarms = _cumulative(positive, values)
    if objective == "f1":
        reached = 2 * hits / (hits + alarms + hits[-1])
    else:
        reached = hits / hits[-1] - alarms / alarms[-1]
    best = int(np.flatnonzero(reached >= reached.max() - 1e-12)[0])
    return float(threshold[best]), float(reached[best])


def _checked(target: ArrayLike, score: ArrayLike) -> tuple[NDArray[np.bool_], Floats]:
    truth, values = np.asarray(target, dtype=np.float64), np.asarray(score, dtype=np.float64)
    if truth.shape != values.shape or truth.ndim != 1:
        raise DataError(f"targets {truth.shape} and scores {values.shape} must be two lists of one length")
    if np.any((truth != 0) & (truth != 1)):
        wrong = truth[(truth != 0) & (truth != 1)][0]
        raise DataError(f"target {wrong} is neither 0 nor 1; leave unknown items out before scoring")
    if not np.isfinite(values).all():
        raise DataError(f"{int((~np.isfinite(values)).sum())} of {len(values)} scores are not finite")
    return truth == 1, values


def _cumulative(positive: NDArray[np.bool_], values: Floats) -> tuple[Floats, Floats, Floats]:
    """Falling distinct thresholds with the true and the false positives at score >= threshold."""
    order = np.argsort(-values, kind="stable")
    ordered = values[order]
    last = np.append(np.flatnonzero(np.diff(ordered)), len(ordered) - 1)
    hits = np.cumsum(positive[order], dtype=np.float64)[last]
    return ordered[last], hits, last + 1.0 - hits


def _ratio(above: ArrayLike, below: ArrayLike, *, empty: float) -> Floats:
    above, below = np.broadcast_arrays(np.asarray(above, float), np.asarray(below, float))
    ratio = np.full(above.shape, empty, dtype=np.float64)
    np.divide(above, below, out=ratio, where=below != 0)
    return ratio
