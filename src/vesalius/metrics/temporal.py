"""F1 of words of change: what a report says of the time before, as a set of words of a fixed list.

Source: Bannur et al. 2023 (arXiv 2301.04558) for the words, the code of Libra and RadEval for the score. These also
take entities of a clinical tagger, which can only be words of the same list that stand in the text.
"""

from __future__ import annotations

import re

__all__ = ["WORDS", "temporal_f1", "temporal_words"]

WORDS = frozenset((
    "bigger", "change", "cleared", "constant", "decrease", "decreased", "decreasing", "elevated", "elevation",
    "enlarged", "enlargement", "enlarging", "expanded", "greater", "growing", "improved", "improvement", "improving",
    "increase", "increased", "increasing", "larger", "new", "persistence", "persistent", "persisting", "progression",
    "progressive", "reduced", "removal", "resolution", "resolved", "resolving", "smaller", "stability", "stable",
    "stably", "unchanged", "unfolded", "worse", "worsen", "worsened", "worsening", "unaltered",
))  # fmt: skip
_TINY = 1e-10
"""Added by that code to counts and to the sum of precision and recall."""
_RUN = re.compile(r"[_-]+|\n+")
_WORD = re.compile(r"[^\W_]+")


def temporal_words(text: str) -> frozenset[str]:
    """Return the words of the list that stand in a text, whole and in lower case; hyphens part words."""
    return WORDS.intersection(_WORD.findall(_RUN.sub(" ", text.lower()).replace("'", "")))


def temporal_f1(written: str, reference: str) -> float:
    """Return F1 of two reports' words of change: 1 where neither has any, almost 0 where the reference has none."""
    ours, theirs = temporal_words(written), temporal_words(reference)
    if not theirs:
        return _TINY if ours else 1.0
    hits = len(ours & theirs)
    precision, recall = (hits + _TINY) / (len(ours) + _TINY), (hits + _TINY) / (len(theirs) + _TINY)
    return 2 * precision * recall / (precision + recall + _TINY)
