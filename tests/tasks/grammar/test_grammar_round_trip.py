"""Regions as text and back: parse(format(x)) is x, in every convention, and what is written matches the pattern."""

from __future__ import annotations

import json
import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vesalius.data.conversations.records import Located
from vesalius.data.records import Box
from vesalius.errors import ConfigError, DataError
from vesalius.tasks.answers.regions import SCALES
from vesalius.tasks.grammar import GRAMMARS, Grammar, Plane, grammar

PLANE = Plane((641, 487), (1008, 756))
"""An odd size, shown at another one."""
TASKS = ("bounding", "pointing", "counting", "cnt_and_point", "count_and_box")
NAMES = st.text("abcdefghijklmnopqrstuvwxyz 肺左上", min_size=1, max_size=12).map(str.strip).filter(bool)


def on_grid(way: Grammar, shares: list[float]) -> list[float]:
    """Pixels of the original that the convention writes without rounding."""
    size = way.coordinates.size(PLANE)
    longest = size if way.coordinates.scale == "pixel" else (SCALES[way.coordinates.scale],) * 2
    steps = np.round(np.reshape(shares, (-1, 2)) * longest, way.coordinates.decimals)
    if way.coordinates.scale == "pixel":
        return list(map(float, (steps * (np.array(PLANE.original) / np.array(size))).ravel()))
    return list(map(float, (steps / np.array(longest) * PLANE.original).ravel()))


@st.composite
def objects(draw: st.DrawFn, way: Grammar, task: str) -> tuple[Located, ...]:
    """Objects of different names, such as the task is about."""
    found = []
    low, high = st.floats(0.0, 0.45), st.floats(0.55, 1.0)
    for name in draw(st.lists(NAMES, min_size=1, max_size=3, unique=True)):
        count = draw(st.integers(1, 3))
        if task == "counting":
            found.append(Located(name=name, number=count))
        elif task in ("pointing", "cnt_and_point"):
            points = [on_grid(way, [draw(low), draw(high)]) for _ in range(count)]
            found.append(Located(name=name, points=tuple((x, y) for x, y in points)))
        else:
            boxes = [on_grid(way, [draw(low), draw(low), draw(high), draw(high)]) for _ in range(count)]
            found.append(Located(name=name, boxes=tuple(Box(*box) for box in boxes)))
    return tuple(found)


def close(one: tuple[Located, ...], other: tuple[Located, ...]) -> bool:
    """Equal but for the last bits of a division."""
    if [(a.name, a.count, a.number) for a in one] != [(b.name, b.count, b.number) for b in other]:
        return False
    return all(
        np.allclose(np.ravel(a.boxes or a.points), np.ravel(b.boxes or b.points), rtol=0, atol=1e-9)
        for a, b in zip(one, other, strict=True)
    )


@pytest.mark.parametrize("name", GRAMMARS)
@pytest.mark.parametrize("task", TASKS)
@settings(max_examples=25, deadline=None)
@given(data=st.data())
def test_what_is_written_is_read_again(name: str, task: str, data: st.DataObject) -> None:
    way = grammar(name)
    found = data.draw(objects(way, task))
    text = way.format(found, PLANE, task=task)
    assert re.fullmatch(way.pattern(task=task), text)
    parsed = way.parse(text, PLANE, task=task)
    assert parsed.status == "answered"
    assert close(parsed.value, found)
    # Written once more it is the same text: nothing creeps.
    assert way.format(parsed.value, PLANE, task=task) == text


@pytest.mark.parametrize("name", GRAMMARS)
def test_pixels_survive_to_within_half_a_step(name: str) -> None:
    way = grammar(name)
    # Half a step: 0.5/999 × 641 px, 0.5/1000 × 641 px, 0.5 × 641/1008 px, 0.05 px.
    most = {"999": 0.33, "thousand": 0.33, "pixel": 0.33 if way.coordinates.of == "shown" else 0.051}
    box = Box(17.37, 101.2, 640.9, 333.333)
    parsed = way.parse(way.format([Located(name="mass", boxes=(box,))], PLANE), PLANE)
    assert np.abs(np.array(parsed.value[0].boxes[0]) - np.array(box)).max() < most[way.coordinates.scale]


@pytest.mark.parametrize("name", GRAMMARS)
@pytest.mark.parametrize("task", ["bounding", "pointing"])
def test_none_is_an_answer(name: str, task: str) -> None:
    way = grammar(name)
    text = way.format([], PLANE, task=task)
    assert re.fullmatch(way.pattern(task=task), text)
    assert way.parse(text, PLANE, task=task).value == ()


@pytest.mark.parametrize("name", GRAMMARS)
def test_a_box_outside_is_refused_with_the_numbers(name: str) -> None:
    with pytest.raises(DataError, match=r"\[0.0, 0.0, 642.0, 10.0\] lies outside its picture of 641 × 487 pixels"):
        grammar(name).format([Located(name="mass", boxes=(Box(0, 0, 642, 10),))], PLANE)


@pytest.mark.parametrize("name", GRAMMARS)
@pytest.mark.parametrize(
    "reply", ["", "I cannot help with that.", "the left lung", "<ref>a</ref><box>[[1, 2", "```json\n[{"]
)
def test_what_cannot_be_read_is_no_region(name: str, reply: str) -> None:
    parsed = grammar(name).parse(reply, PLANE)
    assert parsed.status in ("empty", "refused", "unparsed") or not any(one.boxes for one in parsed.value)


def test_the_medrega_form() -> None:
    # 999 × 999 pixels: a coordinate is a pixel.
    plane = Plane((999, 999))
    lung = Located(name="right lung", boxes=(Box(102, 106, 481, 910),))
    both = Located(name="left lung", boxes=(Box(500, 100, 900, 910), Box(1, 2, 3, 4)))
    text = "<ref>right lung</ref><box>[[102, 106, 481, 910]]</box>, "
    text += "<ref>left lung</ref><box>[[500, 100, 900, 910], [1, 2, 3, 4]]</box>"
    assert grammar("medrega").format([lung, both], plane) == text
    assert grammar("medrega").parse(text, plane).value == (lung, both)


def test_medrega_shares_follow_the_picture() -> None:
    lung = Located(name="lung", boxes=(Box(10, 10, 20, 40),))
    twice = Located(name="lung", boxes=(Box(20, 20, 40, 80),))
    way = grammar("medrega")
    assert way.format([lung], Plane((100, 50))) == way.format([twice], Plane((200, 100)))


def test_the_qwen_forms() -> None:
    polyp = Located(name="polyp", boxes=(Box(10, 20, 50, 80),))
    first = "<|object_ref_start|>polyp<|object_ref_end|><|box_start|>(100,200),(500,800)<|box_end|>"
    assert grammar("qwen2-vl").format([polyp], Plane((100, 100))) == first
    # Pixels of the picture as it is shown, twice as large.
    second = '```json\n[{"bbox_2d": [20, 40, 100, 160], "label": "polyp"}]\n```'
    assert grammar("qwen2.5-vl").format([polyp], Plane((100, 100), (200, 200))) == second


def test_umit_landmarks_are_lines() -> None:
    # 1935 × 2400 pixels, as ISBI 2015: x 967.5 is the middle, 500.
    plane = Plane((1935, 2400))
    points = (Located(name="sella", points=((967.5, 600.0),)), Located(name="nasion", points=((1935.0, 0.0),)))
    text = "sella: (500, 250)\nnasion: (1000, 0)"
    way = grammar("umit")
    assert way.format(points, plane, task="landmark") == text
    assert way.parse(text, plane, task="landmark").value == points
    assert re.fullmatch(way.pattern(task="landmark"), text)
    spoilt = way.parse("- Sella: (500, 250)\n2. nasion： none\nporion: (4000, 1)", plane, task="landmark")
    assert [one.name for one in spoilt.value] == ["Sella"]
    assert spoilt.rule == "lines, 2 without a point"
    with pytest.raises(DataError, match="without colon"):
        way.format([Located(name="a:b", points=((1.0, 1.0),))], plane, task="landmark")


@pytest.mark.parametrize(
    ("size", "shown"),
    [
        # Each side to the nearest multiple of 28: 641/28 = 22.9, 487/28 = 17.4; 2999/28 = 107.1, 37/28 = 1.3.
        ((641, 487), (644, 476)),
        ((2999, 37), (2996, 28)),
        # 1500 × 1125 is above 602,112 pixels: both sides by √(1,687,500/602,112) = 1.674, then down to 28s.
        ((1500, 1125), (896, 672)),
    ],
)
def test_coordinates_survive_the_pixel_cap_of_qwen(size: tuple[int, int], shown: tuple[int, int]) -> None:
    plane = Plane(size, shown)
    box = Box(0.1 * size[0], 0.2 * size[1], 0.7 * size[0], 0.9 * size[1])
    way = grammar("qwen2.5-vl")
    back = way.parse(way.format([Located(name="mass", boxes=(box,))], plane), plane).value[0].boxes[0]
    # Half a pixel as shown.
    step = np.array([size[0] / shown[0], size[1] / shown[1]] * 2) / 2
    assert (np.abs(np.array(back) - np.array(box)) <= step + 1e-9).all()


def test_names_that_would_break_the_tags() -> None:
    with pytest.raises(DataError, match="cannot stand between tags"):
        grammar("medrega").format([Located(name="a<b", boxes=(Box(0, 0, 1, 1),))], PLANE)


def test_an_unknown_grammar() -> None:
    with pytest.raises(ConfigError, match="did you mean 'medrega'"):
        grammar("medraga")


@pytest.mark.parametrize("name", ["qwen2.5-vl", "pointdetectcount"])
@pytest.mark.parametrize("task", TASKS)
def test_the_schema_holds_what_is_written(name: str, task: str) -> None:
    way = grammar(name)
    one = Located(name="polyp", boxes=(Box(1, 2, 3, 4),), points=((5.0, 6.0),), number=None)
    value = json.loads(way.format([one], PLANE, task=task).removeprefix("```json\n").removesuffix("\n```"))
    schema = way.schema(task=task)
    assert schema is not None
    item, held = (schema["items"], value[0]) if schema["type"] == "array" else (schema, value)
    assert set(held) == set(item["required"]) == set(item["properties"])
    assert grammar("medrega").schema(task=task) is None
