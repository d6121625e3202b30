"""Average precision against numbers of COCO's code, and in resamples against pictures repeated."""

from __future__ import annotations

import numpy as np
import pytest

from vesalius.metrics.bootstrap import patient_weights
from vesalius.metrics.boxes import (
    IOU_THRESHOLDS,
    Ranked,
    average_precision,
    average_precision_draws,
    iou,
    matches,
    ranked_of,
)

Pictures = list[tuple[list[list[float]], list[float], list[list[float]]]]
"""Of each: detections as x, y, width, height, their scores, truths in the same form."""

TWO: Pictures = [
    (
        [[10, 10, 20, 20], [12, 10, 20, 20], [50, 55, 20, 20]],
        [0.9, 0.8, 0.6],
        [[10, 10, 20, 20], [50, 50, 20, 20]],
    ),
    ([[15, 10, 20, 20]], [0.7], [[10, 10, 20, 20]]),
]


def corners(boxes: list[list[float]]) -> np.ndarray:
    array = np.asarray(boxes, dtype=float).reshape(-1, 4)
    return np.concatenate([array[:, :2], array[:, :2] + array[:, 2:]], axis=1)


def ranked(pictures: Pictures, threshold: float) -> Ranked:
    hits = [matches(corners(found), scores, corners(truth), threshold=threshold) for found, scores, truth in pictures]
    return ranked_of(hits, [scores for _, scores, _ in pictures], [len(truth) for _, _, truth in pictures])


def mean_ap(pictures: Pictures) -> float:
    return float(np.mean([average_precision(ranked(pictures, threshold)) for threshold in IOU_THRESHOLDS]))


def test_iou_by_hand() -> None:
    """The same box; 18 of 22 columns shared; 15 of 25; apart."""
    found = iou(
        corners([[10, 10, 20, 20]]), corners([[10, 10, 20, 20], [12, 10, 20, 20], [15, 10, 20, 20], [90, 0, 1, 1]])
    )
    np.testing.assert_allclose(found[0], [1, 18 / 22, 0.6, 0])
    assert iou([[0, 0, 0, 0]], [[0, 0, 0, 0]])[0, 0] == 0


def test_numbers_of_the_coco_code() -> None:
    assert average_precision(ranked(TWO, 0.5)) == pytest.approx(0.834158416, abs=1e-9)
    assert average_precision(ranked(TWO, 0.75)) == pytest.approx(0.336633663, abs=1e-9)
    assert mean_ap(TWO) == pytest.approx(0.485891089, abs=1e-9)


def test_a_picture_without_truth_still_gives_false_alarms() -> None:
    pictures: Pictures = [
        ([[10, 10, 20, 20], [50, 55, 20, 20]], [0.9, 0.6], [[10, 10, 20, 20], [50, 50, 20, 20]]),
        ([[0, 0, 5, 5]], [0.95], []),
    ]
    assert mean_ap(pictures) == pytest.approx(0.376732673, abs=1e-9)
    assert average_precision(ranked(pictures, 0.5)) == pytest.approx(0.666666667, abs=1e-9)
    assert average_precision(ranked(pictures, 0.75)) == pytest.approx(0.252475248, abs=1e-9)


@pytest.mark.parametrize(("hits", "expected"), [((1, 0, 1, 1), 0.834158416), ((1, 0, 1, 0), 0.554455446)])
def test_patterns_of_hits(hits: tuple[int, ...], expected: float) -> None:
    scores = [0.9, 0.8, 0.7, 0.6]
    found = Ranked(np.array(scores), np.array(hits, dtype=bool), np.zeros(4, dtype=np.intp), np.array([3.0]))
    assert average_precision(found) == pytest.approx(expected, abs=1e-9)


def test_nothing_found_is_0_and_nothing_to_find_is_nan() -> None:
    assert average_precision(ranked([([], [], [[0, 0, 1, 1]])], 0.5)) == 0
    assert np.isnan(average_precision(ranked([([[0, 0, 1, 1]], [0.5], [])], 0.5)))


def test_resamples_are_those_of_repeated_pictures() -> None:
    weights = patient_weights(["a", "b"], resamples=12, seed=1)
    draws = average_precision_draws(ranked(TWO, 0.5), weights)
    counts = weights.items(0, 12).astype(int)
    for place in range(12):
        repeated = [picture for number, picture in enumerate(TWO) for _ in range(counts[number, place])]
        assert draws[place] == pytest.approx(average_precision(ranked(repeated, 0.5)))
