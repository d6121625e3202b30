"""Means over items by label, and over the labels, with patient-clustered intervals."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from vesalius.metrics import resampled
from vesalius.metrics.bootstrap import PatientWeights, percentile
from vesalius.tasks._labels import Rows
from vesalius.tasks.base import Score

__all__ = ["mean_scores"]

Floats = NDArray[np.float64]


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
    means: list[float] = []
    draws: list[Floats] = []
    found: list[Score] = []
    for number, label in enumerate(rows.labels):
        places = selected[rows.label[selected] == number]
        if not len(places):
            continue
        seen = weights.select(places)
        means.append(float(value[places].mean()))
        draws.append(resampled.mean(value[places], seen))
        interval = percentile(means[-1], draws[-1], weights=seen)
        found.append(Score.of(interval, task=task, metric=metric, label=label, extra=extra, draws=draws[-1]))
    if not found:
        return []
    macro: Floats = np.mean(np.stack(draws), axis=0)
    interval = percentile(float(np.mean(means)), macro, weights=weights.select(selected))
    return [Score.of(interval, task=task, metric=metric, label="macro", extra=extra, draws=macro), *found]
