"""Words of the texts: the most frequent ones, and those that set one part apart.

A word's distinction is the z-score of its log-odds between a part and the rest, shrunk towards all texts (Monroe et
al. 2008, "Fightin' Words", equation 22).
"""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Mapping
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from vesalius.data.records import Study

__all__ = ["Term", "TermCount", "Terms", "distinctive"]

_WORD = re.compile(r"[^\W\d_](?:[\w'’-]*[^\W_])?")
_MOST_STUDIES = 20_000
_PRIOR = 500.0
"""Words of all texts together that the prior of a part is worth."""


class Term(NamedTuple):
    """A word and what is told of it."""

    word: str
    times: int
    score: float


class Terms(NamedTuple):
    """Words of a sample of studies."""

    studies: int
    """That were read."""
    by_part: Mapping[str, Counter[str]]
    """Word counts by part of the split; one part "" where there is none."""

    @property
    def together(self) -> Counter[str]:
        """Word counts of all parts."""
        return sum(self.by_part.values(), Counter())


class TermCount:
    """Counts words and pairs of neighbours in the texts of at most 20 000 studies, drawn evenly by their names."""

    def __init__(self, total: int) -> None:
        """Begin; `total` is the number of studies that will pass."""
        self._share = min(1.0, _MOST_STUDIES / max(total, 1))
        self._counts: dict[str, Counter[str]] = {}
        self._studies = 0

    def add(self, study: Study, part: str) -> None:
        """Count the words of a study of a part of the split, where it is drawn."""
        if self._share < 1 and _draw(study.id) >= self._share:
            return
        self._studies += 1
        words = [word.casefold() for text in study.texts for word in _WORD.findall(text.text)]
        pairs = [f"{one} {other}" for one, other in pairwise(words)]
        self._counts.setdefault(part, Counter()).update([*words, *pairs])

    @property
    def terms(self) -> Terms:
        """What was counted."""
        return Terms(self._studies, self._counts)


def distinctive(terms: Terms, part: str, *, number: int = 15) -> list[Term]:
    """Return the words that are most typical of a part beside all other parts."""
    everywhere = terms.together
    here = terms.by_part[part]
    elsewhere = everywhere - here
    if not here.total() or not elsewhere.total():
        return []
    words = [word for word, count in everywhere.items() if count >= 10]
    prior = np.array([everywhere[word] for word in words]) * _PRIOR / everywhere.total()
    ours = np.array([here[word] for word in words]) + prior
    theirs = np.array([elsewhere[word] for word in words]) + prior
    odds = _log_odds(ours, here.total() + _PRIOR) - _log_odds(theirs, elsewhere.total() + _PRIOR)
    scores = odds / np.sqrt(1 / ours + 1 / theirs)
    best = np.argsort(-scores, kind="stable")[:number]
    return [Term(words[place], here[words[place]], float(scores[place])) for place in best]


def _log_odds(count: np.ndarray, total: float) -> np.ndarray:
    return np.asarray(np.log(count) - np.log(total - count))


def _draw(name: str) -> float:
    """Return a number from 0 to 1 that depends on the name alone."""
    return int.from_bytes(hashlib.blake2b(name.encode(), digest_size=8).digest()) / 2**64
