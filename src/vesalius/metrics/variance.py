"""Where a score's variance comes from: patients, seeds, and both together.

Letters: n items, G patients, S seeds, B resamples.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from vesalius.errors import DataError
from vesalius.metrics.bootstrap import FEW_CLUSTERS, Interval, PatientWeights, percentile

__all__ = [
    "ClusteredError",
    "Spread",
    "clustered_error",
    "components",
    "mean_interval",
    "over_datasets",
    "seeds_by_patients",
    "seeds_of_two",
    "seeds_with_covariance",
]

Floats = NDArray[np.float64]
SEEDS_NEEDED = 3
"""With fewer seeds the variance between seeds is not known."""


class ClusteredError(NamedTuple):
    """Standard errors of a mean over items that come in patients."""

    mean: float
    naive: float
    """As if all items were independent (n - 1)."""
    cr0: float
    cr1: float
    """`cr0` times sqrt(G / (G - 1)): the default."""
    lmms: float
    """The form of lmms-eval: within-cluster covariances added to the naive variance."""
    design_effect: float
    """(cr1 / naive) squared: how many times more items are needed because patients repeat."""
    n_patients: int


class Spread(NamedTuple):
    """Estimate with a standard error and a t interval of Satterthwaite degrees of freedom."""

    value: float
    error: float
    degrees: float
    low: float
    high: float
    note: str = ""


class Components(NamedTuple):
    """Mean squares and variance components of a table of seeds by cases."""

    ms_seed: float
    ms_case: float
    ms_error: float
    seed: float
    """Variance between seeds; may come out negative: then read it as 0."""
    case: float
    error: float


def clustered_error(values: ArrayLike, patients: ArrayLike) -> ClusteredError:
    """Standard errors of the mean of (n,) values whose items are clustered in patients."""
    items = np.asarray(values, dtype=np.float64)
    codes = np.unique(np.asarray(patients), return_inverse=True)[1]
    n, groups = len(items), int(codes.max()) + 1
    if groups < 2:
        raise DataError(f"{n} items of one patient: the variance between patients is not known")
    apart = items - items.mean()
    sums = np.bincount(codes, apart)
    cr0 = float(np.sqrt(np.sum(sums**2)) / n)
    cr1 = cr0 * (groups / (groups - 1)) ** 0.5
    naive = float(np.std(items, ddof=1) / n**0.5)
    covariance = float(np.sum(sums**2) - np.sum(apart**2)) / n**2
    return ClusteredError(
        mean=float(items.mean()),
        naive=naive,
        cr0=cr0,
        cr1=cr1,
        lmms=max(0.0, naive**2 + covariance) ** 0.5,
        design_effect=(cr1 / naive) ** 2 if naive else float("nan"),
        n_patients=groups,
    )


def mean_interval(values: ArrayLike, patients: ArrayLike, *, level: float = 0.95) -> Spread:
    """Mean with its CR1 error and a t interval of G - 1 degrees of freedom."""
    found = clustered_error(values, patients)
    note = f"few clusters: {found.n_patients} patients" if found.n_patients < FEW_CLUSTERS else ""
    return _spread(found.mean, found.cr1**2, found.n_patients - 1, level=level, note=note)


def components(table: ArrayLike) -> Components:
    """Two-way analysis of variance without replication of a balanced table, (S, n)."""
    values = np.asarray(table, dtype=np.float64)
    seeds, cases = values.shape
    if seeds < 2 or cases < 2:
        raise DataError(f"table of {seeds} seeds and {cases} cases: at least two of each are needed")
    by_seed, by_case, overall = values.mean(axis=1), values.mean(axis=0), values.mean()
    rest = values - by_seed[:, None] - by_case[None, :] + overall
    ms_seed = float(cases * np.sum((by_seed - overall) ** 2) / (seeds - 1))
    ms_case = float(seeds * np.sum((by_case - overall) ** 2) / (cases - 1))
    ms_error = float(np.sum(rest**2) / ((seeds - 1) * (cases - 1)))
    return Components(
        ms_seed,
        ms_case,
        ms_error,
        seed=(ms_seed - ms_error) / cases,
        case=(ms_case - ms_error) / seeds,
        error=ms_error,
    )


def seeds_by_patients(table: ArrayLike, *, floored: bool = True, level: float = 0.95) -> Spread:
    """Mean over seeds and cases with the variance that new seeds and new patients would have.

    Args:
        table: patient means a seed, (S, n).
        floored: never go below the variance of seeds alone or of cases alone.
        level: coverage.
    """
    values = np.asarray(table, dtype=np.float64)
    seeds, cases = values.shape
    found = components(values)
    raw = found.ms_seed + found.ms_case - found.ms_error
    floor = max(found.ms_seed, found.ms_case) if floored else 0.0
    variance = max(raw, floor, 0.0) / (seeds * cases)
    below = (
        found.ms_seed**2 / (seeds - 1)
        + found.ms_case**2 / (cases - 1)
        + found.ms_error**2 / ((seeds - 1) * (cases - 1))
    )
    degrees = max(raw**2 / below, 1.0) if below else float(cases - 1)
    return _spread(float(values.mean()), variance, degrees, level=level, note=_seed_note(seeds))


def seeds_of_two(first: ArrayLike, second: ArrayLike, *, level: float = 0.95) -> Spread:
    """Difference first - second of two methods on the same patients with seeds of their own.

    Where the seeds are paired (same data order and initialisation) give the table of differences to
    `seeds_by_patients` instead.

    Args:
        first: patient means a seed, (S of the first, n).
        second: patient means a seed, (S of the second, n).
        level: coverage.
    """
    one, other = np.asarray(first, dtype=np.float64), np.asarray(second, dtype=np.float64)
    if one.shape[1] != other.shape[1]:
        raise DataError(f"{one.shape[1]} and {other.shape[1]} patients: the two tables need the same ones")
    n = one.shape[1]
    apart = one.mean(axis=0) - other.mean(axis=0)
    by_case = float(np.var(apart, ddof=1)) / n
    seed_parts = [float(np.var(table.mean(axis=1), ddof=1)) / len(table) for table in (one, other)]
    by_seed = sum(seed_parts)
    twice = sum(components(table).ms_error / len(table) for table in (one, other)) / n
    variance = max(by_case + by_seed - twice, by_case, by_seed)
    welch = sum(part**2 / (len(table) - 1) for part, table in zip(seed_parts, (one, other), strict=True))
    below = by_case**2 / (n - 1) + welch
    degrees = (by_case + by_seed) ** 2 / below if below else float(n - 1)
    note = _seed_note(min(len(one), len(other)))
    return _spread(float(apart.mean()), variance, degrees, level=level, note=note)


def seeds_with_covariance(values: ArrayLike, covariance: ArrayLike, *, level: float = 0.95) -> Spread:
    """Mean over seeds of any metric (Obuchowski and Rockette, seeds as readers; Hillis' degrees of freedom).

    Args:
        values: the metric of each seed, (S,).
        covariance: covariance between seeds over patients, (S, S), from DeLong or the cluster bootstrap.
        level: coverage.
    """
    each, shared = np.asarray(values, dtype=np.float64), np.asarray(covariance, dtype=np.float64)
    seeds = len(each)
    if seeds < 2:
        raise DataError("one seed: the variance between seeds is not known")
    ms_seed = float(np.var(each, ddof=1))
    between = float((shared.sum() - np.trace(shared)) / (seeds * (seeds - 1)))
    total = ms_seed + seeds * max(between, 0.0)
    degrees = total**2 / (ms_seed**2 / (seeds - 1)) if ms_seed else float("inf")
    return _spread(float(each.mean()), total / seeds, degrees, level=level, note=_seed_note(seeds))


def over_seeds(
    values: ArrayLike,
    draws: Floats,
    *,
    weights: PatientWeights,
    limits: tuple[float, float],
    level: float = 0.95,
) -> Interval:
    """Interval of the mean over seeds (or draws of a subset) for new seeds and new patients.

    One seed gives the percentile interval over patients. More give the t interval of `seeds_with_covariance`
    with the covariance of the resamples, cut to the metric's limits.

    Args:
        values: the metric of each seed, (S,).
        draws: the metric of each seed in every resample, (B, S).
        weights: the resamples.
        limits: least and largest value of the metric.
        level: coverage.
    """
    each = np.asarray(values, dtype=np.float64)
    base = percentile(float(each.mean()), draws.mean(axis=1), weights=weights, level=level)
    if len(each) == 1 or not np.isfinite(base.low):
        return base
    defined = draws[np.isfinite(draws).all(axis=1)]
    found = seeds_with_covariance(each, np.cov(defined.T), level=level)
    notes = [note for note in (base.note, found.note) if note]
    return Interval(
        value=base.value,
        low=max(found.low, limits[0]),
        high=min(found.high, limits[1]),
        n=base.n,
        n_patients=base.n_patients,
        method="seeds x patients, Obuchowski-Rockette",
        dropped=base.dropped,
        note="; ".join(notes),
    )


def over_datasets(differences: ArrayLike, errors: ArrayLike, *, level: float = 0.95) -> Spread:
    """Mean difference over datasets with random effects (DerSimonian and Laird), normal interval.

    Args:
        differences: one difference a dataset.
        errors: standard error of each.
        level: coverage.
    """
    each, variances = np.asarray(differences, dtype=np.float64), np.asarray(errors, dtype=np.float64) ** 2
    if len(each) < 2 or not np.all(variances > 0):
        raise DataError("a mean over datasets needs at least two of them, each with a standard error above 0")
    fixed = 1 / variances
    centre = np.sum(fixed * each) / fixed.sum()
    heterogeneity = np.sum(fixed * (each - centre) ** 2) - (len(each) - 1)
    scale = fixed.sum() - np.sum(fixed**2) / fixed.sum()
    random = 1 / (variances + max(0.0, heterogeneity / scale))
    value = float(np.sum(random * each) / random.sum())
    return _spread(value, float(1 / random.sum()), float("inf"), level=level, note="")


def _spread(value: float, variance: float, degrees: float, *, level: float, note: str) -> Spread:
    from scipy.special import ndtri, stdtrit

    tail = (1 + level) / 2
    quantile = float(ndtri(tail) if np.isinf(degrees) else stdtrit(degrees, tail))
    error = variance**0.5
    return Spread(value, error, float(degrees), value - quantile * error, value + quantile * error, note)


def _seed_note(seeds: int) -> str:
    return "seed variance unknown: fewer than 3 seeds" if seeds < SEEDS_NEEDED else ""
