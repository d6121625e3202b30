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
_CHUNK, _MATCHED, _ITEM = 1 << 30, 1 << 40, 1 << 52
"""Parts of a path's rank: item, then words not matched, then chunks, then distance."""


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
        return _Paths(*(part[places] for part in self))

    @property
    def item(self) -> Integers:
        return self.rank // _ITEM

    def best(self, number: int) -> _Paths:
        """Keep so many paths of each item in order of rank; of equal ones the first comes first."""
        order = np.argsort(self.rank, kind="stable")
        item = self.rank[order] // _ITEM
        starts = np.flatnonzero(np.diff(item, prepend=-1))
        sizes = np.diff(np.append(starts, len(item)))
        return self.at(order[np.arange(len(item)) - np.repeat(starts, sizes) < number])


class _Log:
    """Matches that paths took: entries that name the one before."""

    def __init__(self) -> None:
        self.parts: list[tuple[Integers, Integers]] = []
        self.size = 0

    def add(self, before: Integers, match: Integers) -> Integers:
        """Add an entry for each match taken; returns their numbers."""
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
    start = np.arange(number) * _ITEM + (_ITEM - _MATCHED)
    paths = _Paths(rank=start, end=none, log=none, used=np.zeros((number, words), dtype=np.uint64))
    log, last, chunks = _Log(), none.copy(), np.zeros(number, dtype=np.int64)
    by_place = np.argsort(matches.place, kind="stable")
    most = int(lengths.max(initial=0))
    cuts = np.searchsorted(matches.place[by_place], np.arange(most + 1))
    for place in range(most + 1):
        paths = paths.best(_BEAM)
        ended = lengths[paths.item] == place
        if ended.any():
            final = paths.at(np.flatnonzero(ended))
            final = final._replace(rank=final.rank + _CHUNK * (final.end >= 0)).best(1)
            last[final.item], chunks[final.item] = final.log, final.rank % _MATCHED // _CHUNK
            paths = paths.at(np.flatnonzero(~ended))
        if place < most:
            paths = _step(paths, matches, by_place[cuts[place] : cuts[place + 1]], log)
    return log.read(last), chunks


def _step(paths: _Paths, matches: Matches, here: Integers, log: _Log) -> _Paths:
    """Extend every path over one word of the reference by each match it has there, and by leaving the word."""
    item = paths.item
    first = np.searchsorted(matches.item[here], item, side="left")
    found = np.searchsorted(matches.item[here], item, side="right") - first
    parent = np.repeat(np.arange(len(item)), found + 1)
    starts = np.cumsum(found + 1) - found - 1
    turn = np.arange(len(parent)) - starts[parent]
    takes = turn < found[parent]
    chosen = np.full(len(parent), -1)
    chosen[takes] = here[(first[parent] + turn)[takes]]
    if not takes.any():
        return _left(paths)
    free = ~takes
    free[takes] = ~_taken(paths.used[parent[takes]], matches.other[chosen[takes]])
    sure = takes & matches.definite[chosen]
    apart = np.where(takes, np.abs(matches.place[chosen] - matches.other[chosen]), 0)
    tried = np.where(free & ~sure, apart, 0)
    before = np.cumsum(tried) - tried
    distance = before - before[starts][parent] + np.where(sure, apart, 0)
    only = np.zeros(len(item), dtype=bool)
    only[parent[sure]] = True
    kept = np.flatnonzero(free & (takes | ~only[parent]))
    grown = paths.at(parent[kept])
    return _grown(grown._replace(rank=grown.rank + distance[kept]), matches, chosen[kept], log)


def _left(paths: _Paths) -> _Paths:
    """Leave the word on every path: an open chunk ends."""
    return paths._replace(rank=paths.rank + _CHUNK * (paths.end >= 0), end=np.full(len(paths.end), -1))


def _grown(paths: _Paths, matches: Matches, chosen: Integers, log: _Log) -> _Paths:
    """Take the chosen match, or leave the word where it is −1."""
    takes = chosen >= 0
    other = np.where(takes, matches.other[chosen], -1)
    rank = paths.rank + _CHUNK * ((paths.end >= 0) & (other != paths.end))
    rank -= np.where(takes, matches.gain[chosen] * _MATCHED, 0)
    entries = paths.log.copy()
    entries[takes] = log.add(paths.log[takes], chosen[takes])
    rows, words = np.flatnonzero(takes), other[takes].astype(np.uint64)
    paths.used[rows, words >> np.uint64(6)] |= np.uint64(1) << (words & np.uint64(63))
    return _Paths(rank=rank, end=np.where(takes, other + 1, -1), log=entries, used=paths.used)


def _taken(used: Bits, words: Integers) -> NDArray[np.bool_]:
    bits = words.astype(np.uint64)
    row = used[np.arange(len(words)), bits >> np.uint64(6)]
    taken: NDArray[np.bool_] = (row >> (bits & np.uint64(63)) & np.uint64(1)).astype(bool)
    return taken
