"""Worked numbers of several labels at once: label 2 has no positive."""

from __future__ import annotations

import numpy as np
import pytest

from vesalius.errors import ConfigError
from vesalius.metrics import multilabel as metrics
from vesalius.metrics.classification import auroc

L = np.array([[1, 0, 1], [0, 0, 1], [1, 0, 0], [0, 0, 1]])
S = np.array([[0.9, 0.2, 0.7], [0.3, 0.1, 0.6], [0.4, 0.6, 0.5], [0.5, 0.3, 0.4]])
SAID = S >= 0.5


def test_auroc_is_a_mean_over_defined_labels():
    found = metrics.auroc(L, S)
    assert found.each == pytest.approx([0.75, np.nan, 0.666666667], nan_ok=True)
    assert found.value == pytest.approx(0.708333333)
    assert found.undefined == 1
    # flattening mixes labels with unlike scales: another number
    assert auroc(L.reshape(-1), S.reshape(-1)) == pytest.approx(0.814285714)


@pytest.mark.parametrize(
    ("average", "expected"),
    [
        ("micro", 0.545454545),
        ("macro_zero", 0.388888889),
        ("macro", 0.583333333),
        ("weighted", 0.6),
        ("samples", 0.5),
    ],
)
def test_f1(average, expected):
    assert metrics.f1(L, SAID, average=average) == pytest.approx(expected)


def test_shares_of_items_and_cells():
    assert metrics.subset_accuracy(L, SAID) == 0.5
    assert metrics.hamming_loss(L, SAID) == pytest.approx(0.416666667)
    assert metrics.jaccard(L, SAID) == pytest.approx(0.5)


def test_mean_average_precision_over_labels_with_positives():
    assert metrics.mean_average_precision(L, S).value == pytest.approx(0.875)


def test_no_defined_label_gives_no_number():
    nothing = np.zeros((3, 2))
    assert np.isnan(metrics.auroc(nothing, nothing).value)
    assert np.isnan(metrics.f1(nothing, nothing, average="macro"))
    assert np.isnan(metrics.f1(nothing, nothing, average="weighted"))
    with pytest.raises(ConfigError, match="macro"):
        metrics.f1(L, SAID, average="macr")


@pytest.mark.parametrize("average", ["micro", "weighted", "samples"])
def test_parity_with_scikit_learn(average):
    from sklearn.metrics import f1_score

    stream = np.random.default_rng(1)
    target, said = stream.integers(0, 2, (60, 4)), stream.integers(0, 2, (60, 4))
    assert metrics.f1(target, said, average=average) == pytest.approx(
        f1_score(target, said, average=average, zero_division=0)
    )
