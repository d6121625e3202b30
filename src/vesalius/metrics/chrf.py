"""chrF and chrF++: F of character n-grams (and of short word n-grams), as sacreBLEU computes them.

Source: Popović 2015 and 2017. Characters need no tokeniser, so the score holds for any script.

Letters: N items, K orders (6 of characters, up to 2 of words), … any leading axes.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from vesalius.metrics.ngrams import TokenPairs, best_reference

__all__ = ["CHARACTER_ORDERS", "chrf", "chrf_counts"]

Floats = NDArray[np.float64]

CHARACTER_ORDERS = 6
_BETA_SQUARED = 4.0
_EPSILON = 1e-16
_BLOCK_CHARACTERS = 2**20
"""Characters whose n-grams are counted at once; more items wait for the next block."""
_MARKS = frozenset("!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~")


def chrf_counts(
    said: Sequence[str], truths: Sequence[Sequence[str]], *, word_orders: int = 0, each_order: bool = False
) -> Floats:
    """Count n-grams said, of the best reference, and matched, an order after the other, (N, 3·K).

    Args:
        said: texts as they are; spaces do not count as characters.
        truths: references of each text.
        word_orders: 0 for chrF, 2 for chrF++.
        each_order: choose the best reference as `chrf` scores with that option.
    """
    rows = [np.zeros((0, 3 * (CHARACTER_ORDERS + word_orders)))]
    sizes = [len(text) + sum(map(len, given)) for text, given in zip(said, truths, strict=True)]
    start = 0
    for stop in _blocks(sizes):
        rows.append(_counted(said[start:stop], truths[start:stop], word_orders, each_order))
        start = stop
    return np.concatenate(rows)


def chrf(sums: ArrayLike, *, each_order: bool = False) -> Floats:
    """Return chrF, 0 to 100, from sums of `chrf_counts`, (…, 3·K) → (…).

    Args:
        sums: counts of one text or of texts taken together.
        each_order: mean of the orders' F as in chrF++.py, Moses and NLTK; else F of the mean precision and recall
            over orders that both sides have.
    """
    table = np.asarray(sums, dtype=np.float64)
    said, truth, met = table[..., 0::3], table[..., 1::3], table[..., 2::3]
    precision = np.where(said > 0, met / said.clip(1), _EPSILON)
    recall = np.where(truth > 0, met / truth.clip(1), _EPSILON)
    if each_order:
        below = _BETA_SQUARED * precision + recall
        scores = (1 + _BETA_SQUARED) * precision * recall / np.where(below > 0, below, 1.0)
        mean: Floats = 100 * np.where(below > 0, scores, _EPSILON).mean(axis=-1)
        return mean
    both = (said > 0) & (truth > 0)
    orders = both.sum(axis=-1).clip(1)
    precision, recall = ((values * both).sum(axis=-1) / orders for values in (precision, recall))
    below = _BETA_SQUARED * precision + recall
    score: Floats = 100 * (1 + _BETA_SQUARED) * precision * recall / np.where(below > 0, below, 1.0)
    return score


def _counted(said: Sequence[str], truths: Sequence[Sequence[str]], word_orders: int, each_order: bool) -> Floats:
    parts = [(TokenPairs([_letters(text) for text in said], [list(map(_letters, given)) for given in truths]),
              CHARACTER_ORDERS)]  # fmt: skip
    if word_orders:
        words = TokenPairs([_words(text) for text in said], [[_words(text) for text in given] for given in truths])
        parts.append((words, word_orders))
    columns = []
    for pairs, orders in parts:
        for order in range(1, orders + 1):
            truth = np.maximum(pairs.truth_lengths - order + 1, 0)
            ours = np.maximum(pairs.said_lengths - order + 1, 0)[pairs.owner]
            columns += [np.where(truth > 0, ours, 0), truth, pairs.matches(order)]
    table = np.stack(columns, axis=1).astype(np.float64)
    return table[best_reference(chrf(table, each_order=each_order), parts[0][0].owner)]


def _letters(text: str) -> str:
    return "".join(text.split())


def _words(text: str) -> list[str]:
    """Words with the mark at their end, or else at their start, cut off: one mark a word, as sacreBLEU does."""
    words: list[str] = []
    for word in text.split():
        if len(word) > 1 and word[-1] in _MARKS:
            words += [word[:-1], word[-1]]
        elif len(word) > 1 and word[0] in _MARKS:
            words += [word[0], word[1:]]
        else:
            words.append(word)
    return words


def _blocks(sizes: Sequence[int]) -> list[int]:
    """Where blocks end: at most `_BLOCK_CHARACTERS` in one, unless one item alone has more."""
    stops: list[int] = []
    filled = 0
    for place, size in enumerate(sizes):
        if filled and filled + size > _BLOCK_CHARACTERS:
            stops.append(place)
            filled = 0
        filled += size
    return [*stops, len(sizes)] if sizes else []
