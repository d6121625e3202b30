"""Scores of labelled items: all metrics of each label and their macro mean, with intervals over patients.

A label counts as long as the test items hold both of its classes; otherwise its metrics are NaN with a note.
Several draws of a training subset are scored one by one and averaged.

Letters: n items, B resamples, S draws (seeds), L labels.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
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
    draws: Floats | None = None
    """The metric in every resample, averaged over draws of the training data, (B,)."""


def score_labels(draws: Sequence[Sequence[LabelData]], weights: PatientWeights) -> list[LabelScore]:
    """Score every label, then the macro mean over labels and the micro F1 of all their decisions.

    Args:
        draws: for each draw of the training data, every label; labels in the same order in all of them.
        weights: resamples over all rows.
    """
    scores, measured, pooled = [], [], []
    for labels in zip(*draws, strict=True):
        reason = _reason(labels)
        if reason:
            scores.append(_undefined(labels[0], reason, weights))
            continue
        each = [estimates(label, weights) for label in labels]
        measured.append(each)
        pooled.append(labels)
        for metric in each[0]:
            scores.append(_score(metric, [found[metric] for found in each], labels, weights))
    return scores + _macro(measured, pooled, weights) + _micro_f1(pooled, weights)


def estimates(label: LabelData, weights: PatientWeights) -> dict[str, Estimate]:
    """Return every metric that the label's answers allow, on the sample and in every resample."""
    seen = weights.select(label.rows)
    found = {
        "auroc": Estimate(
            classification.auroc(label.target, label.score),
            resampled.auroc(label.target, label.score, seen),
        ),
        "auprc": Estimate(
            classification.average_precision(label.target, label.score),
            resampled.average_precision(label.target, label.score, seen),
        ),
    }
    if np.isfinite(label.threshold):
        said = label.score >= label.threshold
        sample = classification.confusion(label.target, said)
        counts = resampled.confusion(label.target, said, seen)
        for metric, function in _DECISIONS.items():
            found[metric] = Estimate(float(function(sample)), function(counts))
    if np.isfinite(label.probability).all():
        target, stated = label.target, label.probability
        codes = calibration.equal_width_bins(stated, ECE_BINS)
        found["brier"] = Estimate(calibration.brier(target, stated), resampled.mean((stated - target) ** 2, seen))
        found[f"ece_width{ECE_BINS}"] = Estimate(
            calibration.expected_calibration_error(target, stated, bins=ECE_BINS),
            resampled.calibration_error(target, stated, codes, seen),
        )
    return found


_DECISIONS = {
    "f1": classification.f1,
    "accuracy": classification.accuracy,
    "balanced_accuracy": classification.balanced_accuracy,
    "mcc": classification.mcc,
}


def _reason(labels: Sequence[LabelData]) -> str:
    """Say why a label is not defined, or nothing where it is."""
    n, positives = len(labels[0].target), int(labels[0].target.sum())
    if positives in (0, n):
        return f"one class only in test: {positives} of {n} known items are present"
    if any(np.isnan(label.score).any() for label in labels):
        return "not predicted: the training items do not hold both classes"
    return ""


def _score(metric: str, each: Sequence[Estimate], labels: Sequence[LabelData], weights: PatientWeights) -> LabelScore:
    interval, mean = _interval(metric, each, weights.select(labels[0].rows))
    extra = {**_beside(metric, labels[0]), "unknown": labels[0].unknown, "draws": len(labels)}
    return LabelScore(metric=metric, label=labels[0].name, interval=interval, extra=extra, draws=mean)


def _interval(metric: str, each: Sequence[Estimate], seen: PatientWeights) -> tuple[Interval, Floats]:
    """Interval of the mean over draws of the training data, and that mean in every resample."""
    draws = np.stack([estimate.draws for estimate in each], axis=1)
    values = np.array([estimate.value for estimate in each])
    interval = over_seeds(values, draws, weights=seen, limits=LIMITS.get(metric, (0.0, 1.0)))
    if metric.startswith("ece") and interval.low > interval.value:
        note = "resamples lie above the value, for ECE grows with noise: low end set to the value"
        notes = "; ".join(filter(None, (interval.note, note)))
        interval = replace(interval, low=interval.value, note=notes)
    return interval, draws.mean(axis=1)


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


def _undefined(label: LabelData, reason: str, weights: PatientWeights) -> LabelScore:
    interval = Interval(
        value=float("nan"),
        low=float("nan"),
        high=float("nan"),
        n=len(label.target),
        n_patients=weights.select(label.rows).num_patients,
        note=reason,
    )
    extra = {"positives": int(label.target.sum()), "unknown": label.unknown}
    return LabelScore(metric="auroc", label=label.name, interval=interval, extra=extra)


def _macro(
    measured: Sequence[Sequence[Mapping[str, Estimate]]],
    pooled: Sequence[Sequence[LabelData]],
    weights: PatientWeights,
) -> list[LabelScore]:
    """Mean over labels of every metric that all of them have; `measured` is labels by draws."""
    if not measured:
        return []
    seen = weights.select(_distinct([labels[0] for labels in pooled]))
    names = [labels[0].name for labels in pooled]
    scores = []
    for metric in measured[0][0]:
        if not all(metric in found for each in measured for found in each):
            continue
        estimates_of_draws, left_out = [], 0
        for draw in range(len(measured[0])):
            found = [each[draw][metric] for each in measured]
            mean = resampled.macro(np.stack([estimate.draws for estimate in found], axis=1))
            left_out += mean.left_out
            estimates_of_draws.append(Estimate(float(np.mean([one.value for one in found])), mean.draws))
        extra = {"labels": names, "left_out_in_resamples": left_out}
        interval, draws = _interval(metric, estimates_of_draws, seen)
        scores.append(LabelScore(metric=metric, label="macro", interval=interval, extra=extra, draws=draws))
    return scores


def _micro_f1(pooled: Sequence[Sequence[LabelData]], weights: PatientWeights) -> list[LabelScore]:
    """F1 of the decisions of all labels together, where every label has a threshold."""
    if not pooled or not all(np.isfinite(label.threshold) for labels in pooled for label in labels):
        return []
    found = []
    for labels in zip(*pooled, strict=True):
        target = np.concatenate([label.target for label in labels])
        said = np.concatenate([label.score >= label.threshold for label in labels])
        seen = weights.select(np.concatenate([label.rows for label in labels]))
        value = float(classification.f1(classification.confusion(target, said)))
        found.append(Estimate(value, classification.f1(resampled.confusion(target, said, seen))))
    distinct = weights.select(_distinct([labels[0] for labels in pooled]))
    extra = {"labels": [labels[0].name for labels in pooled]}
    interval, draws = _interval("f1", found, distinct)
    return [LabelScore(metric="f1", label="micro", interval=interval, extra=extra, draws=draws)]


def _distinct(labels: Sequence[LabelData]) -> NDArray[np.intp]:
    """One row for each item that any of the labels knows."""
    rows = np.concatenate([label.rows for label in labels])
    items = np.concatenate([label.items for label in labels])
    return np.asarray(rows[np.unique(items, return_index=True)[1]], dtype=np.intp)
