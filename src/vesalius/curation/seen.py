"""What comparison of pictures needs, remembered of each: hashes and 128 × 128 grey levels, 16 kB a picture."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import partial
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from vesalius.curation.alignment import SIDE, agreement, descriptor
from vesalius.curation.base import Files, Spread
from vesalius.curation.hashes import dhash, hamming, phash, within
from vesalius.curation.pictures import Grey, grey, opened, pixel_hash, reduced
from vesalius.curation.vectors import near_vectors
from vesalius.data.records import Study

__all__ = ["AGREEMENT", "BITS", "Candidate", "Look", "Seen", "look", "look_at", "near_pictures"]

BITS = 2
"""Bits of 64 by which the pHash or dHash of a copy may differ. Films of one kind often hash within a few bits of
each other, so hashes alone name few candidates; the descriptors name the others."""
AGREEMENT = 0.85
"""Agreement of fine detail from which two pictures are one."""
_COSINE = 0.5
"""Of descriptors, from which two pictures are candidates."""
_SHARED = ((64, 4), (16, 1), (0, 0))
"""Directions in which all pictures of a corpus differ most, and that are taken out of descriptors, by how many
pictures there are at least: what all have in common tells nobody apart."""
_SAMPLE = 1000
_COPY = 0.85
"""Cosine of descriptors as they are from which a picture of the sample may be a copy of another."""


class Look(NamedTuple):
    """One picture."""

    phash: int
    dhash: int
    pixels: str
    """SHA-256 of the samples."""
    small: NDArray[np.uint8]
    """(128, 128), its darkest 0 and its brightest 255."""


class Candidate(NamedTuple):
    """Two pictures by their places that are taken for one."""

    one: int
    other: int
    bits: int
    """The smaller of the distances of both hashes."""
    agreement: float


@dataclass(kw_only=True)
class Seen:
    """Pictures in the order in which they were seen."""

    of: list[tuple[str, str]] = field(default_factory=list)
    """Study and image of each."""
    looks: list[Look] = field(default_factory=list)

    def hashes(self, name: str) -> NDArray[np.uint64]:
        """Return the hashes called "phash" or "dhash", (n,)."""
        return np.array([getattr(one, name) for one in self.looks], np.uint64)


def look_at(picture: Grey, *, pixels: str = "") -> Look:
    """Remember a picture (rows, columns)."""
    shrunk = reduced(picture, SIDE, SIDE)
    low, high = float(shrunk.min()), float(shrunk.max())
    small = np.asarray(np.round((shrunk - low) / max(high - low, 1e-6) * 255), np.uint8)
    return Look(phash(picture), dhash(picture), pixels, small)


def look(studies: Iterable[Study], files: Files, *, spread: Spread = map) -> Seen:
    """Open every image of the studies once and remember it; `spread` may do so in processes or on Ray."""
    seen = Seen()
    for found in spread(partial(_looks, files), studies):
        for of, one in found:
            seen.of.append(of)
            seen.looks.append(one)
    return seen


def _looks(files: Files, study: Study) -> list[tuple[tuple[str, str], Look]]:
    found = []
    for image in study.images:
        pixels = opened(files.path(image.path), image)
        found.append(((study.id, image.id), look_at(grey(pixels), pixels=pixel_hash(pixels))))
    return found


def near_pictures(
    first: Seen, second: Seen | None = None, *, bits: int = BITS, least: float = AGREEMENT
) -> list[Candidate]:
    """Return the pairs of pictures that are one, within `first` or between both, sorted by place.

    Hashes and descriptors name the candidates; each is confirmed by the agreement of fine detail. Pictures of one
    grey level have no detail and are like nothing.
    """
    candidates: set[tuple[int, int]] = set()
    for name in ("phash", "dhash"):
        found = within(first.hashes(name), None if second is None else second.hashes(name), bits=bits)
        candidates.update((one, other) for one, other, _ in found.tolist())
    candidates |= _alike(first, second)
    others = first if second is None else second
    kept = []
    for one, other in sorted(candidates):
        mine, theirs = first.looks[one], others.looks[other]
        agreed = agreement(_levels(mine), _levels(theirs))
        if agreed >= least:
            apart = min(hamming(mine.phash, theirs.phash), hamming(mine.dhash, theirs.dhash))
            kept.append(Candidate(one, other, int(apart), agreed))
    return kept


def _levels(one: Look) -> Grey:
    return one.small.astype(np.float32) / np.float32(255)


def _alike(first: Seen, second: Seen | None) -> set[tuple[int, int]]:
    """Return the pairs whose descriptors are near after what all pictures share is taken out."""
    looks = [*first.looks, *(second.looks if second else ())]
    if not looks:
        return set()
    table = np.stack([descriptor(_levels(one)) for one in looks])
    table = _without_shared(table)
    usable = np.flatnonzero(np.linalg.norm(table, axis=1) > 1e-3)
    mine = usable[usable < len(first.looks)]
    theirs = usable[usable >= len(first.looks)]
    if not len(mine) or (second is not None and not len(theirs)):
        return set()
    near = near_vectors(table[mine], None if second is None else table[theirs], cosine=_COSINE).pairs
    columns = mine if second is None else theirs - len(first.looks)
    return set(zip(mine[near[:, 0]].tolist(), columns[near[:, 1]].tolist(), strict=True))


def _without_shared(table: NDArray[np.float32]) -> NDArray[np.float32]:
    """Take the leading directions of an even sample of different pictures out of unit vectors (n, d).

    Copies are left out of the sample: a film that is there many times would be a leading direction by itself, and
    taking it out would hide it.
    """
    sample = _different(table[:: max(1, len(table) // _SAMPLE)])
    number = next(directions for least, directions in _SHARED if len(sample) >= least)
    if not number:
        return table
    lengths, turned = np.linalg.eigh(sample @ sample.T)
    leading = turned[:, -number:] / np.sqrt(np.maximum(lengths[-number:], 1e-12))
    axes = (sample.T @ leading).astype(np.float32)
    return np.asarray(table - (table @ axes) @ axes.T, np.float32)


def _different(sample: NDArray[np.float32]) -> NDArray[np.float64]:
    """Return the vectors of which none before is a copy."""
    cosines = sample @ sample.T
    kept: list[int] = []
    for place in range(len(sample)):
        if not kept or cosines[place, kept].max() <= _COPY:
            kept.append(place)
    return sample[kept].astype(np.float64)
