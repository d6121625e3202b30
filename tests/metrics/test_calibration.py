"""Worked numbers of calibration (example C10), bias of ECE, and properties."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vesalius.errors import ConfigError, DataError
from vesalius.metrics import calibration as metrics

P = np.array([0.95, 0.9, 0.85, 0.8, 0.75, 0.7, 0.6, 0.55, 0.3, 0.1])
Y = np.array([1, 1, 0, 1, 1, 0, 1, 0, 0, 0])
P3 = np.array([[0.7, 0.2, 0.1], [0.5, 0.3, 0.2], [0.1, 0.6, 0.3], [0.2, 0.3, 0.5], [0.4, 0.35, 0.25]])
Y3 = np.array([0, 1, 1, 2, 0])


@pytest.mark.parametrize(
    ("bins", "binning", "norm", "expected"),
    [
        (5, "width", 1, 0.15),
        (5, "width", np.inf, 0.3),
        (5, "width", 2, 0.171876894),
        (10, "width", 1, 0.25),
        (10, "width", np.inf, 0.7),
        (10, "width", 2, 0.314046175),
        (5, "mass", 1, 0.18),
        (3, "mass", 1, 0.15),
    ],
)
def test_expected_calibration_error(bins, binning, norm, expected):
    found = metrics.expected_calibration_error(Y, P, bins=bins, binning=binning, norm=norm)
    assert found == pytest.approx(expected)


def test_left_closed_bins_are_another_number():
    codes = metrics.equal_width_bins(P, 10, closed="left")
    gaps = [
        np.sum(codes == code) / 10 * abs(P[codes == code].mean() - Y[codes == code].mean()) for code in set(codes)
    ]
    assert sum(gaps) == pytest.approx(0.26)


def test_bins_do_not_slip_by_float_error():
    tenths = np.arange(11) / 10
    # 3 * .1 is above .3 in float; every tenth belongs to the bin that ends at it, and 0 to the first
    assert metrics.equal_width_bins(tenths, 10).tolist() == [0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9]
    assert metrics.equal_width_bins([0.1 + 0.2, 0.7], 10).tolist() == [2, 6]
    assert metrics.equal_width_bins(tenths, 10, closed="left").tolist() == [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 9]


def test_equal_mass_bins_split_like_array_split_and_keep_ties_on_request():
    values = [0.1, 0.5, 0.5, 0.5, 0.9, 0.2, 0.3]
    # sorted: .1 .2 .3 | .5 .5 | .5 .9
    assert metrics.equal_mass_bins(values, 3).tolist() == [0, 1, 1, 2, 2, 0, 0]
    assert metrics.equal_mass_bins(values, 3, ties="together").tolist() == [0, 1, 1, 1, 2, 0, 0]


def test_adaptive_and_multiclass_errors():
    assert metrics.adaptive_calibration_error(Y, P, bins=5) == pytest.approx(0.18)
    assert metrics.top_label_calibration_error(Y3, P3, bins=10) == pytest.approx(0.26)
    assert metrics.classwise_calibration_error(Y3, P3, bins=10) == pytest.approx(0.293333333)


def test_proper_scores():
    assert metrics.brier(Y, P) == pytest.approx(0.189)
    assert metrics.brier_sum(Y3, P3) == pytest.approx(0.421)
    assert metrics.log_loss(Y, P).value == pytest.approx(0.553994100)
    assert metrics.log_loss(Y, P).clipped == 0
    assert metrics.brier_skill(Y, P) == pytest.approx(1 - 0.189 / 0.25)
    assert np.isnan(metrics.brier_skill([1, 1], [0.5, 0.5]))


def test_log_loss_clips_and_counts():
    found = metrics.log_loss([0, 1], [1.0, 1.0])
    assert found.clipped == 2
    assert found.value == pytest.approx((-np.log(1e-7) + 1e-7) / 2, rel=1e-6)


def test_murphy_by_equal_probabilities():
    found = metrics.murphy([0, 1, 1, 1, 0], [0.1, 0.1, 0.6, 0.6, 0.6])
    assert found[:3] == pytest.approx((0.066666667, 0.006666667, 0.24))
    assert found.reliability - found.resolution + found.uncertainty == pytest.approx(0.3)


def test_murphy_by_bins_has_two_more_terms():
    found = metrics.murphy(Y, P, codes=metrics.equal_width_bins(P, 5))
    assert found == pytest.approx((0.029541667, 0.066666667, 0.25, 0.001125, 0.0125))
    whole = found.reliability - found.resolution + found.uncertainty
    assert whole + found.within_variance - 2 * found.within_covariance == pytest.approx(0.189)


def test_calibration_line():
    slope, intercept = metrics.calibration_line(Y, P)
    assert slope == pytest.approx(1.371987950, abs=1e-6)  # optimiser tolerance
    assert intercept == pytest.approx(-1.221457710, abs=1e-6)


def test_temperature():
    t = metrics.temperature(Y, P)
    assert t == pytest.approx(1.266571204, abs=1e-6)  # search tolerance
    scaled = 1 / (1 + (P / (1 - P)) ** (-1 / t))
    assert metrics.log_loss(Y, scaled).value == pytest.approx(0.547122764)
    assert np.array_equal(np.argsort(scaled), np.argsort(P))  # ranks stay
    assert np.array_equal(scaled >= 0.5, P >= 0.5)  # decisions stay


@pytest.mark.parametrize(
    ("n", "mean", "high"), [(100, 0.122, 0.169), (1000, 0.0380, 0.0496), (10_000, 0.0123, 0.0165)]
)
def test_null_level_of_perfect_probabilities(n, mean, high):
    found = metrics.null_level(np.random.default_rng(0).random(n), draws=300)
    # the reference figures are 300 simulations with fresh probabilities each time: +-.003 as they state;
    # the 95 % point of 300 draws at n = 100 wanders by more (order statistic, sd about .004)
    assert found.mean == pytest.approx(mean, abs=0.003 if n > 100 else 0.006)
    assert found.high == pytest.approx(high, abs=0.003 if n > 100 else 0.012)


def test_null_level_finds_what_is_and_what_is_not_calibrated():
    stream = np.random.default_rng(1)
    p = stream.random(2000)
    right = metrics.expected_calibration_error(stream.random(2000) < p, p)
    wrong = metrics.expected_calibration_error(stream.random(2000) < p**2, p)
    assert metrics.null_level(p, observed=right).p > 0.01
    assert metrics.null_level(p, observed=wrong).p == 0
    assert np.isnan(metrics.null_level(p, draws=10).p)


def test_reliability_bars():
    bars = metrics.reliability(Y, P, bins=5)
    assert [bar.n for bar in bars] == [1, 1, 2, 3, 3]
    assert [bar.frequency for bar in bars] == pytest.approx([0, 0, 0.5, 2 / 3, 2 / 3])
    assert bars[3].confidence == pytest.approx(0.75)  # (.8 + .75 + .7)/3
    assert all(bar.hollow for bar in bars)
    assert all(bar.low <= bar.frequency <= bar.high for bar in bars)
    big = metrics.reliability(np.tile(Y, 100), np.tile(P, 100), bins=5)
    assert not any(bar.hollow for bar in big)
    # 1000 draws with p = .7..8: the middle 90 % of the mean of 300
    assert big[3].consistency_low < 0.75 < big[3].consistency_high
    assert big[3].consistency_high - big[3].consistency_low == pytest.approx(
        2 * 1.645 * (0.75 * 0.25 / 300) ** 0.5, rel=0.2
    )


PAIRS = st.lists(st.tuples(st.booleans(), st.integers(0, 100)), min_size=1, max_size=30)


@given(PAIRS)
def test_properties(pairs):
    y = np.array([came for came, _ in pairs], dtype=float)
    p = np.array([percent / 100 for _, percent in pairs])
    assert metrics.expected_calibration_error(y, y) == 0
    assert metrics.brier(y, y) == 0
    base = np.full(len(y), y.mean())
    assert metrics.expected_calibration_error(y, base) == pytest.approx(0, abs=1e-12)
    assert metrics.murphy(y, base).resolution == pytest.approx(0, abs=1e-12)
    assert metrics.expected_calibration_error(y, p, bins=1, binning="mass") == pytest.approx(abs(p.mean() - y.mean()))
    order = np.random.default_rng(0).permutation(len(y))
    assert metrics.expected_calibration_error(y[order], p[order]) == pytest.approx(
        metrics.expected_calibration_error(y, p)
    )
    parts = metrics.murphy(y, p)
    assert parts.reliability - parts.resolution + parts.uncertainty == pytest.approx(metrics.brier(y, p))


def test_bad_input_is_named():
    with pytest.raises(DataError, match=r"outside 0\.\.1"):
        metrics.brier([0, 1], [0.5, 1.5])
    with pytest.raises(DataError, match="lists of one length"):
        metrics.brier([0, 1, 1], [0.5, 0.5])
    with pytest.raises(ConfigError, match="width"):
        metrics.expected_calibration_error(Y, P, binning="widht")


def test_parity_with_scikit_learn():
    from sklearn.metrics import brier_score_loss, log_loss

    stream = np.random.default_rng(0)
    y, p = stream.integers(0, 2, 100), stream.random(100)
    assert metrics.brier(y, p) == pytest.approx(brier_score_loss(y, p))
    assert metrics.log_loss(y, p).value == pytest.approx(log_loss(y, p))
