"""Named boxes of answers: the worked examples, the authors' numbers, names, empty sides."""

from __future__ import annotations

import numpy as np
import pytest

from vesalius.errors import DataError
from vesalius.metrics.named_boxes import BoxPairs, contains, expected_iou, mean_scores, paired_boxes

ANSWERS = (
    ("liver 367 667 643 842; right lung 476 255 682 308; left lung 115 380 275 642",
     "right lung 504 280 701 302; left lung 124 389 273 620; liver 373 652 613 858"),
    ("left lung 169 170 283 290; left lung 552 694 752 786",
     "left lung 196 164 272 261; left lung 531 680 726 777; lung 600 3 792 216"),
    ("heart 363 313 526 531",
     "heart 378 294 499 517"),
    ("spleen 18 562 259 709; heart 385 592 640 634; spleen 47 185 246 469",
     "right lung 213 348 384 544; heart 66 184 222 476; heart 407 622 639 626; heart 302 37 452 319"),
    ("liver 558 94 677 309; heart 313 181 557 241; liver 152 316 315 397",
     "liver 566 98 706 304; heart 212 133 439 317; liver 180 326 287 418; heart 335 167 556 252"),
    ("left lung 444 381 522 436",
     "left lung 464 635 722 718"),
    ("spleen 325 490 435 604; spleen 413 150 481 286; lung 183 642 462 809; heart 184 91 349 200",
     ("spleen 327 483 409 624; lung 155 660 451 802; liver 300 348 506 433; lung 11 485 191 723; heart 207 "
     "92 335 219")),
    ("heart 512 662 724 906; heart 356 280 560 408; liver 418 358 694 613; left lung 460 373 744 498",
     "liver 434 370 710 609; lung 463 385 773 494; lung 566 652 675 876; heart 492 644 747 899"),
    ("lung 665 185 761 419; liver 184 646 407 696; spleen 231 169 284 437; left lung 113 324 400 410",
     ("lung 382 36 562 233; lung 661 184 753 413; liver 167 631 422 723; heart 97 302 276 473; spleen 261 "
     "156 308 433")),
    ("spleen 577 657 754 791; spleen 145 160 337 297; lung 488 203 775 277; lung 93 359 343 627",
     ("spleen 257 425 302 546; spleen 567 663 782 800; spleen 171 187 343 291; left lung 101 367 329 644; "
     "spleen 476 203 790 271")),
    ("right lung 124 675 323 960; spleen 251 300 301 540; left lung 401 13 563 189; lung 280 249 559 410",
     ("liver 344 628 459 855; lung 298 227 548 398; spleen 230 316 289 528; lung 412 38 571 215; lung 27 "
     "475 156 607")),
    ("lung 466 110 733 325; lung 195 14 344 253; spleen 609 589 825 810",
     "spleen 195 9 357 277; spleen 632 607 799 799"),
)  # fmt: skip
"""Twelve drawn answers: true boxes, then said ones, each a name and x0 y0 x1 y1 on a picture of 999 × 999."""


def parts(text: str) -> tuple[list[str], list[list[float]]]:
    words = [part.split() for part in text.split(";") if part.strip()]
    return [" ".join(row[:-4]) for row in words], [[float(number) for number in row[-4:]] for row in words]


def pairs(truth: str, said: str, *, threshold: float = 0.5) -> BoxPairs:
    names, boxes = parts(said)
    true_names, true_boxes = parts(truth)
    return paired_boxes(boxes, true_boxes, said_names=names, true_names=true_names, threshold=threshold)


EXAMPLE = pairs("right lung 0 0 100 100; left lung 200 0 300 100",
                "right lung 0 0 100 100; heart 200 0 300 90; spleen 500 500 600 600")  # fmt: skip
"""One box exact, one of 90 % of its height under a wrong name, one more."""


def test_one_box_is_compared_with_the_best_where_more_are_said() -> None:
    # [0, 0, 10, 5] covers half of [0, 0, 10, 10]; the second box does not touch it.
    assert expected_iou([[0, 0, 10, 5], [50, 50, 60, 60]], [[0, 0, 10, 10]]) == 0.5
    assert expected_iou([[50, 50, 60, 60], [0, 0, 10, 5]], [[0, 0, 10, 10]]) == 0.5
    # As many as there are: the first one counts, here without any overlap.
    assert expected_iou([[50, 50, 60, 60], [0, 0, 10, 5]], [[0, 0, 10, 10], [90, 90, 99, 99]]) == 0.0
    assert expected_iou([], [[0, 0, 10, 10]]) == 0.0
    with pytest.raises(DataError, match="no true box"):
        expected_iou([[0, 0, 1, 1]], [])


def test_the_worked_example_under_the_usual_names_and_the_release_s() -> None:
    assert EXAMPLE.boxes == pytest.approx((2 / 3, 1.0, 0.8))
    assert EXAMPLE.boxes.swapped == pytest.approx((1.0, 2 / 3, 0.8))
    assert EXAMPLE.objects.swapped == pytest.approx((0.5, 1 / 3, 0.4))
    assert EXAMPLE.object_boxes.swapped == pytest.approx((0.5, 1 / 3, 0.4))
    assert EXAMPLE.alignment == 0.5
    assert EXAMPLE.iou == EXAMPLE.iou_of_truth == pytest.approx(0.95)  # (1 + 0.9) / 2
    # The release's evaluator of one object divides 1 + 0.9 by the one pair that is named right: 1.9, beyond 1.
    assert EXAMPLE.overlaps.sum() / EXAMPLE.named == pytest.approx(1.9)
    assert mean_scores([EXAMPLE])["object_iou"] == 1.0


def test_twelve_answers_have_the_authors_numbers() -> None:
    # MultiRegionMultiObjectEvaluator of xmed-lab/MedRegA on the same answers; its "pre" divides by the true boxes.
    found = mean_scores([pairs(*one) for one in ANSWERS])
    assert found["boxes_recall"] == pytest.approx(0.5902777777777778)
    assert found["boxes_precision"] == pytest.approx(0.5416666666666666)
    assert found["boxes_f1"] == pytest.approx(0.5580026455026456)
    assert found["box_iou"] == pytest.approx(0.5357078961614106, abs=1e-6)  # the release counts in single precision
    assert found["objects_f1"] == pytest.approx(0.7299603174603173)
    assert found["object_iou"] == pytest.approx(0.6115863855790209, abs=1e-6)
    assert found["object_boxes_f1"] == pytest.approx(0.48234126984126985)
    assert found["alignment"] == pytest.approx(0.7708333333333334)


def test_twelve_answers_at_three_quarters_and_one_by_one() -> None:
    # SingleRegionMultiObjectEvaluator (0.75; mean IoU over pairs) and SingleRegionSingleObjectEvaluator.
    strict = [pairs(*one, threshold=0.75) for one in ANSWERS]
    found = mean_scores(strict)
    assert (found["boxes_recall"], found["boxes_precision"]) == pytest.approx((0.2569444444, 0.2472222222))
    assert found["boxes_f1"] == pytest.approx(0.24927248677248678)
    overlaps = np.concatenate([one.overlaps for one in strict])
    assert overlaps.mean() == pytest.approx(0.5510138360517366, abs=1e-6)
    single = np.array([expected_iou(parts(said)[1], parts(truth)[1]) for truth, said in ANSWERS])
    assert single.mean() == pytest.approx(0.3414, abs=5e-5)  # the release prints four digits
    assert [(single > limit).mean() for limit in (0.25, 0.5, 0.75)] == pytest.approx([0.5, 0.4167, 0.0833], abs=5e-5)


def test_names_agree_where_one_contains_the_other() -> None:
    assert contains(", Right Lung", "right lung")
    assert contains("lung", "left lung")
    assert contains("", "heart")
    assert not contains("heart", "left lung")


def test_empty_sides_and_missing_names() -> None:
    nothing = pairs("liver 0 0 10 10", "")
    assert nothing.boxes == (0.0, 0.0, 0.0)
    assert nothing.alignment == nothing.iou == 0.0
    assert pairs("", "liver 0 0 10 10").boxes == (0.0, 0.0, 0.0)
    with pytest.raises(DataError, match="1 said and 0 true boxes with 0 and 0 names"):
        paired_boxes([[0, 0, 1, 1]], [], said_names=[], true_names=[])
    with pytest.raises(DataError, match="no answer"):
        mean_scores([])
