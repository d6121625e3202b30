"""Conformal sets and intervals against the card, the Beta law of their coverage, and by hand."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import beta

from vesalius.errors import ConfigError, DataError
from vesalius.metrics.conformal import (
    aps_scores,
    group_limits,
    hoeffding_bentkus,
    interval,
    lac_scores,
    limit,
    open_scores,
    quantile_scores,
    risk_setting,
    set_report,
    sets,
)

NINE = [0.1, 0.2, 0.25, 0.3, 0.4, 0.45, 0.5, 0.6, 0.9]
ROWS = np.array([[0.7, 0.2, 0.1], [0.45, 0.35, 0.2], [0.34, 0.33, 0.33]])


@pytest.mark.parametrize(("alpha", "expected"), [(0.2, 0.6), (0.1, 0.9), (0.05, np.inf)])
def test_the_limit_is_an_order_statistic(alpha, expected) -> None:
    """(9 + 1)(1 - alpha) = 8, 9, 9.5 -> 10 of nine."""
    assert limit(NINE, alpha=alpha) == expected


def members(inside: np.ndarray) -> list[set[int]]:
    return [set(np.flatnonzero(row).tolist()) for row in inside]


def test_lac_and_aps_sets() -> None:
    assert members(sets(lac_scores(ROWS), 0.6)) == [{0}, {0}, set()]
    assert members(sets(lac_scores(ROWS), 0.6, min_one=True)) == [{0}, {0}, {0}]
    np.testing.assert_allclose(aps_scores(ROWS)[[0, 1, 2], [0, 1, 2]], [0.7, 0.8, 1.0])
    assert members(sets(aps_scores(ROWS), 0.8)) == [{0}, {0, 1}, {0, 1}]
    assert sets(aps_scores(ROWS), 1.0).all()


def test_random_and_penalised_aps() -> None:
    """.7 - .5 x .7; ranks 1 2 3 with one free and .1 each: 0, .1, .2 more."""
    np.testing.assert_allclose(aps_scores(ROWS, uniform=[0.5, 0, 0])[0], [0.35, 0.8, 0.95])
    np.testing.assert_allclose(aps_scores(ROWS, penalty=0.1, free=1)[0], [0.7, 1.0, 1.2])


def test_sets_are_nested_in_alpha() -> None:
    stream = np.random.default_rng(0)
    table = stream.dirichlet([1, 1, 1, 1], 300)
    own = lac_scores(table)[np.arange(300), stream.integers(0, 4, 300)]
    wide, narrow = (sets(lac_scores(table), limit(own, alpha=alpha)) for alpha in (0.1, 0.3))
    assert (wide | narrow == wide).all()


def test_the_law_of_the_coverage() -> None:
    """Beta(n + 1 - l, l), l = floor((n + 1) alpha): the card's points, and 2000 simulated calibrations."""
    n, alpha = 500, 0.1
    law = beta(n + 1 - int((n + 1) * alpha), int((n + 1) * alpha))
    np.testing.assert_allclose(law.ppf([0.05, 0.5, 0.95]), [0.877320713, 0.900732108, 0.921261432], atol=1e-9)
    stream = np.random.default_rng(1)
    # of uniform scores the coverage given the calibration items is the limit itself
    found = np.array([limit(row, alpha=alpha) for row in stream.random((2000, n))])
    assert abs(found.mean() - law.mean()) < 3 * law.std() / 2000**0.5
    assert found.std() == pytest.approx(law.std(), rel=0.1)


def test_report_of_sets() -> None:
    inside = np.array([[1, 0, 0], [1, 1, 0], [0, 0, 0], [0, 1, 1]], dtype=bool)
    found = set_report(inside, [0, 2, 1, 1], groups=["a", "a", "b", "b"])
    np.testing.assert_array_equal(found.covered, [1, 0, 0, 1])
    assert (found.coverage, found.mean_size, found.median_size, found.single, found.empty) == (
        0.5, 1.25, 1.5, 0.25, 0.25,
    )  # fmt: skip
    assert found.by_size == {0: 0.0, 1: 1.0, 2: 0.5}
    assert found.by_group == {"a": 0.5, "b": 0.5}
    with pytest.raises(DataError, match="4 sets"):
        set_report(inside, [0, 1])


def test_groups_have_limits_of_their_own() -> None:
    """Nine of a group are just enough at .1, eight are not."""
    found = group_limits([*NINE, *NINE[:8]], ["a"] * 9 + ["b"] * 8, alpha=0.1)
    assert found == {"a": 0.9, "b": float("inf")}


def test_intervals_of_numbers() -> None:
    low, high = interval([10.0, 20.0], 2.0)
    np.testing.assert_allclose([low, high], [[8, 18], [12, 22]])
    low, high = interval([10.0, 20.0], 2.0, scale=[1.0, 3.0])
    np.testing.assert_allclose([low, high], [[8, 14], [12, 26]])
    np.testing.assert_allclose(quantile_scores([8, 8], [12, 12], [13, 9]), [1, -1])
    low, high = interval([[8.0], [12.0]], 1.0)
    np.testing.assert_allclose([low, high], [[7], [13]])


def test_open_answers_have_a_ceiling() -> None:
    scores = open_scores([[0.6, 0.4], [0.8, 0.2]], [[False, True], [False, False]])
    np.testing.assert_allclose(scores, [0.6, np.inf])


def test_conformal_risk_control() -> None:
    """(100 R + 1)/101: .504950495 at 0, .108910891 at .6, .089108911 at .7."""
    risks = np.array([0.5, 0.4, 0.3, 0.22, 0.15, 0.12, 0.1, 0.08, 0.05, 0.02, 0])
    np.testing.assert_allclose(
        ((100 * risks + 1) / 101)[[0, 6, 7]], [0.504950495, 0.108910891, 0.089108911], atol=1e-9
    )
    assert risk_setting(risks, 100, alpha=0.1) == 7
    with pytest.raises(DataError, match="no setting"):
        risk_setting(risks, 5, alpha=0.1)
    with pytest.raises(DataError, match="falls"):
        risk_setting([0.1, 0.2], 100, alpha=0.1)


@pytest.mark.parametrize(("risk", "p"), [(0.08, 0.789061505), (0.05, 0.156510204), (0.02, 0.005286745)])
def test_learn_then_test(risk, p) -> None:
    assert hoeffding_bentkus(risk, 100, alpha=0.1) == pytest.approx(p, abs=1e-9)
    assert hoeffding_bentkus(0.2, 100, alpha=0.1) == 1


def test_faults_are_named() -> None:
    with pytest.raises(ConfigError, match="alpha 1"):
        limit(NINE, alpha=1)
    with pytest.raises(DataError, match="NaN"):
        limit([0.1, np.nan], alpha=0.1)
    with pytest.raises(DataError, match=r"0\.\.1"):
        lac_scores([[1.2, -0.2]])
