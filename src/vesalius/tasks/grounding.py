"""Phrase grounding: does the similarity map of a phrase lie where the corpus marks what it speaks of.

Every finding that a picture marks is asked for by the first sentence of the prompt set that states it. Maps are
brought to the picture's grid, bilinear, corners not aligned, before they are scored.

Letters: N items.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from vesalius.errors import CapabilityError, DataError
from vesalius.metrics.maps import contrast_to_noise, energy_inside, mean_iou, pointing_hit
from vesalius.tasks._labels import Rows
from vesalius.tasks._means import mean_scores
from vesalius.tasks.base import Score, TaskData, detail, predictions
from vesalius.tasks.prompts import load_prompts

__all__ = ["TASK", "Grounding"]

_METRICS = {"cnr": contrast_to_noise, "miou": mean_iou, "pointing": pointing_hit, "energy": energy_inside}


@dataclass(frozen=True, kw_only=True)
class Grounding:
    """Where a phrase applies, told by the similarity of patches to it."""

    prompts: str = "convirt"
    """Name of the prompt set."""
    name: str = "grounding"
    needs: frozenset[str] = frozenset({"similarity_map"})
    splits: frozenset[str] = frozenset()

    def predict(self, data: TaskData) -> pa.Table:
        """Measure the map of every marked finding; the score is the contrast-to-noise ratio."""
        if data.ground is None:
            raise CapabilityError(f"task {self.name}: the model gives no similarity map")
        prompts = load_prompts(self.prompts)
        columns: dict[str, list[object]] = {name: [] for name in ("item", "patient", "label", "score", "detail")}
        for row, study in enumerate(data.test.ids):
            for concept, mask in data.ground.marked(row).items():
                phrase = prompts.positive(concept)[0]
                similarity = data.ground(row, phrase)
                values = {name: measure(similarity, mask) for name, measure in _METRICS.items()}
                columns["item"].append(study)
                columns["patient"].append(data.test.patients[row])
                columns["label"].append(concept)
                columns["score"].append(values["cnr"])
                known = {name: None if np.isnan(value) else value for name, value in values.items()}
                columns["detail"].append(detail(phrase=phrase, share=float(mask.mean()), **known))
        if not columns["item"]:
            raise DataError(f"task {self.name}: the test split marks no finding in a picture, by mask or box")
        return predictions(self.name, {**columns, "target": np.ones(len(columns["item"]))})

    def score(self, table: pa.Table, *, resamples: int, seed: int) -> list[Score]:
        """Mean of each measure by finding and over the findings; chance of `pointing` is the marked share."""
        rows = Rows(table)
        weights = rows.weights(resamples=resamples, seed=seed)
        everything = np.ones(len(rows.label), dtype=bool)
        share = float(np.mean([variant["share"] for variant in rows.variants]))
        scores: list[Score] = []
        for metric in _METRICS:
            value = np.array([variant[metric] for variant in rows.variants], dtype=np.float64)[rows.variant]
            extra = {"chance": share} if metric in ("pointing", "energy") else None
            scores += mean_scores(rows, everything, value, weights, task=self.name, metric=metric, extra=extra)
        return scores


TASK = Grounding
