"""Scores during training."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vesalius.training.callbacks.stopping import BestScore
from vesalius.training.settings import SCORES
from vesalius.training.validation import retrieval_scores


def test_ranks_worked_by_hand() -> None:
    # Texts are the axes; image 0 is nearest to text 0, image 1 to text 2 (its own second), image 2 to text 2.
    text = np.eye(3)
    image = np.array([[1.0, 0.0, 0.0], [0.0, 0.6, 0.8], [0.0, 0.0, 1.0]])
    scores = retrieval_scores(image, text)
    # Image to text: ranks 1, 2, 1. Text to image: column 0 → 1; column 1 → 1 (0.6 is the largest); column 2 → 1.
    assert scores["mean_rank"] == pytest.approx((1 + 2 + 1 + 1 + 1 + 1) / 6)
    assert scores["recall_1"] == pytest.approx(5 / 6)
    assert scores["recall_5"] == 1.0
    assert scores["mrr"] == pytest.approx(5.5 / 6)
    assert scores["median_rank"] == 1.0


@given(count=st.integers(2, 30))
def test_equal_vectors_are_at_chance(count: int) -> None:
    # All similarities are equal: rank 1 + (n - 1) / 2.
    same = np.ones((count, 1))
    assert retrieval_scores(same, same)["mean_rank"] == pytest.approx((count + 1) / 2)


def test_more_rows_than_are_compared_at_once() -> None:
    rng = np.random.default_rng(0)
    image, text = rng.normal(size=(2, 1100, 4))
    plain = image @ text.T
    ranks = [(plain > np.diag(plain)[:, None]).sum(1) + 1, (np.diag(plain)[:, None] < plain.T).sum(1) + 1]
    assert retrieval_scores(image, text)["mean_rank"] == pytest.approx(np.concatenate(ranks).mean())


def test_every_retrieval_score_can_be_watched() -> None:
    assert {"loss", *retrieval_scores(np.eye(3), np.eye(3))} == set(SCORES)


def test_best_score_knows_the_direction_and_never_takes_nan() -> None:
    rising, falling = BestScore("recall_1"), BestScore("loss")
    assert [rising.update(value, step) for step, value in enumerate([0.1, 0.3, 0.2, float("nan")])] == [
        True,
        True,
        False,
        False,
    ]
    assert (rising.value, rising.step, rising.validations_without) == (0.3, 1, 2)
    assert [falling.update(value, step) for step, value in enumerate([float("nan"), 0.3, 0.2])] == [False, True, True]
    assert BestScore(**falling.to_dict()) == falling
