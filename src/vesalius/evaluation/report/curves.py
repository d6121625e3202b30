"""Curves with bands over patients: ROC, reliability, abstention from predictions; training from metrics.jsonl.

Letters: n items, B resamples, k bins.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from vesalius.metrics import resampled
from vesalius.metrics.bootstrap import PatientWeights, percentile

__all__ = ["Abstained", "Reliability", "Roc", "TrainingCurve", "abstained", "reliability", "roc", "training_curves"]

Floats = NDArray[np.float64]
_GRID = np.linspace(0, 1, 41)
_FEW = 10
"""A bin with fewer items is drawn hollow."""


class Roc(NamedTuple):
    """Sensitivity over false-positive rates, with a pointwise 95 % band; each (41,)."""

    false_positive: Floats
    sensitivity: Floats
    low: Floats
    high: Floats


class Reliability(NamedTuple):
    """How often the event came among items of like probability; each (k,)."""

    stated: Floats
    came: Floats
    low: Floats
    high: Floats
    items: NDArray[np.int64]
    hollow: list[bool]


class Abstained(NamedTuple):
    """Share of errors among the surest answers, with a pointwise 95 % band; each (40,)."""

    coverage: Floats
    """Share of the items that is answered."""
    risk: Floats
    low: Floats
    high: Floats


@dataclass(frozen=True, kw_only=True)
class TrainingCurve:
    """A value over steps."""

    name: str
    steps: list[float]
    values: list[float]


def roc(target: Floats, score: Floats, weights: PatientWeights) -> Roc | None:
    """ROC of n items with a band over patients; None where only one class is there."""
    positive = target == 1
    if positive.all() or not positive.any():
        return None
    order = np.argsort(-score, kind="stable")
    last = np.flatnonzero(np.diff(score[order], append=-np.inf))
    whole = _roc_draws(positive, order, last, weights.whole())[0]
    draws = _roc_draws(positive, order, last, weights)
    defined = draws[np.isfinite(draws[:, 0])]
    if len(defined) < 20:
        return Roc(_GRID, whole, np.full_like(whole, np.nan), np.full_like(whole, np.nan))
    low, high = np.quantile(defined, (0.025, 0.975), axis=0, method="inverted_cdf")
    return Roc(_GRID, whole, low, high)


def _roc_draws(
    positive: NDArray[np.bool_], order: NDArray[np.intp], last: NDArray[np.intp], weights: PatientWeights
) -> Floats:
    """Sensitivity at the grid of false-positive rates in each draw, (B, 41); NaN where a class is missing."""
    found = np.full((weights.num_draws, len(_GRID)), np.nan)
    for start, stop in weights.blocks(2 * len(order)):
        drawn = weights.items(start, stop, order)
        hits = np.cumsum(drawn * positive[order][:, None], axis=0)[last]
        alarms = np.cumsum(drawn * ~positive[order][:, None], axis=0)[last]
        for column in range(stop - start):
            if hits[-1, column] and alarms[-1, column]:
                x = np.concatenate([[0.0], alarms[:, column] / alarms[-1, column]])
                y = np.concatenate([[0.0], hits[:, column] / hits[-1, column]])
                found[start + column] = np.interp(_GRID, x, y)
    return found


def reliability(
    target: Floats, probability: Floats, weights: PatientWeights, *, bins: int = 10
) -> Reliability | None:
    """Frequency of the event in bins (l, r] of equal width, with intervals over patients; None if empty."""
    if not len(target):
        return None
    code = np.clip(np.ceil(np.round(probability * bins, 9)).astype(int) - 1, 0, bins - 1)
    rows = []
    for number in np.unique(code):
        inside = np.flatnonzero(code == number)
        seen = weights.select(inside)
        came = float(target[inside].mean())
        interval = percentile(came, resampled.mean(target[inside], seen), weights=seen)
        rows.append((float(probability[inside].mean()), came, interval.low, interval.high, len(inside)))
    stated, came_all, low, high, count = (np.array(values) for values in zip(*rows, strict=True))
    return Reliability(stated, came_all, low, high, count.astype(int), [n < _FEW for n in count])


def abstained(confidence: Floats, correct: Floats, weights: PatientWeights) -> Abstained:
    """Risk over coverage: errors among the items that a model is surest of, with a band over patients.

    Items of equal confidence are left out together, evenly, so that their order in the file decides nothing.

    Args:
        confidence: of each answer, (n,).
        correct: 1 right, 0 wrong, or partial credit between, (n,).
        weights: resamples of patients seen from the items.
    """
    order = np.argsort(-confidence, kind="stable")
    last = np.append(np.flatnonzero(np.diff(confidence[order])), len(order) - 1)
    whole = _risk_draws(1 - correct, order, last, weights.whole())[0]
    draws = _risk_draws(1 - correct, order, last, weights)
    low, high = np.quantile(draws, (0.025, 0.975), axis=0, method="inverted_cdf")
    return Abstained(_GRID[1:], whole, low, high)


def _risk_draws(errors: Floats, order: NDArray[np.intp], last: NDArray[np.intp], weights: PatientWeights) -> Floats:
    """Risk at the grid of coverages in each draw, (B, 40); `last` ends the groups of equal confidence."""
    found = np.empty((weights.num_draws, len(_GRID) - 1))
    for start, stop in weights.blocks(2 * len(order)):
        drawn = weights.items(start, stop, order)
        kept = np.cumsum(drawn, axis=0)[last]
        failed = np.cumsum(drawn * errors[order][:, None], axis=0)[last]
        for column in range(stop - start):
            wanted = _GRID[1:] * kept[-1, column]
            x, y = np.append(0.0, kept[:, column]), np.append(0.0, failed[:, column])
            found[start + column] = np.interp(wanted, x, y) / wanted
    return found


def training_curves(run: Path) -> list[TrainingCurve]:
    """Read the curves of a run: loss in training and validation, then every other validation score.

    A line that a crash cut short is left out.
    """
    path = run / "metrics.jsonl"
    if not path.is_file():
        return []
    rows: list[dict[str, Any]] = []
    for line in path.read_text(encoding="utf-8").splitlines():
        try:
            rows.append(json.loads(line))
        except json.JSONDecodeError:
            continue
    names = sorted({name for row in rows for name in row if name.startswith("eval_") and "second" not in name})
    curves = []
    for name in ["loss", *names]:
        points = [(row["step"], row[name]) for row in rows if isinstance(row.get(name), int | float)]
        if len(points) > 1:
            steps, values = zip(*points, strict=True)
            curves.append(TrainingCurve(name=name, steps=list(steps), values=list(values)))
    return curves
