"""Boxes: overlap, matching and average precision by the rules of COCO.

Source: pycocotools. Boxes are x0, y0, x1, y1. A resample of patients weighs detections and truths of its pictures.
Letters: D detections, T truths, B resamples.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from vesalius.metrics.bootstrap import PatientWeights

__all__ = ["IOU_THRESHOLDS", "Ranked", "average_precision", "average_precision_draws", "iou", "matches", "ranked_of"]

Floats = NDArray[np.float64]

IOU_THRESHOLDS = tuple(round(0.5 + 0.05 * step, 2) for step in range(10))
"""Of AP@[.5:.95]."""

_RECALLS = np.linspace(0, 1, 101)
_MOST = 100
"""Detections of a picture that count, those of the highest scores."""


class Ranked(NamedTuple):
    """Detections of one class over all pictures."""

    score: Floats
    """(D,)."""
    hit: NDArray[np.bool_]
    """Which of them took a truth, (D,)."""
    picture: NDArray[np.intp]
    """Picture of each, (D,)."""
    truths: Floats
    """Boxes to be found in each picture."""


def iou(first: ArrayLike, second: ArrayLike) -> Floats:
    """Return the intersection over union of (D, 4) and (T, 4) boxes, (D, T); 0 where both have no area."""
    ours, theirs = (np.asarray(boxes, dtype=np.float64).reshape(-1, 4) for boxes in (first, second))
    low = np.maximum(ours[:, None, :2], theirs[None, :, :2])
    high = np.minimum(ours[:, None, 2:], theirs[None, :, 2:])
    both = np.prod(np.clip(high - low, 0, None), axis=2)
    areas = [np.prod(np.clip(boxes[:, 2:] - boxes[:, :2], 0, None), axis=1) for boxes in (ours, theirs)]
    either = areas[0][:, None] + areas[1][None] - both
    shares: Floats = np.divide(both, either, out=np.zeros_like(both), where=either > 0)
    return shares


def matches(boxes: ArrayLike, scores: ArrayLike, truths: ArrayLike, *, threshold: float) -> NDArray[np.bool_]:
    """Say which detections of a picture take a truth: by falling score, each the best one that is left, (D,).

    Args:
        boxes: (D, 4). Those beyond the 100 of the highest scores take none.
        scores: (D,).
        truths: of the same class, (T, 4).
        threshold: least overlap.
    """
    values = np.asarray(scores, dtype=np.float64)
    hit = np.zeros(len(values), dtype=bool)
    shares = iou(boxes, truths)
    free = np.ones(shares.shape[1], dtype=bool)
    for place in np.argsort(-values, kind="stable")[:_MOST]:
        # as that code: an overlap of the threshold itself counts, and of equal overlaps the last one is taken
        left = np.where(free, shares[place], -1.0)
        if len(left) and left.max() >= threshold - 1e-10:
            best = len(left) - 1 - int(left[::-1].argmax())
            free[best], hit[place] = False, True
    return hit


def average_precision(ranked: Ranked) -> float:
    """Return AP over 101 recalls, the precision made falling from the right; NaN where there is no truth."""
    return float(_precision(ranked, np.ones((len(ranked.truths), 1)))[0])


def average_precision_draws(ranked: Ranked, weights: PatientWeights) -> Floats:
    """Return AP in every resample, (B,), NaN where it holds no truth.

    Args:
        ranked: detections and truths.
        weights: resamples seen from the pictures, in their order.
    """
    pictures = np.arange(weights.num_items)
    draws = np.empty(weights.num_draws)
    for start, stop in weights.blocks(len(ranked.score) + len(_RECALLS)):
        draws[start:stop] = _precision(ranked, weights.items(start, stop, pictures))
    return draws


def _precision(ranked: Ranked, weight: Floats) -> Floats:
    """AP for weights of the pictures, (P, b) to (b,)."""
    order = np.argsort(-ranked.score, kind="stable")
    of_each = weight[ranked.picture[order]]
    hits = np.cumsum(of_each * ranked.hit[order, None], axis=0)
    said = np.cumsum(of_each, axis=0)
    wanted = ranked.truths @ weight
    found = np.full(weight.shape[1], np.nan)
    for column in np.flatnonzero(wanted > 0):
        known = said[:, column] > 0
        recall = hits[known, column] / wanted[column]
        precision = hits[known, column] / said[known, column]
        falling = np.maximum.accumulate(precision[::-1])[::-1]
        places = np.searchsorted(recall, _RECALLS - 1e-12, side="left")
        inside = places < len(falling)
        found[column] = (
            float(np.where(inside, falling[np.minimum(places, len(falling) - 1)], 0).mean()) if len(falling) else 0.0
        )
    return found


def ranked_of(hits: Sequence[NDArray[np.bool_]], scores: Sequence[ArrayLike], truths: Sequence[int]) -> Ranked:
    """Join the detections of pictures, each with its hits, scores and number of truths."""
    picture = np.repeat(np.arange(len(hits)), [len(part) for part in hits])
    joined = np.concatenate([np.asarray(part, dtype=np.float64) for part in scores]) if len(scores) else np.zeros(0)
    hit = np.concatenate(hits) if len(hits) else np.zeros(0, dtype=bool)
    return Ranked(joined, hit, picture, np.asarray(truths, dtype=np.float64))
