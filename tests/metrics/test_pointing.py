"""Points, boxes and counts without scores: worked examples, the authors' numbers, edge cases; landmarks by name."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import ArrayLike

from vesalius.errors import DataError
from vesalius.metrics.measurement import landmarks
from vesalius.metrics.pointing import (
    best_overlap,
    box_scores,
    count_scores,
    detection_mark,
    landmark_errors_mm,
    nearest_points,
    one_to_one,
    point_scores,
)

PICTURES: tuple[tuple[list[list[int]], list[list[int]]], ...] = (
    ([[39, 84]], [[151, 139], [33, 94]]),
    ([[114, 76]], [[120, 66]]),
    ([[142, 140], [130, 113], [175, 44], [71, 150]], [[138, 140], [121, 101], [163, 38], [59, 162]]),
    ([[127, 154], [181, 100]], [[121, 152], [184, 99], [182, 109]]),
    ([], [[34, 126]]),
    ([[113, 124], [77, 132]], [[107, 129], [98, 146], [89, 136]]),
    ([[5, 5]], [[]]),
)
"""Said and true points of seven drawn pictures."""


def test_the_worked_example_of_points() -> None:
    # (13, 14) lies 5 from (10, 10): a 3-4-5 triangle; the other is exact. sqrt((25 + 0) / 2) = 3.5355.
    found = nearest_points([(13, 14), (50, 50)], [(10, 10), (50, 50)])
    assert found == pytest.approx((2.5, 3.5355339, 1.0, False))


def test_seven_pictures_have_the_authors_numbers() -> None:
    # evaluate_samples of simula/PointDetectCount on the same pictures.
    found = point_scores([said for said, _ in PICTURES], [true for _, true in PICTURES])
    assert found["point_mae"] == pytest.approx(10.128729376258566)
    assert found["point_rmse"] == pytest.approx(10.429846511177974)
    assert found["matching"] == pytest.approx(0.35)
    assert found["zero_cases"] == 2
    assert (found["wrong_nothing"], found["right_nothing"]) == (1, 0)


def test_the_nearest_is_one_sided_and_pairs_are_not() -> None:
    # Three points on one of two things: all match there, and the other costs nothing; one to one 1 pair of 3 and 2.
    said, truth = [(10, 10), (11, 10), (12, 10)], [(10, 10), (90, 90)]
    assert nearest_points(said, truth).near == 1.0
    assert one_to_one(said, truth).tolist() == [1, 3, 2]
    assert point_scores([said], [truth])["one_to_one_f1"] == pytest.approx(2 / 5)
    assert one_to_one([(0, 0)], [(10, 0)]).tolist() == [0, 1, 1]  # the gate itself is outside


def test_a_picture_without_a_thing_is_a_zero_case_however_it_is_stored() -> None:
    empty: tuple[ArrayLike, ...] = ([], [[]], np.zeros((0, 2)))
    for nothing in empty:
        assert nearest_points([(5, 5)], nothing).zero
        assert nearest_points(nothing, [(5, 5)]).zero
    found = point_scores([[], [(1, 1)]], [[], [[]]])
    assert (found["zero_cases"], found["right_nothing"], found["point_mae"]) == (2, 1, 0.0)


def test_the_worked_example_of_boxes() -> None:
    # Half of [0, 0, 10, 20] is covered.
    assert best_overlap([[0, 0, 10, 10]], [[0, 0, 10, 20]]) == 0.5
    assert np.isnan(best_overlap([], [[0, 0, 1, 1]]))
    assert np.isnan(best_overlap([[0, 0, 1, 1]], []))
    found = box_scores([[[0, 0, 10, 10]], []], [[[0, 0, 10, 20]], []])
    assert found["best_iou"] == 0.5
    assert found["ap_50"] == 1.0
    assert found["ap_75"] == 0.0


def test_duplicates_and_swapped_corners_cost_precision() -> None:
    truth = [[[0, 0, 10, 10]], [[0, 0, 10, 10]]]
    assert box_scores([[[0, 0, 10, 10]]] * 2, truth)["ap"] == pytest.approx(1.0)
    # Each box twice: after the ranking of ties, precision is 1, 1/2, 2/3, 1/2, so recall 1 has 2/3 at best.
    assert box_scores([[[0, 0, 10, 10]] * 2] * 2, truth)["ap"] < 0.9
    assert box_scores([[[10, 10, 0, 0]]] * 2, truth)["ap"] == 0.0


def test_the_worked_example_of_counts() -> None:
    # |3 − 3| and |0 − 1|: a failure counts as 0.
    assert count_scores([3, None], [3, 1]) == {"count_mae": 0.5, "count_mse": 0.5}
    with pytest.raises(DataError, match="1 answers for 2 truths"):
        count_scores([1], [1, 2])


def test_detections_on_negative_pictures() -> None:
    assert detection_mark(0.0, said=0, true=0) == {"accuracy": 1.0, "false_positive": 0.0}
    assert detection_mark(0.0, said=2, true=0) == {"accuracy": 0.0, "false_positive": 1.0}
    assert detection_mark(0.6, said=1, true=2) == {"accuracy": 1.0, "iou": 0.6}


def test_landmarks_by_name_in_millimetres() -> None:
    # 5 pixels of 0.1 mm are 0.5 mm, inside 2 mm.
    apart = landmark_errors_mm({"Sella": (105, 200)}, {"sella": (100, 200)}, spacing_mm=0.1)
    assert apart == pytest.approx([0.5])
    truth = {"sella": (100.0, 200.0), "nasion": (10.0, 10.0)}
    said = {"nasion": (40.0, 50.0), "chin": (1.0, 1.0)}
    apart = landmark_errors_mm(said, truth, spacing_mm=(0.1, 0.1))
    assert np.isnan(apart[0])
    assert apart[1] == pytest.approx(5.0)
    scored = landmarks(np.array([[np.nan, np.nan], [11.0, 10.0]]), np.array(list(truth.values())), spacing_mm=0.1)
    assert scored.mean_mm == pytest.approx(0.1)
    assert scored.success[2.0] == 0.5
