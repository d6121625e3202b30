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
    match: Integers
    """Match that the last word was given and the log does not have yet, −1 for none, (P,)."""
    log: Integers
    """Last entry of the log of matches taken, −1 before the first, (P,)."""
    used: Bits
    """Words of the text that are taken, (P, W)."""

    def at(self, places: Integers) -> _Paths:
        return _Paths(
            rank=self.rank[places], end=self.end[places], match=self.match[places], log=self.log[places],
            used=self.used[places],
        )  # fmt: skip


class _Log:
    """Matches that paths took, entered once the path is kept: entries that name the one before."""

    def __init__(self) -> None:
        self.parts: list[tuple[Integers, Integers]] = []
        self.size = 0

    def entered(self, paths: _Paths) -> Integers:
        """Enter the match that each path took last; returns the last entries of the paths, (P,)."""
        new = np.flatnonzero(paths.match >= 0)
        last = paths.log.copy()
        self.parts.append((last[new], paths.match[new]))
        last[new] = np.arange(self.size, self.size + len(new))
        self.size += len(new)
        return last

    def read(self, last: Integers) -> Integers:
        """Return all matches on the way to some entries."""
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
    paths = _Paths(rank=start, end=none, match=none, log=none, used=np.zeros((number, words), dtype=np.uint64))
    log, last, chunks = _Log(), none.copy(), np.zeros(number, dtype=np.int64)
    by_place = np.argsort(matches.place, kind="stable")
    most = int(lengths.max(initial=0))
    cuts = np.searchsorted(matches.place[by_place], np.arange(most + 1))
    for place in range(most + 1):
        order, item = _best(paths.rank, _BEAM)
        ended = lengths[item] == place
        if ended.any():
            final = paths.at(order[ended])
            rank = final.rank + _CHUNK * (final.end >= 0)
            first, of = _best(rank, 1)
            last[of], chunks[of] = log.entered(final.at(first)), rank[first] % _MATCHED // _CHUNK
            order, item = order[~ended], item[~ended]
        if place < most:
            here = by_place[cuts[place] : cuts[place + 1]]
            paths = paths.at(order)
            paths = _step(paths._replace(log=log.entered(paths)), item, matches, here)
    return np.concatenate([np.flatnonzero(matches.definite), log.read(last)]), chunks


def _best(rank: Integers, number: int) -> tuple[Integers, Integers]:
    """Return so many places of each item in order of rank, of equal ones the first before, and their items."""
    order = np.argsort(rank, kind="stable")
    item = rank[order] >> _ITEM
    starts = np.flatnonzero(np.diff(item, prepend=-1))
    sizes = np.diff(np.append(starts, len(item)))
    if sizes.max(initial=0) <= number:
        return order, item
    kept = np.arange(len(item)) - np.repeat(starts, sizes) < number
    return order[kept], item[kept]


def _step(paths: _Paths, item: Integers, matches: Matches, here: Integers) -> _Paths:
    """Take the paths, each of its item, over one word of the reference, which has the matches `here`."""
    found = np.bincount(matches.item[here], minlength=int(item.max(initial=0)) + 1)
    first = np.cumsum(found) - found
    sure = np.full(len(found), -1)
    alone = here[matches.definite[here]]
    sure[matches.item[alone]] = alone
    branch = ((found > 0) & (sure < 0))[item]
    moved = _moved(paths, matches, sure[item])
    if not branch.any():
        return moved._replace(match=np.full(len(item), -1))
    plain, order = np.flatnonzero(~branch), np.flatnonzero(branch)
    moved = moved.at(plain)._replace(match=np.full(len(plain), -1))
    branched = _branched(paths, order, matches, here, (first[item[order]], found[item[order]]))
    return _Paths(*(np.concatenate(parts) for parts in zip(moved, branched, strict=True)))


def _moved(paths: _Paths, matches: Matches, chosen: Integers) -> _Paths:
    """Go on by the chosen match, or leave the word where it is −1: an open chunk ends."""
    takes = chosen >= 0
    end = np.full(len(takes), -1)
    rank = paths.rank.copy()
    if takes.any():
        other = matches.other[chosen]
        rank[paths.end >= 0] += _CHUNK
        rank[takes & (paths.end == other)] -= _CHUNK
        rank -= np.where(takes, matches.gain[chosen] * _MATCHED, 0)
        sure = takes & matches.definite[chosen]
        rank += np.where(sure, np.abs(matches.place[chosen] - other), 0)
        end = np.where(takes, other + 1, -1)
    else:
        rank[paths.end >= 0] += _CHUNK
    return paths._replace(rank=rank, end=end, match=chosen)


def _branched(
    paths: _Paths,
    order: Integers,
    matches: Matches,
    here: Integers,
    spans: tuple[Integers, Integers],
) -> _Paths:
    """Extend the paths in `order` by each match of their span of `here`, and by leaving the word."""
    first, found = spans
    parent = np.repeat(np.arange(len(found)), found + 1)
    starts = np.cumsum(found + 1) - found - 1
    turn = np.arange(len(parent)) - starts[parent]
    takes = turn < found[parent]
    chosen = np.where(takes, here[np.minimum(first[parent] + turn, len(here) - 1)], -1)
    free = ~takes | ~_taken(paths.used, order[parent], matches.other[chosen])
    # The original adds the distance of a match to the path that it leaves behind, not to the one that takes it.
    tried = np.where(takes & free, np.abs(matches.place[chosen] - matches.other[chosen]), 0)
    before = np.cumsum(tried) - tried
    kept = np.flatnonzero(free)
    parent, chosen, distance = parent[kept], chosen[kept], (before - before[starts][parent])[kept]
    grown = paths.at(order[parent])
    grown = _moved(grown._replace(rank=grown.rank + distance), matches, chosen)
    rows = np.flatnonzero(chosen >= 0)
    words = matches.other[chosen[rows]].astype(np.uint64)
    grown.used[rows, words >> np.uint64(6)] |= np.uint64(1) << (words & np.uint64(63))
    return grown


def _taken(used: Bits, path: Integers, words: Integers) -> NDArray[np.bool_]:
    """Say of each path whether it has taken the word."""
    bits = words.astype(np.uint64)
    taken: NDArray[np.bool_] = (used[path, bits >> np.uint64(6)] >> (bits & np.uint64(63)) & np.uint64(1)).astype(
        bool
    )
    return taken
