"""Questions of a corpus that a head with a list of answers can be asked.

They are asked once, about one picture, and their answer is a text: conversations, questions about several pictures,
and such as ask for boxes, masks or an order are left out. An answer that stands as a turn of its own is not read.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence

from vesalius.data.corpus import Corpus
from vesalius.data.records import Dialogue, Study
from vesalius.metrics.answers import plain_answer
from vesalius.models.answering import CLOSED, OPEN

__all__ = ["BRANCH", "askable", "asked", "family", "questions_of", "shown", "usual_answers"]

BRANCH = {"closed": CLOSED, "choice": CLOSED, "open": OPEN, "number": OPEN}
"""Branch of each type of answer that is a text."""


def questions_of(corpus: Corpus) -> Iterator[Dialogue]:
    """Yield what can be asked of a corpus, in the order of its studies."""
    for study in corpus:
        yield from askable(study)


def askable(study: Study) -> list[Dialogue]:
    """Return what can be asked of a study: once, about one picture, with an answer in text."""
    return [
        dialogue
        for dialogue in (study.dialogues if study.images else ())
        if dialogue.answer_type in BRANCH
        and plain_answer(dialogue.answer)
        and [turn.role for turn in dialogue.turns if turn.role != "system"] in (["user"], ["user", "assistant"])
        and len(shown(dialogue)) <= 1
    ]


def shown(dialogue: Dialogue) -> tuple[str, ...]:
    """Return the pictures that a question names."""
    return tuple(dict.fromkeys(name for turn in dialogue.turns for name in turn.images))


def asked(dialogue: Dialogue) -> str:
    """Return the words of a question."""
    return next(turn.text for turn in dialogue.turns if turn.role == "user")


def family(dialogue: Dialogue) -> str:
    """Return what a question is one of: its source, such as ``virtual/presence``, else its type of answer."""
    return dialogue.source or dialogue.answer_type


def usual_answers(taught: Sequence[Dialogue]) -> Callable[[Dialogue], str]:
    """Return what gives the most frequent answer to a question's family, else to its type, else to all.

    Of equally frequent ones it is the first by the alphabet.
    """
    counts: dict[tuple[str, str], Counter[str]] = defaultdict(Counter)
    for dialogue in taught:
        for group in _groups(dialogue):
            counts[group][plain_answer(dialogue.answer)] += 1

    def usual(dialogue: Dialogue) -> str:
        found = next(counts[group] for group in _groups(dialogue) if group in counts)
        return min(found, key=lambda name: (-found[name], name))

    return usual


def _groups(dialogue: Dialogue) -> tuple[tuple[str, str], ...]:
    """Family and type, type, everything."""
    return ((family(dialogue), dialogue.answer_type), ("", dialogue.answer_type), ("", ""))
