"""The effect of a factor over seeds and patients: two arms with the same seeds, asked about the same items.

The seeds are paired (same data order, same initial weights), so the differences of the two arms form one table of
seeds by patients. A score that is a mean over items takes the two-way form for that table. Any other, such as
AUROC, takes the form of Obuchowski and Rockette with seeds as readers: the covariance between the seeds'
differences comes from a bootstrap of patients that all seeds and arms share.

Letters: S seeds, P patients, B resamples.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from vesalius.errors import DataError
from vesalius.evaluation.paired import Pair, align, item_values
from vesalius.metrics.statistics import over_seeds, patient_weights, percentile, seeds_by_patients
from vesalius.tasks.base import PREDICTIONS, Score, column, make_task
from vesalius.tasks.matching import RERANKED

__all__ = ["Effect", "Measure", "effect_of"]

Floats = NDArray[np.float64]
QUESTIONS = "questions"
"""File of the task that scores answers to the questions of benchmarks."""
_FORMS = {
    "mean": "seeds x patients, two-way form of the paired differences",
    "other": "seeds x patients, Obuchowski-Rockette on the paired differences",
    "one seed": "patients alone, percentile bootstrap",
}


@dataclass(frozen=True, kw_only=True)
class Measure:
    """Which number of an evaluation is looked at."""

    task: str
    """Name of the task's file, or a benchmark and its part with a point between them."""
    metric: str
    label: str = "macro"
    subset: float | None = None
    """Share of the training labels, for tasks that learn from them."""

    @property
    def file(self) -> str:
        """Name of the task's file: a part of a benchmark, such as ``corpus.vqa``, is scored as questions are."""
        return QUESTIONS if "." in self.task else self.task

    @property
    def score_task(self) -> str:
        """Name under which the task's scores stand, such as ``linear_probe_10``."""
        return self.task if self.subset is None else f"{self.task}_{self.subset * 100:g}"

    @property
    def words(self) -> str:
        """Task, metric and label for people."""
        return f"{self.score_task} {self.metric} ({self.label})"

    def rows(self, answers: pa.Table) -> pa.Table:
        """Return the answers behind the score, those of other shares of the labels left out.

        A search whose nearest are put in order anew gives answers of both kinds, and an arm may lack the second.
        """
        kept = answers.filter(pc.equal(answers["task"], self.score_task)).select(PREDICTIONS.names)
        anew = pc.match_substring(kept["detail"], f'"matching": "{RERANKED}"')
        return kept.filter(anew if self.metric.endswith(RERANKED) else pc.invert(anew))

    def of(self, scores: Sequence[Score]) -> Score:
        """Return the score that is meant.

        Raises:
            DataError: the task gives no such score; lists those that it gives.
        """
        for score in scores:
            if (score.task, score.metric, score.label) == (self.score_task, self.metric, self.label):
                return score
        given = sorted({f"{score.task} {score.metric}" for score in scores})
        raise DataError(f"no score {self.words}; the task gives {', '.join(given)}")


@dataclass(frozen=True, kw_only=True)
class Effect:
    """Score with the idea minus score without it, for new seeds and new patients."""

    value: float
    low: float
    high: float
    on: float
    """Mean over seeds of the score with the idea."""
    off: float
    seeds: tuple[float, ...]
    """Difference of each seed."""
    n: int
    n_patients: int
    form: str
    """How the interval was made."""
    note: str = ""


def effect_of(pairs: Sequence[tuple[pa.Table, pa.Table]], *, measure: Measure, resamples: int, seed: int) -> Effect:
    """Measure the effect from the stored answers of both arms.

    Args:
        pairs: for each seed the answers with and without the idea (schema `PREDICTIONS`), all to the same items.
        measure: the score.
        resamples: bootstrap resamples of patients, B.
        seed: seed of the resampling.

    Raises:
        DataError: the arms or seeds were asked about different items, or the score is not defined in one.
    """
    if not pairs:
        raise DataError("no seed to measure an effect from")
    aligned = [align(measure.rows(first), measure.rows(second)) for first, second in pairs]
    _require_same_items(aligned)
    task = make_task(measure.file)
    scored = [
        [measure.of(task.score(table, resamples=resamples, seed=seed)) for table in (pair.first, pair.second)]
        for pair in aligned
    ]
    values = np.array([[one.value, other.value] for one, other in scored])
    if not np.isfinite(values).all():
        place = int(np.argwhere(~np.isfinite(values))[0][0])
        note = next((score.note for score in scored[place] if not np.isfinite(score.value)), "")
        raise DataError(f"{measure.words} is not defined for seed {place}: {note}")
    if _values_of(scored[0][0]) is not None and len(pairs) > 1:
        found = _by_two_ways(aligned, scored[0][0])
    else:
        found = _by_resamples(aligned[0], scored, seed=seed)
    first = scored[0][0]
    return Effect(
        value=found.value,
        low=found.low,
        high=found.high,
        on=float(values[:, 0].mean()),
        off=float(values[:, 1].mean()),
        seeds=found.seeds,
        n=first.n,
        n_patients=first.n_patients,
        form=found.form,
        note=found.note,
    )


@dataclass(frozen=True, kw_only=True)
class _Found:
    value: float
    low: float
    high: float
    seeds: tuple[float, ...]
    form: str
    note: str


def _by_two_ways(aligned: Sequence[Pair], score: Score) -> _Found:
    """Two-way form of the table of differences (S, P); a patient counts once, however many items it has."""
    table = np.stack([_patient_means(pair, score) for pair in aligned])
    found = seeds_by_patients(table)
    return _Found(
        value=found.value,
        low=found.low,
        high=found.high,
        seeds=tuple(float(value) for value in table.mean(axis=1)),
        form=_FORMS["mean"],
        note=found.note,
    )


def _patient_means(pair: Pair, score: Score) -> Floats:
    """Mean difference of each patient's items, labels of unlike number weighing the same, (P,)."""
    value = _values_of(score)
    assert value is not None
    rows = pair.rows_of(score)
    apart = (value(pair.first) - value(pair.second))[rows]
    known = np.isfinite(apart)
    apart, rows = apart[known], rows[known]
    labels = column(pair.first, "label")[rows].astype(str)
    _, label, of_label = np.unique(labels, return_inverse=True, return_counts=True)
    weight = len(apart) / (len(of_label) * of_label[label])
    _, patient = np.unique(column(pair.first, "patient")[rows].astype(str), return_inverse=True)
    return np.asarray(np.bincount(patient, weights=weight * apart) / np.bincount(patient), dtype=np.float64)


def _values_of(score: Score) -> Callable[[pa.Table], Floats] | None:
    """What each row adds to a score that is a mean over items; None for other scores."""
    return partial(column, name="score") if score.plain_mean else item_values(score.metric)


def _by_resamples(first: Pair, scored: Sequence[Sequence[Score]], *, seed: int) -> _Found:
    """Obuchowski-Rockette form from resamples that seeds and arms share; one seed: percentiles over patients."""
    values = np.array([one.value - other.value for one, other in scored])
    draws = []
    for one, other in scored:
        if one.draws is None or other.draws is None:
            raise DataError(f"{one.task} {one.metric} has no resamples, so its effect has no interval")
        draws.append(one.draws - other.draws)
    table = np.stack(draws, axis=1)
    rows = first.rows_of(scored[0][0])
    weights = patient_weights(column(first.first, "patient")[rows].tolist(), resamples=len(table), seed=seed)
    if len(values) == 1:
        found = percentile(float(values[0]), table[:, 0], weights=weights)
    else:
        found = over_seeds(values, table, weights=weights, limits=(-np.inf, np.inf))
    return _Found(
        value=found.value,
        low=found.low,
        high=found.high,
        seeds=tuple(float(value) for value in values),
        form=_FORMS["one seed" if len(values) == 1 else "other"],
        note=found.note,
    )


def _require_same_items(aligned: Sequence[Pair]) -> None:
    """Raise a DataError where arms or seeds answered other items."""
    keys = ("task", "label", "item", "patient")
    first = aligned[0].first.select(keys)
    for number, pair in enumerate(aligned):
        if pair.left_out:
            raise DataError(f"seed {number}: {pair.left_out} answers of one arm have no counterpart in the other")
        if not pair.first.select(keys).equals(first):
            raise DataError(f"seed {number} was asked about other items than seed 0: evaluate all on the same split")
