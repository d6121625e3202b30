"""Means over items by label, and over the labels, with patient-clustered intervals."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from vesalius.metrics import resampled
from vesalius.metrics.bootstrap import PatientWeights, percentile
from vesalius.tasks._labels import Rows
from vesalius.tasks.base import Score

__all__ = ["mean_score", "mean_scores"]

Floats = NDArray[np.float64]


def mean_score(
    places: NDArray[np.intp],
    value: Floats,
    weights: PatientWeights,
    *,
    task: str,
    metric: str,
    label: str,
    extra: dict[str, Any] | None = None,
) -> Score:
    """Score the mean of a value over some rows.

    Args:
        places: numbers of the rows, at least one.
        value: of every row.
        weights: resamples over all rows.
        task: name of the score's task.
        metric: name of the score.
        label: which part of the rows it is.
        extra: what stands beside the number.
    """
    seen = weights.select(places)
    draws = resampled.mean(value[places], seen)
    interval = percentile(float(value[places].mean()), draws, weights=seen)
    return Score.of(interval, task=task, metric=metric, label=label, extra=extra, draws=draws)


def mean_scores(
    rows: Rows,
    chosen: NDArray[np.bool_],
    value: Floats,
    weights: PatientWeights,
    *,
    task: str,
    metric: str,
    extra: dict[str, Any] | None = None,
) -> list[Score]:
    """Score the mean of a value over the rows of each label, and the mean of these means as label "macro", first.

    A resample without a row of some label has the mean over the others; how often is told.

    Args:
        rows: of the table.
        chosen: rows to take.
        value: of every row, NaN where it is not defined: such rows are left out.
        weights: resamples over all rows.
        task: name of the score's task.
        metric: name of the score.
        extra: what stands beside every number.
    """
    selected = np.flatnonzero(chosen & np.isfinite(value))
    found: list[Score] = []
    for number, label in enumerate(rows.labels):
        places = selected[rows.label[selected] == number]
        if len(places):
            found.append(mean_score(places, value, weights, task=task, metric=metric, label=label, extra=extra))
    if not found:
        return []
    macro = resampled.macro(np.stack([score.draws for score in found if score.draws is not None], axis=1))
    mean = float(np.mean([score.value for score in found]))
    interval = percentile(mean, macro.draws, weights=weights.select(selected))
    beside = {**(extra or {}), "left_out_in_resamples": macro.left_out}
    return [Score.of(interval, task=task, metric=metric, label="macro", extra=beside, draws=macro.draws), *found]
