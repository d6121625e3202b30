"""Image to image retrieval by class, as ConVIRT measures it: precision among the k nearest images.

A query is an image in which the concept is present; the gallery is every image of another patient whose label
is known; right is one in which the concept is present. The joint embedding is used. Level cosines count by
the expected number of right ones in a random order, so that constant embeddings reach the prevalence.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from vesalius.errors import DataError
from vesalius.metrics import resampled, retrieval
from vesalius.metrics.bootstrap import PatientWeights, percentile
from vesalius.tasks._labels import Rows
from vesalius.tasks.base import Encoded, Score, TaskData, detail, predictions

__all__ = ["TASK", "ImageRetrieval"]


@dataclass(frozen=True, kw_only=True)
class ImageRetrieval:
    """Do images of one finding lie near one another."""

    ks: tuple[int, ...] = (5, 10, 50)
    name: str = "image_retrieval"
    needs: frozenset[str] = frozenset({"embed_image"})
    splits: frozenset[str] = frozenset()

    def predict(self, data: TaskData) -> pa.Table:
        """Measure the precision at every k of every query of every concept."""
        patients = np.unique(np.asarray(data.test.patients, dtype=str), return_inverse=True)[1]
        tables = [self._table(data.test, place, patients) for place in range(len(data.test.concepts))]
        tables = [table for table in tables if table.num_rows]
        if not tables:
            raise DataError("image retrieval needs a concept that is present in some test images, absent in others")
        return pa.concat_tables(tables)

    def score(self, table: pa.Table, *, resamples: int, seed: int) -> list[Score]:
        """P@k of each concept and its mean over concepts; the gallery stays whole, queries are drawn."""
        rows = Rows(table)
        weights = rows.weights(resamples=resamples, seed=seed)
        ks = sorted({int(variant["k"]) for variant in rows.variants})
        return [score for k in ks for score in self._scores(rows, weights, k)]

    def _scores(self, rows: Rows, weights: PatientWeights, k: int) -> list[Score]:
        at_k = rows.having("k", str(k)) & np.isfinite(rows.score)
        metric = f"p_at_{k}"
        scores, values, draws = [], [], []
        for number, label in enumerate(rows.labels):
            chosen = np.flatnonzero(at_k & (rows.label == number))
            if not len(chosen):
                continue
            seen = weights.select(chosen)
            values.append(float(rows.score[chosen].mean()))
            draws.append(resampled.mean(rows.score[chosen], seen))
            beside = rows.variants[rows.variant[chosen[0]]]
            extra = {"gallery": beside["gallery"], "chance": beside["chance"]}
            interval = percentile(values[-1], draws[-1], weights=seen)
            scores.append(
                Score.of(interval, task=self.name, metric=metric, label=label, extra=extra, draws=draws[-1])
            )
        if values:
            macro = resampled.macro(np.stack(draws, axis=1)).draws
            every = np.flatnonzero(at_k)
            distinct = every[np.unique(rows.item[every], return_index=True)[1]]
            interval = percentile(float(np.mean(values)), macro, weights=weights.select(distinct))
            chance = float(np.mean([score.extra["chance"] for score in scores]))
            extra = {"chance": chance}
            scores.append(Score.of(interval, task=self.name, metric=metric, label="macro", extra=extra, draws=macro))
        return scores

    def _table(self, test: Encoded, place: int, patients: np.ndarray[Any, Any]) -> pa.Table:
        """Rows of one concept; none where it is never present or never absent."""
        target = np.asarray(test.labels[:, place], dtype=np.float64)
        known, queries = np.flatnonzero(np.isfinite(target)), np.flatnonzero(target == 1)
        usable = bool(len(queries)) and bool(np.any(target == 0))
        precision = np.empty((0, len(self.ks)))
        if usable:
            precision = retrieval.class_precision_at(
                test.joint[queries],
                test.joint[known],
                relevant=target[known] == 1,
                ks=self.ks,
                excluded=(patients[queries], patients[known]),
            )
        kept = queries if usable else queries[:0]
        chance = float(np.mean(target[known] == 1)) if len(known) else float("nan")
        columns = {
            "item": [test.ids[row] for row in kept] * len(self.ks),
            "patient": [test.patients[row] for row in kept] * len(self.ks),
            "label": [test.concepts[place]] * (len(kept) * len(self.ks)),
            "target": np.ones(len(kept) * len(self.ks)),
            "score": precision.T.reshape(-1),
            "detail": [detail(k=k, gallery=len(known), chance=chance) for k in self.ks for _ in kept],
        }
        return predictions(self.name, columns)


TASK = ImageRetrieval
