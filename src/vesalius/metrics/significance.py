"""Is a difference more than chance: paired comparisons over patients, many comparisons, equivalence.

Letters: n items, G patients, B resamples, R random swaps, A systems.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import product
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from vesalius.errors import ConfigError, DataError, did_you_mean
from vesalius.metrics.bootstrap import BLOCK_BYTES, Interval, PatientWeights, percentile

__all__ = [
    "Adjusted",
    "DeLong",
    "Difference",
    "Equivalence",
    "McNemar",
    "Verdict",
    "adjust",
    "delong",
    "equivalence",
    "mcnemar",
    "paired_difference",
    "sign_flip",
    "sign_test",
    "swap_test",
    "swap_test_auroc",
    "verdict",
]

Floats = NDArray[np.float64]
Adjusted = Literal["bonferroni", "holm", "bh", "by"]
Verdict = Literal["win", "tie", "loss", "undecided"]
EXACT_PATIENTS = 15
"""Up to this many patients every swap is tried."""
DEFAULT_SWAPS = 10_000


class Difference(NamedTuple):
    """Difference of two systems on the same resamples."""

    interval: Interval
    p: float
    """Bootstrap p: twice the smaller share of draws on one side of 0, at least 1/(B + 1)."""


class McNemar(NamedTuple):
    """Four p values for the same two discordant counts; `exact` is the default to report."""

    exact: float
    mid: float
    chi2: float
    chi2_corrected: float


class DeLong(NamedTuple):
    """AUROC of several systems on the same items, with their covariance."""

    auroc: Floats
    """(A,)."""
    covariance: Floats
    """(A, A)."""

    def compare(self, first: int = 0, second: int = 1) -> tuple[float, float]:
        """Return z and the two-sided p of the difference; NaN where its variance is 0 (not estimable)."""
        from scipy.special import ndtr

        gap = self.auroc[first] - self.auroc[second]
        parts = self.covariance[[first, second]][:, [first, second]]
        variance = parts[0, 0] + parts[1, 1] - 2 * parts[0, 1]
        if variance <= 0:
            return float("nan"), float("nan")
        z = float(gap / variance**0.5)
        return z, float(2 * ndtr(-abs(z)))


class Equivalence(NamedTuple):
    """Two one-sided tests at a margin."""

    p_below: float
    """p against a difference of -margin or less."""
    p_above: float
    """p against a difference of +margin or more."""
    low: float
    high: float
    """Interval of coverage 1 - 2 level."""
    equivalent: bool

    @property
    def p(self) -> float:
        """The larger of the two p values."""
        return max(self.p_below, self.p_above)


def paired_difference(
    values: tuple[float, float],
    draws: tuple[Floats, Floats],
    *,
    weights: PatientWeights,
    level: float = 0.95,
) -> Difference:
    """Difference first - second of a metric of two systems on the same items and the same resamples.

    Args:
        values: the metric of both on the sample.
        draws: the metric of both in every resample, each (B,).
        weights: the weights that made both.
        level: coverage.
    """
    first, second = draws
    if first.shape != second.shape:
        raise DataError(f"{len(first)} and {len(second)} resamples: a paired difference needs the same ones")
    apart = first - second
    interval = percentile(values[0] - values[1], apart, weights=weights, level=level)
    defined = apart[np.isfinite(apart)]
    if not len(defined) or not np.isfinite(interval.low):
        return Difference(interval, float("nan"))
    tail = min(float(np.mean(defined <= 0)), float(np.mean(defined >= 0)))
    return Difference(interval, min(1.0, max(2 * tail, 1 / (len(defined) + 1))))


def sign_flip(
    differences: ArrayLike,
    patients: Sequence[str] | NDArray[np.generic],
    *,
    alternative: Literal["two-sided", "greater"] = "two-sided",
    swaps: int = DEFAULT_SWAPS,
    seed: int = 0,
) -> float:
    """P value of the mean difference when the two systems are swapped patient by patient.

    Exact for up to 15 patients; otherwise by random swaps, (1 + hits)/(R + 1).

    Args:
        differences: first - second of each item, (n,).
        patients: patient of each item; all items of a patient are swapped together.
        alternative: "greater" asks whether the first is better.
        swaps: number of random swaps R.
        seed: seed of the swaps.
    """
    items = np.asarray(differences, dtype=np.float64)
    totals = np.bincount(_groups(patients), items).astype(np.float64)

    def mean(signs: Floats) -> Floats:
        return np.asarray(signs @ totals / len(items), dtype=np.float64)

    return _randomised(mean, len(totals), alternative=alternative, swaps=swaps, seed=seed)


def swap_test(
    difference: Callable[[NDArray[np.bool_]], float],
    patients: Sequence[str] | NDArray[np.generic],
    *,
    alternative: Literal["two-sided", "greater"] = "two-sided",
    swaps: int = DEFAULT_SWAPS,
    seed: int = 0,
) -> float:
    """The test of `sign_flip` for a metric that is not a mean: items are swapped, then it is computed again.

    Args:
        difference: given which items to swap, (n,), returns the metric of the first minus that of the second.
        patients: patient of each item.
        alternative: as in `sign_flip`.
        swaps: number of random swaps.
        seed: seed of the swaps.
    """
    codes = _groups(patients)

    def each(signs: Floats) -> Floats:
        return np.array([difference(row[codes] < 0) for row in signs])

    return _randomised(each, int(codes.max()) + 1, alternative=alternative, swaps=swaps, seed=seed)


def swap_test_auroc(
    target: ArrayLike,
    scores: tuple[ArrayLike, ArrayLike],
    patients: Sequence[str] | NDArray[np.generic],
    *,
    swaps: int = DEFAULT_SWAPS,
    seed: int = 0,
) -> float:
    """Two-sided `swap_test` of the AUROC of two systems, many swaps at once.

    Scores are replaced by their mid-ranks within each system first, for two systems' scales may be unlike.

    Args:
        target: 0 or 1, (n,).
        scores: scores of the two systems, each (n,).
        patients: patient of each item.
        swaps: number of random swaps.
        seed: seed of the swaps.
    """
    from scipy.stats import rankdata

    truth, codes = np.asarray(target) == 1, _groups(patients)
    ranked = [rankdata(np.asarray(values, dtype=np.float64)) for values in scores]
    positives = int(truth.sum())
    pairs = positives * (len(truth) - positives)
    if not pairs:
        raise DataError(f"an AUROC needs both classes; {positives} of {len(truth)} items are 1")

    def gap(signs: Floats) -> Floats:
        rows = max(1, BLOCK_BYTES // (32 * len(truth)))
        return np.concatenate([one(signs[start : start + rows]) for start in range(0, len(signs), rows)])

    def one(signs: Floats) -> Floats:
        swapped = signs[:, codes] < 0
        first, second = np.where(swapped, ranked[1], ranked[0]), np.where(swapped, ranked[0], ranked[1])
        totals = (rankdata(table, axis=1)[:, truth].sum(axis=1) for table in (first, second))
        return np.asarray(np.subtract(*totals) / pairs, dtype=np.float64)

    return _randomised(gap, int(codes.max()) + 1, alternative="two-sided", swaps=swaps, seed=seed)


def mcnemar(only_first: int, only_second: int) -> McNemar:
    """McNemar's test of two counts of discordant items; items must be independent (one a patient).

    Several items a patient make it wrong: use `sign_flip` over patients.
    """
    from scipy.special import bdtr, chdtrc

    total, fewer = only_first + only_second, min(only_first, only_second)
    if not total:
        return McNemar(1.0, 1.0, 1.0, 1.0)
    twice = 2 * float(bdtr(fewer, total, 0.5))
    below = float(bdtr(fewer - 1, total, 0.5)) if fewer else 0.0
    exact, mid = min(1.0, twice), twice / 2 + below
    apart = abs(only_first - only_second)
    corrected = float(chdtrc(1, max(apart - 1, 0) ** 2 / total))
    return McNemar(exact, min(1.0, mid), float(chdtrc(1, apart**2 / total)), corrected)


def delong(
    target: ArrayLike, scores: ArrayLike, *, patients: Sequence[str] | NDArray[np.generic] | None = None
) -> DeLong:
    """AUROC of A systems and their covariance by placements.

    Args:
        target: 0 or 1, (n,).
        scores: scores of each system, (A, n).
        patients: patient of each item where patients repeat (Obuchowski's clustered form); None means that
            every item is a patient of its own.
    """
    truth, table = np.asarray(target) == 1, np.atleast_2d(np.asarray(scores, dtype=np.float64))
    positives, negatives = int(truth.sum()), int((~truth).sum())
    if positives < 2 or negatives < 2:
        raise DataError(f"DeLong needs two items of each class; there are {positives} and {negatives}")
    of_positive = np.stack([_placement(row[truth], row[~truth]) for row in table])
    of_negative = 1 - np.stack([_placement(row[~truth], row[truth]) for row in table])
    area = of_positive.mean(axis=1)
    if patients is None:
        covariance = np.zeros((len(table), len(table)))
        for rows in (of_positive, of_negative):
            covariance += np.atleast_2d(np.cov(rows)) / rows.shape[1]
        return DeLong(area, covariance)
    codes = _groups(patients)
    groups = int(codes.max()) + 1
    apart_positive = _by_group(of_positive - area[:, None], codes[truth], groups)
    apart_negative = _by_group(of_negative - area[:, None], codes[~truth], groups)
    total = apart_positive / positives + apart_negative / negatives
    return DeLong(area, total @ total.T * groups / (groups - 1))


def adjust(p: ArrayLike, *, method: Adjusted = "holm") -> Floats:
    """Adjust p values for their number, in the given order.

    Args:
        p: p values of one family that was declared before the run.
        method: "bonferroni", "holm" (family-wise), "bh" or "by" (false discovery rate).
    """
    values = np.asarray(p, dtype=np.float64)
    m = len(values)
    order = np.argsort(values, kind="stable")
    places = np.arange(1, m + 1)
    if method == "bonferroni":
        return np.asarray(np.minimum(1.0, m * values), dtype=np.float64)
    if method == "holm":
        stepped = np.maximum.accumulate((m - places + 1) * values[order])
    elif method in ("bh", "by"):
        factor = m * (np.sum(1 / places) if method == "by" else 1.0)
        stepped = np.minimum.accumulate((factor * values[order] / places)[::-1])[::-1]
    else:
        raise ConfigError(f"unknown method {method!r}{did_you_mean(method, ['bonferroni', 'holm', 'bh', 'by'])}")
    adjusted = np.empty(m)
    adjusted[order] = np.minimum(1.0, stepped)
    return adjusted


def equivalence(value: float, error: float, degrees: float, *, margin: float, level: float = 0.05) -> Equivalence:
    """Two one-sided t tests of a difference against a margin that was written down before the run.

    Args:
        value: the difference.
        error: its standard error over patients.
        degrees: degrees of freedom, G - 1.
        margin: the largest difference that does not matter.
        level: level of each one-sided test.
    """
    from scipy.special import stdtr, stdtrit

    if margin <= 0:
        raise ConfigError(f"margin {margin} must be above 0: it is the largest difference that does not matter")
    if error == 0:
        inside = abs(value) < margin
        return Equivalence(float(value <= -margin), float(value >= margin), value, value, inside)
    below = float(stdtr(degrees, -(value + margin) / error))
    above = float(stdtr(degrees, (value - margin) / error))
    half = float(stdtrit(degrees, 1 - level)) * error
    low, high = value - half, value + half
    return Equivalence(below, above, low, high, -margin < low and high < margin)


def verdict(interval: tuple[float, float], narrow: tuple[float, float], *, margin: float) -> Verdict:
    """Say win, loss, tie or undecided; never "no difference".

    Args:
        interval: 95 % interval of the difference.
        narrow: its 90 % interval, the one of the two one-sided tests.
        margin: the largest difference that does not matter.

    Returns:
        "win" above 0, "loss" below 0, "tie" only where the narrow interval lies within the margin.
    """
    if interval[0] > 0:
        return "win"
    if interval[1] < 0:
        return "loss"
    return "tie" if -margin < narrow[0] and narrow[1] < margin else "undecided"


def sign_test(wins: int, losses: int) -> float:
    """Two-sided p of wins against losses over data sets; ties and undecided ones are left out."""
    return mcnemar(wins, losses).exact


def _groups(patients: Sequence[str] | NDArray[np.generic]) -> NDArray[np.intp]:
    return np.unique(np.asarray(patients), return_inverse=True)[1].astype(np.intp)


def _randomised(
    statistic: Callable[[Floats], NDArray[Any]], groups: int, *, alternative: str, swaps: int, seed: int
) -> float:
    """Share of swaps at least as far out as the observed statistic; `statistic` takes signs (r, G)."""

    def out(values: NDArray[Any]) -> NDArray[Any]:
        return np.abs(values) if alternative == "two-sided" else values

    observed = out(statistic(np.ones((1, groups))))[0] - 1e-12
    if groups <= EXACT_PATIENTS:
        signs = np.array(list(product((1.0, -1.0), repeat=groups)))
        return float(np.mean(out(statistic(signs)) >= observed))
    stream = np.random.Generator(np.random.PCG64(seed))
    step = max(1, BLOCK_BYTES // (16 * groups))
    hits = 0
    for start in range(0, swaps, step):
        coins = stream.integers(0, 2, (min(step, swaps - start), groups))
        signs = np.where(coins == 1, 1.0, -1.0)
        hits += int(np.sum(out(statistic(signs)) >= observed))
    return (1 + hits) / (swaps + 1)


def _placement(values: Floats, others: Floats) -> Floats:
    """Share of the others that each value beats, ties half."""
    ordered = np.sort(others)
    below = np.searchsorted(ordered, values, side="left") + np.searchsorted(ordered, values, side="right")
    return np.asarray(below / (2 * len(ordered)), dtype=np.float64)


def _by_group(values: Floats, codes: NDArray[np.intp], groups: int) -> Floats:
    return np.stack([np.bincount(codes, row, minlength=groups).astype(np.float64) for row in values])
