"""Worked numbers of K-class metrics and of agreement."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vesalius.errors import ConfigError, DataError
from vesalius.metrics import multiclass as metrics

CLASSES = [0, 1, 2, 2, 1, 0]
# argmax of the rows of test_classification: the fourth item goes to class 0
SAID = [0, 1, 2, 0, 1, 0]
A = [0, 1, 2, 2, 1, 0, 2, 1]
B = [0, 1, 1, 2, 2, 0, 2, 0]


def test_argmax_example():
    table = metrics.confusion_matrix(CLASSES, SAID, labels=[0, 1, 2])
    assert table.tolist() == [[2, 0, 0], [0, 2, 0], [1, 0, 1]]
    assert metrics.accuracy(table) == pytest.approx(0.833333333)
    assert metrics.balanced_accuracy(table) == pytest.approx(0.833333333)
    assert metrics.f1(table) == pytest.approx(0.822222222)  # (4/5 + 1 + 2/3)/3
    assert metrics.f1(table, average="micro") == metrics.accuracy(table)
    assert metrics.f1(table, average="weighted") == pytest.approx(0.822222222)
    assert metrics.mcc(table) == pytest.approx(0.783349452)


@pytest.mark.parametrize(
    ("weights", "expected"), [("none", 0.441860465), ("linear", 0.586206897), ("quadratic", 0.727272727)]
)
def test_kappa(weights, expected):
    table = metrics.confusion_matrix(A, B, labels=[0, 1, 2])
    assert metrics.kappa(table, weights=weights) == pytest.approx(expected)


def test_kappa_of_constant_raters():
    # both constant and equal: 0/0; truth varied and prediction constant: 0
    assert np.isnan(metrics.kappa(metrics.confusion_matrix([1, 1], [1, 1], labels=[0, 1])))
    assert metrics.kappa(metrics.confusion_matrix([0, 1], [1, 1], labels=[0, 1])) == 0


def test_a_missing_middle_class_changes_weighted_kappa():
    first, second = [0, 1, 3, 3], [0, 3, 3, 1]
    # on 0..3 the two disagreements cost 2 each, expected cost 5.5: 1 - 4/5.5
    whole = metrics.confusion_matrix(first, second, labels=[0, 1, 2, 3])
    assert metrics.kappa(whole, weights="linear") == pytest.approx(0.272727273)
    # without the class 2 that nobody used they cost 1 each, expected cost 3.5: 1 - 2/3.5
    squeezed = metrics.confusion_matrix(first, second, labels=[0, 1, 3])
    assert metrics.kappa(squeezed, weights="linear") == pytest.approx(0.428571429)


def test_paradox_of_kappa():
    # 90 both yes, 5 + 5 split, 0 both no
    table = np.array([[0.0, 5.0], [5.0, 90.0]])
    assert metrics.accuracy(table) == pytest.approx(0.9)
    assert metrics.kappa(table) == pytest.approx(-0.052631579)
    assert metrics.gwet_ac1(table) == pytest.approx(0.889502762)


def test_unknown_class_and_unknown_names():
    with pytest.raises(DataError, match="class 7 is not among the labels"):
        metrics.confusion_matrix([0, 7], [0, 0], labels=[0, 1])
    with pytest.raises(ConfigError, match="quadratic"):
        metrics.kappa(np.eye(2), weights="quadratc")
    with pytest.raises(ConfigError, match="weighted"):
        metrics.f1(np.eye(2), average="weighed")


def test_labels_may_be_words():
    table = metrics.confusion_matrix(["b", "a"], ["b", "b"], labels=["b", "a"])
    assert table.tolist() == [[1, 0], [1, 0]]


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), min_size=2, max_size=40))
@settings(deadline=None)  # the first call imports scikit-learn
def test_parity_with_scikit_learn(pairs):
    from sklearn import metrics as peer

    target, said = (np.array(column) for column in zip(*pairs, strict=True))
    table = metrics.confusion_matrix(target, said, labels=[0, 1, 2, 3])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert metrics.mcc(table) == pytest.approx(peer.matthews_corrcoef(target, said), abs=1e-12)
        assert metrics.balanced_accuracy(table) == pytest.approx(peer.balanced_accuracy_score(target, said))
        for average in ("macro", "weighted"):
            assert metrics.f1(table, average=average) == pytest.approx(
                peer.f1_score(target, said, average=average, zero_division=0)
            )
        for weights in ("none", "linear", "quadratic"):
            name = None if weights == "none" else weights
            theirs = peer.cohen_kappa_score(target, said, weights=name, labels=[0, 1, 2, 3])
            assert metrics.kappa(table, weights=weights) == pytest.approx(theirs, nan_ok=True)
