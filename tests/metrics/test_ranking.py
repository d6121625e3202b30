"""Ranks in link prediction by hand."""

from __future__ import annotations

import numpy as np
import pytest

from vesalius.metrics.ranking import link_ranks, link_scores


def test_ranks_by_hand() -> None:
    scores = np.array([[0.1, 0.9, 0.5, 0.3], [0.1, 0.9, 0.5, 0.3], [1.0, 1.0, 1.0, 1.0]])
    # Above 0.5 stands 0.9: rank 2; above 0.1 stand three: rank 4; all equal: 1 + 3 / 2.
    assert link_ranks(scores, np.array([2, 0, 1])).tolist() == [2, 4, 2.5]


def test_other_right_entities_are_left_out() -> None:
    scores = np.array([[0.1, 0.9, 0.5, 0.3]])
    assert link_ranks(scores, np.array([3]), known={0: [1, 3]}).tolist() == [2]
    assert link_ranks(scores, np.array([3]), known={0: [1, 2, 3]}).tolist() == [1]
    assert scores.tolist() == [[0.1, 0.9, 0.5, 0.3]]


def test_a_perfect_and_a_constant_model() -> None:
    right = np.array([0, 1, 2])
    assert link_ranks(np.eye(3), right).tolist() == [1, 1, 1]
    # Mean rank of chance: (E + 1) / 2.
    assert link_ranks(np.zeros((3, 9)), right).tolist() == [5, 5, 5]


def test_scores_by_hand() -> None:
    found = link_scores(np.array([1.0, 2.0, 4.0, 20.0]))
    # (1 + 1/2 + 1/4 + 1/20) / 4 = 0.45
    assert found == pytest.approx(
        {"mean_rank": 6.75, "mrr": 0.45, "hits_1": 0.25, "hits_3": 0.5, "hits_5": 0.75, "hits_10": 0.75}
    )
