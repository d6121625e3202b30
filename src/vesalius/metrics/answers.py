"""Accuracy of answers that are chosen among many, where an answer may be right in part.

Source: the scoring of VQA-RAD, SLAKE and MedVQA-2019 in fusion models (METER, M3AE): the chosen answer gets its soft
score, and closed (yes or no) and open questions are also averaged apart.

Letters: N questions, A answers.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from vesalius.errors import DataError

__all__ = ["AnswerAccuracy", "answer_accuracy", "chosen_scores", "plain_answer"]

Floats = NDArray[np.floating[Any]]


class AnswerAccuracy(NamedTuple):
    """Mean soft scores; NaN where there is no such question."""

    overall: float
    closed: float
    open: float


def plain_answer(text: str) -> str:
    """Return an answer in the form in which answers are compared: case, spaces and a last dot do not count."""
    return " ".join(text.split()).casefold().rstrip(". ")


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
