"""Linear probe: logistic regression on frozen features of the image encoder, before any projection.

Protocol ``logreg``: features standardised with training statistics, one L-BFGS regression a label (at most
1000 iterations), its C chosen by AUROC on validation, no second fit on training and validation together. C is
looked for as CLIP does: seven values from 1e-6 to 1e6, then the neighbourhood of the best.

Letters: N items, F features, C concepts.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from vesalius.metrics.classification import auroc
from vesalius.optional import require
from vesalius.tasks._labels import Rows, choose_thresholds, label_rows, scores_of_tasks
from vesalius.tasks._subsets import Subset, check_fractions, subset_name, subsets, training_split
from vesalius.tasks.base import Encoded, Score, TaskData, detail, predictions

__all__ = ["TASK", "LinearProbe", "Probe", "fit_probe"]

Floats = NDArray[np.floating[Any]]
COARSE = tuple(10.0**power for power in range(-6, 7, 2))
MAX_STEPS = 1000
SMALL = 4_000_000
"""Training features with fewer numbers than this are faster with one thread."""
DEFAULT_C = 1.0
"""Used where validation does not hold both classes of the label."""


class Probe(NamedTuple):
    """A fitted probe of one label."""

    weights: Floats
    """For standardised features, (F,)."""
    intercept: float
    c: float
    """Inverse strength of the penalty."""

    def logit(self, features: Floats) -> Floats:
        """Return the log odds of standardised features, (N,)."""
        return np.asarray(features @ self.weights + self.intercept, dtype=np.float64)


@dataclass(frozen=True, kw_only=True)
class LinearProbe:
    """Is the concept in the image, told by a linear layer on the frozen features."""

    fractions: tuple[float, ...] = (0.01, 0.1, 1.0)
    """Shares of the training patients."""
    draws: int = 3
    name: str = "linear_probe"
    needs: frozenset[str] = frozenset({"embed_image"})
    splits: frozenset[str] = frozenset({"train"})

    def predict(self, data: TaskData) -> pa.Table:
        """Fit a probe of every label on every part of the training split."""
        threads = require("threadpoolctl", "scipy", "sklearn", purpose="the linear probe")
        check_fractions(self.fractions, self.draws)
        train = training_split(data, self.name)
        parts = subsets(train, fractions=self.fractions, draws=self.draws, seed=data.seed)
        with threads.threadpool_limits(_threads(train), user_api="blas"):
            return pa.concat_tables([self._table(data, train, part) for part in parts])

    def score(self, table: pa.Table, *, resamples: int, seed: int) -> list[Score]:
        """Score each fraction; several draws give an interval over draws and patients."""
        return scores_of_tasks(Rows(table), resamples=resamples, seed=seed)

    def _table(self, data: TaskData, train: Encoded, part: Subset) -> pa.Table:
        concepts, fitted = data.test.concepts, _fit_all(data, train, part)
        validation = None if data.val is None else (data.val.labels, fitted.validation)
        thresholds, sources = choose_thresholds(validation, concepts, fallback=0.0)
        details = {
            concept: detail(
                fraction=part.fraction,
                draw=part.draw,
                studies=len(part.rows),
                c=c,
                threshold_from=sources[concept],
            )
            for concept, c in zip(concepts, fitted.c, strict=True)
        }
        with np.errstate(over="ignore"):  # a log odds of -800 is a probability of 0
            columns = {"score": fitted.test, "probability": 1 / (1 + np.exp(-fitted.test))}
        rows = label_rows(data.test, columns, threshold=thresholds, detail=details)
        return predictions(subset_name(self.name, part.fraction), rows)


TASK = LinearProbe


def fit_probe(features: Floats, labels: Floats, *, validation: tuple[Floats, Floats] | None) -> Probe | None:
    """Fit the probe of one label; None where the training items do not hold both classes.

    Args:
        features: standardised training features, (N, F).
        labels: 1 present, 0 absent, NaN not known, (N,).
        validation: standardised features and known labels that choose C; of values that are level the
            smallest C wins. None, or one class only: C = 1.
    """
    known = np.isfinite(labels)
    target = labels[known]
    if len(np.unique(target)) < 2:
        return None
    basis = _basis(features[known])
    if validation is None or len(np.unique(validation[1])) < 2:
        return basis.probe(_fit(basis, target, DEFAULT_C, start=None), DEFAULT_C)
    held = validation[0] @ basis.axes
    tried: dict[float, tuple[float, Floats]] = {}

    def reached(c: float) -> float:
        if c not in tried:
            nearest = min(tried, key=lambda other: abs(np.log(other / c)), default=None)
            line = _fit(basis, target, c, start=None if nearest is None else tried[nearest][1])
            tried[c] = (auroc(validation[1], np.round(held @ line[:-1] + line[-1], 9)), line)
        return tried[c][0]

    best = max(COARSE, key=lambda c: (reached(c), -c))
    for step in (10.0, 10.0**0.5):
        around = (best / step, best, best * step)
        best = max(around, key=lambda c: (reached(c), -c))
    return basis.probe(tried[best][1], best)


class _Basis(NamedTuple):
    """Training features along their principal axes: the penalised optimum lies in their span."""

    axes: Floats
    """Orthonormal directions, (F, R)."""
    inputs: Floats
    """Training features along them, (N, R)."""
    power: Floats
    """Sum of squares along each, (R,)."""

    def probe(self, line: Floats, c: float) -> Probe:
        """Turn weights along the axes, the intercept last, into a probe."""
        return Probe(self.axes @ line[:-1], float(line[-1]), c)


def _basis(features: Floats) -> _Basis:
    tall = len(features) >= features.shape[1]
    gram = features.T @ features if tall else features @ features.T
    power, vectors = np.linalg.eigh(gram)
    # directions below this share of the largest are rounding
    kept = power > 1e-10 * max(float(power[-1]), 1e-300)
    power, vectors = power[kept], vectors[:, kept]
    axes = vectors if tall else features.T @ vectors / np.sqrt(power)
    return _Basis(axes, features @ axes, power)


def _fit(basis: _Basis, target: Floats, c: float, *, start: Floats | None) -> Floats:
    """Minimise |w|^2/2 + c * log loss by L-BFGS; returns the weights along the axes and the intercept, (R + 1,).

    The axes are scaled by the curvature at the base rate, where the Hessian is diagonal: without it a weak
    penalty takes thousands of steps.
    """
    from scipy.optimize import minimize

    base = float(np.clip(target.mean(), 1e-6, 1 - 1e-6))
    curvature = base * (1 - base)
    scale = 1 / np.sqrt(1 / c + curvature * np.append(basis.power, len(target)))
    sign = 2 * target - 1

    def loss(moved: Floats) -> tuple[float, Floats]:
        line = moved * scale
        margin = sign * (basis.inputs @ line[:-1] + line[-1])
        slope = -sign / (1 + np.exp(np.minimum(margin, 500)))
        gradient = np.append(line[:-1] / c + slope @ basis.inputs, slope.sum())
        value = line[:-1] @ line[:-1] / (2 * c) + np.logaddexp(0.0, -margin).sum()
        return float(value), gradient * scale

    first = np.append(np.zeros(len(basis.power)), np.log(base / (1 - base))) if start is None else start
    options = {"maxiter": MAX_STEPS, "gtol": 1e-7, "ftol": 1e-15}
    found = minimize(loss, first / scale, jac=True, method="L-BFGS-B", options=options)
    return np.asarray(found.x * scale, dtype=np.float64)


class _Fitted(NamedTuple):
    """Log odds of every label's probe, NaN where it could not be learnt."""

    test: Floats
    """(N, C)."""
    validation: Floats
    c: list[float | None]


def _fit_all(data: TaskData, train: Encoded, part: Subset) -> _Fitted:
    shift, scale = _statistics(train.features[part.rows])
    learnt = _standard(train.features[part.rows], shift, scale)
    held = data.test if data.val is None else data.val
    splits = [_standard(split.features, shift, scale) for split in (data.test, held)]
    scores = [np.full((len(rows), len(data.test.concepts)), np.nan) for rows in splits]
    chosen: list[float | None] = []
    for place in range(len(data.test.concepts)):
        target = np.asarray(held.labels[:, place], dtype=np.float64)
        known = np.isfinite(target) & (data.val is not None)
        labels = np.asarray(train.labels[part.rows, place], dtype=np.float64)
        probe = fit_probe(learnt, labels, validation=(splits[1][known], target[known]))
        chosen.append(None if probe is None else probe.c)
        for rows, score in zip(splits, scores, strict=True):
            if probe is not None:
                # rounded, for equal images must be level whatever block of the product they stand in
                score[:, place] = np.round(probe.logit(rows), 9)
    return _Fitted(scores[0], scores[1], chosen)


def _threads(train: Encoded) -> int | None:
    """One thread for products so small that threads only wait for one another; else the usual number."""
    return 1 if train.features.size < SMALL else None


def _statistics(features: Floats) -> tuple[Floats, Floats]:
    """Mean and deviation of each feature; 1 for a feature that does not vary beyond rounding."""
    values = np.asarray(features, dtype=np.float64)
    shift, scale = values.mean(axis=0), values.std(axis=0)
    return shift, np.where(scale > 1e-7 * (1e-7 + np.abs(shift)), scale, 1.0)


def _standard(features: Floats, shift: Floats, scale: Floats) -> Floats:
    return (np.asarray(features, dtype=np.float64) - shift) / scale
