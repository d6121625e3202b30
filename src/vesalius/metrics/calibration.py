"""Calibration: do stated probabilities come true.

The number of bins and the binning are part of a metric's name: ``ece_width15``, ``ece_mass10``. Perfectly
calibrated probabilities have an ECE above 0, so its null level belongs beside it.

Letters: n items, B bins, K classes.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from vesalius.errors import ConfigError, DataError, did_you_mean
from vesalius.metrics.bootstrap import BLOCK_BYTES, order_statistic
from vesalius.metrics.proportions import wilson

__all__ = [
    "LogLoss",
    "Murphy",
    "NullLevel",
    "ReliabilityBin",
    "adaptive_calibration_error",
    "brier",
    "brier_skill",
    "brier_sum",
    "calibration_line",
    "classwise_calibration_error",
    "equal_mass_bins",
    "equal_width_bins",
    "expected_calibration_error",
    "log_loss",
    "murphy",
    "null_level",
    "reliability",
    "temperature",
    "top_label_calibration_error",
]

Floats = NDArray[np.float64]
Codes = NDArray[np.intp]
Binning = Literal["width", "mass"]


class NullLevel(NamedTuple):
    """ECE of outcomes drawn from the stated probabilities themselves."""

    mean: float
    high: float
    """95 % point."""
    p: float
    """Share of simulated ECE at least as large as the observed one."""


class ReliabilityBin(NamedTuple):
    """One bar of a reliability diagram."""

    n: int
    confidence: float
    """Mean stated probability."""
    frequency: float
    """Share that came true."""
    low: float
    high: float
    """Wilson 95 % interval of `frequency`; for items of one patient resample patients instead."""
    consistency_low: float
    consistency_high: float
    """90 % range of `frequency` if the probabilities were true (Bröcker and Smith)."""
    hollow: bool
    """True under 10 items: draw it hollow."""


class LogLoss(NamedTuple):
    """Negative log likelihood in nats, and how many probabilities had to be clipped."""

    value: float
    clipped: int


class Murphy(NamedTuple):
    """Brier = reliability - resolution + uncertainty + within_variance - 2 within_covariance."""

    reliability: float
    resolution: float
    uncertainty: float
    within_variance: float
    within_covariance: float


def equal_width_bins(probability: ArrayLike, bins: int, *, closed: Literal["right", "left"] = "right") -> Codes:
    """Number of the equal-width bin of each probability, (n,).

    Bins are (l, r], the first also holds 0; ``left`` makes them [l, r), the last also holds 1. The product
    with the number of bins is rounded to 12 decimals first, so that .3 or .7 falls on its own side.
    """
    scaled = np.round(_probabilities(probability) * bins, 12)
    if closed == "right":
        return np.maximum(np.ceil(scaled).astype(np.intp) - 1, 0)
    return np.minimum(np.floor(scaled).astype(np.intp), bins - 1)


def equal_mass_bins(probability: ArrayLike, bins: int, *, ties: Literal["split", "together"] = "split") -> Codes:
    """Number of the equal-mass bin of each probability, (n,); the first n mod B bins hold one more.

    Equal probabilities may fall into two bins by their order in the list; ``together`` moves them all into
    the bin of the first of them.
    """
    values = _probabilities(probability)
    order = np.argsort(values, kind="stable")
    codes = np.empty(len(values), dtype=np.intp)
    for number, part in enumerate(np.array_split(order, bins)):
        codes[part] = number
    if ties == "together":
        first = np.unique(values[order], return_index=True, return_inverse=True)
        codes[order] = codes[order][first[1]][first[2]]
    return codes


def expected_calibration_error(
    target: ArrayLike,
    probability: ArrayLike,
    *,
    bins: int = 15,
    binning: Binning = "width",
    norm: float = 1.0,
) -> float:
    """Mean gap between stated probability and frequency over bins; empty bins are skipped.

    Args:
        target: 0 or 1, (n,).
        probability: stated probability of 1, (n,).
        bins: number of bins.
        binning: "width" or "mass".
        norm: power of the gap; `inf` gives the largest gap (MCE).
    """
    share, confidence, frequency = _binned(target, probability, _codes(probability, bins, binning))
    gap = np.abs(confidence - frequency)
    if np.isinf(norm):
        return float(gap.max())
    return float(np.sum(share * gap**norm) ** (1 / norm))


def adaptive_calibration_error(target: ArrayLike, probability: ArrayLike, *, bins: int = 15) -> float:
    """Mean gap over equal-mass bins, each bin counted the same (ACE of one class)."""
    _, confidence, frequency = _binned(target, probability, equal_mass_bins(probability, bins))
    return float(np.mean(np.abs(confidence - frequency)))


def top_label_calibration_error(target: ArrayLike, probability: ArrayLike, *, bins: int = 15) -> float:
    """ECE of the largest probability against being right; target class numbers (n,), probability (n, K)."""
    table = np.asarray(probability, dtype=np.float64)
    right = table.argmax(axis=1) == np.asarray(target)
    return expected_calibration_error(right, table.max(axis=1), bins=bins)


def classwise_calibration_error(target: ArrayLike, probability: ArrayLike, *, bins: int = 15) -> float:
    """Mean over classes of the ECE of a class's probability; target (n,), probability (n, K)."""
    table, classes = np.asarray(probability, dtype=np.float64), np.asarray(target)
    each = [
        expected_calibration_error(classes == number, table[:, number], bins=bins) for number in range(table.shape[1])
    ]
    return float(np.mean(each))


def null_level(
    probability: ArrayLike,
    *,
    observed: float = float("nan"),
    bins: int = 15,
    binning: Binning = "width",
    draws: int = 1000,
    seed: int = 0,
) -> NullLevel:
    """ECE that true probabilities would show at this n: outcomes are drawn from the stated probabilities.

    Items are drawn independently of one another: with several items a patient the level is too low.
    """
    values = _probabilities(probability)
    codes = _codes(values, bins, binning)
    order = np.argsort(codes, kind="stable")
    starts = np.flatnonzero(np.diff(codes[order], prepend=-1))
    ordered = values[order]
    stated = np.add.reduceat(ordered, starts)
    stream = np.random.Generator(np.random.PCG64(seed))
    step = max(1, BLOCK_BYTES // (8 * len(values) * 2))
    errors = []
    for start in range(0, draws, step):
        uniform = stream.random((min(step, draws - start), len(values)))
        came = np.add.reduceat((uniform < ordered).astype(np.float64), starts, axis=1)
        errors.append(np.abs(came - stated).sum(axis=1) / len(values))
    simulated = np.concatenate(errors)
    share = float(np.mean(simulated >= observed)) if np.isfinite(observed) else float("nan")
    return NullLevel(float(simulated.mean()), order_statistic(simulated, 0.95), share)


def reliability(
    target: ArrayLike,
    probability: ArrayLike,
    *,
    bins: int = 10,
    binning: Binning = "width",
    draws: int = 1000,
    seed: int = 0,
) -> list[ReliabilityBin]:
    """Bars of a reliability diagram, from low to high probability; empty bins are left out."""
    truth, values = _pair(target, probability)
    codes = _codes(values, bins, binning)
    stream = np.random.Generator(np.random.PCG64(seed))
    bars = []
    for code in np.unique(codes):
        inside = codes == code
        stated, n = values[inside], int(inside.sum())
        came = np.array([np.mean(stream.random(n) < stated) for _ in range(draws)])
        bounds = wilson(float(truth[inside].sum()), n)
        bars.append(
            ReliabilityBin(
                n=n,
                confidence=float(stated.mean()),
                frequency=float(truth[inside].mean()),
                low=bounds.low,
                high=bounds.high,
                consistency_low=order_statistic(came, 0.05),
                consistency_high=order_statistic(came, 0.95),
                hollow=n < 10,
            )
        )
    return bars


def brier(target: ArrayLike, probability: ArrayLike) -> float:
    """Mean squared gap of the stated probability of 1."""
    truth, values = _pair(target, probability)
    return float(np.mean((values - truth) ** 2))


def brier_sum(target: ArrayLike, probability: ArrayLike) -> float:
    """Multi-class Brier score in 0..2: mean over items of the sum over classes; target (n,), (n, K)."""
    table = _probabilities(probability)
    truth = np.asarray(target)[:, None] == np.arange(table.shape[1])
    return float(np.mean(np.sum((table - truth) ** 2, axis=1)))


def brier_skill(target: ArrayLike, probability: ArrayLike) -> float:
    """1 - Brier / (base (1 - base)): 0 for the base rate, NaN where one class only is there."""
    base = float(np.mean(np.asarray(target, dtype=np.float64)))
    spread = base * (1 - base)
    return 1 - brier(target, probability) / spread if spread else float("nan")


def log_loss(target: ArrayLike, probability: ArrayLike) -> LogLoss:
    """Mean negative natural logarithm of the probability of what came, clipped to [1e-7, 1 - 1e-7]."""
    truth, values = _pair(target, probability)
    kept = np.clip(values, 1e-7, 1 - 1e-7)
    loss = -np.where(truth == 1, np.log(kept), np.log1p(-kept))
    return LogLoss(float(loss.mean()), int((kept != values).sum()))


def murphy(target: ArrayLike, probability: ArrayLike, *, codes: ArrayLike | None = None) -> Murphy:
    """Split the Brier score over groups of equal probability, or over the given bins (then with its rest)."""
    truth, values = _pair(target, probability)
    groups = np.unique(values if codes is None else np.asarray(codes), return_inverse=True)[1]
    n = np.bincount(groups)
    confidence = np.bincount(groups, values) / n
    frequency = np.bincount(groups, truth) / n
    base = truth.mean()
    apart = values - confidence[groups]
    return Murphy(
        reliability=float(np.sum(n * (confidence - frequency) ** 2) / len(truth)),
        resolution=float(np.sum(n * (frequency - base) ** 2) / len(truth)),
        uncertainty=float(base * (1 - base)),
        within_variance=float(np.mean(apart**2)),
        within_covariance=float(np.mean(apart * (truth - frequency[groups]))),
    )


def calibration_line(target: ArrayLike, probability: ArrayLike) -> tuple[float, float]:
    """Slope and intercept of the outcome on the logit of the probability; slope under 1: over-confident."""
    from scipy.optimize import minimize

    truth, values = _pair(target, probability)
    logit = _logit(values)

    def loss(line: Floats) -> float:
        return float(np.mean(np.logaddexp(0, line[0] * logit + line[1]) - truth * (line[0] * logit + line[1])))

    found = minimize(loss, np.array([1.0, 0.0]), method="BFGS", options={"gtol": 1e-8})
    return float(found.x[0]), float(found.x[1])


def temperature(target: ArrayLike, probability: ArrayLike) -> float:
    """Temperature T in 0.01..100 that minimises the log loss of logit/T; fit it on a split of its own."""
    from scipy.optimize import minimize_scalar

    truth, values = _pair(target, probability)
    logit = _logit(values)

    def loss(log_t: float) -> float:
        scaled = logit / np.exp(log_t)
        return float(np.mean(np.logaddexp(0, scaled) - truth * scaled))

    limits = (np.log(0.01), np.log(100.0))
    found = minimize_scalar(loss, bounds=limits, method="bounded", options={"xatol": 1e-9})
    return float(np.exp(found.x))


def _codes(probability: ArrayLike, bins: int, binning: str) -> Codes:
    if binning == "width":
        return equal_width_bins(probability, bins)
    if binning == "mass":
        return equal_mass_bins(probability, bins)
    raise ConfigError(f"unknown binning {binning!r}{did_you_mean(binning, ['width', 'mass'])}")


def _binned(target: ArrayLike, probability: ArrayLike, codes: Codes) -> tuple[Floats, Floats, Floats]:
    """Share of the items, mean probability and frequency of each bin that is not empty."""
    truth, values = _pair(target, probability)
    groups = np.unique(codes, return_inverse=True)[1]
    n = np.bincount(groups).astype(np.float64)
    return n / len(truth), np.bincount(groups, values) / n, np.bincount(groups, truth) / n


def _pair(target: ArrayLike, probability: ArrayLike) -> tuple[Floats, Floats]:
    truth, values = np.asarray(target, dtype=np.float64), _probabilities(probability)
    if truth.shape != values.shape or not truth.size:
        raise DataError(f"targets {truth.shape} and probabilities {values.shape} must be lists of one length")
    return truth, values


def _probabilities(probability: ArrayLike) -> Floats:
    values = np.asarray(probability, dtype=np.float64)
    if not np.all((values >= 0) & (values <= 1)):
        raise DataError("a stated probability lies outside 0..1; turn scores into probabilities first")
    return values


def _logit(probability: Floats) -> Floats:
    kept = np.clip(probability, 1e-7, 1 - 1e-7)
    return np.log(kept) - np.log1p(-kept)
