"""Accuracy of answers that are chosen among many, where an answer may be right in part.

Source: the scoring of VQA-RAD, SLAKE and MedVQA-2019 in fusion models (METER, M3AE): the chosen answer gets its soft
score, and closed (yes or no) and open questions are also averaged apart.

Free answers are compared as words: how many a reply shares with the right answer, repeated words counted once each.

Letters: N questions, A answers.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from vesalius.errors import DataError

__all__ = [
    "AnswerAccuracy",
    "WordOverlap",
    "answer_accuracy",
    "answer_words",
    "chosen_scores",
    "plain_answer",
    "word_overlap",
    "word_spans",
]

Floats = NDArray[np.floating[Any]]

_WORD = re.compile(r"[\u3400-\u9fff]|[^\W_\u3400-\u9fff]+(?:(?:[.,](?=\d)|['’](?=[^\W_]))[^\W_\u3400-\u9fff]+)*")
_ARTICLES = {"a", "an", "the"}
_NUMBERS = "zero one two three four five six seven eight nine ten"
_DIGITS = {word: str(number) for number, word in enumerate(_NUMBERS.split())}


class AnswerAccuracy(NamedTuple):
    """Mean soft scores; NaN where there is no such question."""

    overall: float
    closed: float
    open: float


def plain_answer(text: str) -> str:
    """Return an answer in the form in which answers are compared: case, spaces and a last dot do not count."""
    return " ".join(text.split()).casefold().rstrip(". ")


class WordOverlap(NamedTuple):
    """What a reply and the right answer share, each word counted as often as both have it."""

    precision: float
    """Share of the reply's words that the answer has."""
    recall: float
    """Share of the answer's words that the reply has."""
    f1: float
    exact: float
    """1 where the words are the same in the same order."""


def word_spans(text: str) -> list[tuple[str, int, int]]:
    """Return the words of a text, in small letters, with where each begins and ends in it.

    Marks part words, but for the point or comma of a number and an apostrophe; a Chinese sign is a word.
    """
    return [(found.group().casefold(), found.start(), found.end()) for found in _WORD.finditer(text)]


def answer_words(text: str) -> list[str]:
    """Return the words by which answers are compared: plain, without articles, number words up to ten as digits."""
    words = [word for word, _, _ in word_spans(plain_answer(unicodedata.normalize("NFKC", text)))]
    return [_DIGITS.get(word, word) for word in words if word not in _ARTICLES]


def word_overlap(reply: Sequence[str], answer: Sequence[str]) -> WordOverlap:
    """Compare words as multisets: shared = Σ min(count in reply, count in answer); all 0 where nothing is shared.

    Source: token F1 of Rajpurkar et al., 2016 (SQuAD), section 6.1.
    """
    shared = sum((Counter(reply) & Counter(answer)).values())
    if not shared:
        return WordOverlap(0.0, 0.0, 0.0, 0.0)
    precision, recall = shared / len(reply), shared / len(answer)
    exact = float(list(reply) == list(answer))
    return WordOverlap(precision, recall, 2 * precision * recall / (precision + recall), exact)


def chosen_scores(logits: ArrayLike, scores: ArrayLike) -> Floats:
    """Return the soft score of the answer with the highest logit, the first of equal ones, (N,).

    Args:
        logits: (N, A).
        scores: how right each answer is, 0 to 1, (N, A); 0 for all where the right answer is none of them.

    Raises:
        DataError: the shapes differ, or a logit is not a number.
    """
    said, right = np.asarray(logits, dtype=np.float64), np.asarray(scores, dtype=np.float64)
    if said.shape != right.shape or said.ndim != 2:
        raise DataError(f"logits {said.shape} and scores {right.shape} must both be (questions, answers)")
    if np.isnan(said).any():
        raise DataError("a logit is not a number: the model's output cannot be scored")
    out: Floats = np.take_along_axis(right, said.argmax(axis=1)[:, None], axis=1)[:, 0]
    return out


def answer_accuracy(chosen: ArrayLike, closed: ArrayLike) -> AnswerAccuracy:
    """Average scores of chosen answers (N,) over all, closed and open questions; `closed` is true or false, (N,)."""
    values, kind = np.asarray(chosen, dtype=np.float64), np.asarray(closed, dtype=bool)
    parts = (values, values[kind], values[~kind])
    return AnswerAccuracy(*(float(part.mean()) if len(part) else float("nan") for part in parts))
