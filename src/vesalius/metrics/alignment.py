"""Word alignment of METEOR 1.5: the same beam search as its own, over all items of a block at once.

A path goes through the words of the reference from left to right and takes a match or leaves the word. Ranked are
paths by words matched, then chunks, then distance. As in the original a match counts for the search as its weight
without the part after the point, so only exact ones do, and the distance of a path also holds the matches that it
tried and left. Both decide ties, so both are kept. Matches that share no word with another are taken at once.

Letters: M matches, P paths, N items, W numbers of 64 bits that mark which words said are taken.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

__all__ = ["MOST_ITEMS", "MOST_WORDS", "Matches", "align"]

Integers = NDArray[np.int64]
Bits = NDArray[np.uint64]

MOST_ITEMS, MOST_WORDS = 2048, 1000
"""Items of a block and words of a text that the rank of a path has room for."""
_BEAM = 40
_CHUNK, _MATCHED, _ITEM = 1 << 30, 1 << 40, 52
"""Parts of a path's rank: item (from that bit on), then words not matched, then chunks, then distance."""


@dataclass(frozen=True, kw_only=True)
class Matches:
    """Matches of single words of a block of items, by item, place in the reference, and order of trial, each (M,)."""

    item: Integers
    place: Integers
    """Word of the reference."""
    other: Integers
    """Word of the text."""
    gain: Integers
    """Whole words that the search counts, both sides."""
    definite: NDArray[np.bool_]
    """No other match has either of its words."""


class _Paths(NamedTuple):
    rank: Integers
    """Smaller is better; the item is its first part, (P,)."""
    end: Integers
    """Word of the text after the last match, −1 where the last word was left, (P,)."""
    log: Integers
    """Last entry of the log of matches taken, −1 before the first, (P,)."""
    used: Bits
    """Words of the text that are taken, (P, W)."""

    def at(self, places: Integers) -> _Paths:
        return _Paths(
            rank=self.rank[places], end=self.end[places], log=self.log[places], used=self.used[places]
        )  # fmt: skip


class _Log:
    """Matches that paths took: entries that name the one before."""

    def __init__(self) -> None:
        self.parts: list[tuple[Integers, Integers]] = []
        self.size = 0

    def add(self, before: Integers, match: Integers) -> Integers:
        """Enter matches behind earlier entries; returns the numbers of the new ones."""
        self.parts.append((before, match))
        self.size += len(match)
        return np.arange(self.size - len(match), self.size)

    def read(self, last: Integers) -> Integers:
        """Return all matches on the way to some entries."""
        if not self.parts:
            return np.zeros(0, dtype=np.int64)
        before, match = (np.concatenate(part) for part in zip(*self.parts, strict=True))
        found = []
        while len(last := last[last >= 0]):
            found.append(match[last])
            last = before[last]
        return np.concatenate([*found, np.zeros(0, dtype=np.int64)])


def align(matches: Matches, lengths: Integers, other_lengths: Integers) -> tuple[Integers, Integers]:
    """Return the matches of the best alignment of each item, in any order, and its chunks, (N,).

    Args:
        matches: all matches of the block.
        lengths: words of each reference, (N,), at most `MOST_WORDS` of at most `MOST_ITEMS` items.
        other_lengths: words of each text, (N,).
    """
    number = len(lengths)
    words = int(other_lengths.max(initial=0)) // 64 + 1
    none = np.full(number, -1)
    start = (np.arange(number + 1) << _ITEM)[1:] - _MATCHED
    paths = _Paths(rank=start, end=none, log=none, used=np.zeros((number, words), dtype=np.uint64))
    log, last, chunks = _Log(), none.copy(), np.zeros(number, dtype=np.int64)
    by_place = np.argsort(matches.place, kind="stable")
    most = int(lengths.max(initial=0))
    cuts = np.searchsorted(matches.place[by_place], np.arange(most + 1))
    for place in range(most + 1):
        item = paths.rank >> _ITEM
        ended = lengths[item] == place
        if ended.any():
            final = paths.at(np.flatnonzero(ended))
            rank = final.rank + _CHUNK * (final.end >= 0)
            first = _best(rank, 1)
            last[rank[first] >> _ITEM], chunks[rank[first] >> _ITEM] = (
                final.log[first],
                rank[first] % _MATCHED // _CHUNK,
            )
            paths = paths.at(np.flatnonzero(~ended))
        if place < most:
            paths = _step(paths, matches, by_place[cuts[place] : cuts[place + 1]], log)
    return np.concatenate([np.flatnonzero(matches.definite), log.read(last)]), chunks


def _best(rank: Integers, number: int) -> Integers:
    """Return so many places of each item in order of rank, of equal ones the first before."""
    order = np.argsort(rank, kind="stable")
    item = rank[order] >> _ITEM
    starts = np.flatnonzero(np.diff(item, prepend=-1))
    sizes = np.diff(np.append(starts, len(item)))
    if sizes.max(initial=0) <= number:
        return order
    return order[np.arange(len(item)) - np.repeat(starts, sizes) < number]


def _step(paths: _Paths, matches: Matches, here: Integers, log: _Log) -> _Paths:
    """Take every path over one word of the reference, which has the matches `here`, and keep the best."""
    parent, chosen, distance = _children(paths, matches, here)
    takes = chosen >= 0
    end, before = np.full(len(chosen), -1), paths.end[parent]
    rank = paths.rank[parent] + distance
    if len(matches.item):
        end = np.where(takes, matches.other[chosen], -1)
        rank -= np.where(takes, matches.gain[chosen] * _MATCHED, 0)
    # A chunk ends where the word is left and where the match is not beside the one before.
    rank += _CHUNK * ((before >= 0) & (before != end))
    best = _best(rank, _BEAM)
    parent, chosen, end = parent[best], chosen[best], end[best]
    used, entries = paths.used[parent], paths.log[parent]
    new = np.flatnonzero(chosen >= 0)
    if len(new):
        new = new[~matches.definite[chosen[new]]]
        words = matches.other[chosen[new]].astype(np.uint64)
        used[new, words >> np.uint64(6)] |= np.uint64(1) << (words & np.uint64(63))
        entries[new] = log.add(entries[new], chosen[new])
    return _Paths(rank=rank[best], end=np.where(end >= 0, end + 1, -1), log=entries, used=used)


def _children(paths: _Paths, matches: Matches, here: Integers) -> tuple[Integers, Integers, Integers]:
    """Return each way on: its path, its match or −1 for leaving the word, and the distance that is added."""
    item = paths.rank >> _ITEM
    number = int(item.max(initial=0)) + 1
    found = np.bincount(matches.item[here], minlength=number)
    first = np.cumsum(found) - found
    sure = np.full(len(found), -1)
    alone = here[matches.definite[here]]
    sure[matches.item[alone]] = alone
    found[sure >= 0] = 0
    ways = found[item] + 1
    parent = np.repeat(np.arange(len(item)), ways)
    if len(parent) == len(item):
        chosen = sure[item]
        apart = np.abs(matches.place[chosen] - matches.other[chosen]) if len(here) else 0
        return parent, chosen, np.where(chosen >= 0, apart, 0)
    starts = np.cumsum(ways) - ways
    turn = np.arange(len(parent)) - starts[parent]
    branches = turn < ways[parent] - 1
    chosen = np.where(branches, here[np.minimum(first[item][parent] + turn, len(here) - 1)], sure[item][parent])
    apart = np.where(chosen >= 0, np.abs(matches.place[chosen] - matches.other[chosen]), 0)
    free = np.ones(len(parent), dtype=bool)
    free[branches] = ~_taken(paths.used, parent[branches], matches.other[chosen[branches]])
    # The original adds the distance of a match to the path that it leaves behind, not to the one that takes it.
    tried = np.where(branches & free, apart, 0)
    before = np.cumsum(tried) - tried
    distance = before - before[starts][parent] + np.where(branches, 0, apart)
    kept = np.flatnonzero(free)
    return parent[kept], chosen[kept], distance[kept]


def _taken(used: Bits, path: Integers, words: Integers) -> NDArray[np.bool_]:
    """Say of each path whether it has taken the word."""
    bits = words.astype(np.uint64)
    taken: NDArray[np.bool_] = (used[path, bits >> np.uint64(6)] >> (bits & np.uint64(63)) & np.uint64(1)).astype(
        bool
    )
    return taken
