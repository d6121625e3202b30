"""Linear probe: logistic regression on frozen features of the image encoder, before any projection.

Protocol ``logreg``: features standardised with training statistics, one L-BFGS regression a label (at most
1000 iterations), its C chosen by AUROC on validation, no second fit on training and validation together. C is
looked for as CLIP does: seven values from 1e-6 to 1e6, then the neighbourhood of the best.

Letters: N items, F features, C concepts.
"""

from __future__ import annotations

import warnings
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
        require("sklearn", purpose="the linear probe")
        check_fractions(self.fractions, self.draws)
        train = training_split(data, self.name)
        parts = subsets(train, fractions=self.fractions, draws=self.draws, seed=data.seed)
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
    inputs, target = features[known], labels[known]
    if len(np.unique(target)) < 2:
        return None
    if validation is None or len(np.unique(validation[1])) < 2:
        return _fit(inputs, target, DEFAULT_C)
    tried: dict[float, tuple[float, Probe]] = {}

    def reached(c: float) -> float:
        if c not in tried:
            probe = _fit(inputs, target, c)
            tried[c] = (auroc(validation[1], np.round(probe.logit(validation[0]), 9)), probe)
        return tried[c][0]

    best = max(COARSE, key=lambda c: (reached(c), -c))
    for step in (10.0, 10.0**0.5):
        around = (best / step, best, best * step)
        best = max(around, key=lambda c: (reached(c), -c))
    return tried[best][1]


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


def _fit(features: Floats, target: Floats, c: float) -> Probe:
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression

    with warnings.catch_warnings():
        # a weak penalty on separable labels has no minimum within 1000 steps; validation judges the result
        warnings.simplefilter("ignore", ConvergenceWarning)
        model = LogisticRegression(C=c, solver="lbfgs", max_iter=1000).fit(features, target)
    return Probe(model.coef_[0], float(model.intercept_[0]), c)


def _statistics(features: Floats) -> tuple[Floats, Floats]:
    """Mean and deviation of each feature; 1 for a feature that does not vary beyond rounding."""
    values = np.asarray(features, dtype=np.float64)
    shift, scale = values.mean(axis=0), values.std(axis=0)
    return shift, np.where(scale > 1e-7 * (1e-7 + np.abs(shift)), scale, 1.0)


def _standard(features: Floats, shift: Floats, scale: Floats) -> Floats:
    return (np.asarray(features, dtype=np.float64) - shift) / scale
