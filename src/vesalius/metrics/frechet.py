"""Fréchet distance of two sets of features: FID where the features are Inception's, else named by its encoder.

Paper: Heusel et al. 2017 (arXiv 1706.08500). ‖m1 − m2‖² + tr C1 + tr C2 − 2 tr (C1½ C2 C1½)½, by symmetric
eigendecomposition in float64, negative eigenvalues cut at 0, nothing added to a diagonal. It is biased upwards by
about 1/n, so that it is comparable only at one n, with one encoder and one resize: `name` joins them, and `floor` is
what two halves of the real set come to.

Letters: n real items, m made ones, d features.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from vesalius.errors import DataError

__all__ = ["Floor", "Frechet", "floor", "frechet", "frechet_distance", "moments"]

Floats = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class Frechet:
    """A distance with all that it is comparable by."""

    value: float
    name: str
    """``frechet@<encoder>@<resize>@n=<n>``, or ``n=<n>,<m>`` where the sets differ."""
    n: int
    m: int
    num_features: int
    note: str
    """What makes it larger than it is; empty where nothing is known to."""


@dataclass(frozen=True, kw_only=True)
class Floor:
    """Distances between halves of one set: what equal distributions come to at this n."""

    mean: float
    values: tuple[float, ...]
    n: int
    """Items of each half."""


def moments(features: ArrayLike) -> tuple[Floats, Floats]:
    """Return mean (d,) and covariance (d, d) of (n, d) features, with n − 1.

    Raises:
        DataError: fewer than two items, or a value that is not finite.
    """
    table = np.asarray(features, dtype=np.float64)
    if table.ndim != 2 or len(table) < 2 or not table.shape[1]:
        raise DataError(f"features of shape {table.shape}; expected (items, features) of two items or more")
    if not np.isfinite(table).all():
        rows = np.flatnonzero(~np.isfinite(table).all(axis=1))
        raise DataError(f"features of {len(rows)} items are not finite, the first at row {rows[0]}")
    mean = table.mean(axis=0)
    centred = table - mean
    return mean, centred.T @ centred / (len(table) - 1)


def frechet_distance(
    first_mean: Floats, first_covariance: Floats, second_mean: Floats, second_covariance: Floats
) -> float:
    """Return the squared Fréchet distance of two normal distributions of means (d,) and covariances (d, d)."""
    values, vectors = np.linalg.eigh(first_covariance)
    root = vectors * np.sqrt(np.clip(values, 0, None)) @ vectors.T
    product = root @ second_covariance @ root
    shared = np.sqrt(np.clip(np.linalg.eigvalsh((product + product.T) / 2), 0, None)).sum()
    apart = float(np.sum((np.asarray(first_mean) - np.asarray(second_mean)) ** 2))
    distance = apart + float(np.trace(first_covariance) + np.trace(second_covariance) - 2 * shared)
    return max(distance, 0.0)


def frechet(real: ArrayLike, made: ArrayLike, *, encoder: str, resize: str) -> Frechet:
    """Measure the distance of made items from real ones.

    Args:
        real: features, (n, d).
        made: features by the same encoder, (m, d).
        encoder: its name and version; it must not be the one that guided or chose the made items.
        resize: how images were brought to its input size, such as "bicubic224".

    Raises:
        DataError: the features cannot be compared.
    """
    first, second = moments(real), moments(made)
    if len(first[0]) != len(second[0]):
        raise DataError(f"{len(first[0])} and {len(second[0])} features: both sets need one encoder")
    n, m, num_features = len(np.asarray(real)), len(np.asarray(made)), len(first[0])
    notes = ["biased upwards by about 1/n: compare at this n only, beside the floor of the real set"]
    if min(n, m) <= num_features:
        notes.append(f"{min(n, m)} items for {num_features} features: the covariance has no full rank")
    size = f"n={n}" if n == m else f"n={n},{m}"
    return Frechet(value=frechet_distance(*first, *second), name=f"frechet@{encoder}@{resize}@{size}", n=n, m=m,
                   num_features=num_features, note="; ".join(notes))  # fmt: skip


def floor(real: ArrayLike, *, splits: int = 10, seed: int = 0) -> Floor:
    """Measure the distance between random halves of the real set, over several splits.

    Args:
        real: features, (n, d), n of four or more.
        splits: how many; ten are the least to be printed.
        seed: of the splits.
    """
    table = np.asarray(real, dtype=np.float64)
    half = len(table) // 2
    if half < 2:
        raise DataError(f"{len(table)} items: two halves need four or more")
    rng = np.random.default_rng(seed)
    values = []
    for _ in range(splits):
        order = rng.permutation(len(table))
        values.append(frechet_distance(*moments(table[order[:half]]), *moments(table[order[half : 2 * half]])))
    return Floor(mean=float(np.mean(values)), values=tuple(values), n=half)
