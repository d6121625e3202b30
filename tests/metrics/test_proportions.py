"""Worked intervals of proportions, and cases that a comparison needs."""

from __future__ import annotations

from math import ceil

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vesalius.errors import DataError
from vesalius.metrics import proportions


@pytest.mark.parametrize(
    ("successes", "n", "expected"),
    [
        (7, 10, (0.396778147, 0.892208733)),
        (0, 20, (0, 0.161125158)),
        (20, 20, (0.838874842, 1)),
        (0, 0, (0, 1)),
    ],
)
def test_wilson(successes, n, expected):
    assert proportions.wilson(successes, n) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("successes", "n", "expected"),
    [(7, 10, (0.347547150, 0.933260489)), (0, 20, (0, 0.168433471)), (20, 20, (1 - 0.168433471, 1))],
)
def test_clopper_pearson(successes, n, expected):
    assert proportions.clopper_pearson(successes, n) == pytest.approx(expected)


def test_counts_must_fit():
    with pytest.raises(DataError, match="5 successes of 4"):
        proportions.wilson(5, 4)


@given(st.integers(1, 60).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_wilson_holds_the_share_and_mirrors(counts):
    successes, n = counts
    found = proportions.wilson(successes, n)
    assert 0 <= found.low <= successes / n <= found.high <= 1
    mirrored = proportions.wilson(n - successes, n)
    assert (1 - mirrored.high, 1 - mirrored.low) == pytest.approx(found)


@pytest.mark.parametrize(
    ("rates", "exact", "cases"),
    [
        ((0.12, 0.07), 594.15, 595),
        ((0.10, 0.05), 468.57, 469),
        ((0.15, 0.05), 154.60, 155),
        ((0.25, 0.20), 1410.44, 1411),
    ],
)
def test_cases_for_a_paired_comparison(rates, exact, cases):
    needed = proportions.paired_cases_needed(*rates)
    assert needed == pytest.approx(exact, abs=0.005)
    assert ceil(needed) == cases


@pytest.mark.parametrize(("n", "power"), [(200, 0.310086193), (400, 0.592570409), (600, 0.781708647)])
def test_power_of_the_exact_mcnemar_test(n, power):
    assert proportions.mcnemar_power(0.12, 0.07, n) == pytest.approx(power)


def test_minimum_difference_is_the_inverse_of_the_cases():
    needed = proportions.paired_cases_needed(0.12, 0.07)
    assert proportions.paired_minimum_difference(0.19, ceil(needed)) == pytest.approx(0.05, abs=1e-4)
    assert np.isnan(proportions.paired_minimum_difference(0.1, 5))
    assert np.isnan(proportions.paired_minimum_difference(0.0, 500))
    with pytest.raises(DataError, match="difference of 0"):
        proportions.paired_cases_needed(0.1, 0.1)
