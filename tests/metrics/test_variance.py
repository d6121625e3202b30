"""Worked numbers of clustered errors and of seeds by patients."""

from __future__ import annotations

import numpy as np
import pytest

from vesalius.errors import DataError
from vesalius.metrics import resampled, variance
from vesalius.metrics.bootstrap import patient_weights
from vesalius.metrics.significance import delong

X = [1, 1, 0, 1, 0, 0, 1, 1, 1, 0]
PATIENTS = [0, 0, 0, 1, 1, 2, 2, 3, 3, 3]
TABLE = [[0.8, 0.6, 0.9, 0.3, 0.7, 0.5], [0.7, 0.7, 0.8, 0.2, 0.9, 0.4], [0.9, 0.5, 0.9, 0.4, 0.6, 0.6]]


def test_clustered_errors():
    found = variance.clustered_error(X, PATIENTS)
    assert found.mean == 0.6
    assert found.naive == pytest.approx(0.163299316)
    # sums of deviations by patient: .2, -.2, -.2, .2: sqrt(.16)/10
    assert found.cr0 == pytest.approx(0.04)
    assert found.cr1 == pytest.approx(0.046188022)
    assert found.lmms == pytest.approx(0.065319726)
    assert found.design_effect == pytest.approx((0.046188022 / 0.163299316) ** 2)
    assert found.n_patients == 4


def test_clustered_errors_of_single_items_are_the_naive_one():
    found = variance.clustered_error(X, range(10))
    assert found.cr1 == pytest.approx(found.naive)
    assert found.lmms == pytest.approx(found.naive)
    assert found.design_effect == pytest.approx(1)
    with pytest.raises(DataError, match="of one patient"):
        variance.clustered_error(X, [0] * 10)


def test_mean_interval_with_few_patients_says_so():
    found = variance.mean_interval(X, PATIENTS)
    # t with three degrees: 3.182446305
    assert found.high - found.value == pytest.approx(3.182446305 * 0.046188022)
    assert found.note == "few clusters: 4 patients"


def test_components():
    found = variance.components(TABLE)
    assert found[:3] == pytest.approx((0.001666667, 0.133333333, 0.013))
    assert (found.seed, found.case, found.error) == pytest.approx((-0.001888889, 0.040111111, 0.013))
    with pytest.raises(DataError, match="1 seeds and 6 cases"):
        variance.components(TABLE[:1])


def test_mean_for_new_seeds_and_new_patients():
    floored = variance.seeds_by_patients(TABLE)
    assert floored.value == pytest.approx(0.633333333)
    assert floored.error == pytest.approx(0.086066297)
    raw = variance.seeds_by_patients(TABLE, floored=False)
    assert raw.error == pytest.approx(0.082327260)
    assert raw.degrees == pytest.approx(4.164702810)
    assert (raw.low, raw.high) == pytest.approx((0.408277500, 0.858389167))
    table = np.array(TABLE)
    assert table.mean(axis=0).std(ddof=1) / 6**0.5 == pytest.approx(0.086066297)  # cases alone
    assert table.mean(axis=1).std(ddof=1) / 3**0.5 == pytest.approx(0.009622504)  # seeds alone


def test_two_methods_with_seeds_of_their_own():
    other = np.array(TABLE) - 0.1
    found = variance.seeds_of_two(TABLE, other)
    assert found.value == pytest.approx(0.1)
    # D_c is constant: v_c = 0, and only v_s = 2 var(seed means)/3 is left
    assert found.error == pytest.approx((2 * 0.009622504**2) ** 0.5)
    # Welch with equal variances: 2 (S - 1)
    assert found.degrees == pytest.approx(4)
    with pytest.raises(DataError, match="the same ones"):
        variance.seeds_of_two(TABLE, other[:, :4])


def test_auroc_over_seeds():
    y = [0, 0, 0, 0, 0, 1, 1, 1, 1, 0, 1, 0]
    seeds = [
        [0.1, 0.3, 0.2, 0.6, 0.4, 0.5, 0.8, 0.9, 0.7, 0.35, 0.55, 0.65],
        [0.2, 0.1, 0.5, 0.7, 0.3, 0.4, 0.6, 0.9, 0.45, 0.55, 0.8, 0.25],
        [0.15, 0.25, 0.3, 0.5, 0.35, 0.6, 0.7, 0.95, 0.65, 0.4, 0.45, 0.55],
    ]
    found = delong(y, seeds)
    assert found.auroc == pytest.approx([0.885714286, 0.8, 0.942857143])
    assert found.auroc.var(ddof=1) == pytest.approx(0.005170068)
    assert found.covariance[~np.eye(3, dtype=bool)].mean() == pytest.approx(0.001859410)
    spread = variance.seeds_with_covariance(found.auroc, found.covariance)
    assert spread.error**2 == pytest.approx(0.003582766)
    assert spread.error == pytest.approx(0.059856215)
    assert spread.degrees == pytest.approx(8.644044322)
    assert (spread.low, spread.high) == pytest.approx((0.739931568, 1.012449384))


def test_interval_over_seeds_is_cut_to_the_metric_and_needs_three():
    stream = np.random.default_rng(0)
    weights = patient_weights([str(place) for place in range(60)], resamples=300)
    items = 0.97 + 0.1 * stream.normal(size=(60, 3))
    draws = resampled.mean(items, weights)
    found = variance.over_seeds(items.mean(axis=0), draws, weights=weights, limits=(0, 0.98))
    assert found.method == "seeds x patients, Obuchowski-Rockette"
    assert found.high == 0.98
    assert found.low < found.value
    two = variance.over_seeds(items[:, :2].mean(axis=0), draws[:, :2], weights=weights, limits=(0, 1))
    assert two.note == "seed variance unknown: fewer than 3 seeds"
    one = variance.over_seeds(items[:, 0].mean(keepdims=True), draws[:, :1], weights=weights, limits=(0, 1))
    assert one.method == "percentile"


def test_equal_seeds_leave_the_interval_of_patients():
    weights = patient_weights([str(place) for place in range(80)], resamples=2000)
    items = np.random.default_rng(0).normal(size=80)
    draws = resampled.mean(np.stack([items] * 3, axis=1), weights)
    found = variance.over_seeds([items.mean()] * 3, draws, weights=weights, limits=(-9, 9))
    # normal quantile of the bootstrap deviation
    assert found.high - found.value == pytest.approx(1.959964 * draws[:, 0].std(ddof=1))


def test_mean_over_data_sets():
    # equal errors and no heterogeneity: fixed effects, error .1/sqrt(4)
    equal = variance.over_datasets([0.02, 0.02, 0.02, 0.02], [0.1] * 4)
    assert (equal.value, equal.error) == pytest.approx((0.02, 0.05))
    # d = 0, 1 with error .1: w = 100, Q = 50, tau2 = (50 - 1)/(200 - 100) = .49, variance (.49 + .01)/2
    apart = variance.over_datasets([0.0, 1.0], [0.1, 0.1])
    assert (apart.value, apart.error) == pytest.approx((0.5, 0.5))
    with pytest.raises(DataError, match="at least two"):
        variance.over_datasets([0.1], [0.1])
