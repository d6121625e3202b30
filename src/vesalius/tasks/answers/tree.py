"""Questions that follow from each other: asked from the top, stopped at "no", completed to a vector of all answers.

Source: Pellegrini et al. 2023 (Rad-ReStruct, arXiv 2307.05766) and the evaluation that goes with its data.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vesalius.errors import DataError

__all__ = ["NO", "NOTHING", "Question", "Said", "completed", "every", "vector", "walk"]

NO = "no"
NOTHING = ("no selection", "unspecified")
"""Answers that stand for none, of questions with several."""

Said = Mapping[str, tuple[str, ...]]
"""Answers to questions by their paths."""
Turns = tuple[tuple[str, tuple[str, ...]], ...]
"""Questions with answers that stand before another one."""


@dataclass(frozen=True, kw_only=True)
class Question:
    """A question with those that follow where its answer is not "no"."""

    path: str
    """Unique in the tree."""
    text: str
    options: tuple[str, ...]
    several: bool = False
    """Several options may hold."""
    below: tuple[Question, ...] = ()
    again: tuple[Question, ...] = ()
    """The same for a further instance, asked only where this one is not denied; at most one."""


def every(tree: Sequence[Question]) -> Iterator[Question]:
    """Yield all questions, each before those that follow from it."""
    for question in tree:
        yield question
        yield from every(question.below)
        yield from every(question.again)


def walk(
    tree: Sequence[Question],
    answer: Callable[[Turns, Question], tuple[str, ...]],
    *,
    known: Said | None = None,
    before: Turns = (),
) -> dict[str, tuple[str, ...]]:
    """Ask from the top; after "no" nothing below is asked.

    Args:
        tree: the questions.
        answer: gives the answers to a question after others.
        known: right answers; where given they, and not what was answered, decide what is asked next and stand before
            it, as in training.
        before: questions and answers that stand before all.

    Returns:
        Answers to the questions that were asked.
    """
    found: dict[str, tuple[str, ...]] = {}
    for question in tree:
        found[question.path] = answer(before, question)
        told = found[question.path] if known is None else known.get(question.path, (NO,))
        if NO in told:
            continue
        inner = walk(question.below, answer, known=known, before=(*before, (question.text, told)))
        found |= inner | walk(question.again, answer, known=known, before=before)
    return found


def completed(said: Said, tree: Sequence[Question]) -> dict[str, tuple[str, ...]]:
    """Return an answer to every question of a tree, whatever was said below a "no".

    Of several options none becomes the one that stands for none, and with others that one goes. Below "no", and after
    an instance that is denied, a question of yes or no is answered "no" and any other not at all.

    Raises:
        DataError: more than one answer to a question with one, or one that it does not offer.
    """
    found: dict[str, tuple[str, ...]] = {}
    for question in tree:
        own = _own(said.get(question.path, ()), question)
        denied = NO in own or not own
        found[question.path] = own or _denied(question)
        for part in (question.below, question.again):
            inner = completed({} if denied else said, part)
            found |= {one.path: _denied(one) for one in every(part)} if denied else inner
    return found


def vector(said: Said, tree: Sequence[Question]) -> NDArray[np.bool_]:
    """Return which options hold, question by question, (C,)."""
    return np.array([option in said.get(one.path, ()) for one in every(tree) for option in one.options], bool)


def _own(said: tuple[str, ...], question: Question) -> tuple[str, ...]:
    strange = [one for one in said if one not in question.options]
    if strange or (len(said) > 1 and not question.several):
        wrong = f"{strange[0]!r} is not offered" if strange else f"{len(said)} answers to a question with one"
        raise DataError(f"question {question.path!r}: {wrong}; expected of {', '.join(question.options)}")
    nothing = next((option for option in question.options if option in NOTHING), "")
    if not question.several or not nothing:
        return tuple(said)
    return tuple(one for one in said if one != nothing) or (nothing,)


def _denied(question: Question) -> tuple[str, ...]:
    return (NO,) if NO in question.options else ()
