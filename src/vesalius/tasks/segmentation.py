"""Segmentation: Dice and intersection over union of each concept's mask, on the grid of the picture.

`dice` and `iou` are means over the pictures that show the concept. `dice_all` counts every picture: where nothing is
to be found, 1 for an empty mask and 0 for any other (BenchX). The number of pixels of each mask is kept, so that
another convention can be computed from the predictions.

Letters: N items, C concepts.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from vesalius.errors import DataError
from vesalius.metrics import masks
from vesalius.tasks._labels import Rows, label_rows
from vesalius.tasks._means import mean_scores
from vesalius.tasks.base import Score, TaskData, detail, predictions

__all__ = ["TASK", "Segmentation", "overlap"]

Floats = NDArray[np.float64]


def overlap(pixels: Floats) -> dict[str, Floats]:
    """Return Dice and intersection over union of pixel counts (…, 3): in both, in the answer, in the truth.

    Both are NaN where there is no truth; `dice_all` is there 1 for an empty answer and else 0.
    """
    both, said, truth = np.moveaxis(np.asarray(pixels, dtype=np.float64), -1, 0)
    apart = np.stack([both, said - both, truth - both], axis=-1)
    return {
        "dice": masks.dice(apart, empty="truth_only"),
        "iou": masks.iou(apart, empty="truth_only"),
        "dice_all": masks.dice(apart, empty="one"),
    }


@dataclass(frozen=True, kw_only=True)
class Segmentation:
    """Where the concept is, told by a head that learnt masks."""

    draw: int = 0
    """Number of the part of the training labels that the head learnt from."""
    name: str = "segmentation"
    needs: frozenset[str] = frozenset({"segment"})
    splits: frozenset[str] = frozenset()

    def predict(self, data: TaskData) -> pa.Table:
        """Lay out Dice as the score of every item and concept, with the pixel counts in the detail."""
        if "pixels" not in data.test.outputs:
            raise DataError(
                f"task {self.name}: no masks; fit a head first, by vesalius finetune --protocol segmentation"
            )
        pixels = np.asarray(data.test.outputs["pixels"], dtype=np.float64)
        columns = label_rows(data.test, {"score": overlap(pixels)["dice"]})
        columns["target"] = (pixels[..., 2] > 0).astype(np.float64).T.reshape(-1)
        counts = pixels.transpose(1, 0, 2).reshape(-1, 3)
        columns["detail"] = [detail(draw=self.draw, pixels=[int(count) for count in row]) for row in counts]
        return predictions(self.name, columns)

    def score(self, table: pa.Table, *, resamples: int, seed: int) -> list[Score]:
        """Score every concept and their mean, averaged over draws."""
        rows = Rows(table)
        weights = rows.weights(resamples=resamples, seed=seed)
        pixels = np.array([variant["pixels"] for variant in rows.variants], dtype=np.float64)[rows.variant]
        values = overlap(pixels)
        scores: list[Score] = []
        for number, task in enumerate(rows.tasks):
            for metric, value in values.items():
                scores += mean_scores(rows, rows.task == number, value, weights, task=task, metric=metric)
        return scores


TASK = Segmentation
