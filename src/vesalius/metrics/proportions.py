"""Intervals of a proportion, and how many cases a paired comparison of proportions needs."""

from __future__ import annotations

from math import sqrt
from statistics import NormalDist
from typing import NamedTuple

from vesalius.errors import DataError

__all__ = [
    "Bounds",
    "clopper_pearson",
    "mcnemar_power",
    "paired_cases_needed",
    "paired_minimum_difference",
    "wilson",
]


class Bounds(NamedTuple):
    """Lower and upper end of an interval."""

    low: float
    high: float


def wilson(successes: float, n: float, *, level: float = 0.95) -> Bounds:
    """Wilson interval; with clusters give the counts divided by the design effect. (0, 1) for n = 0."""
    _counts(successes, n)
    if n == 0:
        return Bounds(0.0, 1.0)
    z = NormalDist().inv_cdf((1 + level) / 2)
    share = successes / n
    centre = (share + z**2 / (2 * n)) / (1 + z**2 / n)
    half = z * sqrt(share * (1 - share) / n + z**2 / (4 * n**2)) / (1 + z**2 / n)
    low = 0.0 if successes == 0 else centre - half
    return Bounds(low, 1.0 if successes == n else centre + half)


def clopper_pearson(successes: int, n: int, *, level: float = 0.95) -> Bounds:
    """Exact interval with guaranteed coverage; wider than Wilson."""
    from scipy.special import betaincinv

    _counts(successes, n)
    tail = (1 - level) / 2
    low = 0.0 if successes == 0 else float(betaincinv(successes, n - successes + 1, tail))
    high = 1.0 if successes == n else float(betaincinv(successes + 1, n - successes, 1 - tail))
    return Bounds(low, high)


def paired_cases_needed(only_first: float, only_second: float, *, power: float = 0.8, level: float = 0.05) -> float:
    """Cases for McNemar's test to find the difference of two discordant rates; round up.

    Multiply by the design effect where patients repeat.

    Args:
        only_first: share of cases that only the first system gets right.
        only_second: share of cases that only the second gets right.
        power: chance to find the difference.
        level: two-sided level of the test.
    """
    difference, discordant = only_first - only_second, only_first + only_second
    if difference == 0:
        raise DataError("no number of cases finds a difference of 0; the two discordant rates are equal")
    normal = NormalDist()
    z_level, z_power = normal.inv_cdf(1 - level / 2), normal.inv_cdf(power)
    root = z_level * sqrt(discordant) + z_power * sqrt(discordant - difference**2)
    return root**2 / difference**2


def paired_minimum_difference(discordant: float, n: int, *, power: float = 0.8, level: float = 0.05) -> float:
    """Smallest difference of two paired proportions that n cases find, at a given share of discordant cases.

    NaN where not even all discordant cases on one side would be found.
    """
    low, high = 0.0, discordant
    if discordant <= 0 or paired_cases_needed(discordant, 0.0, power=power, level=level) > n:
        return float("nan")
    for _ in range(60):
        middle = (low + high) / 2
        first, second = (discordant + middle) / 2, (discordant - middle) / 2
        enough = middle > 0 and paired_cases_needed(first, second, power=power, level=level) <= n
        low, high = (low, middle) if enough else (middle, high)
    return high


def mcnemar_power(only_first: float, only_second: float, n: int, *, level: float = 0.05) -> float:
    """Power of the exact McNemar test: sum over the binomial number of discordant cases."""
    import numpy as np
    from scipy.stats import binom

    discordant = only_first + only_second
    power = 0.0
    for number in range(n + 1):
        chance = float(binom.pmf(number, n, discordant))
        if chance < 1e-15 or number == 0:
            continue
        counts = np.arange(number + 1)
        smaller = np.minimum(counts, number - counts)
        rejected = np.minimum(1.0, 2 * binom.cdf(smaller, number, 0.5)) <= level
        power += chance * float(binom.pmf(counts[rejected], number, only_first / discordant).sum())
    return power


def _counts(successes: float, n: float) -> None:
    if not 0 <= successes <= n:
        raise DataError(f"{successes} successes of {n}: expected 0 <= successes <= n")
