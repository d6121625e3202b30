"""Scoring by sets of words: the threshold on recall of MedRegA.

Source: xmed-lab/MedRegA, revision dfdb0db, src/eval/vqa (arXiv 2410.18387). As released, a comma, colon or point
becomes a comma that stays on its word, so that "Left lung." has not the word "lung"; rule ``medrega`` keeps that,
``set_recall`` takes all marks off first.
"""

from __future__ import annotations

import re
import string
from collections.abc import Callable

from vesalius.tasks.answers.reply import ScoredAnswer
from vesalius.tasks.answers.rules.base import Rule, read_as, sentence_bleu_1

__all__ = ["MEDREGA", "SET_RECALL", "released_form"]

_CLOSED, _OPEN = 0.8, 0.75
"""Recall from which an answer is right."""
_NAMES = {
    "pa": "posterior anterior", "ivc": "inferior vena cava", "head": "brain", "both": "bilateral", "tumour": "tumor",
    "tumours": "tumors",
}  # fmt: skip
_PARTS = re.compile(r"[,:.]")
_MARKS = str.maketrans(dict.fromkeys(string.punctuation, " "))


def released_form(text: str) -> str:
    """Return a text in the release's form: parts with an underscore go, names become one, hyphens become spaces."""
    lowered = ",".join(part for part in _PARTS.split(text) if "_" not in part).lower()
    parts = (" ".join(_NAMES.get(word, word) for word in part.split(" ")) for part in _PARTS.split(lowered))
    return ",".join(parts).replace("-", " ")


def clean_form(text: str) -> str:
    """Return the release's form without any mark."""
    return " ".join(released_form(text).translate(_MARKS).split())


def _score(gold: str, reply: str, *, form: Callable[[str], str], closed: bool) -> ScoredAnswer:
    said, truth = form(reply), form(gold)
    words, right = set(said.split()), set(truth.split())
    shared = len(words & right)
    precision = shared / len(words) if words else 0.0
    recall = shared / len(right) if right else 0.0
    f1 = 2 * precision * recall / (precision + recall + 1e-8)
    values = {
        "recall": recall,
        "precision": precision,
        "f1": f1,
        "bleu_1": sentence_bleu_1(said.split(), truth.split()),
    }
    correct = float(recall >= (_CLOSED if closed else _OPEN))
    return ScoredAnswer(correct=correct, parsed=read_as(said, "recall of the gold's words"), values=values)


SET_RECALL = Rule(
    does="recall of the gold's distinct words, marks taken off: right from .8 for yes/no, from .75 for open items.",
    closed=lambda gold, reply, candidates: _score(gold, reply, form=clean_form, closed=True),
    open=lambda gold, reply, candidates: _score(gold, reply, form=clean_form, closed=False),
)
MEDREGA = Rule(
    does="as set_recall, with commas left on words as in MedRegA's script, so that a final point costs a word.",
    closed=lambda gold, reply, candidates: _score(gold, reply, form=released_form, closed=True),
    open=lambda gold, reply, candidates: _score(gold, reply, form=released_form, closed=False),
)
