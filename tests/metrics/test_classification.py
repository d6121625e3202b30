"""Worked numbers of ranking and threshold metrics; parity with scikit-learn; properties."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vesalius.errors import ConfigError, DataError
from vesalius.metrics import classification as metrics

# S6, the running example: positives .35 .8 .4, negatives .1 .4 .4
Y = [0, 0, 1, 1, 0, 1]
S = [0.1, 0.4, 0.35, 0.8, 0.4, 0.4]

CLASSES = [0, 1, 2, 2, 1, 0]
ROWS = [
    [0.6, 0.3, 0.1],
    [0.2, 0.5, 0.3],
    [0.2, 0.3, 0.5],
    [0.4, 0.35, 0.25],
    [0.3, 0.4, 0.3],
    [0.5, 0.2, 0.3],
]


def test_auroc_gives_half_credit_for_ties():
    # .35 beats .1 (1 of 3); .8 beats all (3); .4 beats .1 and is level with two (1 + 1): 6 of 9 pairs
    assert metrics.auroc(Y, S) == pytest.approx(6 / 9)


@pytest.mark.parametrize("target", [[0, 0, 0], [1, 1, 1], []])
def test_auroc_of_one_class_is_not_defined(target):
    assert np.isnan(metrics.auroc(target, [0.5] * len(target)))


def test_average_precision_counts_tied_scores_as_one_step():
    # .8: P 1, R 1/3; .4: two of four are right with .8, P 2/4, R 2/3; .35: P 3/5, R 1: (1 + .5 + .6)/3
    assert metrics.average_precision(Y, S) == pytest.approx(0.7)
    # the trapezoid of the same curve is optimistic: it starts at precision 1
    curve = metrics.precision_recall_curve(Y, S)
    trapezoid = np.trapezoid(np.concatenate([[1.0], curve.y]), np.concatenate([[0.0], curve.x]))
    assert trapezoid == pytest.approx(0.766666667)


def test_average_precision_without_positives_is_not_defined():
    assert np.isnan(metrics.average_precision([0, 0], [0.1, 0.2]))


@pytest.mark.parametrize(
    ("threshold", "expected"), [(0.1, 2 / 3), (0.35, 0.75), (0.4, 0.571428571), (0.8, 0.5), (0.5, 0.5)]
)
def test_f1_at_thresholds(threshold, expected):
    counts = metrics.confusion(Y, np.array(S) >= threshold)
    assert metrics.f1(counts) == pytest.approx(expected)


def test_best_threshold_for_f1_and_for_youden():
    assert metrics.best_threshold(Y, S) == pytest.approx((0.35, 0.75))
    # TPR - FPR is 1/3 at .8 (1/3 - 0) and at .35 (1 - 2/3): the largest threshold wins
    assert metrics.best_threshold(Y, S, objective="youden") == pytest.approx((0.8, 1 / 3))


def test_best_f1_of_calling_everything_present_is_2p_over_1_plus_p():
    target = np.zeros(1000)
    target[:100] = 1
    # a constant score has one threshold: everything is called present, p = .1
    assert metrics.best_threshold(target, np.zeros(1000))[1] == pytest.approx(0.181818182)


@pytest.mark.parametrize(("threshold", "expected"), [(0.35, 0.447213595), (0.4, 0.0), (0.0, 0.0)])
def test_mcc(threshold, expected):
    assert metrics.mcc(metrics.confusion(Y, np.array(S) >= threshold)) == pytest.approx(expected)


def test_balanced_accuracy_is_the_mean_recall_of_present_classes():
    # at .4: recall of 1 is 2/3, recall of 0 is 1/3
    assert metrics.balanced_accuracy(metrics.confusion(Y, np.array(S) >= 0.4)) == pytest.approx(0.5)
    # only positives: their recall alone
    assert metrics.balanced_accuracy(metrics.confusion([1, 1], [1, 0])) == pytest.approx(0.5)


def test_roc_starts_at_infinity_and_keeps_distinct_thresholds():
    curve = metrics.roc_curve(Y, S)
    assert curve.threshold.tolist() == [np.inf, 0.8, 0.4, 0.35, 0.1]
    assert curve.x.tolist() == pytest.approx([0, 0, 2 / 3, 2 / 3, 1])
    assert curve.y.tolist() == pytest.approx([0, 1 / 3, 2 / 3, 1, 1])


def test_sensitivity_at_specificity_does_not_interpolate():
    # specificity >= .9 allows no false positive: only .8 is found, 1 of 3; >= 1/3 allows two
    assert metrics.sensitivity_at_specificity(Y, S) == pytest.approx(1 / 3)
    assert metrics.sensitivity_at_specificity(Y, S, specificity=1 / 3) == pytest.approx(1.0)
    assert np.isnan(metrics.sensitivity_at_specificity([1, 1], [0, 1]))


@pytest.mark.parametrize("average", ["ovr_macro", "ovo_macro"])
def test_multiclass_auroc(average):
    assert metrics.auroc_multiclass(CLASSES, ROWS, average=average) == pytest.approx(0.875)


@pytest.mark.parametrize(
    ("target", "score", "found"),
    [
        ([0, 1, np.nan], [1, 2, 3], "neither 0 nor 1"),
        ([0, 1], [1, np.nan], "1 of 2 scores are not finite"),
        ([0, 1], [1, 2, 3], "of one length"),
    ],
)
def test_bad_input_is_named(target, score, found):
    with pytest.raises(DataError, match=found):
        metrics.auroc(target, score)


def test_unknown_names_are_refused_with_the_nearest():
    with pytest.raises(ConfigError, match="youden"):
        metrics.best_threshold(Y, S, objective="yuden")
    with pytest.raises(ConfigError, match="ovo_macro"):
        metrics.auroc_multiclass(CLASSES, ROWS, average="ovo")


CASES = st.lists(st.tuples(st.integers(0, 1), st.integers(-4, 4)), min_size=2, max_size=40)


@given(CASES)
def test_auroc_properties(cases):
    target, score = (np.array(column, dtype=float) for column in zip(*cases, strict=True))
    value = metrics.auroc(target, score)
    if len(set(target)) < 2:
        assert np.isnan(value)
        return
    assert metrics.auroc(target, np.exp(score) * 3 - 7) == value  # a rank metric
    assert metrics.auroc(target, -score) == pytest.approx(1 - value, abs=1e-15)
    order = np.random.default_rng(0).permutation(len(target))
    assert metrics.auroc(target[order], score[order]) == value


@given(CASES)
@settings(deadline=None)  # the first call imports scikit-learn
def test_parity_with_scikit_learn(cases):
    from sklearn import metrics as peer

    target, score = (np.array(column, dtype=float) for column in zip(*cases, strict=True))
    said = score >= 0
    counts = metrics.confusion(target, said)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert float(metrics.mcc(counts)) == pytest.approx(peer.matthews_corrcoef(target, said), abs=1e-12)
        assert float(metrics.f1(counts)) == pytest.approx(peer.f1_score(target, said, zero_division=0))
        assert float(metrics.balanced_accuracy(counts)) == pytest.approx(peer.balanced_accuracy_score(target, said))
        assert float(metrics.accuracy(counts)) == pytest.approx(peer.accuracy_score(target, said))
        if len(set(target)) == 2:
            assert metrics.auroc(target, score) == pytest.approx(peer.roc_auc_score(target, score))
            x, y, threshold = peer.roc_curve(target, score, drop_intermediate=False)
            curve = metrics.roc_curve(target, score)
            assert np.allclose(curve.x, x)
            assert np.allclose(curve.y, y)
            assert np.array_equal(curve.threshold, threshold)
        if target.any():
            assert metrics.average_precision(target, score) == pytest.approx(
                peer.average_precision_score(target, score)
            )


def test_multiclass_parity_with_scikit_learn():
    from sklearn.metrics import roc_auc_score

    stream = np.random.default_rng(0)
    table = stream.dirichlet(np.ones(4), 200)
    classes = stream.integers(0, 4, 200)
    ours = {
        name: metrics.auroc_multiclass(classes, table, average=name)
        for name in ("ovr_macro", "ovr_weighted", "ovo_macro")
    }
    assert ours["ovr_macro"] == pytest.approx(roc_auc_score(classes, table, multi_class="ovr"))
    assert ours["ovr_weighted"] == pytest.approx(roc_auc_score(classes, table, multi_class="ovr", average="weighted"))
    assert ours["ovo_macro"] == pytest.approx(roc_auc_score(classes, table, multi_class="ovo"))
