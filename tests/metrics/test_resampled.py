"""Weighted metrics equal the plain ones on repeated items, in blocks of any size."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vesalius.metrics import bootstrap, calibration, classification, resampled
from vesalius.metrics.bootstrap import PatientWeights, patient_weights

S6 = np.array([0.1, 0.4, 0.35, 0.8, 0.4, 0.4])
Y6 = np.array([0, 0, 1, 1, 0, 1])


def given_weights(*rows: tuple[int, ...]) -> PatientWeights:
    counts = np.array(rows, dtype=np.uint16).T
    return PatientWeights(
        codes=np.arange(len(counts)),
        num_groups=len(counts),
        num_draws=len(rows),
        draw=lambda start, stop: counts[:, start:stop],
    )


def test_auroc_by_weights():
    weights = given_weights((1, 2, 0, 3, 1, 1), (1, 1, 1, 1, 1, 1), (2, 2, 2, 0, 0, 0))
    assert resampled.auroc(Y6, S6, weights) == pytest.approx([0.90625, 0.666666667, 0.5])


def test_resamples_of_one_class_are_not_defined():
    weights = given_weights((1, 1, 0, 0, 1, 0), (0, 0, 1, 1, 0, 1))
    assert np.isnan(resampled.auroc(Y6, S6, weights)).all()
    assert np.isnan(resampled.average_precision(Y6, S6, weights)[0])
    assert resampled.average_precision(Y6, S6, weights)[1] == 1


CASES = st.lists(st.tuples(st.integers(0, 1), st.integers(-3, 3), st.integers(0, 6)), min_size=1, max_size=30)


@pytest.mark.parametrize("block_bytes", [64, 64 * 2**20])
@given(CASES)
def test_every_metric_equals_that_of_repeated_items(block_bytes, cases):
    target, score, patients = (np.array(column) for column in zip(*cases, strict=True))
    probability = (score + 3) / 6
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(bootstrap, "BLOCK_BYTES", block_bytes)
        weights = patient_weights([str(name) for name in patients], resamples=6, seed=1)
        codes = calibration.equal_width_bins(probability, 5)
        found = {
            "auroc": resampled.auroc(target, score, weights),
            "ap": resampled.average_precision(target, score, weights),
            "median": resampled.median(score, weights),
            "brier": resampled.mean((probability - target) ** 2, weights),
            "ece": resampled.calibration_error(target, probability, codes, weights),
            "f1": classification.f1(resampled.confusion(target, score >= 0, weights)),
            "mcc": classification.mcc(resampled.confusion(target, score >= 0, weights)),
        }
        items = weights.items(0, 6).astype(int)
    for draw in range(6):
        rows = np.repeat(np.arange(len(target)), items[:, draw])
        y, s, p = target[rows], score[rows], probability[rows]
        counts = classification.confusion(y, s >= 0)
        expected = {
            "auroc": classification.auroc(y, s),
            "ap": classification.average_precision(y, s),
            "median": np.median(s),
            "brier": calibration.brier(y, p),
            "ece": calibration.expected_calibration_error(y, p, bins=5),
            "f1": classification.f1(counts),
            "mcc": classification.mcc(counts),
        }
        for name, value in expected.items():
            assert found[name][draw] == pytest.approx(value, abs=1e-12, nan_ok=True), name


def test_auroc_equals_a_loop_to_the_last_digits():
    from sklearn.metrics import roc_auc_score

    stream = np.random.default_rng(0)
    target = stream.random(2000) < 0.2
    score = (stream.normal(size=2000) + target).round(2)
    weights = patient_weights([str(name) for name in stream.integers(0, 900, 2000)], resamples=20)
    items = weights.items(0, 20).astype(int)
    loop = [
        roc_auc_score(*(values[np.repeat(np.arange(2000), items[:, draw])] for values in (target, score)))
        for draw in range(20)
    ]
    # sums of whole and half numbers are exact; only the peer's trapezoids round (measured 4e-16)
    assert np.abs(resampled.auroc(target, score, weights) - loop).max() < 2e-15


def test_a_selection_keeps_the_resamples():
    weights = patient_weights(list("aabbcc"), resamples=8)
    seen = weights.select(np.array([0, 4]))
    assert np.array_equal(seen.items(0, 8), weights.items(0, 8)[[0, 4]])
    assert (seen.num_items, seen.num_patients, seen.num_groups) == (2, 2, 3)
    assert resampled.mean([1.0, 3.0], seen.whole()) == [2.0]
    assert seen.jackknife().num_draws == 2
    assert resampled.mean([1.0, 3.0], seen.jackknife()) == pytest.approx([3.0, 1.0])


def test_macro_leaves_undefined_labels_out_and_counts_them():
    found = resampled.macro(np.array([[0.5, 0.7], [np.nan, 0.9], [np.nan, np.nan]]))
    assert found.draws == pytest.approx([0.6, 0.9, np.nan], nan_ok=True)
    assert found.left_out == 3


def test_columns_and_lists_agree():
    weights = patient_weights(list("abc"), resamples=4)
    table = np.arange(6.0).reshape(3, 2)
    assert np.array_equal(resampled.mean(table, weights)[:, 1], resampled.mean(table[:, 1], weights))


def test_counts_are_drawn_again_where_they_would_not_fit(monkeypatch):
    names = [str(place) for place in range(40)]
    kept = patient_weights(names, resamples=10)
    monkeypatch.setattr(bootstrap, "BLOCK_BYTES", 40 * 8 * 3)
    again = patient_weights(names, resamples=10)
    values = np.random.default_rng(0).normal(size=40)
    target = values > 0
    assert np.array_equal(resampled.auroc(target, values**2, again), resampled.auroc(target, values**2, kept))
    assert np.allclose(resampled.mean(values, again), resampled.mean(values, replace(kept)), atol=1e-15)


@given(CASES)
def test_best_f1_equals_that_of_repeated_items(cases):
    target, score, patients = (np.array(column) for column in zip(*cases, strict=True))
    weights = patient_weights([str(name) for name in patients], resamples=6, seed=1)
    found = resampled.best_f1(target, score, weights)
    items = weights.items(0, 6).astype(int)
    for draw in range(6):
        rows = np.repeat(np.arange(len(target)), items[:, draw])
        threshold, value = classification.best_threshold(target[rows], score[rows])
        assert found.f1[draw] == pytest.approx(value, abs=1e-12, nan_ok=True)
        accuracy = np.mean((score[rows] >= threshold) == (target[rows] == 1)) if np.isfinite(threshold) else np.nan
        assert found.accuracy[draw] == pytest.approx(accuracy, abs=1e-12, nan_ok=True)
