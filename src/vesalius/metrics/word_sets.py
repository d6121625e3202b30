"""Answers as sets of words: what a reply shares with the right answer, order and repetition set aside.

Source: the rules of MedRegA's evaluation (arXiv 2410.18387; xmed-lab/MedRegA, ``eval/vqa``, ``eval/regr2t`` and
``eval/cls``). Recall of a set rewards long replies: any reply that contains the words passes; give the precision
beside it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from vesalius.errors import DataError
from vesalius.metrics.answers import WordOverlap, plain_answer, word_spans
from vesalius.metrics.bleu import brevity_penalty

__all__ = ["CLOSED_RECALL", "OPEN_RECALL", "bleu_1", "cleaned_words", "closest_class", "is_recalled", "set_overlap"]

CLOSED_RECALL, OPEN_RECALL = 0.8, 0.75
"""Recall from which a reply counts as right where the answer is yes or no, and elsewhere."""
_SAID_AS = {
    "pa": "posterior anterior", "ivc": "inferior vena cava", "head": "brain", "both": "bilateral",
    "tumour": "tumor", "tumours": "tumors",
}  # fmt: skip
_STOPS = re.compile(r"[,:.]")
_BOXES = re.compile(r"</?(?:ref|box)>|\[\[.*?\]\]")


def cleaned_words(text: str) -> str:
    """Return a text as the release compares it: small letters, parts between stops joined by commas, six words said
    otherwise (head → brain, both → bilateral, pa → posterior anterior), parts with an underscore left out.

    A comma sticks to the word before it, as it does there.
    """
    parts = [part for part in _STOPS.split(text) if "_" not in part]
    again = _STOPS.split(",".join(parts).lower())
    said = [" ".join(_SAID_AS.get(word, word) for word in part.split(" ")) for part in again]
    return ",".join(said).replace("-", " ")


def set_overlap(
    reply: str,
    answer: str,
    *,
    words: Callable[[str], Sequence[str]] | None = None,
    cleaned: Callable[[str], str] = cleaned_words,
) -> WordOverlap:
    """Compare a reply with the right answer as sets of words; boxes in either are no words.

    Args:
        reply: what was said.
        answer: what is right.
        words: cuts a text into words; at spaces where not given, Chinese signs each for itself where both have any.
        cleaned: applied before.
    """
    ours, theirs = (cleaned(_BOXES.sub("", text)) for text in (reply, answer))
    cut = words or (_signs if _is_chinese(theirs) else str.split)
    said, true = set(cut(ours)), set(cut(theirs))
    shared = len(said & true)
    precision, recall = shared / len(said) if said else 0.0, shared / len(true) if true else 0.0
    f1 = 2 * precision * recall / (precision + recall) if shared else 0.0
    return WordOverlap(precision, recall, f1, float(said == true and bool(true)))


def is_recalled(reply: str, answer: str) -> bool:
    """Say whether a reply counts as right: recall from 0.8 where the answer is yes or no, else from 0.75."""
    closed = plain_answer(answer) in ("yes", "no", "是", "否")
    return set_overlap(reply, answer).recall >= (CLOSED_RECALL if closed else OPEN_RECALL)


def bleu_1(reply: Sequence[str], answer: Sequence[str]) -> float:
    """Return the share of a reply's words that the answer has, each as often as there, by the brevity penalty."""
    if not reply:
        return 0.0
    left = list(answer)
    for word in reply:
        if word in left:
            left.remove(word)
    shared = len(answer) - len(left)
    return float(shared / len(reply) * brevity_penalty(len(reply), len(answer)))


def closest_class(said: str, classes: Sequence[str]) -> str:
    """Return the class whose words are nearest to a said name by BLEU-1, the first of equal ones.

    What shares no word with any class is the first class too, as in the release: look at the unparsed ones beside it.

    Raises:
        DataError: no class.
    """
    if not classes:
        raise DataError("no class to map an answer to")
    words = said.lower().split()
    return max(classes, key=lambda name: bleu_1(words, name.lower().split()))


def _is_chinese(text: str) -> bool:
    return any("\u3400" <= sign <= "\u9fff" for sign in text)


def _signs(text: str) -> list[str]:
    return [word for word, _, _ in word_spans(text)]
