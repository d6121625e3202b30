"""Several systems over several tasks: mean ranks, Friedman's test and Nemenyi's critical difference.

Source: Demšar 2006, Statistical comparisons of classifiers over multiple data sets, JMLR 7, section 3.2.
Letters: T tasks, S systems.
"""

from __future__ import annotations

from math import sqrt
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from vesalius.errors import DataError
from vesalius.optional import require

__all__ = ["MOST_SYSTEMS", "Friedman", "critical_difference", "friedman", "task_ranks"]

Floats = NDArray[np.float64]

_Q = (
    1.960, 2.343, 2.569, 2.728, 2.850, 2.949, 3.031, 3.102, 3.164, 3.219, 3.268, 3.313, 3.354, 3.391, 3.426, 3.458,
    3.489, 3.517, 3.544,
)  # fmt: skip
"""Studentised range over √2 at 0.05 for 2 to 20 systems (table 5a there, continued)."""
MOST_SYSTEMS = len(_Q) + 1


class Friedman(NamedTuple):
    """Do the systems differ at all."""

    ranks: Floats
    """Mean rank of each system, 1 best, (S,)."""
    statistic: float
    """F of Iman and Davenport; infinite where every task ranks alike."""
    p: float


def task_ranks(values: ArrayLike) -> Floats:
    """Rank the systems in each task, 1 for the largest value, ties half-way, (T, S).

    Args:
        values: larger is better, (T, S).

    Raises:
        DataError: a value is missing; a rank of it would be made up.
    """
    table = np.asarray(values, dtype=np.float64)
    if table.ndim != 2 or not np.isfinite(table).all():
        raise DataError("ranks need one finite value for every task and system")
    above = (table[:, None, :] > table[:, :, None]).sum(axis=2)
    level = (table[:, None, :] == table[:, :, None]).sum(axis=2)
    ranks: Floats = above + (level + 1) / 2
    return ranks


def friedman(values: ArrayLike) -> Friedman:
    """Test whether the systems' mean ranks differ over the tasks (χ² by ranks, F by Iman and Davenport).

    Args:
        values: larger is better, (T, S).

    Raises:
        DataError: fewer than two tasks or systems.
    """
    require("scipy", purpose="Friedman's test")
    from scipy.stats import f as f_distribution

    ranks = task_ranks(values)
    tasks, systems = ranks.shape
    if tasks < 2 or systems < 2:
        raise DataError(f"Friedman's test needs two tasks and two systems, found {tasks} and {systems}")
    mean = ranks.mean(axis=0)
    chi = 12 * tasks / (systems * (systems + 1)) * (float((mean**2).sum()) - systems * (systems + 1) ** 2 / 4)
    room = tasks * (systems - 1) - chi
    statistic = (tasks - 1) * chi / room if room > 1e-12 else float("inf")
    p = float(f_distribution.sf(statistic, systems - 1, (systems - 1) * (tasks - 1)))
    return Friedman(mean, statistic, p)


def critical_difference(tasks: int, systems: int) -> float:
    """Return the difference of mean ranks from which two systems differ at 0.05, all pairs together (Nemenyi).

    Raises:
        DataError: no value is tabled for so many systems.
    """
    if not 2 <= systems <= MOST_SYSTEMS:
        raise DataError(f"the critical difference is tabled for 2 to {MOST_SYSTEMS} systems, found {systems}")
    return _Q[systems - 2] * sqrt(systems * (systems + 1) / (6 * tasks))
