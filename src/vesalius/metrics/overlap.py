"""How far short texts agree by their words alone: exact match, F of words, length, and how varied texts are.

Letters: N items, R references.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from vesalius.metrics.ngrams import TokenPairs, best_reference
from vesalius.metrics.rouge import f1

__all__ = ["distinct", "exact_match", "repeated", "token_f1"]

Floats = NDArray[np.float64]


def exact_match(
    said: Sequence[str], truths: Sequence[Sequence[str]], *, normalise: Callable[[str], str] = str.strip
) -> Floats:
    """Return 1 where a text equals any of its references after `normalise`, (N,); an empty text equals nothing."""
    found = (
        bool(ours := normalise(text)) and any(ours == normalise(truth) for truth in given)
        for text, given in zip(said, truths, strict=True)
    )
    return np.fromiter(found, dtype=np.float64, count=len(said))


def token_f1(pairs: TokenPairs) -> Floats:
    """Return precision, recall and F of words as a multiset, the best reference by F, (N, 3)."""
    common = pairs.matches(1).astype(np.float64)
    precision = common / np.maximum(pairs.said_lengths[pairs.owner], 1)
    recall = common / np.maximum(pairs.truth_lengths, 1)
    table = np.stack([precision, recall, f1(precision, recall)], axis=1)
    return table[best_reference(table[:, 2], pairs.owner)]


def distinct(said: Sequence[Sequence[str]], *, order: int) -> float:
    """Return the share of different n-grams among all that were said (distinct-n of Li et al. 2016); 0 where none is.

    Of all texts together: it falls with their number, so compare sets of one size only.
    """
    grams = [tuple(tokens[place : place + order]) for tokens in said for place in range(len(tokens) - order + 1)]
    return len(set(grams)) / len(grams) if grams else 0.0


def repeated(said: Sequence[str]) -> float:
    """Return the share of texts that another item has word for word: a model that writes one report for all has 1."""
    counts: dict[str, int] = {}
    for text in said:
        counts[text] = counts.get(text, 0) + 1
    return sum(count for count in counts.values() if count > 1) / len(said) if said else 0.0
