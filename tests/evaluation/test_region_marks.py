"""What points, boxes and counts of one answer are worth; questions in other words."""

from __future__ import annotations

import math

import pytest

from vesalius.data.conversations.records import Located
from vesalius.data.records import Box
from vesalius.errors import ConfigError
from vesalius.evaluation.region_marks import region_values
from vesalius.tasks.grammar import Plane
from vesalius.tasks.instructions import BUILT_IN, Wording, templates, worded

PLANE = Plane((200, 100))


def dots(*points: tuple[float, float]) -> list[Located]:
    return [Located(name="cell", points=points)]


def test_points() -> None:
    # 5 from the first and 0 from the second; within 10 pixels, which is also a twentieth of 200.
    values = region_values(dots((13, 14), (50, 50)), dots((10, 10), (50, 50)), PLANE, task="pointing")
    assert (values["point_error"], values["matching"], values["point_f1"]) == (2.5, 1.0, 1.0)
    assert (values["zero_case"], values["count_error"], values["accuracy"]) == (0.0, 0.0, 1.0)


def test_zero_cases_enter_no_mean_of_distances() -> None:
    silent = region_values([], dots((10, 10)), PLANE, task="pointing")
    assert math.isnan(silent["point_error"])
    assert (silent["zero_case"], silent["point_f1"], silent["accuracy"]) == (1.0, 0.0, 0.0)
    right = region_values([], [Located(name="cell")], PLANE, task="pointing")
    assert (right["zero_case"], right["accuracy"]) == (1.0, 1.0)
    assert region_values(None, [Located(name="cell")], PLANE, task="pointing")["accuracy"] == 0.0


def test_counts() -> None:
    true = [Located(name="cell", number=3)]
    assert region_values([Located(name="cell", number=3)], true, PLANE, task="counting")["accuracy"] == 1.0
    wrong = region_values([Located(name="cell", number=5)], true, PLANE, task="counting")
    assert (wrong["accuracy"], wrong["count_error"]) == (0.0, 2.0)
    assert region_values(None, [Located(name="cell", number=0)], PLANE, task="counting")["accuracy"] == 0.0


def test_boxes_and_their_names() -> None:
    truth = [Located(name="left lung", boxes=(Box(0, 0, 10, 10),))]
    said = [Located(name="lung", boxes=(Box(0, 0, 10, 5), Box(50, 50, 60, 60)))]
    values = region_values(said, truth, PLANE, task="text2region")
    assert values["expected_iou"] == 0.5
    assert values["best_iou"] == 0.25  # a half and nothing
    assert values["iou"] == pytest.approx(50 / 200)
    assert values["named"] == 1.0


def test_wordings() -> None:
    assert worded(BUILT_IN) is templates()
    terse, bare = worded(Wording(pool="terse")), worded(Wording(pool="terse", form=False))
    assert terse.get("presence", "en").asks == terse.get("text2region", "en").asks
    assert terse.get("presence", "en").form != terse.get("text2region", "en").form
    assert bare.get("presence", "en").form == ()
    assert terse.get("report", "en") == templates().get("report", "en")
    with pytest.raises(ConfigError, match="did you mean 'terse'"):
        worded(Wording(pool="ters"))
