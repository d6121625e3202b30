"""Counts, measured quantities, angles and landmarks against their truth, item by item.

An answer that gave no number is NaN: it is left out of the errors, and its share stands beside them. Numbers must be
in the truth's unit already (`tasks.answers` converts what a reply says).

Letters: N items.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from vesalius.errors import ConfigError, DataError

__all__ = ["LANDMARK_MM", "RELATIVE", "Errors", "Landmarks", "Measured", "errors", "landmarks", "measured"]

Floats = NDArray[np.float64]

RELATIVE = (0.1, 0.2, 0.5)
"""Relative errors within which an answer counts."""
LANDMARK_MM = (2.0, 2.5, 3.0, 4.0)
"""Radii of the success rates of landmarks."""
_SLIPS = (10.0, 25.4)
"""Factors of the slips cm for mm and inch for mm."""


@dataclass(frozen=True)
class Errors:
    """Errors of N answers; every property is (N,), so that its mean can be resampled over patients.

    NaN where there is no number, and for relative ones where the truth is 0.
    """

    error: Floats
    """Answer - truth, in the truth's unit."""
    truth: Floats

    @property
    def parsed(self) -> Floats:
        """1 where the answer is a number."""
        return np.asarray(np.isfinite(self.error), dtype=np.float64)

    @property
    def absolute(self) -> Floats:
        """Absolute error; its mean is the MAE."""
        return np.asarray(np.abs(self.error), dtype=np.float64)

    @property
    def squared(self) -> Floats:
        """Squared error; the root of its mean is the RMSE."""
        return np.asarray(self.error**2, dtype=np.float64)

    @property
    def relative(self) -> Floats:
        """Absolute error over the truth's size; its mean is the MRE (MAPE of counts)."""
        size = np.abs(self.truth)
        shares: Floats = np.divide(self.absolute, size, out=np.full(len(size), np.nan), where=size > 0)
        return shares

    def within(self, tolerance: float) -> Floats:
        """Return 1 where the error is at most `tolerance` in the unit, 0 also without a number; 0 asks for exact."""
        return self._reached(self.absolute, np.full(len(self.error), tolerance))

    def within_relative(self, share: float) -> Floats:
        """Return 1 where the error is at most a share of the truth, 0 also without a number."""
        return self._reached(self.absolute, share * np.abs(self.truth))

    def wrong_unit(self) -> Floats:
        """Return 1 where the answer is 10 or 25.4 times off, either way, to within 10 %: a slip of the unit."""
        size = np.abs(self.truth)
        ratio = np.divide(np.abs(self.truth + self.error), size, out=np.ones(len(size)), where=size > 0)
        factors = [factor**sign for factor in _SLIPS for sign in (1, -1)]
        slips = np.stack([np.abs(ratio / factor - 1) <= 0.1 for factor in factors])
        return np.asarray(slips.any(axis=0), dtype=np.float64)

    def _reached(self, size: Floats, bound: Floats) -> Floats:
        # the bound itself counts, whatever the last bit of a product is
        return np.where(np.isfinite(size), size <= bound * (1 + 1e-12), False).astype(np.float64)


class Measured(NamedTuple):
    """Means over the answers that are numbers; `unparsed` is the share that is none."""

    mae: float
    rmse: float
    mre: float
    bias: float
    """Mean of answer - truth."""
    low: float
    """Limits of agreement: bias -+ 1.96 standard deviations (Bland and Altman)."""
    high: float
    exact: float
    """Share of all items, unparsed ones wrong."""
    within: dict[str, float]
    """Share of all items within each tolerance, such as "10 %" or "2"."""
    wrong_unit: float
    unparsed: float


class Landmarks(NamedTuple):
    """Points against points."""

    distance_mm: Floats
    """Radial error of each, NaN where none was said, (N,)."""
    mean_mm: float
    success: dict[float, float]
    """Share of all landmarks within each radius of `LANDMARK_MM`."""


def errors(
    predicted: ArrayLike, truth: ArrayLike, *, period: float | None = None, missing_as_zero: bool = False
) -> Errors:
    """Compare numbers with their truth.

    Args:
        predicted: NaN where no number was said, (N,).
        truth: finite, in the same unit, (N,).
        period: 180 or 360 for angles: the error is the nearest way round.
        missing_as_zero: as releases that count an answer without a number as 0.
    """
    said, true = np.asarray(predicted, dtype=np.float64), np.asarray(truth, dtype=np.float64)
    if said.shape != true.shape or said.ndim != 1 or not len(true):
        raise DataError(f"{said.shape} answers for {true.shape} truths; give two lists of one length")
    if not np.isfinite(true).all():
        raise DataError("a truth that is no number; leave the item out")
    if period is not None and period <= 0:
        raise ConfigError(f"period {period} must be above 0, such as 180 for the direction of a line")
    said = np.where(np.isfinite(said), said, 0.0 if missing_as_zero else np.nan)
    apart = said - true
    if period is not None:
        apart = (apart + period / 2) % period - period / 2
    return Errors(np.asarray(apart), true)


def measured(found: Errors, *, tolerances: Sequence[float] = ()) -> Measured:
    """Summarise errors; NaN where no answer is a number.

    Args:
        found: of `errors`.
        tolerances: in the truth's unit, beside the relative ones of `RELATIVE`; 1 for counts.
    """
    known = found.error[np.isfinite(found.error)]
    spread = 1.96 * float(known.std(ddof=1)) if len(known) > 1 else float("nan")
    bias = _mean(found.error)
    shares = {f"{share:.0%}".replace("%", " %"): float(found.within_relative(share).mean()) for share in RELATIVE}
    return Measured(
        mae=_mean(found.absolute),
        rmse=_mean(found.squared) ** 0.5,
        mre=_mean(found.relative),
        bias=bias,
        low=bias - spread,
        high=bias + spread,
        exact=float(found.within(0).mean()),
        within=shares | {f"{bound:g}": float(found.within(bound).mean()) for bound in tolerances},
        wrong_unit=float(found.wrong_unit().mean()),
        unparsed=float(1 - found.parsed.mean()),
    )


def landmarks(predicted: ArrayLike, truth: ArrayLike, *, spacing_mm: ArrayLike = 1.0) -> Landmarks:
    """Compare points with their truth, (N, 2) or (N, 3) each.

    Args:
        predicted: NaN where none was said.
        truth: finite.
        spacing_mm: of each axis, in the order of the coordinates; 1 for points in mm.
    """
    said, true = np.asarray(predicted, dtype=np.float64), np.asarray(truth, dtype=np.float64)
    if said.shape != true.shape or true.ndim != 2 or not len(true) or not np.isfinite(true).all():
        raise DataError(f"{said.shape} points for {true.shape} truths; give one finite true point for each")
    apart = np.sqrt(np.sum(((said - true) * np.asarray(spacing_mm, dtype=np.float64)) ** 2, axis=1))
    reached = {radius: float(np.mean(np.nan_to_num(apart, nan=np.inf) <= radius + 1e-9)) for radius in LANDMARK_MM}
    return Landmarks(np.asarray(apart), _mean(np.asarray(apart)), reached)


def _mean(values: Floats) -> float:
    known = values[np.isfinite(values)]
    return float(known.mean()) if len(known) else float("nan")
