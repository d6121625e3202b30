"""PointDetectCount's answers: schemas, and what its parser takes."""

from __future__ import annotations

import pytest

from vesalius.data.conversations.records import Located
from vesalius.data.records import Box
from vesalius.tasks.grammar import Plane, grammar

WAY = grammar("pointdetectcount")
PLANE = Plane((640, 480))
SPERM = Located(name="sperm", boxes=(Box(0, 0, 20, 30), Box(10, 10, 30, 50)), points=((10.25, 15), (20.0, 30.04)))


@pytest.mark.parametrize(
    ("task", "text"),
    [
        ("pointing", '[{"point_2d": [10.2, 15], "label": "sperm"}, {"point_2d": [20, 30], "label": "sperm"}]'),
        (
            "bounding",
            '[{"bbox_2d": [0, 0, 20, 30], "label": "sperm"}, {"bbox_2d": [10, 10, 30, 50], "label": "sperm"}]',
        ),
        ("counting", '{"counts": 2, "label": "sperm"}'),
        ("cnt_and_point", '{"counts": 2, "point_2d": [[10.2, 15], [20, 30]], "label": "sperm"}'),
        ("count_and_box", '{"counts": 2, "bbox_2d": [[0, 0, 20, 30], [10, 10, 30, 50]], "label": "sperm"}'),
    ],
)
def test_the_five_schemas(task: str, text: str) -> None:
    assert WAY.format([SPERM], PLANE, task=task) == f"```json\n{text}\n```"


@pytest.mark.parametrize(
    ("reply", "count"),
    [
        ('```json\n{"counts": 3, "label": "polyp"}\n```', 3),
        ('```JSON\n{"counts": 3, "label": "polyp"}\n```', 3),
        ('{"polyp_count": 4}', 4),
        ('```json\n[{"bbox_2d": [1, 2, 3, 4]}, {"bbox_2d": [5, 6, 7, 8]}]\n```', 2),
        ('```json\n[{"point_2d": [1, 2]}]\n```', 1),
        ("```json\n[]\n```", 0),
    ],
)
def test_counts_in_every_form_that_the_release_takes(reply: str, count: int) -> None:
    parsed = WAY.parse(reply, PLANE, task="counting")
    assert parsed.status == "answered"
    assert sum(one.count for one in parsed.value) == count


@pytest.mark.parametrize("reply", ['```json\n{"counts": 3, "lab', "three", '{"counts": true}', '{"counts": "3"}'])
def test_what_is_no_count(reply: str) -> None:
    assert WAY.parse(reply, PLANE, task="counting").value is None


def test_an_image_without_objects() -> None:
    nothing = Located(name="polyp", number=0)
    assert WAY.format([nothing], PLANE, task="counting") == '```json\n{"counts": 0, "label": "polyp"}\n```'
    text = WAY.format([nothing], PLANE, task="count_and_box")
    assert text == '```json\n{"counts": 0, "bbox_2d": [], "label": "polyp"}\n```'
    assert WAY.parse(text, PLANE, task="count_and_box").value == (nothing,)
    assert WAY.parse("```json\n[]\n```", PLANE, task="bounding").value == ()


def test_one_object_where_a_list_is_expected() -> None:
    parsed = WAY.parse('```json\n{"bbox_2d": [1, 2, 3, 4], "label": "polyp"}\n```', PLANE, task="bounding")
    assert parsed.value == (Located(name="polyp", boxes=(Box(1, 2, 3, 4),)),)


def test_swapped_corners_are_put_right() -> None:
    parsed = WAY.parse('[{"bbox_2d": [30, 50, 10, 10], "label": "polyp"}]', PLANE, task="bounding")
    assert parsed.value[0].boxes == (Box(10, 10, 30, 50),)
    assert "corners reversed" in parsed.rule


def test_a_count_that_its_regions_belie_is_kept() -> None:
    parsed = WAY.parse('{"counts": 5, "point_2d": [[1, 2], [3, 4]], "label": "sperm"}', PLANE, task="cnt_and_point")
    assert parsed.value == (Located(name="sperm", points=((1.0, 2.0), (3.0, 4.0)), number=5),)


def test_regions_outside_are_dropped_and_told() -> None:
    reply = '[{"bbox_2d": [900, 900, 950, 950], "label": "a"}, {"bbox_2d": [1, 2, 3, 4], "label": "b"}]'
    parsed = WAY.parse(reply, PLANE, task="bounding")
    assert [one.name for one in parsed.value] == ["b"]
    assert "outside the image" in parsed.rule


def test_boxes_in_words_have_no_names() -> None:
    parsed = WAY.parse("The polyp is at [10, 20, 30, 40].", PLANE, task="bounding")
    assert parsed.value == (Located(name="", boxes=(Box(10, 20, 30, 40),)),)
    assert parsed.rule.endswith("no names")
