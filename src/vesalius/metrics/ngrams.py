"""N-grams of texts and of their references, counted for all items at once.

Tokens become numbers, an n-gram the number of its (n−1)-gram and its last token; counts and matches are sorts and
searches of whole arrays. BLEU, ROUGE-N, CIDEr and chrF are sums over what stands here.

Letters: N items, R references (at least one an item).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import chain
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vesalius.errors import DataError

__all__ = ["Floats", "Integers", "NGrams", "TokenPairs", "best_reference", "one_reference", "references_of",
           "summed"]  # fmt: skip

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]


_MOST_KEYS = 2**62
"""Numbers of n-grams and texts together stay below this; where they would not, n-grams are numbered anew."""


@dataclass(frozen=True, kw_only=True)
class NGrams:
    """N-grams of one order: how often each stands in an item's text and in each of its references."""

    said_item: Integers
    """Item of each different n-gram that was said, ascending."""
    said_gram: Integers
    said_count: Integers
    truth: Integers
    """Reference of each different n-gram of a reference, ascending."""
    truth_gram: Integers
    truth_count: Integers
    met: Integers
    """How often the n-gram of the reference stands in the text of its item."""
    num_grams: int
    """Every number of an n-gram is smaller than this; not every number has one."""


class TokenPairs:
    """What was said, item by item, beside the references of each item.

    Args:
        said: tokens of each text, N.
        truths: references of each item, N; each a list of tokens, or several such lists.

    Raises:
        DataError: lengths differ, or an item has no reference.
    """

    def __init__(self, said: Sequence[Sequence[str]], truths: Sequence[Sequence[Sequence[str]]]) -> None:
        if len(said) != len(truths):
            raise DataError(f"{len(said)} texts and {len(truths)} references; each text needs one")
        bare = next((place for place, given in enumerate(truths) if not len(given)), None)
        if bare is not None:
            raise DataError(f"item {bare} has no reference; leave it out or give it one")
        self.said = said
        self.truths = [tokens for given in truths for tokens in given]
        self.owner = np.repeat(np.arange(len(said)), [len(given) for given in truths])
        """Item of each reference, (R,)."""
        self._orders: dict[int, NGrams] = {}
        self._begun: dict[int, tuple[Integers, Integers, int]] = {}

    @property
    def num_items(self) -> int:
        """Items N."""
        return len(self.said)

    @cached_property
    def said_lengths(self) -> Integers:
        """Tokens of each text, (N,)."""
        return np.fromiter(map(len, self.said), dtype=np.int64, count=len(self.said))

    @cached_property
    def truth_lengths(self) -> Integers:
        """Tokens of each reference, (R,)."""
        return np.fromiter(map(len, self.truths), dtype=np.int64, count=len(self.truths))

    @cached_property
    def numbers(self) -> Integers:
        """Tokens of all texts and then of all references as numbers, flat."""
        vocabulary: defaultdict[str, int] = defaultdict()
        vocabulary.default_factory = vocabulary.__len__
        tokens = chain.from_iterable(chain(self.said, self.truths))
        total = int(self.said_lengths.sum() + self.truth_lengths.sum())
        return np.fromiter(map(vocabulary.__getitem__, tokens), dtype=np.int64, count=total)

    def pairs(self) -> list[tuple[list[int], list[int]]]:
        """Return numbers of the text and of the reference for every reference, R."""
        cuts = np.cumsum(np.concatenate([self.said_lengths, self.truth_lengths]))
        texts = [part.tolist() for part in np.split(self.numbers, cuts)[:-1]]
        said, truths = texts[: self.num_items], texts[self.num_items :]
        return [(said[item], truth) for item, truth in zip(self.owner.tolist(), truths, strict=True)]

    def ngrams(self, order: int) -> NGrams:
        """Count n-grams of an order; computed once."""
        if order not in self._orders:
            self._orders[order] = self._count(order)
        return self._orders[order]

    def matches(self, order: int) -> Integers:
        """Return clipped matches of each reference with its text, (R,)."""
        grams = self.ngrams(order)
        return summed(grams.truth, np.minimum(grams.met, grams.truth_count), len(self.truths)).astype(np.int64)

    def clipped(self, order: int) -> Integers:
        """Return matches of each text clipped by the largest count in any of its references, (N,)."""
        if len(self.truths) == self.num_items:
            return self.matches(order)
        grams = self.ngrams(order)
        met = grams.met > 0
        keys = self.owner[grams.truth[met]] * grams.num_grams + grams.truth_gram[met]
        by_key = np.argsort(keys, kind="stable")
        starts = np.flatnonzero(np.diff(keys[by_key], prepend=-1))
        least = np.minimum(grams.met[met], grams.truth_count[met])[by_key]
        most = np.maximum.reduceat(least, starts) if len(starts) else least
        items = self.owner[grams.truth[met]][by_key][starts]
        return summed(items, most, self.num_items).astype(np.int64)

    def closest_lengths(self) -> Integers:
        """Return the reference length nearest to the text's, the shorter of two as near, (N,)."""
        apart = np.abs(self.truth_lengths - self.said_lengths[self.owner])
        order = np.lexsort((self.truth_lengths, apart, self.owner))
        first = np.flatnonzero(np.diff(self.owner[order], prepend=-1))
        return self.truth_lengths[order][first]

    def _grams(self, order: int) -> tuple[Integers, Integers, int]:
        """Number of the n-gram that begins at each place, the places, and a number above all of them."""
        if order not in self._begun:
            self._begun[order] = self._numbered(order)
        return self._begun[order]

    def _numbered(self, order: int) -> tuple[Integers, Integers, int]:
        lengths = np.concatenate([self.said_lengths, self.truth_lengths])
        left = np.repeat(np.cumsum(lengths), lengths) - np.arange(len(self.numbers))
        places = np.flatnonzero(left >= order)
        vocabulary = int(self.numbers.max(initial=-1)) + 1
        if order == 1:
            return self.numbers, places, vocabulary
        shorter, before, number = self._grams(order - 1)
        full = np.zeros(len(self.numbers), dtype=np.int64)
        full[before] = shorter
        keys = full[places] * vocabulary + self.numbers[places + order - 1]
        if number * vocabulary * max(len(lengths), 1) < _MOST_KEYS:
            return keys, places, number * vocabulary
        different, grams = np.unique(keys, return_inverse=True)
        return grams, places, len(different)

    def _count(self, order: int) -> NGrams:
        grams, places, num_grams = self._grams(order)
        lengths = np.concatenate([self.said_lengths, self.truth_lengths])
        text = np.repeat(np.arange(len(lengths)), lengths)[places]
        keys, counts = np.unique(text * max(num_grams, 1) + grams, return_counts=True)
        text, gram = np.divmod(keys, max(num_grams, 1))
        cut = int(np.searchsorted(text, self.num_items))
        truth = text[cut:] - self.num_items
        wanted = self.owner[truth] * num_grams + gram[cut:]
        met = _looked_up(keys[:cut], counts[:cut], wanted)
        return NGrams(
            said_item=text[:cut], said_gram=gram[:cut], said_count=counts[:cut], truth=truth, truth_gram=gram[cut:],
            truth_count=counts[cut:], met=met, num_grams=num_grams,
        )  # fmt: skip


def one_reference(said: Sequence[Sequence[str]], truths: Sequence[Sequence[str]]) -> TokenPairs:
    """Lay texts beside one reference each."""
    return TokenPairs(said, [(truth,) for truth in truths])


def references_of(truths: Sequence[str | Sequence[str]]) -> list[tuple[str, ...]]:
    """Return the references of each item as a tuple, where a text alone is one reference.

    Raises:
        DataError: an item has no reference, or one without a word; names the item.
    """
    given = [(truth,) if isinstance(truth, str) else tuple(truth) for truth in truths]
    for place, texts in enumerate(given):
        if not texts or any(not text.strip() for text in texts):
            what = "has no reference" if not texts else "has an empty reference"
            raise DataError(f"item {place} {what}: nothing can be compared with it; leave the item out")
    return given


def best_reference(scores: Floats, owner: NDArray[Any]) -> Integers:
    """Return the place of the best reference of each item, the first of equal ones, (N,); `owner` ascends."""
    order = np.lexsort((np.arange(len(scores)), -scores, owner))
    return order[np.flatnonzero(np.diff(owner[order], prepend=-1))]


def _looked_up(keys: Integers, counts: Integers, wanted: Integers) -> Integers:
    """Return the count of each wanted key, 0 where it is not there; keys ascend."""
    if not len(keys):
        return np.zeros(len(wanted), dtype=np.int64)
    place = np.minimum(np.searchsorted(keys, wanted), len(keys) - 1)
    return np.where(keys[place] == wanted, counts[place], 0)


def summed(places: Integers, values: NDArray[Any], number: int) -> Floats:
    """Sum values by place, (number,)."""
    return np.bincount(places, weights=values, minlength=number).astype(np.float64)
