"""What can be answered without the picture: a model that reads the question and its options only.

The model counts words (naive Bayes over kinds of answers, and how often an option was right when it was offered), and
is tried on studies of patients that it has not seen. It should do no better than the answer that is most frequent.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from vesalius.data.corpus import Corpus
from vesalius.data.records import Dialogue

__all__ = ["Blind", "audit_questions"]

_LETTERS = "ABCDEFGH"


class Blind(NamedTuple):
    """How well a family is answered blindly."""

    family: str
    n: int
    """Questions of the patients that the model is tried on."""
    accuracy: float
    """Of the model that reads the question; it learned from the training patients."""
    majority: float
    """Share of the most frequent answer, or of the most frequent place of the right option."""
    standard_error: float
    """Of an accuracy of one half, which is the largest."""


def audit_questions(corpus: Corpus) -> list[Blind]:
    """Learn every family of closed and single-choice questions from the training patients, and try it on all others.

    Raises:
        DataError: the corpus has no split.
    """
    known = set(corpus.split("train").ids)
    asked: dict[str, tuple[list[Dialogue], list[Dialogue]]] = defaultdict(lambda: ([], []))
    for study in corpus:
        for dialogue in study.dialogues:
            if dialogue.answer_type in ("closed", "choice"):
                asked[dialogue.source][study.id not in known].append(dialogue)
    return [_try(family, train, held) for family, (train, held) in sorted(asked.items()) if train and held]


def _try(family: str, train: Sequence[Dialogue], held: Sequence[Dialogue]) -> Blind:
    model = _Reader(train)
    share = sum(model.answer(dialogue) == dialogue.answer for dialogue in held) / len(held)
    places, answers = Counter(map(_place, held)), Counter(dialogue.answer for dialogue in held)
    usual = max(places.most_common(1)[0][1], answers.most_common(1)[0][1]) / len(held)
    error = float(np.sqrt(0.25 / len(held)))
    return Blind(family.removeprefix("virtual/"), len(held), share, usual, error)


def _place(dialogue: Dialogue) -> str:
    """Answer of a closed question, letter of the right option of a choice."""
    if dialogue.answer_type == "closed":
        return dialogue.answer
    return _LETTERS[dialogue.options.index(dialogue.answer)]


class _Reader:
    """Naive Bayes over words of the last question for closed ones; the record of each option for choices."""

    def __init__(self, train: Sequence[Dialogue]) -> None:
        self.words: dict[str, Counter[str]] = defaultdict(Counter)
        self.answers: Counter[str] = Counter()
        self.offered: Counter[tuple[str, str]] = Counter()
        self.right: Counter[tuple[str, str]] = Counter()
        for dialogue in train:
            self.answers[dialogue.answer] += 1
            self.words[dialogue.answer].update(_words(dialogue))
            for option in dialogue.options:
                for topic in _topics(dialogue):
                    self.offered[topic, option] += 1
                    self.right[topic, option] += option == dialogue.answer

    def answer(self, dialogue: Dialogue) -> str:
        """Answer without a look."""
        if dialogue.answer_type == "choice":
            return max(dialogue.options, key=lambda option: self._record(dialogue, option))
        return max(self.answers, key=lambda answer: self._likelihood(dialogue, answer), default="")

    def _record(self, dialogue: Dialogue, option: str) -> float:
        """Share of times that an option was right, for all questions and for those of this topic."""
        first = 1 / len(dialogue.options)
        found = [
            (self.right[topic, option] + 4 * first) / (self.offered[topic, option] + 4) for topic in _topics(dialogue)
        ]
        return float(np.mean(found))

    def _likelihood(self, dialogue: Dialogue, answer: str) -> float:
        counts = self.words[answer]
        total, kinds = counts.total(), len(counts) + 1
        told = sum(np.log((counts[word] + 1) / (total + kinds)) for word in _words(dialogue))
        return float(np.log(self.answers[answer]) + told)


def _words(dialogue: Dialogue) -> list[str]:
    words = dialogue.turns[-1].text.lower().replace("?", "").split()
    return [*words, *(f"{a} {b}" for a, b in pairwise(words))]


def _topics(dialogue: Dialogue) -> tuple[str, str]:
    """All questions, and those with the same set of options."""
    return "", "/".join(sorted(dialogue.options))
