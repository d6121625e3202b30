"""Lexical search of passages by BM25 (Robertson and Zaragoza 2009), small and deterministic."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple, Protocol

from vesalius.curation.text_keys import words

__all__ = ["Hit", "Knowledge", "Passages"]


class Hit(NamedTuple):
    """A passage that was found."""

    text: str
    score: float


class Knowledge(Protocol):
    """Anything that finds passages for a query."""

    def search(self, query: str, *, top: int) -> list[Hit]:
        """Return the best passages, the best first."""
        ...


class Passages:
    """Passages held in memory; `k1` and `b` are the usual ones of BM25."""

    def __init__(self, texts: Sequence[str], *, k1: float = 1.2, b: float = 0.75) -> None:
        self.texts = tuple(texts)
        self.k1, self.b = k1, b
        self._counts = [Counter(words(text)) for text in self.texts]
        self._lengths = [counts.total() for counts in self._counts]
        self._mean = sum(self._lengths) / max(1, len(self._lengths))
        holders = Counter(word for counts in self._counts for word in counts)
        total = len(self.texts)
        self._rarity = {word: math.log(1 + (total - n + 0.5) / (n + 0.5)) for word, n in holders.items()}

    def search(self, query: str, *, top: int) -> list[Hit]:
        """Return at most `top` passages that share a word with the query; of equal ones the earlier first."""
        asked = words(query)
        scores = [self._score(asked, place) for place in range(len(self.texts))]
        order = sorted(range(len(scores)), key=lambda place: (-scores[place], place))
        return [Hit(self.texts[place], scores[place]) for place in order[:top] if scores[place] > 0]

    def _score(self, asked: Sequence[str], place: int) -> float:
        counts, length = self._counts[place], self._lengths[place]
        norm = self.k1 * (1 - self.b + self.b * length / self._mean)
        return sum(self._rarity[word] * counts[word] * (self.k1 + 1) / (counts[word] + norm)
                   for word in asked if word in counts)  # fmt: skip
