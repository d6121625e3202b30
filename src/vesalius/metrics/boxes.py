"""Boxes: overlap, matching and average precision by the rules of COCO and Pascal VOC.

Sources: pycocotools (equal to it); Everingham et al. 2010 and 2015 for Pascal VOC. Boxes are x0, y0, x1, y1 in
continuous pixels, [0, 10) x [0, 10) with an area of 100; in 3-D x0, y0, z0, x1, y1, z1. A resample of patients weighs
detections and truths of its pictures.

Letters: D detections, T truths, B resamples, N answers.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from vesalius.errors import DataError
from vesalius.metrics.bootstrap import PatientWeights

__all__ = [
    "IOU_THRESHOLDS",
    "Matched",
    "Overlap",
    "Ranked",
    "Rule",
    "average_precision",
    "average_precision_draws",
    "iou",
    "matches",
    "overlap",
    "ranked_of",
    "union_iou",
    "valid",
]

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]
Rule = Literal["coco", "voc_2007", "voc_2010", "steps"]

IOU_THRESHOLDS = tuple(float(step) for step in np.linspace(0.5, 0.95, 10))
"""Of AP@[.5:.95], to the last bit those of pycocotools."""

_RECALLS = {"coco": np.linspace(0, 1, 101), "voc_2007": np.linspace(0, 1, 11)}
_MOST = 100
"""Detections of a picture that count, those of the highest scores."""


class Overlap(NamedTuple):
    """How a said box lies to a true one, each (N,)."""

    iou: Floats
    giou: Floats
    """Less the empty share of the smallest box around both (Rezatofighi et al. 2019)."""
    diou: Floats
    """Less the squared distance of the centres over that of its corners (Zheng et al. 2020)."""
    ciou: Floats
    """Less what the shapes differ."""
    of_said: Floats
    """Intersection over the said box (IoP, IoBB)."""
    of_truth: Floats
    """Intersection over the true box (IoR)."""


class Matched(NamedTuple):
    """What became of the detections of one picture."""

    hit: Flags
    """Which of them took a truth, (D,)."""
    counted: Flags
    """Which are neither hit nor false alarm where False: on a truth set aside, or beyond those that count, (D,)."""


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
    """Return the intersection over union of (D, 4) and (T, 4) boxes, or (D, 6) and (T, 6), (D, T); 0 without area."""
    both, sizes, others = _shared(first, second)
    either = sizes[:, None] + others[None] - both
    return _divide(both, either)


def valid(boxes: ArrayLike) -> Flags:
    """Say which boxes have an area: finite, and each end behind its start, (D,). Swapped corners are not sorted."""
    table = _boxes(boxes)
    half = table.shape[1] // 2
    return np.asarray(np.isfinite(table).all(axis=1) & (table[:, half:] > table[:, :half]).all(axis=1), dtype=bool)


def overlap(said: ArrayLike, truth: ArrayLike) -> Overlap:
    """Compare said boxes with true ones row by row, (N, 4) each. The true ones must have an area.

    A said box without area has an IoU, a GIoU and shares of 0, and the others as if it lay there as a line or point.
    """
    ours, theirs = _boxes(said), _boxes(truth)
    if ours.shape != theirs.shape or ours.shape[1] != 4 or not valid(theirs).all():
        raise DataError(f"{ours.shape} said and {theirs.shape} true boxes: give one true box with an area for each")
    both = np.prod(
        np.clip(np.minimum(ours[:, 2:], theirs[:, 2:]) - np.maximum(ours[:, :2], theirs[:, :2]), 0, None), 1
    )
    sides, others = ours[:, 2:] - ours[:, :2], theirs[:, 2:] - theirs[:, :2]
    areas = np.prod(np.clip(sides, 0, None), 1), np.prod(others, 1)
    around = np.maximum(ours[:, 2:], theirs[:, 2:]) - np.minimum(ours[:, :2], theirs[:, :2])
    either, whole = areas[0] + areas[1] - both, np.prod(around, 1)
    share = _divide(both, either)
    apart = np.sum((ours[:, :2] + ours[:, 2:] - theirs[:, :2] - theirs[:, 2:]) ** 2, 1) / 4
    near = share - apart / np.sum(around**2, 1)
    shape = 4 / np.pi**2 * (np.arctan2(others[:, 0], others[:, 1]) - np.arctan2(sides[:, 0], sides[:, 1])) ** 2
    return Overlap(
        iou=share,
        giou=np.where(areas[0] > 0, share - (whole - either) / whole, 0.0),
        diou=near,
        ciou=near - _divide(shape, 1 - share + shape) * shape,
        of_said=_divide(both, areas[0]),
        of_truth=_divide(both, areas[1]),
    )


def union_iou(said: ArrayLike, truth: ArrayLike, *, grid: int | None = None) -> float:
    """Return the intersection over union of the areas that two sets of boxes cover; 0 where neither covers any.

    Args:
        said: (D, 4).
        truth: (T, 4).
        grid: None for exact areas; else boxes in 0..1 are drawn on so many pixels a side, ends rounded down
            (RadFact: 224).
    """
    ours, theirs = (table[valid(table)] for table in (_boxes(said), _boxes(truth)))
    if grid is not None:
        ours, theirs = (np.floor(table * grid) for table in (ours, theirs))
    edges = [np.unique(np.concatenate([ours[:, axis::2], theirs[:, axis::2]])) for axis in (0, 1)]
    sides = [np.diff(edge) for edge in edges]
    inside = [np.zeros((len(sides[0]), len(sides[1])), dtype=bool) for _ in range(2)]
    for mask, table in zip(inside, (ours, theirs), strict=True):
        for row in table:
            left, top, right, bottom = (int(np.searchsorted(edges[end % 2], row[end])) for end in range(4))
            mask[left:right, top:bottom] = True
    cells = np.outer(*sides)
    either = float(cells[inside[0] | inside[1]].sum())
    return float(cells[inside[0] & inside[1]].sum()) / either if either else 0.0


def matches(
    boxes: ArrayLike,
    scores: ArrayLike,
    truths: ArrayLike,
    *,
    threshold: float,
    aside: ArrayLike | None = None,
    crowd: ArrayLike | None = None,
    outside: ArrayLike | None = None,
    most: int = _MOST,
) -> Matched:
    """Say which detections of a picture take a truth: by falling score, each the best one that is left.

    Args:
        boxes: (D, 4).
        scores: (D,).
        truths: of the same class, (T, 4).
        threshold: least overlap.
        aside: truths that need not be found, (T,): what lies on them and on no other is not counted.
        crowd: which of those are crowds, (T,): they take any number, by the share of the detection inside.
        outside: detections that are not counted where they take nothing, (D,), such as those of another size.
        most: detections that count, those of the highest scores.
    """
    values = np.asarray(scores, dtype=np.float64)
    both, sizes, others = _shared(boxes, truths)
    shares = _divide(both, sizes[:, None] + others[None] - both)
    number = shares.shape[1]
    spared, crowds = (np.zeros(number, bool) if one is None else np.asarray(one, bool) for one in (aside, crowd))
    if crowds.any():
        shares[:, crowds] = _divide(both, np.broadcast_to(sizes[:, None], both.shape))[:, crowds]
    free, hit, counted = np.ones(number, bool), np.zeros(len(values), bool), np.zeros(len(values), bool)
    beyond = np.zeros(len(values), bool) if outside is None else np.asarray(outside, bool)
    for place in np.argsort(-values, kind="stable")[:most]:
        best = _best(shares[place], free & ~spared, threshold)
        if best is not None:
            free[best], hit[place], counted[place] = False, True, True
            continue
        kept = _best(shares[place], spared & (free | crowds), threshold)
        if kept is not None:
            free[kept] = False
        counted[place] = kept is None and not beyond[place]
    return Matched(hit, counted)


def average_precision(ranked: Ranked, *, rule: Rule = "coco") -> float:
    """Return AP; NaN where there is no truth.

    Args:
        ranked: detections and truths.
        rule: "coco" takes precision, made falling from the right, at 101 recalls, "voc_2007" at 11; "voc_2010" all
            of its area; "steps" the area without making it fall.
    """
    return float(_precision(ranked, np.ones((len(ranked.truths), 1)), rule)[0])


def average_precision_draws(ranked: Ranked, weights: PatientWeights, *, rule: Rule = "coco") -> Floats:
    """Return AP in every resample, (B,), NaN where it holds no truth.

    Args:
        ranked: detections and truths.
        weights: resamples seen from the pictures, in their order.
        rule: as in `average_precision`.
    """
    pictures = np.arange(weights.num_items)
    draws = np.empty(weights.num_draws)
    for start, stop in weights.blocks(len(ranked.score) + len(_RECALLS["coco"])):
        draws[start:stop] = _precision(ranked, weights.items(start, stop, pictures), rule)
    return draws


def ranked_of(matched: Sequence[Matched], scores: Sequence[ArrayLike], truths: Sequence[int]) -> Ranked:
    """Join the counted detections of pictures, each with its scores and its number of truths to be found."""
    kept = [part.counted for part in matched]
    picture = np.repeat(np.arange(len(matched)), [int(part.sum()) for part in kept])
    parts = [np.asarray(part, dtype=np.float64)[own] for part, own in zip(scores, kept, strict=True)]
    hits = [part.hit[part.counted] for part in matched]
    joined = np.concatenate(parts) if parts else np.zeros(0)
    hit = np.concatenate(hits) if hits else np.zeros(0, dtype=bool)
    return Ranked(joined, hit, picture, np.asarray(truths, dtype=np.float64))


def _precision(ranked: Ranked, weight: Floats, rule: Rule) -> Floats:
    """AP for weights of the pictures, (P, b) to (b,)."""
    order = np.argsort(-ranked.score, kind="stable")
    of_each = weight[ranked.picture[order]]
    hits = np.cumsum(of_each * ranked.hit[order, None], axis=0)
    said = np.cumsum(of_each, axis=0)
    wanted = ranked.truths @ weight
    found = np.full(weight.shape[1], np.nan)
    for column in np.flatnonzero(wanted > 0):
        known = said[:, column] > 0
        recall, precision = hits[known, column] / wanted[column], hits[known, column] / said[known, column]
        found[column] = _area(recall, precision, rule) if len(recall) else 0.0
    return found


def _area(recall: Floats, precision: Floats, rule: Rule) -> float:
    falling = np.maximum.accumulate(precision[::-1])[::-1]
    if rule in ("voc_2010", "steps"):
        height = precision if rule == "steps" else falling
        return float(np.sum(np.diff(recall, prepend=0.0) * height))
    places = np.searchsorted(recall, _RECALLS[rule], side="left")
    inside = places < len(falling)
    return float(np.where(inside, falling[np.minimum(places, len(falling) - 1)], 0).mean())


def _best(shares: Floats, allowed: Flags, threshold: float) -> int | None:
    """Return the allowed truth of the largest overlap, the last of equal ones as COCO's code takes it."""
    left = np.where(allowed, shares, -1.0)
    if not len(left) or left.max() < min(threshold, 1 - 1e-10):
        return None
    return len(left) - 1 - int(left[::-1].argmax())


def _shared(first: ArrayLike, second: ArrayLike) -> tuple[Floats, Floats, Floats]:
    """Areas (volumes) that boxes share, (D, T), and their own, (D,) and (T,)."""
    ours, theirs = _boxes(first), _boxes(second)
    if not len(ours) or not len(theirs):
        ours, theirs = (
            table if len(table) else np.zeros((0, max(ours.shape[1], theirs.shape[1]))) for table in (ours, theirs)
        )
    if ours.shape[1] != theirs.shape[1]:
        raise DataError(f"boxes of {ours.shape[1]} and {theirs.shape[1]} numbers; both must be flat (4) or solid (6)")
    half = ours.shape[1] // 2
    low = np.maximum(ours[:, None, :half], theirs[None, :, :half])
    high = np.minimum(ours[:, None, half:], theirs[None, :, half:])
    own = [np.prod(np.clip(boxes[:, half:] - boxes[:, :half], 0, None), axis=1) for boxes in (ours, theirs)]
    return np.prod(np.clip(high - low, 0, None), axis=2), own[0], own[1]


def _boxes(boxes: ArrayLike) -> Floats:
    table = np.asarray(boxes, dtype=np.float64)
    if not table.size:
        return np.zeros((0, table.shape[1] if table.ndim == 2 and table.shape[1] in (4, 6) else 4))
    if table.shape[-1] not in (4, 6) or table.ndim > 2:
        raise DataError(f"boxes of shape {table.shape}; expected rows of 4 numbers, or of 6 for solid ones")
    return table.reshape(-1, table.shape[-1])


def _divide(above: Floats, below: Floats) -> Floats:
    ratio: Floats = np.divide(above, below, out=np.zeros_like(above), where=below > 0)
    return ratio
