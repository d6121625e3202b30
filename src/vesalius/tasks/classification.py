"""Classification by a head that was fitted to the labels of these concepts.

Letters: N items, C concepts.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from vesalius.errors import DataError
from vesalius.tasks._labels import Rows, choose_thresholds, label_rows, scores_of_tasks
from vesalius.tasks.base import Score, TaskData, detail, predictions

__all__ = ["TASK", "Classification"]

Floats = NDArray[np.floating[Any]]


@dataclass(frozen=True, kw_only=True)
class Classification:
    """Is the concept in the image, told by a head that learnt it."""

    draw: int = 0
    """Number of the part of the training labels that the head learnt from."""
    name: str = "classification"
    needs: frozenset[str] = frozenset({"classify"})
    splits: frozenset[str] = frozenset()

    def predict(self, data: TaskData) -> pa.Table:
        """Lay out the logits of every concept; the threshold is that of the best F1 on validation."""
        if "logits" not in data.test.outputs:
            raise DataError(f"task {self.name}: no logits; fit a head first, by vesalius finetune")
        logits = np.asarray(data.test.outputs["logits"], dtype=np.float64)
        concepts = data.test.concepts
        validation = None if data.val is None else (data.val.labels, np.asarray(data.val.outputs["logits"]))
        thresholds, sources = choose_thresholds(validation, concepts, fallback=0.0)
        details = {name: detail(draw=self.draw, threshold_from=sources[name]) for name in concepts}
        columns = {"score": logits, "probability": np.exp(-np.logaddexp(0.0, -logits))}
        return predictions(self.name, label_rows(data.test, columns, threshold=thresholds, detail=details))

    def score(self, table: pa.Table, *, resamples: int, seed: int) -> list[Score]:
        """Score every part of the labels, averaged over draws."""
        return scores_of_tasks(Rows(table), resamples=resamples, seed=seed)


TASK = Classification
