"""BERTScore by hand, from a table of likeness and from vectors."""

from __future__ import annotations

from math import log

import numpy as np
import pytest

from vesalius.errors import DataError
from vesalius.metrics.bertscore import BertScore, bert_score, best_matches, inverse_frequencies, rescaled

TABLE = [[1, 0.2], [0.3, 0.6], [0.1, 0.4]]


def test_table() -> None:
    """Best of each word said: 1, .6, .4; of each of the reference: 1, .6."""
    found = best_matches(TABLE)
    np.testing.assert_allclose(found, [2 / 3, 0.8, 0.727272727], atol=1e-9)
    assert best_matches(TABLE, truth_weights=[1, 3]).recall == pytest.approx(0.7)


def test_vectors_of_any_length() -> None:
    said, truth = np.array([[2.0, 0], [0, 5]]), np.array([[0, 1.0]])
    np.testing.assert_allclose(bert_score(said, truth), [0.5, 1, 2 / 3])
    np.testing.assert_allclose(bert_score(said, said), [1, 1, 1])
    assert bert_score(np.zeros((0, 2)), truth) == BertScore(0, 0, 0)


def test_rarity() -> None:
    """Two references: ln(3/3) = 0 of a word in both, ln(3/2) of one in one, ln 3 of one in none."""
    weights, unseen = inverse_frequencies([["no", "mass"], ["no", "no"]])
    assert weights == pytest.approx({"no": 0, "mass": log(1.5)})
    assert unseen == pytest.approx(log(3))
    assert best_matches(TABLE, said_weights=[0, 0, 0]).precision == 0


def test_rescaling_is_of_each_apart() -> None:
    found = rescaled(BertScore(0.9, 0.8, 0.85), BertScore(0.8, 0.6, 0.7))
    np.testing.assert_allclose(found, [0.5, 0.5, 0.5])


def test_bad_vectors() -> None:
    with pytest.raises(DataError, match="2 and 3 numbers"):
        bert_score(np.ones((1, 2)), np.ones((1, 3)))
    with pytest.raises(DataError, match="not finite"):
        bert_score(np.full((1, 2), np.nan), np.ones((1, 2)))
    with pytest.raises(DataError, match="2 tokens of the reference"):
        best_matches(TABLE, truth_weights=[1])
    with pytest.raises(DataError, match="shape"):
        bert_score(np.ones(3), np.ones((1, 3)))
