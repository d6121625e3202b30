"""The record of a conversation: what it refuses, and both sides of a pair."""

from __future__ import annotations

import pytest

from vesalius.data.conversations.records import Conversation, Located, mark, marked
from vesalius.data.messages import Media, Message
from vesalius.data.records import Box
from vesalius.errors import DataError

FILM = Media(path="/films/a.png")
NOISED = Media(path="/films/a.png", edits=("noise:0",))


def asked(answer: str = "yes", **more: object) -> Conversation:
    messages = (Message(role="user", parts=(FILM, "Effusion?")), Message(role="assistant", parts=(answer,)))
    return Conversation(id="row 3", messages=messages, **more)  # type: ignore[arg-type]


def test_a_pair_of_answers() -> None:
    pair = asked(rejected="no")
    assert pair.side("chosen").answers == ("yes",)
    assert pair.side("rejected").answers == ("no",)
    assert not pair.side("rejected").is_pair
    assert pair.side("rejected").media == (FILM,)


def test_a_pair_of_pictures() -> None:
    pair = asked(rejected_media=(NOISED,))
    assert pair.side("rejected").answers == ("yes",)
    assert pair.side("rejected").media == (NOISED,)
    assert pair.side("chosen").media == (FILM,)


def test_what_is_no_pair_has_one_side() -> None:
    assert asked().side("rejected") == asked()


@pytest.mark.parametrize(
    ("more", "told"),
    [
        ({"rejected": "yes"}, "both answers of the pair are equal"),
        ({"rejected_media": (FILM,)}, "both answers of the pair are equal"),
        ({"rejected_media": (FILM, FILM)}, "2 rejected media for 1"),
        ({"weight": -0.1}, "weight -0.1"),
        ({"weight": float("nan")}, "weight nan"),
        ({"objects": (Located(name="a", medium=1),)}, "an object lies on medium 1 of 1"),
        ({"messages": ()}, "at least one message"),
        ({"messages": (Message(role="user", parts=(mark(2),)),)}, "a text marks object 2 of 0"),
        ({"messages": (Message(role="user", parts=("Why?",)),), "rejected": "no"}, "the better answer as its last"),
    ],
)
def test_faults(more: dict[str, object], told: str) -> None:
    with pytest.raises(DataError, match=told):
        Conversation(**{"id": "row 3", "messages": asked().messages, **more})  # type: ignore[arg-type]


def test_marks() -> None:
    assert mark(0, 2) == "<objects:0,2>"
    assert mark() == "<objects:>"
    assert marked(f"{mark(0, 2)} and {mark(1)} and {mark()}") == (0, 2, 1)
    assert marked("<objects:a>") == ()


@pytest.mark.parametrize(
    ("found", "count"),
    [
        (Located(name="a"), 0),
        (Located(name="a", boxes=(Box(0, 0, 1, 1),)), 1),
        (Located(name="a", boxes=(Box(0, 0, 1, 1),), points=((0, 0), (1, 1))), 2),
        (Located(name="a", points=((0, 0),), number=0), 0),
    ],
)
def test_how_many_there_are(found: Located, count: int) -> None:
    assert found.count == count
