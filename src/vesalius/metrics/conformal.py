"""Sets of answers and intervals of numbers that hold the truth with a stated probability, and bounds on a risk.

Split conformal prediction: scores of calibration items (larger is worse) give a limit; a candidate whose score does
not pass it is in the set. The coverage of 1 - alpha holds over draws of exchangeable items, on average over
calibration sets; not across hospitals, and not within patients: calibrate on one item a patient.

Letters: n calibration items, N test items, K classes, L settings.
"""

from __future__ import annotations

from math import ceil
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from vesalius.errors import ConfigError, DataError

__all__ = [
    "SetReport",
    "aps_scores",
    "group_limits",
    "hoeffding_bentkus",
    "interval",
    "lac_scores",
    "limit",
    "open_scores",
    "quantile_scores",
    "risk_setting",
    "set_report",
    "sets",
]

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]


class SetReport(NamedTuple):
    """What sets are worth: coverage alone is had by naming everything."""

    covered: Floats
    """1 where the set holds the truth, (N,): its mean is the coverage, resampled like any mean."""
    size: Floats
    """Number of classes in each set, (N,)."""
    coverage: float
    mean_size: float
    median_size: float
    single: float
    """Share of sets of one class."""
    empty: float
    by_size: dict[int, float]
    """Coverage of the sets of each size."""
    by_group: dict[str, float]
    """Coverage of each subgroup; its least is the worst group's."""


def limit(scores: ArrayLike, *, alpha: float) -> float:
    """Return the ceil((n + 1)(1 - alpha))-th smallest calibration score, infinite where there are too few.

    Args:
        scores: of the true answers of calibration items, (n,).
        alpha: allowed share of sets without the truth.
    """
    values = np.asarray(scores, dtype=np.float64)
    if not 0 < alpha < 1:
        raise ConfigError(f"alpha {alpha} must lie between 0 and 1")
    if not len(values) or np.isnan(values).any():
        raise DataError("calibration needs scores, none of them NaN")
    place = ceil((len(values) + 1) * (1 - alpha) - 1e-9)
    return float(np.partition(values, place - 1)[place - 1]) if place <= len(values) else float("inf")


def group_limits(scores: ArrayLike, groups: ArrayLike, *, alpha: float) -> dict[str, float]:
    """Return a limit for each class or subgroup (Mondrian); infinite below (1 - alpha)/alpha items."""
    values, names = np.asarray(scores, dtype=np.float64), np.asarray(groups).astype(str)
    return {str(name): limit(values[names == name], alpha=alpha) for name in np.unique(names)}


def lac_scores(probability: ArrayLike) -> Floats:
    """Return 1 - p of every class, (N, K) (least ambiguous classifier, Sadinle et al. 2019)."""
    return 1 - _table(probability)


def aps_scores(
    probability: ArrayLike, *, uniform: ArrayLike | None = None, penalty: float = 0.0, free: int = 0
) -> Floats:
    """Return the probability of every class and all likelier ones, (N, K) (Romano et al. 2020).

    Of equal probabilities the lower class number is taken as the likelier.

    Args:
        probability: (N, K).
        uniform: one number in 0..1 an item, (N,): that share of the class's own probability is taken off, which
            makes the coverage exact. None for the deterministic form.
        penalty: added for every rank beyond `free` (RAPS, Angelopoulos et al. 2021).
        free: ranks without penalty.
    """
    table = _table(probability)
    order = np.argsort(-table, axis=1, kind="stable")
    rank = np.argsort(order, axis=1, kind="stable")
    # rounded so that .7 + .2 + .1 is 1
    running = np.cumsum(np.take_along_axis(table, order, axis=1), axis=1)
    mass = np.asarray(np.round(np.take_along_axis(running, rank, axis=1), 12), dtype=np.float64)
    if uniform is not None:
        mass = mass - np.asarray(uniform, dtype=np.float64)[:, None] * table
    return np.asarray(mass + penalty * np.maximum(0, rank + 1 - free), dtype=np.float64)


def open_scores(consistency: ArrayLike, right: ArrayLike) -> Floats:
    """Return the scores of sampled answers' truths for calibration, (n,): 1 - the share of samples that said it.

    Infinite where no sample is right: no set of samples can hold that truth, which is the ceiling to report.

    Args:
        consistency: share of an item's samples that agree with each candidate, (n, K).
        right: whether the candidate is right, (n, K).
    """
    share, true = np.asarray(consistency, dtype=np.float64), np.asarray(right, dtype=bool)
    return np.asarray(np.where(true, 1 - share, np.inf).min(axis=1), dtype=np.float64)


def sets(scores: ArrayLike, bound: float | ArrayLike, *, min_one: bool = False) -> Flags:
    """Return which classes are in each set, (N, K): those whose score does not pass the limit.

    Args:
        scores: of every class, (N, K).
        bound: the limit, or one a class (K,), or one an item (N, 1).
        min_one: adds the class of the least score to an empty set; the coverage can only rise.
    """
    table = np.asarray(scores, dtype=np.float64)
    inside = table <= np.asarray(bound, dtype=np.float64)
    if min_one:
        empty = ~inside.any(axis=1)
        inside[empty, table[empty].argmin(axis=1)] = True
    return np.asarray(inside, dtype=bool)


def set_report(inside: Flags, target: ArrayLike, *, groups: ArrayLike | None = None) -> SetReport:
    """Measure sets against the truth.

    Args:
        inside: (N, K).
        target: true class numbers, (N,).
        groups: subgroup of each item, (N,).
    """
    truth = np.asarray(target, dtype=np.intp)
    if truth.shape != inside.shape[:1] or not len(truth):
        raise DataError(f"{len(inside)} sets for {truth.shape} truths")
    covered = inside[np.arange(len(truth)), truth].astype(np.float64)
    size = inside.sum(axis=1).astype(np.float64)
    names = np.full(len(truth), "all") if groups is None else np.asarray(groups).astype(str)
    return SetReport(
        covered=covered,
        size=size,
        coverage=float(covered.mean()),
        mean_size=float(size.mean()),
        median_size=float(np.median(size)),
        single=float(np.mean(size == 1)),
        empty=float(np.mean(size == 0)),
        by_size={int(one): float(covered[size == one].mean()) for one in np.unique(size)},
        by_group={str(name): float(covered[names == name].mean()) for name in np.unique(names)},
    )


def interval(predicted: ArrayLike, bound: float, *, scale: ArrayLike = 1.0) -> tuple[Floats, Floats]:
    """Return low and high ends of the intervals of numbers, each (N,).

    Calibrate on |truth - predicted| / scale.

    Args:
        predicted: (N,), or for quantile intervals the low and the high quantile, (2, N).
        bound: the limit of the calibration scores.
        scale: expected size of the error of each item (normalised form), (N,), or 1.
    """
    values, reach = np.asarray(predicted, dtype=np.float64), bound * np.asarray(scale, dtype=np.float64)
    low, high = (values[0], values[1]) if values.ndim == 2 else (values, values)
    return np.asarray(low - reach), np.asarray(high + reach)


def quantile_scores(low: ArrayLike, high: ArrayLike, target: ArrayLike) -> Floats:
    """Return how far the truth lies outside predicted quantiles, below 0 inside, (n,) (CQR, Romano et al. 2019)."""
    truth = np.asarray(target, dtype=np.float64)
    return np.maximum(np.asarray(low, dtype=np.float64) - truth, truth - np.asarray(high, dtype=np.float64))


def risk_setting(risks: ArrayLike, n: int, *, alpha: float, most: float = 1.0) -> int:
    """Return the first setting whose expected loss is controlled at alpha (conformal risk control).

    Source: Angelopoulos et al. 2022, arXiv 2208.02814: n/(n + 1) R + most/(n + 1) <= alpha.

    Args:
        risks: mean loss of n calibration items at settings of falling risk, (L,).
        n: calibration items.
        alpha: allowed expected loss.
        most: the largest possible loss of one item.

    Raises:
        DataError: the risks do not fall, or no setting is good enough.
    """
    values = np.asarray(risks, dtype=np.float64)
    if np.any(np.diff(values) > 1e-12):
        raise DataError("conformal risk control needs a risk that falls from setting to setting")
    fits = np.flatnonzero((n * values + most) / (n + 1) <= alpha)
    if not len(fits):
        raise DataError(f"no setting keeps the expected loss at {alpha} with {n} calibration items")
    return int(fits[0])


def hoeffding_bentkus(risk: float, n: int, *, alpha: float) -> float:
    """Return the p value against a risk above alpha, from the mean of n losses in 0..1 (learn then test).

    Source: Angelopoulos et al. 2021, arXiv 2110.01052, section 3: the smaller of Hoeffding's and Bentkus' bounds.
    Adjust over settings by `significance.adjust` (Holm), or test from the safe end and stop at the first failure.
    """
    from scipy.special import bdtr

    held = min(risk, alpha)
    parts = ((held, alpha), (1 - held, 1 - alpha))
    apart = sum(share * np.log(share / base) for share, base in parts if share > 0)
    tail = float(np.e * bdtr(ceil(n * risk - 1e-9), n, alpha))
    return float(min(np.exp(-n * apart), tail, 1.0))


def _table(probability: ArrayLike) -> Floats:
    table = np.asarray(probability, dtype=np.float64)
    if table.ndim != 2 or not np.all((table >= 0) & (table <= 1)):
        raise DataError("conformal scores need probabilities in 0..1, one row an item and one column a class")
    return table
