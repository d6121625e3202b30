"""Detection: average precision of boxes, by the rules of COCO, in the picture's own pixels.

`ap_50` is AP at an overlap of one half, `ap` the mean over overlaps of .5 to .95. All boxes are kept in the
predictions, so that another rule can be computed from them. Label "macro" is the mean over concepts.

Letters: N items, C concepts, B resamples.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from vesalius.errors import DataError
from vesalius.metrics import resampled
from vesalius.metrics.bootstrap import PatientWeights, percentile
from vesalius.metrics.boxes import (
    IOU_THRESHOLDS,
    average_precision,
    average_precision_draws,
    matches,
    ranked_of,
)
from vesalius.tasks._labels import Rows
from vesalius.tasks.base import Score, TaskData, detail, predictions

__all__ = ["TASK", "Detection"]

Floats = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class Detection:
    """Which boxes hold the concept."""

    draw: int = 0
    """Number of the part of the training labels that the head learnt from."""
    name: str = "detection"
    needs: frozenset[str] = frozenset({"detect"})
    splits: frozenset[str] = frozenset()

    def predict(self, data: TaskData) -> pa.Table:
        """Lay out boxes and truths of every item and concept in the detail; the score is the best box's."""
        if "found" not in data.test.outputs:
            raise DataError(f"task {self.name}: no boxes; fit a head by vesalius finetune --protocol detection")
        columns: dict[str, list[object]] = {
            name: [] for name in ("item", "patient", "label", "target", "score", "detail")
        }
        for row, study in enumerate(data.test.ids):
            found, truth = (data.test.outputs[name][row] for name in ("found", "truth"))
            for number, concept in enumerate(data.test.concepts):
                own, wanted = found[found[:, 5] == number, :5], truth[truth[:, 4] == number, :4]
                columns["item"].append(study)
                columns["patient"].append(data.test.patients[row])
                columns["label"].append(concept)
                columns["target"].append(float(len(wanted) > 0))
                columns["score"].append(float(own[:, 4].max()) if len(own) else 0.0)
                columns["detail"].append(
                    detail(draw=self.draw, found=np.round(own, 4).tolist(), truth=np.round(wanted, 3).tolist())
                )
        return predictions(self.name, columns)

    def score(self, table: pa.Table, *, resamples: int, seed: int) -> list[Score]:
        """Score every concept and their mean, averaged over draws."""
        rows = Rows(table)
        weights = rows.weights(resamples=resamples, seed=seed)
        draw_of = np.array([variant["draw"] for variant in rows.variants])[rows.variant]
        scores: list[Score] = []
        for number, task in enumerate(rows.tasks):
            chosen = rows.task == number
            draws = np.unique(draw_of[chosen]).tolist()
            values: dict[tuple[str, str], tuple[float, Floats]] = {}
            for place, label in enumerate(rows.labels):
                parts = [np.flatnonzero(chosen & (rows.label == place) & (draw_of == draw)) for draw in draws]
                measured = [_precisions(rows, part, weights.select(part)) for part in parts if len(part)]
                for metric in ("ap_50", "ap"):
                    means = [one[metric] for one in measured if np.isfinite(one[metric][0])]
                    if means:
                        value = float(np.mean([mean for mean, _ in means]))
                        values[metric, label] = value, np.mean([spread for _, spread in means], axis=0)
            scores += _scores(values, weights.select(np.flatnonzero(chosen)), task=task)
        return scores


def _precisions(rows: Rows, places: NDArray[np.intp], seen: PatientWeights) -> dict[str, tuple[float, Floats]]:
    """AP of one concept and draw, and in every resample."""
    details = [rows.variants[number] for number in rows.variant[places]]
    found = [np.array(one["found"], dtype=np.float64).reshape(-1, 5) for one in details]
    truths = [np.array(one["truth"], dtype=np.float64).reshape(-1, 4) for one in details]
    values, draws = [], []
    for threshold in IOU_THRESHOLDS:
        hits = [
            matches(own[:, :4], own[:, 4], wanted, threshold=threshold)
            for own, wanted in zip(found, truths, strict=True)
        ]
        ranked = ranked_of(hits, [own[:, 4] for own in found], [len(wanted) for wanted in truths])
        values.append(average_precision(ranked))
        draws.append(average_precision_draws(ranked, seen))
    return {"ap_50": (values[0], draws[0]), "ap": (float(np.mean(values)), np.mean(draws, axis=0))}


def _scores(values: dict[tuple[str, str], tuple[float, Floats]], seen: PatientWeights, *, task: str) -> list[Score]:
    scores: list[Score] = []
    for metric in ("ap_50", "ap"):
        own = {label: pair for (name, label), pair in values.items() if name == metric}
        if not own:
            continue
        mean = float(np.mean([value for value, _ in own.values()]))
        macro = mean, resampled.macro(np.stack([part for _, part in own.values()], axis=1)).draws
        for label, (value, draws) in {"macro": macro, **own}.items():
            interval = percentile(value, draws, weights=seen)
            scores.append(Score.of(interval, task=task, metric=metric, label=label, draws=draws))
    return scores


TASK = Detection
