"""What preference tuning did: did the judge rise by length, did a metric that never judged follow, what was unlearnt.

Source of the questions: CheXalign (arXiv 2410.07025), whose reports grow to 3.2 times their length while the judge
rises. Everything is made from values of items, the same items for all models; the unit of resampling is the patient.

**Length-controlled gain**: over items, the gain in the judge is regressed on the logarithm of the ratio of lengths to
the start; the intercept is the gain where a text is as long as the start's. It is an extrapolation where few texts
are: the share of items within a quarter of the start's length stands beside it.

Letters: n items, B resamples.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from vesalius.errors import DataError
from vesalius.evaluation.win_tie_loss import Case, case_of
from vesalius.metrics import resampled
from vesalius.metrics.agreement import length_bias
from vesalius.metrics.bootstrap import Interval, PatientWeights, patient_weights, percentile
from vesalius.metrics.significance import adjust, sign_flip

__all__ = [
    "Checkpoint", "PreferenceReport", "Progress", "Tax", "alignment_tax", "controlled_gain", "preference_report",
]  # fmt: skip

Floats = NDArray[np.float64]
RESAMPLES = 1000
_ALIKE = float(np.log(1.25))
_FEW = 0.1
"""A smaller share of items of about the start's length is said to be an extrapolation."""


@dataclass(frozen=True, kw_only=True)
class Checkpoint:
    """What one state of a model wrote for the items, as values of each item."""

    algorithm: str
    """How it was tuned; that of the start is its name."""
    step: int
    """Training step; 0 is the start."""
    judge: Floats
    """Score of the judge that made the pairs, (n,)."""
    held_out: Mapping[str, Floats]
    """Metrics that never judged, by name, each (n,)."""
    length: Floats
    """Words or tokens of each text, (n,)."""


@dataclass(frozen=True, kw_only=True)
class Progress:
    """A checkpoint against the start, on the same items and resamples."""

    algorithm: str
    step: int
    judge: Interval
    judge_gain: Interval
    held_out_gain: Mapping[str, Interval]
    length: float
    """Mean."""
    length_ratio: Interval
    """Mean length over that of the start."""
    controlled: Interval
    """Length-controlled gain in the judge."""
    alike: float
    """Share of items within a quarter of the start's length, by ratio."""
    bias: float
    """Spearman's correlation of the judge with the length over items; NaN where one is level."""

    @property
    def is_extrapolated(self) -> bool:
        """Whether too few texts are as long as the start's for the length-controlled gain to rest on them."""
        return self.alike < _FEW

    @property
    def verdict(self) -> str:
        """What the intervals say, in words."""
        if not self.judge_gain.low > 0:
            return "judge does not rise"
        if any(gain.high < 0 for gain in self.held_out_gain.values()):
            return "judge rises, a held-out metric falls: over-optimised"
        if self.length_ratio.low > 1 and not self.controlled.low > 0:
            return "judge rises with the length, and not beyond it"
        if all(gain.low > 0 for gain in self.held_out_gain.values()):
            return "judge and held-out metrics rise"
        return "judge rises, held-out metrics do not fall"


@dataclass(frozen=True, kw_only=True)
class Tax:
    """One tuned model on one task that it was not tuned for."""

    case: Case
    p: float
    """Of swaps of the two models patient by patient."""
    p_holm: float
    """Adjusted over all cells of the table."""


@dataclass(frozen=True, kw_only=True)
class PreferenceReport:
    """All that the page shows."""

    judge: str
    """Name of the judge."""
    unit: str
    """Of lengths: words or tokens."""
    start: Checkpoint
    progress: tuple[Progress, ...]
    """By algorithm and step; the start is not among them."""
    tax: tuple[Tax, ...] = ()


def preference_report(
    start: Checkpoint, tuned: Sequence[Checkpoint], patients: Sequence[str], *, judge: str, unit: str = "words",
    tax: Sequence[Tax] = (), resamples: int = RESAMPLES, seed: int = 0,
) -> PreferenceReport:  # fmt: skip
    """Compare checkpoints with the start.

    Args:
        start: before tuning, step 0.
        tuned: in any order.
        patients: of the items, n.
        judge: name of the judge.
        unit: of lengths.
        tax: of `alignment_tax`.
        resamples: B.
        seed: of the resamples.

    Raises:
        DataError: other items, no held-out metric, or one that is the judge; names the checkpoint.
    """
    for one in (start, *tuned):
        _check(one, start, len(patients), judge)
    weights = patient_weights(patients, resamples=resamples, seed=seed)
    ordered = sorted(tuned, key=lambda one: (one.algorithm, one.step))
    return PreferenceReport(
        judge=judge, unit=unit, start=start, progress=tuple(_progress(one, start, weights) for one in ordered),
        tax=tuple(tax),
    )  # fmt: skip


def controlled_gain(gain: ArrayLike, log_ratio: ArrayLike, weights: PatientWeights) -> Interval:
    """Return the gain at a ratio of lengths of 1, by least squares over items; undefined where all ratios are one.

    Where no length has changed it is the mean gain.

    Args:
        gain: of each item in the judge, (n,).
        log_ratio: logarithm of its length over that at the start, (n,).
        weights: the resamples.
    """
    d, x = (np.asarray(values, dtype=np.float64) for values in (gain, log_ratio))
    if not x.any():
        return percentile(float(d.mean()), resampled.mean(d, weights), weights=weights)
    table = np.column_stack([np.ones_like(d), x, d, x * x, x * d])
    value = _intercept(weights.whole().sums(table))
    return percentile(float(value[0]), _intercept(weights.sums(table)), weights=weights)


def alignment_tax(
    start: Mapping[str, ArrayLike], tuned: Mapping[str, Mapping[str, ArrayLike]],
    patients: Mapping[str, Sequence[str]], *, resamples: int = RESAMPLES, seed: int = 0,
) -> tuple[Tax, ...]:  # fmt: skip
    """Compare tuned models with the start on tasks that were not tuned for, one row for each task and model.

    Args:
        start: values of the items by task.
        tuned: the same by model, then by task.
        patients: of the items by task.
        resamples: B.
        seed: of the resamples and the swaps.

    Raises:
        DataError: a task or an item that not all have.
    """
    found: list[tuple[Case, float]] = []
    for model, by_task in tuned.items():
        if by_task.keys() != start.keys() or patients.keys() != start.keys():
            odd = sorted((by_task.keys() ^ start.keys()) | (patients.keys() ^ start.keys()))
            raise DataError(f"{model}: task {odd[0]!r} is not measured of all: the table needs the same tasks")
        for task, values in by_task.items():
            names = {"adapted": model, "base": "start", "part": task, "way": ""}
            case = case_of(values, start[task], patients[task], names=names, resamples=resamples, seed=seed)
            apart = np.asarray(values, dtype=np.float64) - np.asarray(start[task], dtype=np.float64)
            found.append((case, sign_flip(apart, patients[task], seed=seed)))
    adjusted = adjust([p for _, p in found])
    return tuple(Tax(case=case, p=p, p_holm=float(holm)) for (case, p), holm in zip(found, adjusted, strict=True))


def _check(one: Checkpoint, start: Checkpoint, items: int, judge: str) -> None:
    where = f"{one.algorithm} at step {one.step}"
    if not one.held_out or judge in one.held_out:
        raise DataError(f"{where}: held-out metrics are {sorted(one.held_out)}; expected some that are not {judge}")
    if one.held_out.keys() != start.held_out.keys():
        raise DataError(f"{where}: held-out metrics {sorted(one.held_out)}, the start's are {sorted(start.held_out)}")
    for name, values in {"judge": one.judge, "length": one.length, **one.held_out}.items():
        if np.shape(values) != (items,) or not np.isfinite(values).all():
            raise DataError(
                f"{where}: {name} has shape {np.shape(values)}; expected a finite number for {items} items"
            )
    if (np.asarray(one.length) < 0).any():
        raise DataError(f"{where}: a length is negative")


def _progress(one: Checkpoint, start: Checkpoint, weights: PatientWeights) -> Progress:
    # One is added, so that an empty text has a ratio.
    ratio = np.log((np.asarray(one.length) + 1) / (np.asarray(start.length) + 1))
    gain = np.asarray(one.judge) - np.asarray(start.judge)
    lengths = np.column_stack([one.length, start.length])
    (own, old), sums = lengths.sum(axis=0), weights.sums(lengths)
    ratios = _divided(sums[:, 0], sums[:, 1])
    return Progress(
        algorithm=one.algorithm, step=one.step, judge=_mean(one.judge, weights), judge_gain=_mean(gain, weights),
        held_out_gain={
            name: _mean(np.asarray(values) - np.asarray(start.held_out[name]), weights)
            for name, values in one.held_out.items()
        },
        length=float(np.mean(one.length)),
        length_ratio=percentile(float(_divided(own, old)), ratios, weights=weights),
        controlled=controlled_gain(gain, ratio, weights), alike=float(np.mean(np.abs(ratio) <= _ALIKE)),
        bias=length_bias(one.judge, one.length),
    )  # fmt: skip


def _mean(values: Floats, weights: PatientWeights) -> Interval:
    return percentile(float(np.mean(values)), resampled.mean(values, weights), weights=weights)


def _intercept(sums: Floats) -> Floats:
    """Return the intercepts of least squares from sums of 1, x, d, x² and xd, (B, 5); NaN where x is level."""
    n, x, d, xx, xd = sums.T
    spread = n * xx - x * x
    return _divided(xx * d - x * xd, np.where(spread > 1e-9 * n * xx, spread, 0.0))


def _divided(above: ArrayLike, below: ArrayLike) -> Floats:
    top, bottom = np.broadcast_arrays(np.asarray(above, np.float64), np.asarray(below, np.float64))
    ratio = np.full(top.shape, np.nan)
    np.divide(top, bottom, out=ratio, where=bottom != 0)
    return ratio
