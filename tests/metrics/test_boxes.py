"""Average precision against numbers of COCO's code, and in resamples against pictures repeated."""

from __future__ import annotations

import numpy as np
import pytest

from vesalius.errors import DataError
from vesalius.metrics.bootstrap import patient_weights
from vesalius.metrics.boxes import (
    IOU_THRESHOLDS,
    Ranked,
    average_precision,
    average_precision_draws,
    iou,
    matches,
    overlap,
    ranked_of,
    union_iou,
    valid,
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


@pytest.mark.parametrize(
    ("hits", "rule", "expected"),
    [
        ((1, 0, 1, 1), "voc_2007", 0.840909091),
        ((1, 0, 1, 1), "voc_2010", 0.833333333),
        ((1, 0, 1, 1), "steps", 0.805555556),
        ((1, 0, 1, 0), "voc_2007", 0.545454545),
        ((1, 0, 1, 0), "voc_2010", 0.555555556),
        ((1, 0, 1, 0), "steps", 0.555555556),
    ],
)
def test_other_rules_of_average_precision(hits, rule, expected) -> None:
    found = Ranked(np.array([0.9, 0.8, 0.7, 0.6]), np.array(hits, bool), np.zeros(4, np.intp), np.array([3.0]))
    assert average_precision(found, rule=rule) == pytest.approx(expected, abs=1e-9)


def test_overlaps_of_the_card() -> None:
    """Columns: IoU, GIoU, DIoU, CIoU, share of the said box, share of the true one."""
    said = [[0, 0, 10, 10]] * 3
    truth = [[5, 0, 15, 10], [5, 5, 15, 25], [20, 0, 30, 10]]
    expected = [
        [1 / 3, 1 / 3, 0.256410256, 0.256410256, 0.5, 0.5],
        [0.090909091, -0.175757576, -0.056149733, -0.058000686, 0.25, 0.125],
        [0, -1 / 3, -0.4, -0.4, 0, 0],
    ]
    np.testing.assert_allclose(np.stack(overlap(said, truth), axis=1), expected, atol=1e-9)
    reversed_box = overlap([[10, 10, 0, 0]], [[0, 0, 10, 10]])
    assert (reversed_box.iou[0], reversed_box.giou[0], reversed_box.of_said[0]) == (0, 0, 0)
    assert valid([[10, 10, 0, 0], [0, 0, 1, 1], [0, 0, 0, 1], [0, 0, np.nan, 1]]).tolist() == [
        False,
        True,
        False,
        False,
    ]
    with pytest.raises(DataError, match="one true box"):
        overlap(said, truth[:2])


def test_solid_boxes() -> None:
    """Half of each cube shared: 500 of 1500."""
    assert iou([[0, 0, 0, 10, 10, 10]], [[5, 0, 0, 15, 10, 10]])[0, 0] == pytest.approx(1 / 3)
    assert iou([], [[0, 0, 0, 1, 1, 1]]).shape == (0, 1)
    with pytest.raises(DataError, match="flat"):
        iou([[0, 0, 1, 1]], [[0, 0, 0, 1, 1, 1]])
    with pytest.raises(DataError, match="4 numbers"):
        iou([[0, 0, 1]], [[0, 0, 1, 1]])


def test_union_of_several_boxes() -> None:
    """Two said boxes overlap in 50: they cover 150; the truth covers 100, all inside. On a grid ends fall down."""
    assert union_iou([[0, 0, 10, 10], [5, 0, 15, 10]], [[0, 0, 10, 10]]) == pytest.approx(100 / 150)
    assert union_iou([], []) == 0
    # x ends .999 and .5 on 4 pixels: 3 and 2 columns
    assert union_iou([[0, 0, 0.999, 1]], [[0, 0, 0.5, 1]], grid=4) == pytest.approx(2 / 3)


def test_union_against_a_drawing() -> None:
    stream = np.random.default_rng(0)
    for _ in range(10):
        sets = [np.sort(stream.integers(0, 30, (3, 2, 2)), axis=1).reshape(3, 4).astype(float) for _ in range(2)]
        drawn = np.zeros((2, 30, 30), bool)
        for mask, boxes in zip(drawn, sets, strict=True):
            for left, top, right, bottom in boxes.astype(int):
                mask[left:right, top:bottom] = True
        either = (drawn[0] | drawn[1]).sum()
        expected = (drawn[0] & drawn[1]).sum() / either if either else 0
        assert union_iou(*sets) == pytest.approx(expected)
