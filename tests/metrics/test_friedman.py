"""Ranks over tasks against scipy and the table of the paper."""

from __future__ import annotations

from math import inf, sqrt

import numpy as np
import pytest
from scipy.stats import friedmanchisquare, rankdata, studentized_range

from vesalius.errors import DataError
from vesalius.metrics.friedman import MOST_SYSTEMS, critical_difference, friedman, task_ranks


def test_ranks_with_ties() -> None:
    assert task_ranks([[0.9, 0.5, 0.5, 0.1]]).tolist() == [[1, 2.5, 2.5, 4]]
    values = np.random.default_rng(0).integers(0, 4, (12, 5)).astype(float)
    expected = [rankdata(-row, method="average") for row in values]
    np.testing.assert_array_equal(task_ranks(values), expected)


def test_the_statistic_is_that_of_scipy() -> None:
    """Without ties: F = (T − 1) χ² / (T (S − 1) − χ²)."""
    values = np.random.default_rng(1).normal(size=(9, 4)) + np.array([0, 0.5, 1, 0])
    chi = friedmanchisquare(*values.T).statistic
    assert friedman(values).statistic == pytest.approx(8 * chi / (27 - chi))


def test_always_the_same_order_is_certain() -> None:
    found = friedman([[3, 2, 1]] * 4)
    assert (found.ranks.tolist(), found.statistic, found.p) == ([1, 2, 3], inf, 0)


def test_false_alarms_stay_at_five_per_cent() -> None:
    rng = np.random.default_rng(2)
    alarms = np.mean([friedman(rng.normal(size=(10, 4))).p < 0.05 for _ in range(600)])
    # 600 draws at .05: standard error .009
    assert alarms == pytest.approx(0.05, abs=0.027)


def test_critical_difference_of_the_paper() -> None:
    """Four classifiers on fourteen data sets (Demšar, section 3.2.2): 2.569 √(4·5 / (6·14)) = 1.25."""
    assert critical_difference(14, 4) == pytest.approx(1.25, abs=0.005)
    for systems in range(2, MOST_SYSTEMS + 1):
        q = studentized_range.ppf(0.95, systems, 10_000) / sqrt(2)
        assert critical_difference(6, systems) == pytest.approx(q * sqrt(systems * (systems + 1) / 36), rel=1e-3)


def test_what_cannot_be_ranked() -> None:
    with pytest.raises(DataError, match="finite value"):
        task_ranks([[0.1, np.nan]])
    with pytest.raises(DataError, match="two tasks"):
        friedman([[1.0, 2.0]])
    with pytest.raises(DataError, match="2 to 20"):
        critical_difference(3, 21)
