"""Boxes and points in replies."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from vesalius.errors import ConfigError
from vesalius.tasks.answers import parse_boxes, parse_image_number, parse_points

SIZE = (336, 336)
BOX = [92, 150, 164, 224]


@pytest.mark.parametrize(
    "reply",
    [
        "(92,150),(164,224)",
        "[92, 150, 164, 224]",
        "<box>92 150 164 224</box>",
        "It's in the third image. (92,150),(164,224)",
        "In image 3: (92,150),(164,224)",
        "[[92, 150], [164, 224]]",
        '```json\n[{"bbox_2d": [92, 150, 164, 224], "label": "polyp"}]\n```',
        '{"bbox": [92, 150, 164, 224]}',
        "x1=92, y1=150, x2=164, y2=224",
        "［92，150，164，224］",
        "<|box_start|>(92,150),(164,224)<|box_end|>",
        "[164, 224, 92, 150]",
        "92, 150, 164, 224",
    ],
)
def test_forms_of_one_box(reply: str) -> None:
    """Card of MedSG-Bench, 3, and more."""
    parsed = parse_boxes(reply, size=SIZE, scale="pixel")
    assert parsed.value.tolist() == [BOX]
    assert ("reversed" in parsed.rule) == reply.startswith("[164")


def test_scales() -> None:
    """One box in three scales of an image that is not square."""
    size = (400, 200)
    for scale, reply in (
        ("pixel", "[40, 50, 100, 150]"),
        ("unit", "[.1, .25, .25, .75]"),
        ("thousand", "[100,250,250,750]"),
    ):
        found = parse_boxes(reply, size=size, scale=scale)  # type: ignore[arg-type]
        assert found.value == pytest.approx(np.array([[40, 50, 100, 150]]))


@pytest.mark.parametrize(
    ("reply", "scale", "status"),
    [
        ("[92, 150, 164, 224]", "unit", "ambiguous"),
        ("[0.27, 0.45, 0.49, 0.67]", "pixel", "ambiguous"),
        ("[0.27, 0.45, 0.49, 0.67]", "thousand", "ambiguous"),
        ("[1200, 1500, 1640, 2240]", "thousand", "ambiguous"),
        ("[400, 400, 500, 500]", "pixel", "unparsed"),  # outside
        ("[155, 186, 189]", "pixel", "unparsed"),  # three numbers
        ("I can't provide a box", "pixel", "refused"),
        ("on the left", "pixel", "unparsed"),
        ("", "pixel", "empty"),
    ],
)
def test_boxes_that_are_none(reply: str, scale: str, status: str) -> None:
    assert parse_boxes(reply, size=SIZE, scale=scale).status == status  # type: ignore[arg-type]


def test_boxes_beyond_the_edge_are_cut_and_those_outside_dropped() -> None:
    parsed = parse_boxes("[[300, -5, 400, 20], [500, 500, 600, 600]]", size=SIZE, scale="pixel")
    assert parsed.value.tolist() == [[300, 0, 336, 20]]
    assert parsed.rule == "json, 1 outside the image, cut at the edge"


@pytest.mark.parametrize("reply", ["none", "No lesion.", "[]", "```json\n[]\n```"])
def test_no_box_is_an_answer(reply: str) -> None:
    parsed = parse_boxes(reply, size=SIZE, scale="pixel")
    assert parsed.status == "answered"
    assert parsed.value.shape == (0, 4)


@pytest.mark.parametrize(
    "reply",
    [
        '[{"point_2d": [10.5, 20], "label": "cell"}, {"point_2d": [30, 40], "label": "cell"}]',
        '{"counts": 2, "point_2d": [[10.5, 20], [30, 40]], "label": "cell"}',
        "(10.5, 20) and (30, 40)",
        "x: 10.5, y: 20; x: 30, y: 40",
    ],
)
def test_points(reply: str) -> None:
    assert parse_points(reply, size=SIZE, scale="pixel").value.tolist() == [[10.5, 20], [30, 40]]


def test_wrong_settings_are_named() -> None:
    with pytest.raises(ConfigError, match="pixel, unit or thousand"):
        parse_boxes("[1,2,3,4]", size=SIZE, scale="percent")  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="size in pixels"):
        parse_boxes("[1,2,3,4]", size=(0, 10), scale="pixel")


@pytest.mark.parametrize(
    ("reply", "value"), [("It's in the third image.", 3), ("Image 3", 3), ("the last picture", -1), ("2nd slice", 2)]
)
def test_images_by_their_number(reply: str, value: int) -> None:
    assert parse_image_number(reply).value == value
    assert parse_image_number("image 1 or image 2").status == "ambiguous"
    assert parse_image_number("there").status == "unparsed"


@pytest.mark.real
def test_published_answers_of_a_chat_model(real_data: Path) -> None:
    """Of 600 answers all truths read, and every reply with boxes or points, and no others."""
    lines = (real_data / "benchmark-scores" / "pointdetectcount").glob("*.jsonl")
    rows = [json.loads(line) for path in lines for line in path.read_text(encoding="utf-8").splitlines()]
    assert len(rows) == 600
    for key, parse in (("bbox_2d", parse_boxes), ("point_2d", parse_points)):
        asked = [row for row in rows if key in row["labels"]]
        assert len(asked) > 200
        for row in asked:
            assert parse(row["labels"], size=(4000, 4000), scale="pixel").status == "answered"
            found = parse(row["response"], size=(4000, 4000), scale="pixel")
            if f'"{key}": [' in row["response"]:
                assert found.status == "answered", row["response"]
            else:
                assert found.value is None or not len(found.value), row["response"]
