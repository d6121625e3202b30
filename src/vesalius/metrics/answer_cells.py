"""Scores of reports as vectors of answers: cells, whole reports, and F1 of the answers that occur.

Source: the evaluation of Rad-ReStruct (Pellegrini et al. 2023, arXiv 2307.05766), whose printed means also take in
the summary rows of its table of classes; these are given beside the clean ones.

Legend: N reports, C cells.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from vesalius.errors import DataError

__all__ = ["CellScores", "cell_scores", "right_cells"]

Bools = NDArray[np.bool_]


class CellScores(NamedTuple):
    """What predicted vectors are worth."""

    accuracy: float
    """Share of all cells that are right."""
    report_accuracy: float
    """Share of reports of which every cell is right."""
    precision: float
    """Mean over the cells that hold in some report; so are recall and F1."""
    recall: float
    f1: float
    printed_f1: float
    """Mean over the same cells and four summaries (micro, macro, weighted, by report), as the release prints it."""


def cell_scores(truth: Bools, predicted: Bools) -> CellScores:
    """Score vectors.

    Args:
        truth: (N, C).
        predicted: (N, C).

    Raises:
        DataError: shapes differ, or no cell of the truth holds.
    """
    truth, predicted = np.asarray(truth, bool), np.asarray(predicted, bool)
    if truth.shape != predicted.shape or truth.ndim != 2 or not truth.any():
        raise DataError(
            f"truth {truth.shape} and prediction {predicted.shape}: expected reports by cells, some of which hold"
        )
    hit, said, there = (part.sum(axis=0) for part in (truth & predicted, predicted, truth))
    precision, recall, f1 = _rates(hit, said, there)
    kept = there > 0
    by_report = _rates(*(part.sum(axis=1) for part in (truth & predicted, predicted, truth)))[2].mean()
    micro = _rates(hit.sum(), said.sum(), there.sum())[2]
    summaries = [float(micro), f1.mean(), float((f1 * there).sum() / there.sum()), by_report]
    return CellScores(
        accuracy=float((truth == predicted).mean()),
        report_accuracy=float(right_cells(truth, predicted).all(axis=1).mean()),
        precision=float(precision[kept].mean()),
        recall=float(recall[kept].mean()),
        f1=float(f1[kept].mean()),
        printed_f1=float(np.mean([*f1[kept], *summaries])),
    )


def right_cells(truth: Bools, predicted: Bools) -> Bools:
    """Return which cells are right, (N, C): what the scores of each report are made of."""
    return np.asarray(np.asarray(truth, bool) == np.asarray(predicted, bool))


def _rates(hit: NDArray[np.int_], said: NDArray[np.int_], there: NDArray[np.int_]) -> NDArray[np.float64]:
    """Precision, recall and F1; 1 where nothing was there to be found or said."""
    precision = np.where(said > 0, hit / np.maximum(said, 1), 1.0)
    recall = np.where(there > 0, hit / np.maximum(there, 1), 1.0)
    both = precision + recall
    f1 = np.where(both > 0, 2 * precision * recall / np.where(both > 0, both, 1.0), 0.0)
    return np.stack([precision, recall, np.where((said == 0) & (there == 0), 1.0, f1)])
