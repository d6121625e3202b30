"""How large a difference would show, and how many cases a small one needs, from a comparison that was made.

Normal approximation: n = ((z of the level + z of the power) sd / d)², times the design effect where cases come in
clusters (patients). The plan before any comparison, from two discordant rates, stands in `proportions`.

Letters: N items.
"""

from __future__ import annotations

from collections.abc import Sequence
from statistics import NormalDist
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from vesalius.errors import ConfigError, DataError
from vesalius.metrics.variance import clustered_error

__all__ = ["TWO_POINTS", "PairedPower", "cases_needed", "detectable", "paired_power"]

TWO_POINTS = 0.02
"""Difference of two shares, such as accuracies, that is asked for."""


class PairedPower(NamedTuple):
    """What a paired comparison of two systems on the same items can show."""

    difference: float
    """Mean of first - second."""
    error: float
    """Its standard error over clusters (CR1)."""
    deviation: float
    """Standard deviation of one item's difference."""
    design_effect: float
    """How many times more items are needed because they come in clusters; NaN where no item differs."""
    detectable: float
    """Smallest difference that these items would show."""
    items_needed: float
    """Items, in clusters like these, that show the difference asked for; round up."""
    clusters_needed: float


def detectable(error: float, *, power: float = 0.8, level: float = 0.05) -> float:
    """Return the smallest difference that a two-sided test would find, from its standard error."""
    return _sum_of_quantiles(power, level) * error


def cases_needed(
    error: float, cases: int, *, difference: float = TWO_POINTS, power: float = 0.8, level: float = 0.05
) -> float:
    """Return how many cases show a difference, where so many gave a standard error; round up.

    The error already holds the design effect, so cases are patients, items or any other unit, more of the same kind.

    Args:
        error: standard error of the paired difference.
        cases: how many gave it.
        difference: to be shown, above 0.
        power: chance to show it.
        level: two-sided level of the test.
    """
    if difference <= 0:
        raise ConfigError(f"no number of cases shows a difference of {difference}; give one above 0")
    return cases * (detectable(error, power=power, level=level) / difference) ** 2


def paired_power(
    first: ArrayLike,
    second: ArrayLike,
    clusters: Sequence[str] | ArrayLike,
    *,
    difference: float = TWO_POINTS,
    power: float = 0.8,
    level: float = 0.05,
) -> PairedPower:
    """Measure what a comparison can show from both systems' values of the same items.

    Args:
        first: value of each item, (N,).
        second: the same of the other system, (N,).
        clusters: patient of each item.
        difference: to be shown.
        power: chance to show it.
        level: two-sided level of the test.

    Raises:
        DataError: lists of unlike length, or fewer than two clusters.
    """
    one, other, codes = (np.asarray(first, float), np.asarray(second, float), np.asarray(clusters))
    if not one.shape == other.shape == codes.shape:
        raise DataError(f"{one.shape}, {other.shape} and {codes.shape} items; give the same items of both systems")
    found = clustered_error(one - other, codes)
    needed = cases_needed(found.cr1, len(one), difference=difference, power=power, level=level)
    return PairedPower(
        difference=found.mean,
        error=found.cr1,
        deviation=found.naive * len(one) ** 0.5,
        design_effect=found.design_effect,
        detectable=detectable(found.cr1, power=power, level=level),
        items_needed=needed,
        clusters_needed=needed * found.n_patients / len(one),
    )


def _sum_of_quantiles(power: float, level: float) -> float:
    if not (0 < power < 1 and 0 < level < 1):
        raise ConfigError(f"power {power} and level {level} must lie between 0 and 1")
    normal = NormalDist()
    return normal.inv_cdf(1 - level / 2) + normal.inv_cdf(power)
