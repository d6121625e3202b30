"""All pairs of near embeddings, exactly, without a table of all pairs.

Vectors are turned into the axes of their largest spread. For the first k coordinates x, y of two unit vectors and
what is left of their length, a·b ≤ x·y + √(1 - |x|²) √(1 - |y|²) (Cauchy-Schwarz), and the right side is an inner
product of k + 1 numbers. Only pairs for which it reaches the threshold are compared in full, so nothing is missed,
and most of the work is a matrix product of an eighth of the width.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from vesalius.errors import DataError

__all__ = ["NearPairs", "near_vectors", "unit"]

_BLOCK = 1024
"""Rows and columns of a block: its 4 MiB of bounds stay in the cache while they are looked through."""
_PREFIX = 64
_SAMPLE = 2048
_MANY = 2**14
"""Candidates of a block from which one product of the whole block is cheaper than as many of single pairs."""
_ROUNDING = 1e-5
"""Added to the bound, so that float32 sums of 512 products lose no pair at the threshold."""
Vectors = NDArray[np.float32]


class NearPairs(NamedTuple):
    """Pairs at or above the threshold, sorted by their indices."""

    pairs: NDArray[np.int64]
    """(k, 2)."""
    cosine: Vectors
    """(k,)."""


def unit(vectors: NDArray[Any]) -> Vectors:
    """Return vectors (n, d) at length 1 in float32.

    Raises:
        DataError: not two axes, or a vector of length 0 or with a value that is not finite.
    """
    if vectors.ndim != 2:
        raise DataError(f"embeddings have shape {vectors.shape}, expected (n, d)")
    values = vectors.astype(np.float32)
    norms = np.linalg.norm(values, axis=1, keepdims=True)
    bad = np.flatnonzero(~(np.isfinite(norms[:, 0]) & (norms[:, 0] > 0)))
    if len(bad):
        raise DataError(f"embedding {bad[0]} has length {norms[bad[0], 0]}, expected a finite length above 0")
    return np.asarray(values / norms, dtype=np.float32)


def near_vectors(first: NDArray[Any], second: NDArray[Any] | None = None, *, cosine: float) -> NearPairs:
    """Return all pairs whose cosine is at least `cosine`.

    Args:
        first: (n, d), any length.
        second: (m, d); where not given, pairs within `first`, the smaller index first.
        cosine: 0 to 1.
    """
    one = unit(first)
    other = one if second is None else unit(second)
    axes = _axes(one)
    short_one, short_other = _shortened(one @ axes), _shortened(other @ axes)
    pairs = [np.empty((0, 2), np.int64)]
    values = [np.empty(0, np.float32)]
    space = np.empty(_BLOCK * _BLOCK, np.float32)
    for rows, columns in _blocks(len(one), len(other), within=second is None):
        shape = (rows.stop - rows.start, columns.stop - columns.start)
        bound = space[: shape[0] * shape[1]].reshape(shape)
        np.matmul(short_one[rows], short_other[columns].T, out=bound)
        found = _reaching(bound, cosine - _ROUNDING)
        if second is None and rows == columns:
            found = found[found[:, 0] < found[:, 1]]
        if not len(found):
            continue
        exact = _products(one[rows], other[columns], found)
        pairs.append(found[exact >= cosine] + np.array([rows.start, columns.start]))
        values.append(exact[exact >= cosine])
    together, cosines = np.concatenate(pairs), np.concatenate(values)
    order = np.lexsort((together[:, 1], together[:, 0]))
    return NearPairs(together[order], cosines[order])


def _reaching(bound: Vectors, least: float) -> NDArray[np.int64]:
    """Return where a table is at least `least`, (k, 2); the largest of each row tells most rows off at once."""
    rows = np.flatnonzero(bound.max(axis=1) >= least)
    found = np.argwhere(bound[rows] >= least)
    found[:, 0] = rows[found[:, 0]]
    return found


def _products(one: Vectors, other: Vectors, pairs: NDArray[np.int64]) -> Vectors:
    """Return the inner products of pairs (k, 2) of rows of two tables, (k,)."""
    first, second = pairs[:, 0], pairs[:, 1]
    if len(pairs) >= _MANY:
        return np.asarray((one @ other.T)[first, second], np.float32)
    return np.asarray(np.einsum("ij,ij->i", one[first], other[second]), np.float32)


def _axes(vectors: Vectors) -> Vectors:
    """Return at most 64 orthonormal axes (d, k), those of the largest spread of an even sample of the vectors.

    The smaller of the two square tables of the sample is taken apart: that of its rows or that of its columns.
    """
    sample = vectors[:: max(1, len(vectors) // _SAMPLE)][:_SAMPLE].astype(np.float64)
    by_rows = len(sample) < sample.shape[1]
    lengths, basis = np.linalg.eigh(sample @ sample.T if by_rows else sample.T @ sample)
    leading = np.flatnonzero(lengths > 1e-9 * lengths[-1])[::-1][:_PREFIX]
    axes = basis[:, leading]
    if by_rows:
        axes = sample.T @ axes / np.sqrt(lengths[leading])
    return np.ascontiguousarray(axes, dtype=np.float32)


def _shortened(leading: Vectors) -> Vectors:
    """Return the leading coordinates with the length of the rest as one more, (n, k + 1)."""
    rest = np.sqrt(np.clip(1 - np.einsum("ij,ij->i", leading, leading), 0, None))
    return np.ascontiguousarray(np.column_stack([leading, rest]), dtype=np.float32)


def _blocks(rows: int, columns: int, *, within: bool) -> Iterator[tuple[slice, slice]]:
    for row in range(0, rows, _BLOCK):
        for column in range(row if within else 0, columns, _BLOCK):
            yield slice(row, min(row + _BLOCK, rows)), slice(column, min(column + _BLOCK, columns))
