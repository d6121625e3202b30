"""Points and boxes without scores, as models answer in text, against the marked ones; and named landmarks.

Source: the rules of PointDetectCount's evaluation (arXiv 2505.16647; simula/PointDetectCount, ``evaluate_qwen.py``)
and, beside them, matching one to one, which the first do not ask for: many points on one thing all match there, and a
thing that nobody points at costs nothing. Coordinates are in pixels.

Letters: D said, T true, N pictures.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from vesalius.errors import DataError
from vesalius.metrics.boxes import iou
from vesalius.metrics.detection import (
    Picture,
    coco_scores,
    counted_pairs,
    mean_hit_distance,
    precision_recall_f1,
    within,
)
from vesalius.metrics.measurement import landmarks

__all__ = [
    "GATE_PX",
    "NearestPoints",
    "best_overlap",
    "box_scores",
    "count_scores",
    "detection_mark",
    "landmark_errors_mm",
    "nearest_points",
    "one_to_one",
    "point_scores",
]

Floats = NDArray[np.float64]
Points = Sequence[tuple[float, float]]

GATE_PX = 10.0
"""Distance below which a point counts as matched."""


class NearestPoints(NamedTuple):
    """How far the said points of one picture lie from the nearest true one; NaN in a zero case."""

    mae: float
    rmse: float
    near: float
    """Share nearer than the gate."""
    zero: bool
    """A zero case: nothing is said, or there is nothing to be found. It enters no mean."""


def nearest_points(said: ArrayLike, truth: ArrayLike, *, gate: float = GATE_PX) -> NearestPoints:
    """Compare each said point with the nearest true one, one-directional.

    Args:
        said: (D, 2), or empty.
        truth: (T, 2), or empty; ``[[]]`` is empty too.
        gate: pixels, themselves outside.
    """
    ours, theirs = (np.asarray(one, dtype=np.float64).reshape(-1, 2) for one in (said, truth))
    if not len(ours) or not len(theirs):
        return NearestPoints(np.nan, np.nan, np.nan, True)
    apart = mean_hit_distance(ours, theirs)
    return NearestPoints(
        float(apart.mean()), float(np.sqrt((apart**2).mean())), float((apart < gate).mean()), zero=False
    )


def one_to_one(said: ArrayLike, truth: ArrayLike, *, gate: float = GATE_PX) -> Floats:
    """Return pairs within the gate, each point in one pair, by least total distance, said and true, (3,)."""
    ours, theirs = (np.asarray(one, dtype=np.float64).reshape(-1, 2) for one in (said, truth))
    if not len(ours) or not len(theirs):
        return np.array([0.0, len(ours), len(theirs)])
    apart = np.linalg.norm(ours[:, None] - theirs[None], axis=2)
    return counted_pairs(within(ours, theirs, radius=gate) & (apart < gate), apart)


def point_scores(
    said: Sequence[ArrayLike], truths: Sequence[ArrayLike], *, gate: float = GATE_PX
) -> dict[str, float]:
    """Return the release's means over pictures and its zero cases, and F1 of pairs one to one beside them.

    Two more numbers keep what zero cases hide: ``right_nothing`` counts pictures without a thing where nothing was
    said, ``wrong_nothing`` those with things where nothing was said.

    Args:
        said: N of (D, 2).
        truths: N of (T, 2).
        gate: pixels.
    """
    _require_pairs(said, truths)
    found = [nearest_points(one, true, gate=gate) for one, true in zip(said, truths, strict=True)]
    pairs = np.sum([one_to_one(one, true, gate=gate) for one, true in zip(said, truths, strict=True)], axis=0)
    silent = [np.asarray(one, dtype=np.float64).size == 0 for one in said]
    empty = [np.asarray(one, dtype=np.float64).size == 0 for one in truths]
    means = {name: _mean([getattr(one, name) for one in found if not one.zero]) for name in ("mae", "rmse", "near")}
    return {
        "point_mae": means["mae"],
        "point_rmse": means["rmse"],
        "matching": means["near"],
        "zero_cases": float(sum(one.zero for one in found)),
        "one_to_one_f1": float(precision_recall_f1(pairs)[2]),
        "right_nothing": float(sum(one and other for one, other in zip(silent, empty, strict=True))),
        "wrong_nothing": float(sum(one and not other for one, other in zip(silent, empty, strict=True))),
    }


def best_overlap(said: ArrayLike, truth: ArrayLike) -> float:
    """Return the mean over said boxes of the best IoU with any true one; NaN where a side is empty."""
    ours, theirs = (np.asarray(one, dtype=np.float64).reshape(-1, 4) for one in (said, truth))
    return float(iou(ours, theirs).max(axis=1).mean()) if len(ours) and len(theirs) else np.nan


def box_scores(said: Sequence[ArrayLike], truths: Sequence[ArrayLike]) -> dict[str, float]:
    """Return COCO's AP of boxes that all have the score 1 and one class, and the mean of `best_overlap`.

    Args:
        said: N of (D, 4), in the order of the output, on which alone ties depend.
        truths: N of (T, 4).
    """
    _require_pairs(said, truths)
    tables = [
        [np.asarray(one, dtype=np.float64).reshape(-1, 4) for one in pair] for pair in zip(said, truths, strict=True)
    ]
    pictures = [
        Picture(
            boxes=ours, scores=np.ones(len(ours)), classes=np.zeros(len(ours)), truths=theirs,
            truth_classes=np.zeros(len(theirs)),
        )
        for ours, theirs in tables
    ]  # fmt: skip
    found = coco_scores(pictures, num_classes=1)
    overlaps = [best_overlap(ours, theirs) for ours, theirs in tables]
    return {"ap": found.ap, "ap_50": found.ap_50, "ap_75": found.ap_75, "best_iou": _mean(overlaps)}


def count_scores(said: Sequence[int | None], truths: Sequence[int]) -> dict[str, float]:
    """Return the mean absolute and squared error of counts; an answer without a number counts as 0."""
    _require_pairs(said, truths)
    apart = np.array(
        [(0 if one is None else one) - true for one, true in zip(said, truths, strict=True)], dtype=float
    )
    return {"count_mae": float(np.abs(apart).mean()), "count_mse": float((apart**2).mean())}


def detection_mark(overlap: float, *, said: int, true: int, threshold: float = 0.5) -> dict[str, float]:
    """Return what a detection in text is worth: right where the areas overlap enough, or where none is said of none.

    Args:
        overlap: IoU of all that is said with all that is true, see `boxes.union_iou`.
        said: boxes.
        true: boxes; with 0 any box is a false positive, and none is right.
        threshold: least overlap.
    """
    if not true:
        return {"accuracy": float(said == 0), "false_positive": float(said > 0)}
    return {"accuracy": float(overlap >= threshold), "iou": overlap}


def landmark_errors_mm(
    said: Mapping[str, tuple[float, float]], truth: Mapping[str, tuple[float, float]], *, spacing_mm: ArrayLike
) -> Floats:
    """Return the radial error of each true landmark, by its name, in the order of `truth`, NaN where it is missing.

    Names are compared without case; what is said of no true name is left out. A missing landmark enters no mean and
    counts as outside every radius, see `measurement.landmarks`.

    Args:
        said: column and row of each name, pixels.
        truth: the same.
        spacing_mm: of columns and rows.
    """
    known = {name.strip().casefold(): point for name, point in said.items()}
    missing = (np.nan, np.nan)
    found = np.array([known.get(name.strip().casefold(), missing) for name in truth], dtype=np.float64)
    true = np.array(list(truth.values()), dtype=np.float64).reshape(-1, 2)
    return landmarks(found.reshape(-1, 2), true, spacing_mm=spacing_mm).distance_mm


def _require_pairs(said: Sequence[object], truths: Sequence[object]) -> None:
    if len(said) != len(truths) or not len(truths):
        raise DataError(f"{len(said)} answers for {len(truths)} truths; give one for each, and at least one")


def _mean(values: Sequence[float]) -> float:
    known = [value for value in values if np.isfinite(value)]
    return float(np.mean(known)) if known else 0.0
