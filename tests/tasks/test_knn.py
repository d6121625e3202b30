"""Worked votes; unknown labels; parts of the training data."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from vesalius.errors import ConfigError, DataError
from vesalius.tasks import knn
from vesalius.tasks.knn import Neighbours, neighbour_votes

COSINES = np.array([0.9, 0.8, 0.7, 0.6, 0.5])
GALLERY = np.stack([COSINES, np.sqrt(1 - COSINES**2)], axis=1)
LABELS = np.array([[1.0], [0], [0], [1], [0]])
QUERY = np.array([[2.0, 0.0]])  # any length: the cosine counts


@pytest.mark.parametrize(
    ("k", "temperature", "expected"), [(3, 0.07, 0.770960297), (5, 0.07, 0.771424048), (5, 1.0, 0.421025833)]
)
def test_votes(k, temperature, expected):
    # k = 3, T .07: the nearest one outweighs two others, where a majority would say 0
    found = neighbour_votes(QUERY, GALLERY, LABELS, k=k, temperature=temperature)
    assert found[0, 0] == pytest.approx(expected)


def test_unknown_neighbours_are_passed_over():
    labels = np.array([[np.nan, 1.0, np.nan], [0, 0, np.nan], [0, 0, np.nan], [1, 1, np.nan], [0, 0, np.nan]])
    found = neighbour_votes(QUERY, GALLERY, labels, k=3)[0]
    # the first concept asks the second to the fourth: e^(.6/T) of e^(.8/T) + e^(.7/T) + e^(.6/T)
    weights = np.exp(np.array([0.8, 0.7, 0.6]) / 0.07)
    assert found == pytest.approx([weights[2] / weights.sum(), 0.770960297, np.nan], nan_ok=True)


def test_blocks_give_the_same_votes(monkeypatch):
    stream = np.random.default_rng(0)
    query, gallery = stream.normal(size=(30, 4)), stream.normal(size=(50, 4))
    labels = stream.integers(0, 2, (50, 3)).astype(float)
    whole = neighbour_votes(query, gallery, labels)
    monkeypatch.setattr(knn, "BLOCK_BYTES", 8 * 3 * 50 * 4)
    assert np.array_equal(neighbour_votes(query, gallery, labels), whole)


def test_more_labels_and_three_draws(data):
    task = Neighbours()
    table = task.predict(data)
    scores = {(score.task, score.metric, score.label): score for score in task.score(table, resamples=50, seed=0)}
    assert {name for name, _, _ in scores} == {"knn_1", "knn_10", "knn_100"}
    assert scores["knn_10", "auroc", "edema"].extra["draws"] == 3
    assert scores["knn_100", "auroc", "edema"].extra["draws"] == 1
    assert scores["knn_100", "auroc", "macro"].value > scores["knn_1", "auroc", "macro"].value


def test_bad_settings_and_data(data):
    with pytest.raises(ConfigError, match="above 0 and up to 1"):
        Neighbours(fractions=(0.0,)).predict(data)
    with pytest.raises(ConfigError, match="at least one draw"):
        Neighbours(draws=0).predict(data)
    with pytest.raises(DataError, match="no training split"):
        Neighbours().predict(replace(data, train=None))
    with pytest.raises(DataError, match="40 patients are in both training and test"):
        Neighbours().predict(replace(data, train=data.test))
    bare = replace(data.test, concepts=(), labels=np.empty((80, 0)))
    with pytest.raises(DataError, match="states none"):
        Neighbours().predict(replace(data, test=bare))
