"""How a score grows with the data: the power law y = a n^-b + c through measured points."""

# K points

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from vesalius.errors import DataError

__all__ = ["PowerLaw", "power_law"]

_EXPONENTS = np.geomspace(0.01, 5.0, 400)
_ROUNDS = 60
_GOLDEN = (5**0.5 - 1) / 2


class PowerLaw(NamedTuple):
    """The least squares fit; a score that grows has an `amplitude` below 0 and nears `limit` from below."""

    amplitude: float
    """a"""
    exponent: float
    """b, above 0."""
    limit: float
    """c, what endless data would give if the law held."""
    deviation: float
    """Root mean square of what is left."""

    def at(self, sizes: ArrayLike) -> NDArray[np.float64]:
        """Return the law's score at sizes n."""
        return self.amplitude * np.asarray(sizes, dtype=np.float64) ** -self.exponent + self.limit


def power_law(sizes: ArrayLike, scores: ArrayLike) -> PowerLaw:
    """Fit a, b and c by least squares; for each b the others follow by linear regression.

    Args:
        sizes: numbers of training pairs n, (K,), at least four different ones: three would fit any law.
        scores: measured at these, (K,).

    Raises:
        DataError: too few sizes, one that is not above 0, or a number that is not finite.
    """
    n, y = np.asarray(sizes, dtype=np.float64), np.asarray(scores, dtype=np.float64)
    if n.shape != y.shape or n.ndim != 1:
        raise DataError(f"sizes {n.shape} and scores {y.shape} must be two lists of one length")
    if not (np.isfinite(n).all() and np.isfinite(y).all() and (n > 0).all()):
        raise DataError("sizes must be finite and above 0, and scores finite")
    if len(np.unique(n)) < 4:
        raise DataError(f"a power law with a limit needs at least four different sizes, found {len(np.unique(n))}")
    left = np.array([_fit(n, y, exponent).deviation for exponent in _EXPONENTS])
    best = int(left.argmin())
    low, high = (float(_EXPONENTS[min(max(best + step, 0), len(left) - 1)]) for step in (-1, 1))
    for _ in range(_ROUNDS):
        first, second = high - _GOLDEN * (high - low), low + _GOLDEN * (high - low)
        if _fit(n, y, first).deviation < _fit(n, y, second).deviation:
            high = second
        else:
            low = first
    return _fit(n, y, (low + high) / 2)


def _fit(n: NDArray[np.float64], y: NDArray[np.float64], exponent: float) -> PowerLaw:
    # Scaled by the smallest size, so that the column is of order 1 at any exponent.
    scale = n.min()
    columns = np.stack([(n / scale) ** -exponent, np.ones_like(n)], axis=1)
    (amplitude, limit), *_ = np.linalg.lstsq(columns, y, rcond=None)
    left = y - columns @ (amplitude, limit)
    return PowerLaw(
        float(amplitude * scale**exponent), exponent, float(limit), float(np.sqrt(np.mean(np.square(left))))
    )
