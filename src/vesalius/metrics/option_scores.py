"""Scores of answers that are one of a list of options or none: F1 with its interval, and what is taken for what.

Letters: n answers, K options, B resamples.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from vesalius.errors import DataError
from vesalius.metrics.bootstrap import Interval, patient_weights, percentile

__all__ = ["OptionScores", "option_scores"]


class OptionScores(NamedTuple):
    """What a list of answers is worth."""

    f1: Interval
    """Of one option, or the plain mean over all of them; an option that is neither true nor said counts 0."""
    table: NDArray[np.int64]
    """Truth down, answer across, the last column for answers that are no option, (K, K + 1)."""
    of_option: NDArray[np.float64]
    """F1 of each option, (K,)."""


def option_scores(
    truth: Sequence[str],
    said: Sequence[str],
    *,
    options: Sequence[str],
    patients: Sequence[str] = (),
    positive: str = "",
    resamples: int = 2000,
) -> OptionScores:
    """Score answers; what is no option is a miss of the true one and a false alarm of none.

    Source: Holland et al. 2024 (arXiv 2407.08410), 2000 resamples and an interval of 95 %.

    Args:
        truth: right option of each answer, (n,).
        said: option of each answer, anything else for none, (n,).
        options: all of them.
        patients: unit of resampling of each answer; the answers themselves where none are given.
        positive: the one option whose F1 counts, such as "present"; empty for the mean over all.
        resamples: B.

    Raises:
        DataError: lists of unlike length, or a truth that is no option.
    """
    numbers = {option: number for number, option in enumerate(options)}
    strange = sorted({one for one in (*truth, *([positive] if positive else ())) if one not in numbers})
    if strange or len(truth) != len(said) or (patients and len(patients) != len(truth)):
        raise DataError(
            f"{len(truth)} truths, {len(said)} answers, {len(patients) or len(truth)} patients; truths that are no "
            f"option: {strange or 'none'}"
        )
    right = np.array([numbers[one] for one in truth])
    given = np.array([numbers.get(one, len(options)) for one in said])
    table = np.zeros((len(options), len(options) + 1), dtype=np.int64)
    np.add.at(table, (right, given), 1)
    weights = patient_weights(patients or [str(row) for row in range(len(truth))], resamples=resamples)
    known = np.arange(len(options))
    true, called = right[:, None] == known, given[:, None] == known
    sums = weights.sums(np.concatenate([true & called, true, called], axis=1).astype(np.float64))
    whole = np.concatenate([true & called, true, called], axis=1).sum(axis=0, dtype=np.float64)
    place = numbers[positive] if positive else slice(None)
    of_option = _f1(whole[None])[0]
    drawn = _f1(sums)[:, place]
    value = float(np.mean(of_option[place]))
    draws = drawn if drawn.ndim == 1 else drawn.mean(axis=1)
    return OptionScores(percentile(value, draws, weights=weights), table, of_option)


def _f1(sums: NDArray[np.float64]) -> NDArray[np.float64]:
    """Sums of hits, truths and calls (B, 3 K) to F1 (B, K); 0 where an option is neither true nor called."""
    hits, true, called = np.split(sums, 3, axis=1)
    below = true + called
    return np.divide(2 * hits, below, out=np.zeros_like(hits), where=below > 0)
