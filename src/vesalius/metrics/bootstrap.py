"""Bootstrap over patients: shared weights for all metrics and systems, percentile and BCa intervals.

A resample draws G patients with replacement and takes all their items. It is written as a weight a patient
(how often it was drawn), so that every metric and every system of a run sees the same resamples (common
random numbers), and a metric is computed for a block of resamples at once without repeating items.

Letters: n items, G patients, B resamples, b resamples of one block, k sums.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import product
from math import ceil
from statistics import NormalDist
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from vesalius.errors import DataError

__all__ = [
    "BLOCK_BYTES",
    "FEW_CLUSTERS",
    "Interval",
    "PatientWeights",
    "bca",
    "every_resample",
    "order_statistic",
    "patient_weights",
    "percentile",
]

BLOCK_BYTES = 64 * 2**20
"""No array over items and resamples is made larger than this."""
FEW_CLUSTERS = 20
"""Fewer patients than this are noted beside the interval."""
MOST_DROPPED = 0.05
"""A larger share of undefined resamples leaves no interval."""

Floats = NDArray[np.float64]
Counts = NDArray[np.uint16] | NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class Interval:
    """A value with its bounds and how they were found; NaN bounds and a note where there are none."""

    value: float
    low: float
    high: float
    n: int
    n_patients: int
    method: str = "percentile"
    dropped: int = 0
    """Resamples in which the metric was not defined."""
    note: str = ""


@dataclass(frozen=True, kw_only=True)
class PatientWeights:
    """How often each patient was drawn in each resample, seen from a list of items."""

    codes: NDArray[np.intp]
    """Patient number of each item, (n,)."""
    num_groups: int
    """Patients that can be drawn; a selection of items keeps this number."""
    num_draws: int
    draw: Callable[[int, int], Counts]
    """Counts of the resamples start..stop, (G, stop - start)."""

    @property
    def num_items(self) -> int:
        """Items seen."""
        return len(self.codes)

    @property
    def num_patients(self) -> int:
        """Patients that have at least one of the items."""
        return len(np.unique(self.codes))

    def select(self, rows: NDArray[Any]) -> PatientWeights:
        """Return the same resamples seen from some of the items (indices or a mask)."""
        return replace(self, codes=self.codes[rows])

    def blocks(self, num_rows: int) -> Iterator[tuple[int, int]]:
        """Yield start and stop of blocks in which (num_rows, b) float64 stays within `BLOCK_BYTES`."""
        step = max(1, BLOCK_BYTES // (8 * max(1, num_rows)))
        for start in range(0, self.num_draws, step):
            yield start, min(start + step, self.num_draws)

    def items(self, start: int, stop: int, rows: NDArray[Any] | None = None) -> Floats:
        """Return the weights of items (of `rows`, in that order) in a block of resamples, (n, b)."""
        codes = self.codes if rows is None else self.codes[rows]
        return self.draw(start, stop)[codes].astype(np.float64, copy=False)

    def sums(self, values: ArrayLike) -> Floats:
        """Return the weighted sums of (n, k) values in every resample, (B, k); (n,) gives (B,)."""
        columns = np.asarray(values, dtype=np.float64)
        table = columns.reshape(self.num_items, -1)
        order = np.argsort(self.codes, kind="stable")
        starts = np.flatnonzero(np.diff(self.codes[order], prepend=-1))
        totals = np.add.reduceat(table[order], starts, axis=0) if len(starts) else table
        patients = self.codes[order][starts]
        sums = np.empty((self.num_draws, table.shape[1]))
        for start, stop in self.blocks(len(patients)):
            counts = self.draw(start, stop)
            seen = counts if len(patients) == self.num_groups else counts[patients]
            sums[start:stop] = (totals.T @ seen.astype(np.float64, copy=False)).T
        return sums[:, 0] if columns.ndim == 1 else sums

    def whole(self) -> PatientWeights:
        """Return one draw that holds every patient once: the sample itself."""
        return replace(self, num_draws=1, draw=lambda start, stop: _ones(self.num_groups, stop - start))

    def jackknife(self) -> PatientWeights:
        """Return one draw a patient (of those with items), which leaves that patient out."""
        present = np.unique(self.codes)

        def leave_out(start: int, stop: int) -> Counts:
            counts = _ones(self.num_groups, stop - start)
            counts[present[start:stop], np.arange(stop - start)] = 0
            return counts

        return replace(self, num_draws=len(present), draw=leave_out)


def patient_weights(patients: Sequence[str], *, resamples: int = 1000, seed: int = 0) -> PatientWeights:
    """Draw the resamples of a run: for each, as many patients with replacement as there are.

    The resample number b depends on the seed, b and the set of patients alone: not on the order or number of
    items, nor on the block it is computed in. So two systems on the same patients share their resamples.

    Args:
        patients: patient of each item.
        resamples: number of resamples B.
        seed: seed of the stream.
    """
    names, codes = np.unique(np.asarray(list(patients), dtype=str), return_inverse=True)
    if not len(names):
        raise DataError("no items to resample: a score needs at least one patient")
    groups = len(names)

    def draw(start: int, stop: int) -> Counts:
        counts = np.empty((groups, stop - start), dtype=np.uint16)
        for column in range(stop - start):
            stream = np.random.Generator(np.random.PCG64([seed, start + column]))
            counts[:, column] = np.bincount(stream.integers(0, groups, groups), minlength=groups)
        return counts

    return PatientWeights(codes=codes, num_groups=groups, num_draws=resamples, draw=_kept(draw, groups, resamples))


def every_resample(patients: Sequence[str]) -> PatientWeights:
    """Return all G^G ordered resamples of a few patients: the exact bootstrap distribution."""
    names, codes = np.unique(np.asarray(list(patients), dtype=str), return_inverse=True)
    groups = len(names)
    if groups > 6:
        raise DataError(f"{groups} patients have {groups}^{groups} resamples; all of them only for up to 6")
    draws = np.array(list(product(range(groups), repeat=groups)))
    counts = np.stack([(draws == group).sum(axis=1) for group in range(groups)]).astype(np.uint16)
    return PatientWeights(
        codes=codes,
        num_groups=groups,
        num_draws=len(draws),
        draw=lambda start, stop: counts[:, start:stop],
    )


def percentile(value: float, draws: Floats, *, weights: PatientWeights, level: float = 0.95) -> Interval:
    """Percentile interval by order statistics (`inverted_cdf`) of the defined resamples.

    Args:
        value: the metric on the sample itself.
        draws: the metric in every resample, (B,), NaN where it is not defined there.
        weights: the weights that made `draws`; gives n and the number of patients.
        level: coverage.
    """
    tails = ((1 - level) / 2, (1 + level) / 2)
    return _bounded(value, draws, tails, weights, method="percentile")


def bca(value: float, draws: Floats, jackknife: Floats, *, weights: PatientWeights, level: float = 0.95) -> Interval:
    """Bias-corrected and accelerated interval; ties with the value count half in the bias.

    Args:
        value: the metric on the sample itself.
        draws: the metric in every resample, (B,).
        jackknife: the metric with each patient left out, (G,), from `weights.jackknife()`.
        weights: the weights that made `draws`.
        level: coverage.
    """
    tails = bca_levels(value, draws, jackknife, level=level)
    if tails is None:
        return _without(value, weights, "bca", 0, "bias or acceleration not defined: no interval")
    return _bounded(value, draws, tails, weights, method="bca")


def bca_levels(value: float, draws: Floats, jackknife: Floats, *, level: float = 0.95) -> tuple[float, float] | None:
    """Return the two quantile levels of the BCa interval, or None where they are not defined."""
    normal = NormalDist()
    defined = draws[np.isfinite(draws)]
    if not len(defined):
        return None
    below = float(np.mean(defined < value - 1e-12) + np.mean(np.abs(defined - value) <= 1e-12) / 2)
    if not 0 < below < 1:
        return None
    bias = normal.inv_cdf(below)
    left = jackknife[np.isfinite(jackknife)]
    spread = left.mean() - left
    scale = float(np.sum(spread**2))
    acceleration = float(np.sum(spread**3)) / (6 * scale**1.5) if scale > 0 else 0.0
    tails = []
    for tail in ((1 - level) / 2, (1 + level) / 2):
        moved = bias + normal.inv_cdf(tail)
        tails.append(normal.cdf(bias + moved / (1 - acceleration * moved)))
    return tails[0], tails[1]


def order_statistic(values: Floats, level: float) -> float:
    """Return the smallest value with at least a share `level` of the values at or below it (`inverted_cdf`).

    The share is compared with a guard of 1e-9, for (1 - .95)/2 is a little more than .025 in float.
    """
    place = max(ceil(level * len(values) - 1e-9), 1) - 1
    return float(np.partition(values, place)[place])


def _bounded(
    value: float, draws: Floats, tails: tuple[float, float], weights: PatientWeights, *, method: str
) -> Interval:
    defined = draws[np.isfinite(draws)]
    dropped = len(draws) - len(defined)
    if not np.isfinite(value):
        return _without(value, weights, method, dropped, "not defined on the sample")
    if weights.num_patients < 2:
        return _without(value, weights, method, dropped, "one patient: no interval")
    if not len(draws):
        return _without(value, weights, method, 0, "no resamples: no interval")
    if dropped > MOST_DROPPED * len(draws):
        share = f"undefined in {dropped} of {len(draws)} resamples: no interval"
        return _without(value, weights, method, dropped, share)
    low, high = (order_statistic(defined, tail) for tail in tails)
    notes = []
    if weights.num_patients < FEW_CLUSTERS:
        notes.append(f"few clusters: {weights.num_patients} patients")
    if low == high and len(defined) > 1 and np.ptp(defined) == 0:
        notes.append("every resample gives the same value: the interval says nothing")
    return Interval(
        value=float(value),
        low=low,
        high=high,
        n=weights.num_items,
        n_patients=weights.num_patients,
        method=method,
        dropped=dropped,
        note="; ".join(notes),
    )


def _without(value: float, weights: PatientWeights, method: str, dropped: int, note: str) -> Interval:
    return Interval(
        value=float(value),
        low=float("nan"),
        high=float("nan"),
        n=weights.num_items,
        n_patients=weights.num_patients,
        method=method,
        dropped=dropped,
        note=note,
    )


def _ones(groups: int, draws: int) -> Counts:
    return np.ones((groups, draws), dtype=np.uint16)


def _kept(draw: Callable[[int, int], Counts], groups: int, resamples: int) -> Callable[[int, int], Counts]:
    """Keep all counts where they fit into one block; otherwise they are drawn again block by block."""
    if groups * resamples * 2 > BLOCK_BYTES:
        return draw
    drawn = draw(0, resamples)
    counts = drawn.astype(np.float64) if groups * resamples * 8 <= BLOCK_BYTES else drawn
    return lambda start, stop: counts[:, start:stop]
