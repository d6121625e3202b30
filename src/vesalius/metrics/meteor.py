"""METEOR 1.5: words aligned exactly, then by stem, then by synonyms and paraphrases where they are given.

Source: Denkowski and Lavie 2014, with the English parameters of the released program. Without its data the score is
``meteor_es`` (exact and stem), equal to the program with ``-l en -norm -m "exact stem"``. Function words weigh a
third of others, ``no`` among them, so METEOR hardly sees a lost negation.

Letters: N items, R references, … any leading axes.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache
from itertools import chain
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from vesalius.metrics.alignment import MOST_WORDS, Matches, align
from vesalius.metrics.ngrams import TokenPairs, best_reference
from vesalius.metrics.stems import snowball

__all__ = ["FUNCTION_WORDS", "meteor", "meteor_counts", "meteor_words"]

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

FUNCTION_WORDS = frozenset(
    re.findall(
        r"\S+",
        """
        's 't a about after all also an and are as at be been but by can could first for from had has have he her his
        i if in into is it its last more new no not of on one or other out over people s said she so some than that
        the their there they this time to two up was we were what when which who will with would year years you
        " $ ' ( ) , - -- . : ? — ’ “ ” -lrb- -rrb-
        """,
    )
)
"""English words and marks that weigh 1 − delta."""
_ALPHA, _BETA, _GAMMA, _DELTA = 0.85, 0.20, 0.60, 0.75
_STAGES = (1.0, 0.6)
"""Weight of an exact match and of equal stems."""
_BLOCK_ITEMS, _BLOCK_PAIRS = 128, 2**20
"""References, and words said times words of the reference, that are aligned at once."""
_KEEPS_POINT = frozenset(("v", "vs", "rev"))
_CUTS = tuple(
    (re.compile(pattern), new)
    for pattern, new in (
        (r"([^\w\s.'`,\-‘’]|_)", r" \1 "),
        (r"\.{2,}", r" \g<0> "),
        (r"(?<!\d),|,(?!\d)", " , "),
        (r"[`‘’]", "'"),
        (r"[“”]|''", ' " '),
        (r"–|--", "-"),
        (r"([^\W_]|\.)-([^\W_])", r"\1 \2"),
        (r"([\W\d_])'([\W\d_])", r"\1 ' \2"),
        (r"([\W_])'([^\W\d_])", r"\1 ' \2"),
        (r"([^\W\d_])'([\W\d_])", r"\1 ' \2"),
        (r"([^\W\d_])'([^\W\d_])", r"\1 '\2"),
        (r"(\d)'(s)", r"\1 '\2"),
    )
)


def meteor_words(text: str) -> list[str]:
    """Cut a lower-case text as the program's normaliser does: marks apart, hyphens gone, ``'s`` as two words."""
    words = list(chain.from_iterable(map(_piece, text.lower().split())))
    if not any(word[-1] == "." for word in words):
        return words
    out: list[str] = []
    for word, following in zip(words, [*words[1:], ""], strict=False):
        stem = word[:-1]
        if not word.endswith(".") or not stem.strip("."):
            out.append(word)
        elif "." in stem and re.search(r"[^\W\d_]", stem):
            out.append(word.replace(".", ""))
        elif stem in _KEEPS_POINT or following[:1].islower():
            out.append(word)
        else:
            out += [stem, "."]
    return out


def meteor_counts(said: Sequence[str], truths: Sequence[Sequence[str]]) -> Floats:
    """Align each text with its best reference and count, (N, 6).

    Columns: weight matched in the text and in the reference, weight of the text and of the reference, words matched,
    chunks (0 where all is matched in one). Words after the first 1000 of a text match nothing but have weight.

    Args:
        said: texts, such as Penn-Treebank words joined by spaces.
        truths: references of each text.
    """
    words = [meteor_words(text) for text in said]
    pairs = TokenPairs(words, [[meteor_words(text) for text in given] for given in truths])
    if not pairs.truths:
        return np.zeros((0, 6))
    vocabulary = _Vocabulary(pairs)
    order = np.argsort(np.minimum(pairs.truth_lengths, MOST_WORDS), kind="stable")
    table = np.zeros((len(pairs.truths), 6))
    for rows in _blocks(pairs, order):
        table[rows] = vocabulary.counted(rows)
    return table[best_reference(meteor(table), pairs.owner)]


def _blocks(pairs: TokenPairs, order: Integers) -> list[Integers]:
    """Cut references in an order so that a block has few items and few pairs of words."""
    said, truth = (
        np.minimum(lengths, MOST_WORDS) for lengths in (pairs.said_lengths[pairs.owner], pairs.truth_lengths)
    )
    starts, pairs_of_words = [0], 0
    for place, size in enumerate((said * truth)[order].tolist()):
        pairs_of_words += size
        if place - starts[-1] == _BLOCK_ITEMS or (place > starts[-1] and pairs_of_words > _BLOCK_PAIRS):
            starts.append(place)
            pairs_of_words = size
    return np.split(order, starts[1:])


def meteor(sums: ArrayLike) -> Floats:
    """Return METEOR, 0 to 1, from sums of `meteor_counts`, (…, 6) → (…).

    F = PR / (αP + (1 − α)R), less the share γ (chunks / matches)^β of it.
    """
    table = np.asarray(sums, dtype=np.float64)
    matched_said, matched, said, truth, words, chunks = np.moveaxis(table, -1, 0)
    precision = matched_said / np.where(said > 0, said, 1.0)
    recall = matched / np.where(truth > 0, truth, 1.0)
    below = _ALPHA * precision + (1 - _ALPHA) * recall
    mean = precision * recall / np.where(below > 0, below, 1.0)
    penalty = _GAMMA * (chunks / np.where(words > 0, words, 1.0)) ** _BETA
    score: Floats = np.maximum(mean * (1 - penalty), 0.0)
    return score


class _Vocabulary:
    """Numbers, stems and weights of the words of all texts, and the matches between them."""

    def __init__(self, pairs: TokenPairs) -> None:
        self.pairs = pairs
        self.lengths = np.concatenate([pairs.said_lengths, pairs.truth_lengths])
        self.begins = np.cumsum(self.lengths) - self.lengths
        words = [""] * (int(pairs.numbers.max(initial=-1)) + 1)
        for number, word in zip(pairs.numbers.tolist(), chain(*pairs.said, *pairs.truths), strict=True):
            words[number] = word
        self.weight = np.array([1 - _DELTA if word in FUNCTION_WORDS else _DELTA for word in words])
        text = np.repeat(np.arange(len(self.lengths)), self.lengths)
        self.total = np.bincount(text, weights=self.weight[pairs.numbers], minlength=len(self.lengths))
        stems: dict[str, int] = {}
        self.stem = np.array([stems.setdefault(snowball(word), len(stems)) for word in words], dtype=np.int64)

    def counted(self, rows: Integers) -> Floats:
        """Counts of some of the references beside their texts, (n, 6)."""
        texts, truths = self.pairs.owner[rows], rows + self.pairs.num_items
        said, truth = self._laid(texts), self._laid(truths)
        matches, words, weight = self._matches(said, truth, len(rows))
        taken, chunks = align(matches, truth.lengths, said.lengths)
        sums = [
            np.bincount(matches.item[taken], weights=values[taken], minlength=len(rows))
            for values in (weight * self.weight[words[0]], weight * self.weight[words[1]], np.ones(len(weight)))
        ]
        whole = (sums[2] == self.lengths[texts]) & (sums[2] == self.lengths[truths]) & (chunks == 1)
        columns = [*sums[:2], self.total[texts], self.total[truths], sums[2], np.where(whole, 0, chunks)]
        return np.stack(columns, axis=1)

    def _laid(self, texts: Integers) -> _Laid:
        lengths = np.minimum(self.lengths[texts], MOST_WORDS)
        item = np.repeat(np.arange(len(texts)), lengths)
        place = np.arange(len(item)) - np.repeat(np.cumsum(lengths) - lengths, lengths)
        return _Laid(
            words=self.pairs.numbers[self.begins[texts][item] + place], item=item, place=place, lengths=lengths
        )

    def _matches(self, said: _Laid, truth: _Laid, items: int) -> tuple[Matches, tuple[Integers, Integers], Floats]:
        """Exact matches of each word of the reference, then equal stems; equal texts have only exact ones.

        Beside them the words matched, said and of the reference, and the weights of the matches.
        """
        same = self._same(said, truth, items)
        found = []
        for stage, numbers in enumerate((np.arange(len(self.weight)), self.stem)):
            one, other = _joined(numbers[said.words], said.item, numbers[truth.words], truth.item)
            if stage:
                new = (said.words[one] != truth.words[other]) & ~same[truth.item[other]]
                one, other = one[new], other[new]
            found.append((one, other, np.full(len(one), _STAGES[stage])))
        one, other, weight = (np.concatenate(parts) for parts in zip(*found, strict=True))
        order = np.argsort(other, kind="stable")
        one, other, weight = one[order], other[order], weight[order]
        alone = (np.bincount(one, minlength=len(said.words))[one] == 1) & (
            np.bincount(other, minlength=len(truth.words))[other] == 1
        )
        matches = Matches(
            item=truth.item[other], place=truth.place[other], other=said.place[one],
            gain=2 * np.floor(weight).astype(np.int64), definite=alone,
        )  # fmt: skip
        return matches, (said.words[one], truth.words[other]), weight

    @staticmethod
    def _same(said: _Laid, truth: _Laid, items: int) -> NDArray[np.bool_]:
        same = said.lengths == truth.lengths
        ours, theirs = same[said.item], same[truth.item]
        differ = said.words[ours] != truth.words[theirs]
        equal: NDArray[np.bool_] = np.bincount(said.item[ours], weights=differ, minlength=items) == 0
        whole: NDArray[np.bool_] = same & equal
        return whole


class _Laid(NamedTuple):
    """Words of a block of texts, flat, with their item and place."""

    words: Integers
    item: Integers
    place: Integers
    lengths: Integers


def _joined(ours: Integers, item: Integers, theirs: Integers, other_item: Integers) -> tuple[Integers, Integers]:
    """Return places of equal keys of one item, ordered by the second side and then by the first."""
    top = int(max(ours.max(initial=0), theirs.max(initial=0))) + 1
    keys, wanted = item * top + ours, other_item * top + theirs
    order = np.argsort(keys, kind="stable")
    ordered = keys[order]
    first = np.searchsorted(ordered, wanted, side="left")
    found = np.searchsorted(ordered, wanted, side="right") - first
    second = np.repeat(np.arange(len(wanted)), found)
    rank = np.arange(len(second)) - np.repeat(np.cumsum(found) - found, found)
    return order[first[second] + rank], second


@lru_cache(maxsize=65536)
def _piece(piece: str) -> tuple[str, ...]:
    """Cut what stands between spaces: no rule but that of points looks further than one character."""
    line = f" {piece} "
    for pattern, new in _CUTS:
        line = pattern.sub(new, line)
    return tuple(line.split())
