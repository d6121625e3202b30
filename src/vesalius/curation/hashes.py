"""Perceptual hashes by their definitions, and all pairs within a number of bits.

pHash: the picture in grey, 32 × 32 by area averages, DCT-II, the coefficients of rows and columns 1 to 8 (constant
row and column left out), a bit where one is above their median: 64 bits. dHash: 8 rows × 9 columns, a bit where a
pixel is darker than its right neighbour: 64 bits. Both ignore brightness, contrast and size; pHash leans on coarse
shape, dHash on its gradients.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vesalius.curation.pictures import Grey, reduced

__all__ = ["Hashes", "dct_matrix", "dhash", "hamming", "phash", "within"]

Hashes = NDArray[np.uint64]
"""One 64-bit hash each, (n,)."""
_SIDE, _KEPT = 32, 8
_BLOCK = 2048
_BANDED_BELOW = 0.05
"""Bands are worth it where chance alone makes fewer than this share of all pairs candidates."""


def dct_matrix(size: int) -> NDArray[np.float64]:
    """Return the orthonormal DCT-II as a matrix, (size, size): row k holds cos(π k (2x + 1) / 2n)."""
    k, x = np.arange(size)[:, None], np.arange(size)[None]
    matrix = np.cos(np.pi * k * (2 * x + 1) / (2 * size)) * np.sqrt(2 / size)
    matrix[0] /= np.sqrt(2)
    return np.asarray(matrix)


_DCT = dct_matrix(_SIDE)[1 : _KEPT + 1]


def phash(picture: Grey) -> int:
    """Return the DCT hash of a picture (rows, columns)."""
    small = reduced(picture, _SIDE, _SIDE).astype(np.float64)
    coefficients = _DCT @ small @ _DCT.T
    return _packed(coefficients > np.median(coefficients))


def dhash(picture: Grey) -> int:
    """Return the gradient hash of a picture (rows, columns)."""
    small = reduced(picture, _KEPT, _KEPT + 1)
    return _packed(small[:, :-1] < small[:, 1:])


def _packed(bits: NDArray[np.bool_]) -> int:
    return int.from_bytes(np.packbits(bits.ravel()).tobytes(), "big")


def hamming(one: Hashes | int, other: Hashes | int) -> NDArray[np.uint8]:
    """Return the number of differing bits."""
    return np.bitwise_count(np.bitwise_xor(np.asarray(one, np.uint64), np.asarray(other, np.uint64)))


def within(first: Hashes, second: Hashes | None = None, *, bits: int) -> NDArray[np.int64]:
    """Return all pairs at most `bits` apart, exactly: rows of (index, index, distance), sorted.

    Two hashes at most d bits apart agree in at least one of d + 1 bands (pigeonhole), so only hashes that share a
    band are compared; where bands would be too narrow to tell anything, blocks of all pairs are.

    Args:
        first: (n,).
        second: (m,); where not given, pairs within `first`, the smaller index first.
        bits: 0 to 64.
    """
    bands = _bands(bits)
    if bands is not None:
        pairs = _banded(first, first if second is None else second, bands)
        found = [pairs] if len(pairs) else []
    else:
        found = list(_blocked(first, first if second is None else second, bits))
    if not found:
        return np.empty((0, 3), np.int64)
    pairs = np.concatenate(found)
    if second is None:
        pairs = pairs[pairs[:, 0] < pairs[:, 1]]
    distance = hamming(first[pairs[:, 0]], (first if second is None else second)[pairs[:, 1]])
    near = distance <= bits
    rows = np.column_stack([pairs[near], distance[near].astype(np.int64)])
    return np.asarray(np.unique(rows, axis=0), np.int64)


def _bands(bits: int) -> list[tuple[int, int]] | None:
    """Return (shift, width) of each band, or None where bands are no use."""
    count = bits + 1
    if count > 32 or count / 2 ** (64 // count) > _BANDED_BELOW:
        return None
    edges = np.linspace(0, 64, count + 1).astype(int)
    return [(int(low), int(high - low)) for low, high in pairwise(edges)]


def _banded(first: Hashes, second: Hashes, bands: list[tuple[int, int]]) -> NDArray[np.int64]:
    found = []
    for shift, width in bands:
        mask = np.uint64((1 << width) - 1)
        one = (first >> np.uint64(shift)) & mask
        other = (second >> np.uint64(shift)) & mask
        found.append(_equal(one, other))
    return np.unique(np.concatenate(found), axis=0)


def _equal(one: Hashes, other: Hashes) -> NDArray[np.int64]:
    """Return all pairs of equal values, (k, 2)."""
    order = np.argsort(other, kind="stable")
    low = np.searchsorted(other[order], one, side="left")
    high = np.searchsorted(other[order], one, side="right")
    counts = high - low
    left = np.repeat(np.arange(len(one)), counts)
    within_run = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)
    return np.column_stack([left, order[np.repeat(low, counts) + within_run]]).astype(np.int64)


def _blocked(first: Hashes, second: Hashes, bits: int) -> Iterator[NDArray[Any]]:
    for row in range(0, len(first), _BLOCK):
        for column in range(0, len(second), _BLOCK):
            distance = hamming(first[row : row + _BLOCK, None], second[None, column : column + _BLOCK])
            near = np.argwhere(distance <= bits)
            if len(near):
                yield near + np.array([row, column])
