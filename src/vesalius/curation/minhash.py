"""Near duplicates of texts: word shingles, MinHash, banded search, and the exact Jaccard of what is found.

Two sets agree in one MinHash value with the probability of their Jaccard similarity s. With b bands of r values the
chance to become a candidate is 1 - (1 - s^r)^b, the S-curve. Candidates are then compared exactly, so that what is
reported is right, and what is missed is known from the curve.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Sequence
from functools import cache
from itertools import combinations
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from vesalius.curation.text_keys import words

__all__ = ["Banding", "NearText", "banding", "jaccard", "near_texts", "s_curve", "shingles", "signature"]

_VALUES = 128
"""Length of a signature: the error of an estimated similarity is below 0.045."""
_MOST_IN_BUCKET = 1000
"""Texts that share a band with more others than these are compared with the next three alone, in order."""
Shingles = NDArray[np.uint64]
Signature = NDArray[np.uint64]


class Banding(NamedTuple):
    """How a signature is cut."""

    bands: int
    rows: int


class NearText(NamedTuple):
    """Two texts by their places, the smaller first, and their exact similarity."""

    one: int
    other: int
    jaccard: float


def shingles(text: str, *, size: int = 4) -> Shingles:
    """Return the sorted hashes of all runs of `size` normalised words; of a shorter text the whole is one run."""
    found = words(text)
    if not found:
        return np.empty(0, np.uint64)
    runs = {" ".join(found[start : start + size]) for start in range(max(1, len(found) - size + 1))}
    hashes = [int.from_bytes(hashlib.blake2b(run.encode(), digest_size=8).digest(), "little") for run in runs]
    return np.unique(np.array(hashes, np.uint64))


def jaccard(one: Shingles, other: Shingles) -> float:
    """Return the share of common shingles; 0 where both are empty, for nothing is no likeness."""
    common = len(np.intersect1d(one, other, assume_unique=True))
    union = len(one) + len(other) - common
    return common / union if union else 0.0


def signature(found: Shingles) -> Signature:
    """Return the smallest of the shingles under each of 128 permutations of the 64-bit numbers, (128,).

    A permutation is a seed added and the finaliser of SplitMix64 (Steele et al. 2014), which is a bijection.
    """
    mixed = found[None, :] + _seeds()[:, None]
    mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return np.asarray((mixed ^ (mixed >> np.uint64(31))).min(axis=1), np.uint64)


@cache
def _seeds() -> NDArray[np.uint64]:
    return np.random.default_rng(20_240_101).integers(0, 2**63, _VALUES, dtype=np.uint64)


def s_curve(similarity: float, cut: Banding) -> float:
    """Return the chance that two texts of a similarity become a candidate."""
    return float(1 - (1 - similarity**cut.rows) ** cut.bands)


@cache
def banding(threshold: float) -> Banding:
    """Return the narrowest banding that makes a pair at the threshold a candidate with a chance of at least 0.99."""
    fitting = [
        cut for rows in range(1, _VALUES + 1) if s_curve(threshold, cut := Banding(_VALUES // rows, rows)) >= 0.99
    ]
    return max(fitting, key=lambda cut: cut.rows, default=Banding(_VALUES, 1))


def near_texts(found: Sequence[Shingles], *, threshold: float, groups: Sequence[int] | None = None) -> list[NearText]:
    """Return the pairs of texts whose Jaccard similarity is at least `threshold`, sorted.

    Args:
        found: shingles of each text; an empty one is like nothing.
        threshold: 0 to 1.
        groups: only texts of different groups are compared, such as 0 of train and 1 of test; all where not given.
    """
    cut = banding(threshold)
    candidates = _candidates(found, cut, groups)
    near = [NearText(one, other, jaccard(found[one], found[other])) for one, other in sorted(candidates)]
    return [pair for pair in near if pair.jaccard >= threshold]


def _candidates(found: Sequence[Shingles], cut: Banding, groups: Sequence[int] | None) -> set[tuple[int, int]]:
    buckets: dict[tuple[int, bytes], list[int]] = defaultdict(list)
    for number, one in enumerate(found):
        if len(one):
            values = signature(one)[: cut.bands * cut.rows].reshape(cut.bands, cut.rows)
            for band, part in enumerate(values):
                buckets[band, hashlib.blake2b(part.tobytes(), digest_size=8).digest()].append(number)
    candidates: set[tuple[int, int]] = set()
    for members in buckets.values():
        candidates.update(pair for pair in _pairs(members) if groups is None or groups[pair[0]] != groups[pair[1]])
    return candidates


def _pairs(members: list[int]) -> Iterable[tuple[Any, Any]]:
    if len(members) <= _MOST_IN_BUCKET:
        return combinations(members, 2)
    return ((members[place], other) for place in range(len(members)) for other in members[place + 1 : place + 4])
