"""From rows of predictions to the scores of labels: shared by the tasks that answer "is it present?"."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from vesalius.errors import DataError
from vesalius.metrics.bootstrap import PatientWeights, patient_weights
from vesalius.metrics.classification import best_threshold
from vesalius.metrics.labels import LabelData, LabelScore, score_labels
from vesalius.tasks.base import Encoded, Score, column

__all__ = ["Rows", "choose_thresholds", "label_rows", "scores_of_draws", "scores_of_tasks", "to_scores"]

Floats = NDArray[np.floating[Any]]


class Rows:
    """A table of predictions as arrays, with numbers in the place of names."""

    def __init__(self, table: pa.Table) -> None:
        if not table.num_rows:
            raise DataError("no predictions to score: the table is empty")
        self._table = table
        self.target = column(table, "target")
        self.score = column(table, "score")
        self.probability = column(table, "probability")
        self.tasks, self.task = _numbered(table, "task")
        self.labels, self.label = _numbered(table, "label")
        texts, self.variant = _numbered(table, "detail")
        self.variants: list[dict[str, Any]] = [json.loads(text) for text in texts]

    @cached_property
    def rank(self) -> Floats:
        """Of the best right item."""
        return column(self._table, "rank")

    @cached_property
    def threshold(self) -> Floats:
        """Present means a score from it on."""
        return column(self._table, "threshold")

    @cached_property
    def item(self) -> NDArray[np.intp]:
        """Number of the item of each row."""
        return _numbered(self._table, "item")[1]

    def having(self, key: str, value: str) -> NDArray[np.bool_]:
        """Return which rows have `value` under `key` of their detail."""
        fitting = np.array([str(variant.get(key)) == value for variant in self.variants], dtype=bool)
        return np.asarray(fitting[self.variant])

    def weights(self, *, resamples: int, seed: int) -> PatientWeights:
        """Return the resamples over all rows; every label and variant shares them."""
        patients, codes = _numbered(self._table, "patient")
        return patient_weights(patients, resamples=resamples, seed=seed).select(codes)


def label_rows(encoded: Encoded, scores: Mapping[str, Floats], **more: Mapping[str, Any]) -> dict[str, Any]:
    """Lay (N, C) arrays out in rows, concept after concept.

    Args:
        encoded: the test split.
        scores: column name to an (N, C) array.
        more: column name to a value a concept.
    """
    n = len(encoded)
    columns: dict[str, Any] = {
        "item": list(encoded.ids) * len(encoded.concepts),
        "patient": list(encoded.patients) * len(encoded.concepts),
        "label": [concept for concept in encoded.concepts for _ in range(n)],
        "target": np.asarray(encoded.labels, dtype=np.float64).T.reshape(-1),
    }
    columns |= {name: np.asarray(values, dtype=np.float64).T.reshape(-1) for name, values in scores.items()}
    for name, values in more.items():
        columns[name] = [values[concept] for concept in encoded.concepts for _ in range(n)]
    return columns


def choose_thresholds(
    validation: tuple[Floats, Floats] | None, concepts: Sequence[str], *, fallback: float
) -> tuple[dict[str, float], dict[str, str]]:
    """Choose the threshold of the best F1 of each concept on validation labels.

    Args:
        validation: labels, NaN where unknown, and scores, NaN where a label could not be learnt, of the
            validation split, both (N, C); or None.
        concepts: names of the columns.
        fallback: used where validation does not hold both classes; NaN for a score without a natural one.

    Returns:
        Threshold of each concept, and where it comes from: "validation", "natural" or "none".
    """
    thresholds = dict.fromkeys(concepts, fallback)
    sources = dict.fromkeys(concepts, "natural" if np.isfinite(fallback) else "none")
    for place, concept in enumerate(concepts if validation is not None else ()):
        assert validation is not None
        labels, scores = (np.asarray(part[:, place], dtype=np.float64) for part in validation)
        known = np.isfinite(labels) & np.isfinite(scores)
        if np.any(labels[known] == 1) and np.any(labels[known] == 0):
            thresholds[concept] = best_threshold(labels[known], scores[known])[0]
            sources[concept] = "validation"
    return thresholds, sources


def scores_of_draws(
    rows: Rows, selected: NDArray[np.bool_], weights: PatientWeights, *, task: str, by: str = ""
) -> list[Score]:
    """Score the selected rows of one task; rows that differ in the detail `by` are draws to be averaged."""
    kinds = sorted({str(rows.variants[number].get(by)) for number in np.unique(rows.variant[selected])})
    draws = [
        [
            _label(rows, selected & rows.having(by, kind) & (rows.label == number), name)
            for number, name in enumerate(rows.labels)
        ]
        for kind in kinds
    ]
    return to_scores(score_labels(draws, weights), task=task)


def scores_of_tasks(rows: Rows, *, resamples: int, seed: int) -> list[Score]:
    """Score every task of a table, averaging over the draws of its training data."""
    weights = rows.weights(resamples=resamples, seed=seed)
    scores = []
    for number, task in enumerate(rows.tasks):
        scores += scores_of_draws(rows, rows.task == number, weights, task=task, by="draw")
    return scores


def to_scores(found: Sequence[LabelScore], *, task: str) -> list[Score]:
    """Give the scores of labels the name of their task."""
    return [
        Score.of(
            score.interval,
            task=task,
            metric=score.metric,
            label=score.label,
            extra=score.extra,
            draws=score.draws,
        )
        for score in found
    ]


def _label(rows: Rows, chosen: NDArray[np.bool_], name: str) -> LabelData:
    known = chosen & np.isfinite(rows.target)
    places = np.flatnonzero(known)
    thresholds = rows.threshold[places]
    return LabelData(
        name=name,
        target=rows.target[places],
        score=rows.score[places],
        probability=rows.probability[places],
        threshold=float(thresholds[0]) if len(places) else float("nan"),
        rows=places,
        items=rows.item[places],
        unknown=int(chosen.sum() - known.sum()),
    )


def _numbered(table: pa.Table, name: str) -> tuple[list[str], NDArray[np.intp]]:
    """Return the distinct values of a column in order of appearance, and each row's number among them."""
    encoded = table.column(name).combine_chunks().dictionary_encode()
    return encoded.dictionary.to_pylist(), encoded.indices.to_numpy().astype(np.intp)
