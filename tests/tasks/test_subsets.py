"""Nested, stratified parts of the training patients."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from vesalius.tasks._subsets import subset_name, subsets
from vesalius.tasks.base import Encoded


def training(labels: np.ndarray, patients: list[str]) -> Encoded:
    n = len(labels)
    return Encoded(
        ids=tuple(str(row) for row in range(n)),
        patients=tuple(patients),
        features=np.zeros((n, 1)),
        joint=np.zeros((n, 1)),
        texts=("",) * n,
        text_joint=np.zeros((n, 1)),
        labels=labels,
        concepts=tuple(f"c{place}" for place in range(labels.shape[1])),
    )


def test_parts_are_nested_and_whole_patients():
    labels = (np.random.default_rng(0).random((300, 2)) < 0.3).astype(float)
    train = training(labels, [f"p{row // 3}" for row in range(300)])
    found = subsets(train, fractions=(0.05, 0.2, 1.0), draws=3, seed=0)
    assert [(part.fraction, part.draw) for part in found] == [
        (0.05, 0), (0.2, 0), (1.0, 0), (0.05, 1), (0.2, 1), (0.05, 2), (0.2, 2),
    ]  # fmt: skip
    rows = {(part.fraction, part.draw): set(part.rows.tolist()) for part in found}
    for draw in range(3):
        assert rows[0.05, draw] < rows[0.2, draw] < rows[1.0, 0]
    assert len(rows[1.0, 0]) == 300
    assert rows[0.2, 0] != rows[0.2, 1]
    for part in found:
        assert len(part.rows) % 3 == 0  # a patient comes whole
        assert len(part.rows) / 300 >= part.fraction


def test_rare_labels_keep_their_share():
    labels = np.zeros((1000, 1))
    labels[:100] = 1
    train = training(labels, [str(row) for row in range(1000)])
    for part in subsets(train, fractions=(0.1,), draws=5, seed=1):
        # 100 patients, a tenth of them with the label; the spread order leaves one either way
        assert len(part.rows) == 100
        assert abs(labels[part.rows].sum() - 10) <= 1


def test_a_label_that_would_be_lost_keeps_one_patient():
    labels = np.zeros((200, 2))
    labels[7, 0] = 1
    labels[:, 1] = np.nan
    train = training(labels, [str(row) for row in range(200)])
    for part in subsets(train, fractions=(0.01,), draws=4, seed=0):
        assert 7 in part.rows
        assert len(part.rows) <= 3


@given(st.integers(0, 1000))
def test_the_same_seed_gives_the_same_parts(seed):
    labels = (np.random.default_rng(seed).random((40, 2)) < 0.4).astype(float)
    train = training(labels, [f"p{row % 13}" for row in range(40)])
    one, other = (subsets(train, fractions=(0.3,), draws=2, seed=seed) for _ in range(2))
    assert all(np.array_equal(first.rows, second.rows) for first, second in zip(one, other, strict=True))


def test_names():
    assert [subset_name("knn", fraction) for fraction in (0.01, 0.1, 1.0, 0.005)] == [
        "knn_1",
        "knn_10",
        "knn_100",
        "knn_0.5",
    ]
