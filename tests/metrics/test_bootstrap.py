"""Exact bootstrap distributions, shared resamples, undefined resamples, coverage of symmetric data."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vesalius.errors import DataError
from vesalius.metrics import bootstrap, resampled
from vesalius.metrics.bootstrap import every_resample, patient_weights, percentile

X = np.array([0.0, 0.0, 1.0, 3.0])
# ten items of four patients
CLUSTERED = np.array([1, 1, 0, 1, 0, 0, 1, 1, 1, 0], dtype=float)
PATIENTS = ["0", "0", "0", "1", "1", "2", "2", "3", "3", "3"]


def test_exact_bootstrap_of_a_mean():
    weights = every_resample(["a", "b", "c", "d"])
    draws = resampled.mean(X, weights)
    assert len(draws) == 256
    assert draws.mean() == pytest.approx(1.0)
    assert draws.std() == pytest.approx(0.612372436)
    interval = percentile(1.0, draws, weights=weights)
    assert (interval.low, interval.high) == (0, 2.25)
    assert (interval.n, interval.n_patients) == (4, 4)
    assert interval.note == "few clusters: 4 patients"


def test_exact_bca_with_half_ties():
    weights = every_resample(["a", "b", "c", "d"])
    draws = resampled.mean(X, weights)
    jackknife = resampled.mean(X, weights.jackknife())
    assert jackknife == pytest.approx([4 / 3, 4 / 3, 1, 1 / 3])
    # z0 .083324211 and a .068041382 give these levels
    assert bootstrap.bca_levels(1.0, draws, jackknife) == pytest.approx((0.056959359, 0.992986258))
    interval = bootstrap.bca(1.0, draws, jackknife, weights=weights)
    assert (interval.low, interval.high, interval.method) == (0, 2.5, "bca")


def test_exact_one_stage_bootstrap_over_patients():
    weights = every_resample(PATIENTS)
    draws = resampled.mean(CLUSTERED, weights)
    assert draws.mean() == pytest.approx(0.595896465)
    assert draws.std() == pytest.approx(0.041356311)
    interval = percentile(0.6, draws, weights=weights)
    assert (interval.low, interval.high) == pytest.approx((0.5, 0.666666667))


def test_percentile_takes_order_statistics():
    weights = patient_weights([str(place) for place in range(30)])
    # 40 draws: the first whose share reaches .025 is the first one, .975 the 39th
    interval = percentile(20.0, np.arange(40.0), weights=weights)
    assert (interval.low, interval.high) == (0, 38)


def test_undefined_resamples_are_dropped_and_counted():
    weights = patient_weights([str(place) for place in range(30)])
    draws = np.arange(100.0)
    draws[:5] = np.nan
    assert percentile(50.0, draws, weights=weights).dropped == 5
    assert percentile(50.0, draws, weights=weights).low == 7  # third of 5..99
    draws[:6] = np.nan
    found = percentile(50.0, draws, weights=weights)
    assert np.isnan(found.low)
    assert np.isnan(found.high)
    assert found.note == "undefined in 6 of 100 resamples: no interval"


@pytest.mark.parametrize(
    ("patients", "value", "draws", "note"),
    [
        (["a", "a"], 0.5, np.array([0.5, 0.5]), "one patient: no interval"),
        (["a", "b"], np.nan, np.array([0.5, 0.5]), "not defined on the sample"),
        (["a", "b"], 0.5, np.array([]), "no resamples: no interval"),
    ],
)
def test_no_interval_says_why(patients, value, draws, note):
    found = percentile(value, draws, weights=patient_weights(patients))
    assert np.isnan(found.low)
    assert found.note == note


def test_a_constant_metric_is_marked():
    weights = patient_weights([str(place) for place in range(30)])
    assert "says nothing" in percentile(1.0, np.ones(100), weights=weights).note


def test_bca_without_a_bias_has_no_interval():
    weights = patient_weights(["a", "b", "c"])
    found = bootstrap.bca(0.0, np.ones(10), np.ones(3), weights=weights)
    assert np.isnan(found.low)
    assert "not defined" in found.note


def test_nobody_to_resample_and_too_many_to_enumerate():
    with pytest.raises(DataError, match="no items to resample"):
        patient_weights([])
    with pytest.raises(DataError, match=r"7\^7"):
        every_resample("abcdefg")


def test_resamples_depend_on_seed_number_and_patients_alone(monkeypatch):
    names = [f"p{place % 7}" for place in range(20)]
    counts = patient_weights(names, resamples=9, seed=3).draw(0, 9)
    assert (counts.sum(axis=0) == 7).all()
    shuffled = list(np.random.default_rng(0).permutation(names))
    assert np.array_equal(patient_weights(shuffled, resamples=9, seed=3).draw(0, 9), counts)
    assert np.array_equal(patient_weights(sorted(set(names)), resamples=4, seed=3).draw(0, 4), counts[:, :4])
    assert not np.array_equal(patient_weights(names, resamples=9, seed=4).draw(0, 9), counts)
    monkeypatch.setattr(bootstrap, "BLOCK_BYTES", 16)
    small = patient_weights(names, resamples=9, seed=3)
    assert len(list(small.blocks(20))) == 9
    assert np.array_equal(np.concatenate([small.draw(*block) for block in small.blocks(20)], axis=1), counts)


@given(st.lists(st.integers(0, 5), min_size=1, max_size=20), st.integers(0, 2**31))
def test_sums_equal_repeated_items(codes, seed):
    weights = patient_weights([str(code) for code in codes], resamples=5, seed=seed)
    values = np.random.default_rng(seed).normal(size=(len(codes), 2))
    items = weights.items(0, 5)
    assert items.shape == (len(codes), 5)
    assert np.allclose(weights.sums(values), items.T @ values, atol=1e-12)
    assert np.allclose(weights.sums(values[:, 0]), items.T @ values[:, 0], atol=1e-12)
    assert weights.whole().sums(values) == pytest.approx(values.sum(axis=0, keepdims=True))


def test_duplicated_items_leave_the_clustered_interval_and_shrink_the_naive_one():
    stream = np.random.default_rng(0)
    values = stream.normal(size=200)
    once = patient_weights([f"{place:03}" for place in range(200)], seed=1)
    twice = patient_weights([f"{place:03}" for place in range(200)] * 2, seed=1)
    naive = patient_weights([f"{place:03}" for place in range(400)], seed=1)
    first, second, third = (
        percentile(float(values.mean()), draws, weights=weights)
        for weights, draws in (
            (once, resampled.mean(values, once)),
            (twice, resampled.mean(np.tile(values, 2), twice)),
            (naive, resampled.mean(np.tile(values, 2), naive)),
        )
    )
    assert (second.low, second.high) == pytest.approx((first.low, first.high), abs=1e-12)
    # 1000 resamples: the width of a percentile interval is known to about 4 %
    assert (first.high - first.low) / (third.high - third.low) == pytest.approx(2**0.5, rel=0.1)


def test_symmetric_data_lie_inside_their_interval():
    values = np.concatenate([np.arange(1.0, 21.0), -np.arange(1.0, 21.0)])
    weights = patient_weights([str(place) for place in range(40)])
    interval = percentile(0.0, resampled.mean(values, weights), weights=weights)
    assert interval.low < 0 < interval.high
