"""What boxes, points, counts and landmarks of one answer are worth, metric by metric; NaN where one says nothing.

A metric that a benchmark averages is a mean over the answers in which it is not NaN: zero cases enter no mean of
distances, pictures without a box no mean of overlaps. Metrics of one to one matching need scipy and stand in
`vesalius.metrics.pointing` and `vesalius.metrics.named_boxes`.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from vesalius.data.conversations.records import Located
from vesalius.metrics.boxes import union_iou
from vesalius.metrics.measurement import LANDMARK_MM
from vesalius.metrics.named_boxes import contains, expected_iou
from vesalius.metrics.pointing import best_overlap, detection_mark, landmark_errors_mm, nearest_points
from vesalius.tasks.grammar import Plane

__all__ = ["region_values"]

Floats = NDArray[np.float64]

_NEAR = 0.05
"""Share of the longer side within which a point counts as found."""
_COUNTED = ("counting", "cnt_and_point", "count_and_box")
_POINTED = ("pointing", "cnt_and_point", "landmark")
_BOXED = ("bounding", "text2region", "count_and_box")


def region_values(
    found: Sequence[Located] | None,
    truth: Sequence[Located],
    plane: Plane,
    *,
    task: str,
    spacing_mm: tuple[float, float] | None = None,
) -> dict[str, float]:
    """Compare the objects of an answer with the true ones.

    Args:
        found: in pixels of the original file; None where the answer could not be read, which is no empty answer.
        truth: the same; objects without a box or point are names that nothing lies under.
        plane: of the picture.
        task: family, which says what is asked for.
        spacing_mm: of columns and rows, for landmarks.
    """
    said = () if found is None else found
    boxes, points = _rows(said, 4), _rows(said, 2)
    true_boxes, true_points = _rows(truth, 4), _rows(truth, 2)
    values: dict[str, float] = {}
    pointed = len(true_points) or (task in _POINTED and not len(true_boxes))
    if len(true_boxes):
        values |= _box_values(said, truth, boxes, true_boxes)
    elif task in _BOXED or not (pointed or task in _COUNTED):
        values |= {"accuracy": 0.0} if found is None else detection_mark(0.0, said=len(boxes), true=0)
    if pointed:
        values |= _point_values(points, true_points, plane, read=found is not None)
    if task == "landmark" and spacing_mm is not None:
        values |= _landmark_values(said, truth, spacing_mm)
    counts = [sum(one.count for one in side) for side in (said, truth)]
    values["count_error"] = float(abs(counts[0] - counts[1]))
    if task == "counting":
        values["accuracy"] = float(found is not None and counts[0] == counts[1])
    return values


def _box_values(
    said: Sequence[Located], truth: Sequence[Located], boxes: Floats, true_boxes: Floats
) -> dict[str, float]:
    """Overlap of all that is covered, of the box that is expected, and of each said box with its best one."""
    shared = union_iou(boxes, true_boxes) if len(boxes) else 0.0
    names = {one.name for one in said if one.boxes}
    wanted = [one.name for one in truth if one.boxes]
    named = [any(contains(name, true) for name in names) for true in wanted]
    return {
        **detection_mark(shared, said=len(boxes), true=len(true_boxes)),
        "iou_50": float(shared >= 0.5),
        "expected_iou": expected_iou(boxes, true_boxes),
        "best_iou": best_overlap(boxes, true_boxes),
        "named": float(np.mean(named)),
    }


def _point_values(points: Floats, truth: Floats, plane: Plane, *, read: bool) -> dict[str, float]:
    """F1 within reach either way, and distances to the nearest true point; nothing said of nothing is right."""
    nearest = nearest_points(points, truth)
    values = {
        "point_error": nearest.mae,
        "matching": nearest.near,
        "zero_case": float(nearest.zero),
    }
    if not len(truth):
        return {**values, "accuracy": float(read and not len(points))}
    reach = _NEAR * max(plane.original)
    apart = np.linalg.norm(points[:, None] - truth[None], axis=-1)
    hits = (apart <= reach).any(axis=1).sum() + (apart <= reach).any(axis=0).sum() if apart.size else 0
    f1 = float(hits) / (len(points) + len(truth))
    return {**values, "point_f1": f1, "accuracy": float(f1 == 1.0)}


def _landmark_values(
    said: Sequence[Located], truth: Sequence[Located], spacing_mm: tuple[float, float]
) -> dict[str, float]:
    """Mean radial error of the landmarks that are there, and the share of all within each radius."""
    ours = {one.name: one.points[0] for one in said if one.points}
    theirs = {one.name: one.points[0] for one in truth if one.points}
    apart = landmark_errors_mm(ours, theirs, spacing_mm=spacing_mm)
    known = apart[np.isfinite(apart)]
    reached = {
        f"within_{radius:g}_mm": float(np.mean(np.nan_to_num(apart, nan=np.inf) <= radius + 1e-9))
        for radius in LANDMARK_MM
    }
    return {"radial_error_mm": float(known.mean()) if len(known) else np.nan, **reached}


def _rows(objects: Sequence[Located], numbers: int) -> Floats:
    """Return all boxes (4) or points (2) of objects, (n, numbers)."""
    rows = [tuple(row) for one in objects for row in (one.boxes if numbers == 4 else one.points)]
    return np.array(rows, dtype=np.float64).reshape(-1, numbers)
