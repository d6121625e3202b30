"""k nearest neighbours on frozen features, as DINO does it: cosine, k = 20, temperature 0.07.

A concept's score is the weighted share of the neighbours in which it is present, with weights exp(cosine /
T). Neighbours whose label is not known are passed over, so that k known ones vote. Level cosines: lower index
first.

Letters: N items, M training items, F features, C concepts, k neighbours.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from vesalius.metrics.bootstrap import BLOCK_BYTES
from vesalius.tasks._labels import Rows, choose_thresholds, label_rows, scores_of_tasks
from vesalius.tasks._subsets import Subset, check_fractions, subset_name, subsets, training_split
from vesalius.tasks.base import Score, TaskData, detail, predictions

__all__ = ["TASK", "Neighbours", "neighbour_votes"]

Floats = NDArray[np.floating[Any]]


@dataclass(frozen=True, kw_only=True)
class Neighbours:
    """Is the concept in the image, told by the training images that look like it."""

    k: int = 20
    """Neighbours that vote; all of them where a part of the training split holds fewer."""
    temperature: float = 0.07
    fractions: tuple[float, ...] = (0.01, 0.1, 1.0)
    """Shares of the training patients."""
    draws: int = 3
    name: str = "knn"
    needs: frozenset[str] = frozenset({"embed_image"})
    splits: frozenset[str] = frozenset({"train"})

    def predict(self, data: TaskData) -> pa.Table:
        """Let the neighbours in every part of the training split vote."""
        check_fractions(self.fractions, self.draws)
        train = training_split(data, self.name)
        parts = subsets(train, fractions=self.fractions, draws=self.draws, seed=data.seed)
        return pa.concat_tables([self._table(data, part) for part in parts])

    def score(self, table: pa.Table, *, resamples: int, seed: int) -> list[Score]:
        """Score each fraction; several draws give an interval over draws and patients."""
        return scores_of_tasks(Rows(table), resamples=resamples, seed=seed)

    def _table(self, data: TaskData, part: Subset) -> pa.Table:
        train = training_split(data, self.name)
        concepts, labels = data.test.concepts, np.asarray(train.labels, dtype=np.float64)[part.rows]
        features = train.features[part.rows]

        def voted(queries: Floats) -> Floats:
            return neighbour_votes(queries, features, labels, k=self.k, temperature=self.temperature)

        score = voted(data.test.features)
        validation = None if data.val is None else (data.val.labels, voted(data.val.features))
        thresholds, sources = choose_thresholds(validation, concepts, fallback=0.5)
        details = {
            concept: detail(
                fraction=part.fraction,
                draw=part.draw,
                studies=len(part.rows),
                k=min(self.k, len(part.rows)),
                threshold_from=sources[concept],
            )
            for concept in concepts
        }
        columns = {"score": score, "probability": score}
        rows = label_rows(data.test, columns, threshold=thresholds, detail=details)
        return predictions(subset_name(self.name, part.fraction), rows)


TASK = Neighbours


def neighbour_votes(
    query: Floats, gallery: Floats, labels: Floats, *, k: int = 20, temperature: float = 0.07
) -> Floats:
    """Weighted share of the k nearest known neighbours in which each concept is present, (N, C).

    NaN where no item of the gallery is known for the concept.

    Args:
        query: features of the queries, any length of vector, (N, F).
        gallery: features of the training items, (M, F).
        labels: 1 present, 0 absent, NaN not known, (M, C).
        k: neighbours that vote.
        temperature: T of the weights exp(cosine / T).
    """
    queries, items = _unit(query), _unit(gallery)
    known = np.isfinite(labels)
    votes = np.full((len(queries), labels.shape[1]), np.nan)
    patterns, pattern_of = np.unique(known, axis=1, return_inverse=True)
    step = max(1, BLOCK_BYTES // (8 * 3 * max(1, len(items))))
    for start in range(0, len(queries), step):
        rows = slice(start, start + step)
        # rounded, for equal images must be level whatever block of the product they stand in
        similarity = np.round(queries[rows] @ items.T, 9)
        for number, pattern in enumerate(patterns.T):
            usable = np.flatnonzero(pattern)
            concepts = np.flatnonzero(pattern_of.reshape(-1) == number)
            if len(usable):
                votes[rows, concepts] = _votes(similarity[:, usable], labels[usable][:, concepts], k, temperature)
    return votes


def _votes(similarity: Floats, labels: Floats, k: int, temperature: float) -> Floats:
    count = min(k, similarity.shape[1])
    last = np.partition(similarity, similarity.shape[1] - count, axis=1)[:, -count]
    above = similarity > last[:, None]
    level = similarity == last[:, None]
    chosen = above | (level & (np.cumsum(level, axis=1) <= count - above.sum(axis=1, keepdims=True)))
    nearest = np.nonzero(chosen)[1].reshape(len(similarity), count)
    weights = np.take_along_axis(similarity, nearest, axis=1)
    weights = np.exp((weights - weights.max(axis=1, keepdims=True)) / temperature)
    voted = np.einsum("nk,nkc->nc", weights, labels[nearest])
    # an exact 1 may come out a rounding error above it
    return np.asarray(np.clip(voted / weights.sum(axis=1, keepdims=True), 0.0, 1.0))


def _unit(features: Floats) -> Floats:
    values = np.asarray(features, dtype=np.float64)
    norm = np.linalg.norm(values, axis=1, keepdims=True)
    return np.asarray(np.divide(values, norm, out=np.zeros_like(values), where=norm > 0))
