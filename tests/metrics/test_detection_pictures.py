"""Detection over pictures against pycocotools on seeded pictures, FROC and matching by the card's examples."""

from __future__ import annotations

import numpy as np
import pytest

from vesalius.metrics.bootstrap import patient_weights
from vesalius.metrics.boxes import IOU_THRESHOLDS, Ranked, average_precision, iou, ranked_of
from vesalius.metrics.detection import (
    Picture,
    answer_iou,
    assigned,
    coco_scores,
    counted_pairs,
    first_hits,
    froc,
    froc_draws,
    mean_hit_distance,
    precision_recall_f1,
    ranked_class,
    threat_score,
    within,
)

# pycocotools 2.0.11 on `pictures(seed)`: AP, AP50, AP75, small, medium, large, AR1, AR10, AR100, then AP by class
GOLDEN = {
    0: ([0.122254963592, 0.266527843261, 0.105610561056, 0.325247524752, 0.146183618362, 0.0, 0.206084656085,
         0.262962962963, 0.262962962963], [0.053818953324, 0.080716643093, 0.232229294358]),
    1: ([0.11551803532, 0.207214952264, 0.146441567234, 0.016666666667, 0.17582822568, 0.266666666667, 0.130687830688,
         0.182010582011, 0.182010582011], [0.163094331411, 0.0, 0.183459774549]),
    2: ([0.104940003804, 0.208338957145, 0.111446858972, 0.077777777778, 0.129519908131, 0.233333333333,
         0.181944444444, 0.301388888889, 0.301388888889], [0.0, 0.144736717369, 0.170083294044]),
}  # fmt: skip


def pictures(seed: int) -> list[Picture]:
    """Twelve pictures of three classes, a fifth of the truths crowds, scores of one place so that many are level."""
    stream, made = np.random.default_rng(seed), []
    for _ in range(12):
        number = int(stream.integers(0, 5))
        truths = np.c_[stream.integers(0, 150, (number, 2)), stream.integers(5, 150, (number, 2))].astype(float)
        classes, crowd = stream.integers(0, 3, number), stream.random(number) < 0.2
        said = int(stream.integers(0, 9))
        boxes = np.c_[stream.integers(0, 150, (said, 2)), stream.integers(5, 150, (said, 2))].astype(float)
        names = stream.integers(0, 3, said)
        for row in range(said):
            if number and stream.random() < 0.6:
                near = stream.integers(0, number)
                boxes[row], names[row] = np.maximum(truths[near] + stream.integers(-6, 7, 4), 1), classes[near]
        scores = np.round(stream.random(said), 1)
        for table in (boxes, truths):
            table[:, 2:] += table[:, :2]
        made.append(
            Picture(boxes=boxes, scores=scores, classes=names, truths=truths, truth_classes=classes, crowd=crowd)
        )
    return made


@pytest.mark.parametrize("seed", GOLDEN)
def test_equal_to_the_coco_code(seed: int) -> None:
    found = coco_scores(pictures(seed), num_classes=3)
    np.testing.assert_allclose(found[:9], GOLDEN[seed][0], atol=1e-11)
    np.testing.assert_allclose(found.by_class, GOLDEN[seed][1], atol=1e-11)


def test_recall_of_the_worked_example() -> None:
    boxes = np.array([[10, 10, 30, 30], [12, 10, 32, 30], [50, 55, 70, 75]])
    truths = [[10, 10, 30, 30], [50, 50, 70, 70]]
    two = [
        Picture(boxes=boxes, scores=[0.9, 0.8, 0.6], classes=[0] * 3, truths=truths, truth_classes=[0, 0]),
        Picture(boxes=[[15, 10, 35, 30]], scores=[0.7], classes=[0], truths=[[10, 10, 30, 30]], truth_classes=[0]),
    ]
    found = coco_scores(two, num_classes=2)
    assert found.ap == pytest.approx(0.485891089, abs=1e-9)
    assert (found.recall_1, found.recall_10) == (pytest.approx(0.433333333), pytest.approx(0.533333333))
    # no truth of the other class: left out of the mean
    assert np.isnan(found.by_class[1])


def test_only_so_many_detections_count() -> None:
    crowded = Picture(
        boxes=[[0, 0, 9, 9]] * 3, scores=[0.9, 0.8, 0.7], classes=[0] * 3, truths=[[0, 0, 9, 9]], truth_classes=[0]
    )
    assert len(ranked_class([crowded], 0, threshold=0.5, most=2).score) == 2


FROC = Ranked(
    np.linspace(0.9, 0.4, 6),
    np.array([1, 0, 1, 0, 1, 0], bool),
    np.array([0, 0, 1, 1, 2, 3]),
    np.array([1.0, 1, 1, 1]),
)
"""Four pictures of one lesion each; ranked hits: L1, fp, L2, fp, L3, fp."""


def test_froc() -> None:
    np.testing.assert_allclose(froc(FROC), [0.25, 0.5, 0.75, 0.75, 0.75, 0.75, 0.75])
    assert froc(FROC).mean() == pytest.approx(0.642857143, abs=1e-9)
    assert froc(FROC, between="linear")[0] == pytest.approx(0.375)
    assert froc(FROC, between="linear").mean() == pytest.approx(0.660714286, abs=1e-9)


def test_froc_in_resamples_is_that_of_repeated_pictures() -> None:
    weights = patient_weights(["a", "b", "c", "d"], resamples=10, seed=4)
    counts = weights.items(0, 10).astype(int)
    for place, row in enumerate(froc_draws(FROC, weights)):
        places = np.repeat(np.arange(6), counts[FROC.picture, place])
        times = np.repeat(FROC.truths, counts[:, place])
        again = Ranked(FROC.score[places], FROC.hit[places], np.zeros(len(places), np.intp), times)
        np.testing.assert_allclose(row, froc(again))


def test_a_lesion_hit_twice() -> None:
    inside = [[True], [True], [False]]
    once = first_hits(inside, [0.5, 0.9, 0.1])
    assert (once.hit.tolist(), once.counted.tolist()) == ([False, True, False], [False, True, True])
    assert first_hits(inside, [0.5, 0.9, 0.1], repeats_count=True).counted.all()
    assert ranked_of([once], [[0.5, 0.9, 0.1]], [1]).hit.tolist() == [True, False]
    assert not first_hits(np.zeros((2, 0)), [0.5, 0.9]).hit.any()


def test_forbidding_comes_before_solving() -> None:
    """Distances 2 and 3.16 within a gate of 5; solved first, the third truth would draw 0 away to 3 (4.0)."""
    truths, said = [[10, 10], [30, 30], [50, 10]], [[12, 10], [29, 33], [80, 80], [10, 14]]
    apart = np.sqrt(((np.array(said)[:, None] - np.array(truths)[None]) ** 2).sum(axis=2))
    pairs = assigned(apart, within(said, truths, radius=5))
    assert pairs.tolist() == [[0, 0], [1, 1]]
    np.testing.assert_allclose(apart[pairs[:, 0], pairs[:, 1]], [2.0, 3.162277660])
    counts = counted_pairs(apart <= 5, apart)
    np.testing.assert_allclose(precision_recall_f1(counts), [0.5, 2 / 3, 4 / 7])
    assert np.isnan(precision_recall_f1([0, 0, 0])).all()
    assert len(assigned(apart, apart < 0)) == 0


def test_points_by_the_nearest_truth() -> None:
    found = mean_hit_distance([[13, 14], [50, 50]], [[10, 10], [50, 50]])
    np.testing.assert_allclose(found, [5, 0])
    assert (found.mean(), np.sqrt((found**2).mean())) == (2.5, pytest.approx(3.535533906))
    assert np.isnan(mean_hit_distance([[1, 1]], [])).all()


def test_answers_as_boxes() -> None:
    """Half covered; unread; two boxes that cover the truth between them."""
    truth = [[0, 0, 10, 10]]
    found = answer_iou([[[0, 0, 5, 10]], None, [[0, 0, 5, 10], [5, 0, 10, 10]]], [truth] * 3)
    np.testing.assert_allclose(found, [0.5, 0, 1])


def test_threat_score() -> None:
    """One hit of overlap .6 (at 5 of the 8 thresholds: .4 to .6), one false alarm: 5/8 x 1/2."""
    boxes = [[5, 0, 25, 20], [90, 90, 99, 99]]
    assert iou(boxes[:1], [[0, 0, 20, 20]])[0, 0] == pytest.approx(0.6)
    assert threat_score(boxes, [0.9, 0.5], [[0, 0, 20, 20]]) == pytest.approx(5 / 16)
    assert threat_score(boxes, [0.9, 0.5], []) == 0
    assert np.isnan(threat_score([], [], []))


def test_more_detections_than_count_equal_the_coco_code() -> None:
    """160 detections for 100 truths in each of three pictures: those beyond 100 are no false alarms (pycocotools)."""
    stream, made = np.random.default_rng(5), []
    for _ in range(3):
        truths = np.c_[stream.integers(0, 900, (100, 2)), stream.integers(5, 60, (100, 2))].astype(float)
        boxes = np.maximum(np.repeat(truths, 2, axis=0)[:160] + stream.integers(-4, 5, (160, 4)), 1)
        scores = np.round(stream.random(160), 2)
        for table in (boxes, truths):
            table[:, 2:] += table[:, :2]
        made.append(Picture(boxes=boxes, scores=scores, classes=[0] * 160, truths=truths, truth_classes=[0] * 100))
    areas = [average_precision(ranked_class(made, 0, threshold=threshold)) for threshold in IOU_THRESHOLDS]
    assert np.mean(areas) == pytest.approx(0.17464471100638856, abs=1e-12)
