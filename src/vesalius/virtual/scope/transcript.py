"""How two recognisers write down what is said.

"asr-a" is made for doctors: it knows the words of the trade, leaves fillers out, joins sentences, loses capitals and
now and then takes one term for another. "asr-b" is a general one: it cuts sentences well and writes all that it
hears, but mishears the words of the trade and loses punctuation.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Literal, NamedTuple

import numpy as np

from vesalius.virtual.scope.narration import Spoken, narration_words

__all__ = ["RECOGNISERS", "Heard", "recognise", "word_error_rate"]

Recogniser = Literal["asr-a", "asr-b"]
RECOGNISERS: tuple[Recogniser, Recogniser] = ("asr-a", "asr-b")
_JOIN_S = 4.0
"""A recogniser that joins sentences does so over pauses up to this."""


class Heard(NamedTuple):
    """A piece of a transcript."""

    text: str
    start_s: float
    end_s: float


def recognise(rng: np.random.Generator, said: Sequence[Spoken], recogniser: Recogniser) -> tuple[Heard, ...]:
    """Write a transcript."""
    pieces: list[Heard] = []
    for sentence in said:
        words = re.findall(r"[a-z'-]+", sentence.text.lower())
        if recogniser == "asr-a":
            if sentence.kind == "filler" or rng.random() < 0.05:
                continue
            heard = _trained(rng, words)
            start, end = round(sentence.start_s), max(round(sentence.end_s), round(sentence.start_s) + 1)
            piece = Heard(" ".join(heard) + "." if heard else "", float(start), float(end))
        else:
            piece = Heard(" ".join(_general(rng, words)), sentence.start_s, sentence.end_s)
        joins = recogniser == "asr-a" and pieces and piece.start_s - pieces[-1].end_s < _JOIN_S and rng.random() < 0.5
        if joins:
            last = pieces.pop()
            piece = Heard(f"{last.text} {piece.text}", last.start_s, max(last.end_s, piece.end_s))
        if piece.text:
            pieces.append(piece)
    return tuple(pieces)


def _trained(rng: np.random.Generator, words: Sequence[str]) -> list[str]:
    """Few errors: 3 % of words lost, some terms taken for another."""
    known, written = narration_words().confused, []
    for word in words:
        roll = rng.random()
        if roll < 0.03:
            continue
        written.append(known[word] if word in known and roll < 0.10 else word)
    return written


def _general(rng: np.random.Generator, words: Sequence[str]) -> list[str]:
    """Many errors: terms misheard in half of cases, 5 % of ordinary words, 2 % lost, hesitations written down."""
    book, written = narration_words(), []
    for word in words:
        roll = rng.random()
        if rng.random() < 0.02:
            written.append(book.hesitations[int(rng.integers(len(book.hesitations)))])
        if roll > 0.98:
            continue
        if word in book.misheard and roll < 0.5:
            options = book.misheard[word]
            word = options[int(rng.integers(len(options)))]
        elif word in book.general and roll < 0.05:
            word = book.general[word]
        written.append(word)
    return written


def word_error_rate(truth: str, heard: str) -> float:
    """Return insertions, deletions and substitutions against the number of true words, without case and points."""
    true, other = (re.findall(r"[a-z'-]+", text.lower()) for text in (truth, heard))
    row = np.arange(len(other) + 1)
    for number, word in enumerate(true, start=1):
        cost = np.array([word != found for found in other], int)
        best = np.concatenate([[number], np.minimum(row[1:] + 1, row[:-1] + cost)])
        steps = np.arange(len(other) + 1)
        row = np.minimum.accumulate(best - steps) + steps
    return float(row[-1]) / max(len(true), 1)
