"""Accuracy of chosen answers: the card's example, soft scores, and kinds of questions that are not there."""

from __future__ import annotations

import numpy as np
import pytest

from vesalius.errors import DataError
from vesalius.metrics.answers import answer_accuracy, answer_words, chosen_scores, word_overlap


def test_three_questions_worked_out_by_hand() -> None:
    """Chosen scores 1, 0, 1 of closed, closed, open: closed 0.5, open 1, overall 2/3."""
    logits = [[2.0, 1.0], [3.0, 1.0], [0.0, 1.0]]
    chosen = chosen_scores(logits, [[1, 0], [0, 1], [0, 1]])
    assert chosen.tolist() == [1, 0, 1]
    found = answer_accuracy(chosen, [True, True, False])
    assert found == (pytest.approx(2 / 3), 0.5, 1.0)


def test_an_answer_may_be_right_in_part_and_none_may_be() -> None:
    assert chosen_scores([[0, 5, 1]], [[1.0, 0.3, 0.0]]).tolist() == [0.3]
    assert chosen_scores([[0, 5, 1]], [[0, 0, 0]]).tolist() == [0]
    assert chosen_scores([[5, 5]], [[1, 0]]).tolist() == [1]  # the first of equal ones


def test_a_kind_without_a_question_has_no_accuracy() -> None:
    found = answer_accuracy([1.0], [True])
    assert found.closed == 1
    assert np.isnan(found.open)


@pytest.mark.parametrize(
    ("logits", "words"), [([[1.0, 2.0, 3.0]], "must both be"), ([[1.0, float("nan")]], "not a number")]
)
def test_broken_logits_are_refused(logits: list[list[float]], words: str) -> None:
    with pytest.raises(DataError, match=words):
        chosen_scores(logits, [[1, 0]])


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("The left lung.", ["left", "lung"]),
        ("X-Ray", ["x", "ray"]),
        ("two of 1,000", ["2", "of", "1,000"]),
        ("3.5 cm", ["3.5", "cm"]),
        ("Don't; patient's", ["don't", "patient's"]),
        ("左肺 CT", ["左", "肺", "ct"]),
        ("Ｌｅｆｔ", ["left"]),  # full width
        ("the", []),
    ],
)
def test_words_by_which_answers_are_compared(text: str, words: list[str]) -> None:
    assert answer_words(text) == words


def test_shared_words_count_as_often_as_both_have_them() -> None:
    """lung lung left against left lung: 2 shared of 3 and of 2."""
    found = word_overlap(["lung", "lung", "left"], ["left", "lung"])
    assert found == pytest.approx((2 / 3, 1.0, 0.8, 0.0))
    assert word_overlap(["a"], ["a"]) == (1, 1, 1, 1)
    assert word_overlap([], ["a"]) == (0, 0, 0, 0)
