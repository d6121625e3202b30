"""Scores that are made of all answers of a part at once: pooled F1, sets of options, found boxes, measured numbers.

Letters: N answers, K options, B resamples, F rates of false alarms.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vesalius.metrics import resampled
from vesalius.metrics.bootstrap import PatientWeights, percentile
from vesalius.metrics.boxes import average_precision, average_precision_draws, iou, matches, ranked_of
from vesalius.metrics.conformal import limit, set_report, sets
from vesalius.metrics.detection import FROC_RATES, first_hits, froc, froc_draws, precision_recall_f1
from vesalius.metrics.measurement import errors, measured
from vesalius.tasks.answers.evidence import Boxes, Choices, Counts, Evidence, Number
from vesalius.tasks.base import Score

__all__ = ["ALPHA", "evidence_scores"]

Floats = NDArray[np.float64]

ALPHA = 0.1
"""Allowed share of sets without the right option."""
_OVERLAP = 0.5
"""IoU from which a box finds a truth."""
_TOLERANCE = 0.1
"""Share of the truth within which a number counts."""
_LIMITS = 1.96
"""Standard deviations of the limits of agreement (Bland and Altman)."""


def evidence_scores(
    found: Sequence[Evidence], weights: PatientWeights, *, task: str, rows: NDArray[np.intp]
) -> list[Score]:
    """Score the evidence of one kind.

    Args:
        found: of N answers, all of one kind; counts of one metric.
        weights: resamples seen from these answers.
        task: name of the scores' task.
        rows: of the table, (N,).
    """
    named: dict[str, Any] = {"task": task, "rows": rows}
    if counts := [one for one in found if isinstance(one, Counts)]:
        return _pooled(counts, weights, named)
    if choices := [one for one in found if isinstance(one, Choices)]:
        return _sets(choices, weights, named)
    if boxes := [one for one in found if isinstance(one, Boxes)]:
        return _boxes(boxes, weights, named)
    numbers = [one for one in found if isinstance(one, Number)]
    scores: list[Score] = []
    for unit in dict.fromkeys(one.unit for one in numbers):
        chosen = np.array([place for place, one in enumerate(numbers) if one.unit == unit])
        of_unit = {**named, "rows": rows[chosen]}
        scores += _numbers([numbers[place] for place in chosen], weights.select(chosen), of_unit)
    return scores


def _pooled(found: Sequence[Counts], weights: PatientWeights, named: dict[str, Any]) -> list[Score]:
    """F1 of the sums over answers, with that of every resample."""
    cells = np.array([[one.found, one.said, one.wanted] for one in found])
    precision, recall, f1 = precision_recall_f1(cells.sum(axis=0)).tolist()
    draws = precision_recall_f1(weights.sums(cells))[:, 2]
    extra = {"precision": precision, "recall": recall, "found": float(cells[:, 0].sum())}
    interval = percentile(f1, draws, weights=weights)
    return [Score.of(interval, metric=found[0].metric, label="all", extra=extra, draws=draws, **named)]


def _sets(found: Sequence[Choices], weights: PatientWeights, named: dict[str, Any]) -> list[Score]:
    """Size and coverage of conformal sets (least ambiguous classifier) with `ALPHA`, never empty.

    Clusters are dealt into two halves; each half gets the limit of the other, calibrated on one answer a cluster.
    The intervals take the limits as they are.
    """
    most = max(len(one.probability) for one in found)
    scores, truth = np.full((len(found), most), np.inf), np.zeros(len(found), dtype=np.intp)
    for row, one in enumerate(found):
        scores[row, : len(one.probability)] = 1 - np.array(list(one.probability.values()))
        truth[row] = list(one.probability).index(one.truth)
    half = np.array([hashlib.sha256(str(code).encode()).digest()[0] % 2 for code in weights.codes])
    first = np.zeros(len(found), dtype=bool)
    first[np.unique(weights.codes, return_index=True)[1]] = True
    held = [first & (half == side) for side in (0, 1)]
    if not all(one.any() for one in held):
        return []
    bounds = [limit(scores[one, truth[one]], alpha=ALPHA) for one in held]
    report = set_report(sets(scores, np.array(bounds)[1 - half][:, None], min_one=True) & np.isfinite(scores), truth)
    extra = {
        "alpha": ALPHA, "single": report.single, "options": float(np.isfinite(scores).sum(axis=1).mean()),
        "calibrated_on": [int(one.sum()) for one in held],
    }  # fmt: skip
    made = []
    for metric, values in (("conformal_coverage", report.covered), ("conformal_size", report.size)):
        draws = resampled.mean(values, weights)
        interval = percentile(float(values.mean()), draws, weights=weights)
        made.append(Score.of(interval, metric=metric, label="all", extra=extra, draws=draws, **named))
    return made


def _boxes(found: Sequence[Boxes], weights: PatientWeights, named: dict[str, Any]) -> list[Score]:
    """FROC, its mean over `FROC_RATES` first, and average precision, both at an overlap of a half."""
    wanted = [len(one.truth) for one in found]
    if not sum(wanted):
        return []
    said, truths = ([_table(getattr(one, name)) for one in found] for name in ("said", "truth"))
    scores = [np.array(one.score, dtype=np.float64) for one in found]
    hits = [first_hits(iou(a, b) >= _OVERLAP, s) for a, b, s in zip(said, truths, scores, strict=True)]
    ranked = ranked_of(hits, scores, wanted)
    each, draws = froc(ranked), froc_draws(ranked, weights)
    extra = {"lesions": sum(wanted), "rates": list(FROC_RATES)}
    interval = percentile(float(each.mean()), draws.mean(axis=1), weights=weights)
    made = [Score.of(interval, metric="froc", label="all", extra=extra, draws=draws.mean(axis=1), **named)]
    for place, rate in enumerate(FROC_RATES):
        interval = percentile(float(each[place]), draws[:, place], weights=weights)
        label = f"{rate:g} false alarms a picture"
        made.append(Score.of(interval, metric="froc", label=label, draws=draws[:, place], **named))
    taken = [matches(a, s, b, threshold=_OVERLAP) for a, b, s in zip(said, truths, scores, strict=True)]
    order = ranked_of(taken, scores, wanted)
    drawn = average_precision_draws(order, weights)
    interval = percentile(average_precision(order), drawn, weights=weights)
    return [*made, Score.of(interval, metric="ap_50", label="all", draws=drawn, **named)]


def _numbers(found: Sequence[Number], weights: PatientWeights, named: dict[str, Any]) -> list[Score]:
    """Errors of numbers of one unit, which is the label; bias and limits of agreement beside the mean error."""
    said = [np.nan if one.said is None else one.said for one in found]
    apart = errors(said, [one.truth for one in found])
    whole, label = measured(apart), found[0].unit or "all"
    extra = {
        "bias": whole.bias, "limit_low": whole.low, "limit_high": whole.high, "rmse": whole.rmse,
        "wrong_unit": whole.wrong_unit, "unparsed": whole.unparsed, **_limits(apart.error, weights),
    }  # fmt: skip
    columns = {"mae": apart.absolute, "mre": apart.relative, "within_10": apart.within_relative(_TOLERANCE)}
    made = []
    for metric, values in columns.items():
        known = np.flatnonzero(np.isfinite(values))
        if len(known):
            seen = weights.select(known)
            draws = resampled.mean(values[known], seen)
            interval = percentile(float(values[known].mean()), draws, weights=seen)
            one = {**named, "rows": named["rows"][known]}
            made.append(
                Score.of(
                    interval, metric=metric, label=label, extra=extra if metric == "mae" else {}, draws=draws, **one
                )
            )
    return made


def _limits(error: Floats, weights: PatientWeights) -> dict[str, float]:
    """Ends of the 95 % intervals of bias and limits of agreement."""
    known = np.flatnonzero(np.isfinite(error))
    if len(known) < 2:
        return {}
    values = error[known]
    total, squares, count = weights.select(known).sums(np.column_stack([values, values**2, np.ones(len(values))])).T
    with np.errstate(invalid="ignore", divide="ignore"):
        bias = total / count
        spread = _LIMITS * np.sqrt(np.maximum(squares - count * bias**2, 0) / (count - 1))
    ends: dict[str, float] = {}
    for name, draws in (("bias", bias), ("limit_low", bias - spread), ("limit_high", bias + spread)):
        defined = draws[np.isfinite(draws)]
        if len(defined):
            low, high = np.quantile(defined, (0.025, 0.975), method="inverted_cdf")
            ends |= {f"{name}_from": float(low), f"{name}_to": float(high)}
    return ends


def _table(boxes: Sequence[Sequence[float]]) -> Floats:
    return np.array(boxes, dtype=np.float64).reshape(-1, 4)
