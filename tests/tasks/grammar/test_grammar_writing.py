"""Marks in conversations become regions in the model's own way; grounded reports come back line by line."""

from __future__ import annotations

import pytest

from vesalius.data.conversations.records import Conversation, Located, mark
from vesalius.data.messages import Media, Message
from vesalius.data.records import Box
from vesalius.errors import DataError
from vesalius.tasks.grammar import Plane, Statement, format_statements, grammar, parse_statements, write

FILM = Media(path="/films/a.png")
LUNG = Located(name="right lung", boxes=(Box(10, 20, 50, 90),))
HEART = Located(name="heart", boxes=(Box(40, 50, 80, 90),))
PLANE = Plane((100, 100))


def asked(question: str, answer: str, *, task: str = "text2region", media: int = 1, **more: object) -> Conversation:
    return Conversation(
        id="row 17", task=task, objects=(LUNG, HEART),
        messages=(
            Message(role="user", parts=(FILM,) * media + (question,)), Message(role="assistant", parts=(answer,)),
        ),
        **more,  # type: ignore[arg-type]
    )  # fmt: skip


def test_an_answer_of_a_mark_alone_is_in_the_tasks_form() -> None:
    row = write(asked("Count.", mark(0), task="counting"), grammar("pointdetectcount"), [PLANE])
    assert row.answers == ('```json\n{"counts": 1, "label": "right lung"}\n```',)
    assert row.objects == ()


def test_marks_among_words_are_inline() -> None:
    row = asked(f"What is at {mark(1)}?", f"{mark(0, 1)}: both are normal.")
    tagged = write(row, grammar("medrega"), [PLANE])
    assert tagged.messages[0].text == "What is at <ref>heart</ref><box>[[400, 500, 799, 899]]</box>?"
    both = "<ref>right lung</ref><box>[[100, 200, 500, 899]]</box>, <ref>heart</ref><box>[[400, 500, 799, 899]]</box>"
    assert tagged.answers == (f"{both}: both are normal.",)
    listed = write(row, grammar("qwen2.5-vl"), [PLANE])
    assert listed.messages[0].text == 'What is at [{"bbox_2d": [40, 50, 80, 90], "label": "heart"}]?'


def test_no_objects_are_written_as_none() -> None:
    assert write(asked("Where?", mark()), grammar("medrega"), [PLANE]).answers == ("none",)
    assert write(asked("Where?", mark()), grammar("pointdetectcount"), [PLANE]).answers == ("```json\n[]\n```",)


def test_the_worse_answer_is_written_too() -> None:
    row = write(asked("Where?", mark(0), rejected=mark(1)), grammar("medrega"), [PLANE])
    assert row.rejected == "<ref>heart</ref><box>[[400, 500, 799, 899]]</box>"


def test_faults_name_the_row() -> None:
    with pytest.raises(DataError, match="conversation 'row 17': 2 sizes for 1 media"):
        write(asked("Where?", mark(0)), grammar("medrega"), [PLANE, PLANE])
    with pytest.raises(DataError, match=r"'row 17' .*outside its picture of 30 × 30 pixels"):
        write(asked("Where?", mark(0)), grammar("medrega"), [Plane((30, 30))])


@pytest.mark.parametrize("name", ["medrega", "qwen2-vl", "qwen2.5-vl", "pointdetectcount"])
def test_grounded_reports_come_back(name: str) -> None:
    # A thousand pixels a side less one: all conventions but 0 to 1000 have them exactly.
    plane = Plane((999, 999)) if name == "medrega" else Plane((1000, 1000))
    said = (
        Statement((LUNG, HEART), "The right lung is clear: no effusion."),
        Statement((), "No fracture."),
        Statement((HEART,), "The heart is enlarged."),
    )
    text = format_statements(said, grammar(name), plane)
    assert len(text.splitlines()) == 3
    assert parse_statements(text, grammar(name), plane).value == said


def test_a_line_with_a_broken_region_keeps_its_words() -> None:
    parsed = parse_statements("<ref>heart</ref><box>[[1, 2</box>: large\n", grammar("medrega"), PLANE)
    assert [one.text for one in parsed.value] == ["large"]
    assert parse_statements("  ", grammar("medrega"), PLANE).status == "empty"
