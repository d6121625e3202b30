"""Scores of labelled items: all metrics of each label and their macro mean, with intervals over patients.

A label counts as long as the test items hold both of its classes; otherwise its metrics are NaN with a note.
Several draws of a training subset are scored one by one and averaged.

Letters: n items, B resamples, S draws (seeds), L labels.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from vesalius.metrics import calibration, classification, resampled
from vesalius.metrics.bootstrap import Interval, PatientWeights
from vesalius.metrics.variance import over_seeds

__all__ = ["Estimate", "LabelData", "LabelScore", "estimates", "score_labels"]

Floats = NDArray[np.float64]
ECE_BINS = 15
LIMITS = {"mcc": (-1.0, 1.0)}
"""Limits of the metrics that are not 0..1."""


@dataclass(frozen=True, kw_only=True)
class LabelData:
    """Answers for one label by one draw; unknown items are left out already."""

    name: str
    target: Floats
    """0 or 1, (n,)."""
    score: Floats
    probability: Floats
    """Stated probability of 1, NaN where the task states none."""
    threshold: float
    """Chosen on validation or by nature of the score; NaN where there is none."""
    rows: NDArray[np.intp]
    """Row of each item among those of the weights, (n,)."""
    items: NDArray[np.intp]
    """Number of each item, equal for the same item in all labels, (n,)."""
    unknown: int = 0
    """Items left out because their label is not known."""


class Estimate(NamedTuple):
    """A metric on the sample and in every resample."""

    value: float
    draws: Floats
    """(B,)."""


@dataclass(frozen=True, kw_only=True)
class LabelScore:
    """One metric of one label, or of "macro" and "micro"."""

    metric: str
    label: str
    interval: Interval
    extra: Mapping[str, Any] = field(default_factory=dict)


def score_labels(draws: Sequence[Sequence[LabelData]], weights: PatientWeights) -> list[LabelScore]:
    """Score every label, then the macro mean over labels (and micro F1).

    Args:
        draws: for each draw of the training data, every label; labels in the same order in all of them.
        weights: resamples over all rows.
    """
    measured = [[estimates(label, weights) if _both(label) else {} for label in labels] for labels in draws]
    scores = []
    for place, label in enumerate(draws[0]):
        if not _both(label):
            scores.append(_undefined(label, weights))
            continue
        for metric in measured[0][place]:
            interval = _over_draws(metric, [labels[place][metric] for labels in measured], label, weights)
            extra = _beside(metric, label) | {"unknown": label.unknown}
            scores.append(LabelScore(metric=metric, label=label.name, interval=interval, extra=extra))
    return scores + _macro(draws, measured, weights)


def estimates(label: LabelData, weights: PatientWeights) -> dict[str, Estimate]:
    """Return every metric that the label's answers allow, on the sample and in every resample."""
    seen = weights.select(label.rows)
    whole = seen.whole()

    def both(metric: Any, *arguments: Any) -> Estimate:
        return Estimate(float(metric(*arguments, whole)[0]), metric(*arguments, seen))

    found = {
        "auroc": both(resampled.auroc, label.target, label.score),
        "auprc": both(resampled.average_precision, label.target, label.score),
    }
    if np.isfinite(label.threshold):
        said = label.score >= label.threshold
        sample = classification.confusion(label.target, said)
        counts = resampled.confusion(label.target, said, seen)
        for metric, function in _DECISIONS.items():
            found[metric] = Estimate(float(function(sample)), function(counts))
    if np.isfinite(label.probability).all():
        codes = calibration.equal_width_bins(label.probability, ECE_BINS)
        found["brier"] = both(resampled.mean, (label.probability - label.target) ** 2)
        found[f"ece_width{ECE_BINS}"] = both(
            resampled.calibration_error, label.target, label.probability, codes
        )
    return found


_DECISIONS = {
    "f1": classification.f1,
    "accuracy": classification.accuracy,
    "balanced_accuracy": classification.balanced_accuracy,
    "mcc": classification.mcc,
}


def _both(label: LabelData) -> bool:
    return bool(np.any(label.target == 1) and np.any(label.target == 0))


def _over_draws(metric: str, each: Sequence[Estimate], label: LabelData, weights: PatientWeights) -> Interval:
    return over_seeds(
        np.array([estimate.value for estimate in each]),
        np.stack([estimate.draws for estimate in each], axis=1),
        weights=weights.select(label.rows),
        limits=LIMITS.get(metric, (0.0, 1.0)),
    )


def _beside(metric: str, label: LabelData) -> dict[str, Any]:
    """Return what a reader needs beside the metric: prevalence, majority share, level of chance."""
    share = float(label.target.mean())
    beside: dict[str, Any] = {"positives": int(label.target.sum()), "prevalence": share}
    if metric == "f1":
        beside |= {"threshold": label.threshold, "chance": 2 * share / (1 + share)}
    elif metric == "auprc":
        beside["chance"] = share
    elif metric == "auroc":
        beside["chance"] = 0.5
    elif metric == "accuracy":
        beside |= {"threshold": label.threshold, "majority": max(share, 1 - share)}
    elif metric == "brier":
        beside["base_rate_brier"] = share * (1 - share)
    elif metric.startswith("ece"):
        observed = calibration.expected_calibration_error(label.target, label.probability, bins=ECE_BINS)
        null = calibration.null_level(label.probability, observed=observed, bins=ECE_BINS, draws=200)
        beside |= {"null_mean": null.mean, "null_high": null.high, "null_p": null.p}
    return beside


def _undefined(label: LabelData, weights: PatientWeights) -> LabelScore:
    n, positives = len(label.target), int(label.target.sum())
    patients = weights.select(label.rows).num_patients if n else 0
    note = f"one class only in test: {positives} of {n} known items are present"
    interval = Interval(
        value=float("nan"), low=float("nan"), high=float("nan"), n=n, n_patients=patients, note=note
    )
    extra = {"positives": positives, "unknown": label.unknown}
    return LabelScore(metric="auroc", label=label.name, interval=interval, extra=extra)


def _macro(
    draws: Sequence[Sequence[LabelData]],
    measured: Sequence[Sequence[Mapping[str, Estimate]]],
    weights: PatientWeights,
) -> list[LabelScore]:
    defined = [place for place, label in enumerate(draws[0]) if _both(label)]
    if not defined:
        return []
    names = [draws[0][place].name for place in defined]
    rows, items = (
        np.concatenate([getattr(draws[0][place], part) for place in defined]) for part in ("rows", "items")
    )
    distinct = rows[np.unique(items, return_index=True)[1]]
    shared = [
        metric
        for metric in measured[0][defined[0]]
        if all(metric in labels[place] for labels in measured for place in defined)
    ]
    scores = []
    for metric in shared:
        parts = [
            resampled.macro(np.stack([labels[place][metric].draws for place in defined], axis=1))
            for labels in measured
        ]
        values = [np.mean([labels[place][metric].value for place in defined]) for labels in measured]
        interval = over_seeds(
            np.array(values),
            np.stack([part.draws for part in parts], axis=1),
            weights=weights.select(distinct),
            limits=LIMITS.get(metric, (0.0, 1.0)),
        )
        left_out = sum(part.left_out for part in parts)
        extra = {"labels": names, "left_out_in_resamples": left_out}
        scores.append(LabelScore(metric=metric, label="macro", interval=interval, extra=extra))
    return scores
