"""Word alignment of METEOR 1.5: the same beam search as its own, over all items of a block at once.

A path goes through the words of the reference from left to right and takes a match or leaves the word. Ranked are
paths by words matched, then chunks, then distance. As in the original the number of words is cut to a whole one
after each match, so only matches of weight 1 or of several words raise it, and the distance of a path also holds the
matches that it tried and left. Both decide ties, so both are kept. Matches that overlap no other are taken at once.

Letters: M matches, P paths, N items, W words of 64 bits that mark which words said are taken.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["Aligned", "Matches", "align"]

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

_BEAM = 40


@dataclass(frozen=True, kw_only=True)
class Matches:
    """Matches of phrases of a block of items, by item, place in the reference, and the order of trial."""

    item: Integers
    start: Integers
    """First word in the reference."""
    length: Integers
    other: Integers
    """First word in the text."""
    other_length: Integers
    gain: Integers
    """Whole words that the search counts, both sides."""
    worth: Floats
    """What a match adds to the sums of `Aligned`, (M, 4)."""
    definite: NDArray[np.bool_]
    """No other match touches any of its words."""


@dataclass(frozen=True, kw_only=True)
class Aligned:
    """The best alignment of each item."""

    sums: Floats
    """Weight matched in the text and the reference, words matched in the text and the reference, (N, 4)."""
    chunks: Integers
    """Runs that are adjacent on both sides, (N,)."""


@dataclass(kw_only=True)
class _Paths:
    item: Integers
    used: NDArray[np.uint64]
    matched: Integers
    chunks: Integers
    end: Integers
    """Word of the text after the last match, −1 where the last word was left."""
    distance: Integers
    following: Integers
    """First word of the reference that the path has not passed."""
    sums: Floats

    def take(self, places: NDArray[Any]) -> _Paths:
        return _Paths(**{field.name: getattr(self, field.name)[places] for field in fields(self)})

    def ranked(self) -> _Paths:
        """Sort by item and rank; of equal ones the first stays first."""
        top, most = self.matched.max(initial=0) + 1, self.chunks.max(initial=0) + 1
        far = self.distance.max(initial=0) + 1
        key = ((self.item * top + top - 1 - self.matched) * most + self.chunks) * far + self.distance
        return self.take(np.argsort(key, kind="stable"))

    def first(self, number: int) -> _Paths:
        """Keep so many paths of each item."""
        starts = np.flatnonzero(np.diff(self.item, prepend=-1))
        rank = np.arange(len(self.item)) - np.repeat(starts, np.diff(np.append(starts, len(self.item))))
        return self.take(rank < number)


def align(matches: Matches, lengths: Integers, other_lengths: Integers) -> Aligned:
    """Align a block of items.

    Args:
        matches: all matches of the block.
        lengths: words of each reference, (N,).
        other_lengths: words of each text, (N,).
    """
    number = len(lengths)
    words = int(other_lengths.max(initial=0)) // 64 + 1
    zeros = np.zeros(number, dtype=np.int64)
    paths = _Paths(
        item=np.arange(number), used=np.zeros((number, words), dtype=np.uint64), matched=zeros, chunks=zeros,
        end=zeros - 1, distance=zeros, following=zeros, sums=np.zeros((number, 4)),
    )  # fmt: skip
    sums, chunks = np.zeros((number, 4)), zeros.copy()
    taken = _bits(matches, words)
    by_place = np.argsort(matches.start, kind="stable")
    cuts = np.searchsorted(matches.start[by_place], np.arange(int(lengths.max(initial=0)) + 1))
    for place in range(int(lengths.max(initial=-1)) + 1):
        paths = paths.ranked().first(_BEAM)
        ended = lengths[paths.item] == place
        if ended.any():
            best = _closed(paths.take(ended))
            sums[best.item], chunks[best.item] = best.sums, best.chunks
            paths = paths.take(~ended)
        if place < len(cuts) - 1:
            paths = _step(paths, matches, taken, by_place[cuts[place] : cuts[place + 1]], place)
    return Aligned(sums=sums, chunks=chunks)


def _closed(paths: _Paths) -> _Paths:
    """Close the last chunk and keep the best path of each item."""
    paths.chunks = paths.chunks + (paths.end >= 0)
    return paths.ranked().first(1)


def _step(paths: _Paths, matches: Matches, taken: NDArray[np.uint64], here: Integers, place: int) -> _Paths:
    """Extend every path over one word of the reference by each match that begins here, and by leaving the word."""
    number = len(paths.item)
    first = np.searchsorted(matches.item[here], paths.item, side="left")
    found = np.searchsorted(matches.item[here], paths.item, side="right") - first
    found = np.where(paths.following > place, 0, found)
    parent = np.repeat(np.arange(number), found + 1)
    starts = np.cumsum(found + 1) - found - 1
    rank = np.arange(len(parent)) - starts[parent]
    leaves = rank == found[parent]
    chosen = here[np.where(leaves, 0, first[parent] + rank)] if len(here) else np.zeros(len(parent), dtype=np.int64)
    sure = np.zeros(len(parent), dtype=bool)
    free = np.ones(len(parent), dtype=bool)
    if len(matches.item):
        sure = matches.definite[chosen] & ~leaves
        free = leaves | ~(paths.used[parent] & taken[chosen]).any(axis=1)
    only = np.zeros(number, dtype=bool)
    only[parent[sure]] = True
    kept = free & ~(leaves & only[parent])
    tried = _tried(matches, chosen, parent, starts, free & ~leaves & ~sure) if len(matches.item) else 0
    paths = paths.take(parent)
    paths.distance = paths.distance + tried
    _leave(paths, leaves & (paths.following <= place), place)
    if len(matches.item):
        _take(paths, matches, taken, chosen, ~leaves, sure)
    return paths.take(kept)


def _tried(
    matches: Matches, chosen: Integers, parent: Integers, starts: Integers, tries: NDArray[np.bool_]
) -> Integers:
    """Distances of the matches that the same path tried before this one, which the original adds to it."""
    apart = np.where(tries, np.abs(matches.start[chosen] - matches.other[chosen]), 0)
    before = np.cumsum(apart) - apart
    out: Integers = before - before[starts][parent]
    return out


def _leave(paths: _Paths, leaves: NDArray[np.bool_], place: int) -> None:
    paths.chunks = paths.chunks + (leaves & (paths.end >= 0))
    paths.end = np.where(leaves, -1, paths.end)
    paths.following = np.where(leaves, place + 1, paths.following)


def _take(
    paths: _Paths,
    matches: Matches,
    taken: NDArray[np.uint64],
    chosen: Integers,
    takes: NDArray[np.bool_],
    sure: NDArray[np.bool_],
) -> None:
    other = matches.other[chosen]
    broken = takes & (paths.end >= 0) & (other != paths.end)
    paths.chunks = paths.chunks + broken
    paths.end = np.where(takes, other + matches.other_length[chosen], paths.end)
    paths.following = np.where(takes, matches.start[chosen] + matches.length[chosen], paths.following)
    paths.matched = paths.matched + np.where(takes, matches.gain[chosen], 0)
    paths.sums = paths.sums + np.where(takes[:, None], matches.worth[chosen], 0.0)
    paths.used = paths.used | np.where(takes[:, None], taken[chosen], np.uint64(0))
    apart = np.abs(matches.start[chosen] - other)
    paths.distance = paths.distance + np.where(sure, apart, 0)


def _bits(matches: Matches, words: int) -> NDArray[np.uint64]:
    """Words of the text that each match takes, as bits, (M, W)."""
    out = np.zeros((len(matches.item), words), dtype=np.uint64)
    for place in range(int(matches.other_length.max(initial=0))):
        rows = np.flatnonzero(matches.other_length > place)
        word = (matches.other[rows] + place).astype(np.uint64)
        out[rows, (word >> np.uint64(6)).astype(np.int64)] |= np.uint64(1) << (word & np.uint64(63))
    return out
