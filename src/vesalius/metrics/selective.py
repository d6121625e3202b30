"""Selective answering: what a model gains by leaving out what it is least sure of.

Items are kept by falling confidence. Items of equal confidence are in no order: the risk inside such a group is the
expected one over all orders, so that the order of the file decides nothing. A model that says .9 always has an AURC
of its error rate, however well calibrated it is.

Letters: N items, B resamples.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil
from typing import Literal, NamedTuple, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray

from vesalius.errors import ConfigError, DataError
from vesalius.metrics.bootstrap import PatientWeights
from vesalius.metrics.proportions import clopper_pearson

__all__ = [
    "Abstention",
    "Outcome",
    "RiskCurve",
    "abstention",
    "accuracy_at_coverage",
    "augrc",
    "aurc",
    "aurc_draws",
    "coverage_at_accuracy",
    "coverage_with_bound",
    "excess_aurc",
    "penalised",
    "risk_coverage",
]

Floats = NDArray[np.float64]
Outcome = Literal["right", "wrong", "abstained", "unparsed"]


class RiskCurve(NamedTuple):
    """Risk after each kept item."""

    coverage: Floats
    """Share kept, 1/N..1, (N,)."""
    risk: Floats
    """Errors among the kept over the kept, (N,)."""


class Abstention(NamedTuple):
    """What became of the items; the four shares add up to 1."""

    right: float
    wrong: float
    abstained: float
    unparsed: float


def risk_coverage(confidence: ArrayLike, correct: ArrayLike) -> RiskCurve:
    """Return the risk-coverage curve.

    Args:
        confidence: of each answer, on any scale, (N,).
        correct: 1 right, 0 wrong, or partial credit between, (N,).
    """
    values, errors = _checked(confidence, correct)
    group = np.unique(-values, return_inverse=True)[1]
    sizes, wrong = np.bincount(group), np.bincount(group, errors)
    of_each = np.repeat(wrong / sizes, sizes)
    kept = np.arange(1, len(values) + 1)
    return RiskCurve(kept / len(values), np.cumsum(of_each) / kept)


def aurc(confidence: ArrayLike, correct: ArrayLike) -> float:
    """Area under the risk-coverage curve: mean over k = 1..N of the risk of the k surest items."""
    return float(risk_coverage(confidence, correct).risk.mean())


def excess_aurc(confidence: ArrayLike, correct: ArrayLike) -> float:
    """AURC less that of an oracle which keeps the right ones first (E-AURC, Geifman et al. 2019)."""
    return aurc(confidence, correct) - aurc(correct, correct)


def augrc(confidence: ArrayLike, correct: ArrayLike) -> float:
    """Mean over k of the errors among the k surest over N (AUGRC, Traub et al. 2024)."""
    curve = risk_coverage(confidence, correct)
    return float(np.mean(curve.risk * curve.coverage))


def aurc_draws(confidence: ArrayLike, correct: ArrayLike, weights: PatientWeights) -> Floats:
    """Return AURC in every resample, (B,); a repeated item is as sure as itself.

    In a group of k items with s errors after K items with E errors, the sum of the risks (E + s i/k)/(K + i) over
    i = 1..k is s + (E - s K/k)(H(K + k) - H(K)), with H the harmonic numbers.
    """
    values, errors = _checked(confidence, correct)
    order = np.argsort(-values, kind="stable")
    first = np.flatnonzero(np.diff(-values[order], prepend=-np.inf))
    draws = np.empty(weights.num_draws)
    for start, stop in weights.blocks(4 * len(values)):
        counts = weights.items(start, stop, order)
        sizes = np.add.reduceat(counts, first, axis=0)
        wrong = np.add.reduceat(counts * errors[order, None], first, axis=0)
        after, failed = np.cumsum(sizes, axis=0), np.cumsum(wrong, axis=0)
        before = (after - sizes).astype(np.intp)
        harmonic = np.concatenate([[0.0], np.cumsum(1 / np.arange(1, after[-1].max() + 1))])
        each = np.divide(wrong, sizes, out=np.zeros_like(wrong), where=sizes > 0)
        grown = harmonic[after.astype(np.intp)] - harmonic[before]
        total = np.sum(wrong + (failed - wrong - each * before) * grown, axis=0)
        draws[start:stop] = np.divide(total, after[-1], out=np.full(stop - start, np.nan), where=after[-1] > 0)
    return draws


def accuracy_at_coverage(confidence: ArrayLike, correct: ArrayLike, *, coverage: float) -> float:
    """Return the accuracy of the surest ceil(coverage N) items."""
    if not 0 < coverage <= 1:
        raise ConfigError(f"coverage {coverage} must lie in (0, 1]")
    curve = risk_coverage(confidence, correct)
    return float(1 - curve.risk[ceil(coverage * len(curve.risk) - 1e-9) - 1])


def coverage_at_accuracy(confidence: ArrayLike, correct: ArrayLike, *, accuracy: float) -> float:
    """Return the largest coverage at which the kept items reach an accuracy; 0 where none does."""
    curve = risk_coverage(confidence, correct)
    reached = np.flatnonzero(1 - curve.risk >= accuracy - 1e-12)
    return float(curve.coverage[reached[-1]]) if len(reached) else 0.0


def coverage_with_bound(
    confidence: ArrayLike, correct: ArrayLike, *, risk: float, thresholds: Sequence[float], delta: float = 0.05
) -> tuple[float, float]:
    """Return threshold and coverage for which the risk stays below `risk` with probability 1 - delta.

    Thresholds are tried from the highest down, each by its one-sided Clopper-Pearson bound, and the first that fails
    ends it (fixed sequence), so that none has to be paid for. (inf, 0) where even the first fails. Items must be
    independent: take one a patient.

    Args:
        confidence: of each answer, (N,).
        correct: 1 or 0, (N,).
        risk: allowed share of errors among the kept.
        thresholds: fixed before these items were seen; an item is kept from the threshold on.
        delta: chance that the statement is false.
    """
    values, errors = _checked(confidence, correct)
    if not np.isin(errors, (0, 1)).all():
        raise DataError("a bound on the risk needs answers that are right or wrong, not partial credit")
    best = (float("inf"), 0.0)
    for threshold in sorted(thresholds, reverse=True):
        kept = values >= threshold
        number = int(kept.sum())
        if not number or clopper_pearson(int(errors[kept].sum()), number, level=1 - 2 * delta).high > risk:
            break
        best = (float(threshold), number / len(values))
    return best


def abstention(outcomes: Sequence[Outcome]) -> Abstention:
    """Return the shares of the four outcomes."""
    counts = dict.fromkeys(get_args(Outcome), 0)
    for outcome in outcomes:
        if outcome not in counts:
            raise DataError(f"outcome {outcome!r}; expected one of {', '.join(counts)}")
        counts[outcome] += 1
    if not outcomes:
        raise DataError("no outcome to count")
    return Abstention(**{name: count / len(outcomes) for name, count in counts.items()})


def penalised(outcomes: Sequence[Outcome], *, sure: float = 0.5) -> Floats:
    """Return 1 for right, -c for wrong or unparsed and 0 for abstained, (N,), with c = t/(1 - t).

    Answering then pays exactly where the chance to be right is above t. The mean at t = .5 (c = 1) is the effective
    reliability of Whitehead et al. 2022.

    Args:
        outcomes: N of them.
        sure: t, at least 0 and below 1; .5, .75 and .9 give c of 1, 3 and 9.
    """
    if not 0 <= sure < 1:
        raise ConfigError(f"sure {sure} must be at least 0 and below 1")
    abstention(outcomes)
    points = {"right": 1.0, "abstained": 0.0, "wrong": -sure / (1 - sure), "unparsed": -sure / (1 - sure)}
    return np.array([points[outcome] for outcome in outcomes])


def _checked(confidence: ArrayLike, correct: ArrayLike) -> tuple[Floats, Floats]:
    """Return confidence and error of each item."""
    values, right = np.asarray(confidence, dtype=np.float64), np.asarray(correct, dtype=np.float64)
    if values.shape != right.shape or values.ndim != 1 or not len(values):
        raise DataError(f"confidences {values.shape} and answers {right.shape} must be lists of one length")
    if not np.isfinite(values).all():
        raise DataError("an item without confidence: leave it out and count it, never set it to 0")
    if not np.all((right >= 0) & (right <= 1)):
        raise DataError("correct must lie in 0..1")
    return values, 1 - right
