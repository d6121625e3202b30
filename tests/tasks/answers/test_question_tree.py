"""Trees of questions: asked from the top, stopped at no, completed, as vectors."""

from __future__ import annotations

import pytest

from vesalius.errors import DataError
from vesalius.tasks.answers.tree import NO, Question, Turns, completed, every, vector, walk

YES_NO = ("yes", "no")
DEGREE = Question(path="a/opacity/degree", text="How much?", options=("mild", "severe", "unspecified"), several=True)
SECOND = Question(path="a/opacity/2", text="Another?", options=YES_NO)
OPACITY = Question(path="a/opacity", text="An opacity?", options=YES_NO, below=(DEGREE,), again=(SECOND,))
TREE = (
    Question(path="a", text="Anything in the lung?", options=YES_NO, below=(OPACITY,)),
    Question(path="b", text="Anything in the heart?", options=YES_NO),
)
RIGHT = {"a": ("yes",), "a/opacity": ("yes",), "a/opacity/degree": ("mild",), "a/opacity/2": ("no",), "b": ("no",)}


def answered(said: dict[str, tuple[str, ...]], heard: list[tuple[Turns, str]]):
    def answer(before: Turns, question: Question) -> tuple[str, ...]:
        heard.append((before, question.path))
        return said[question.path]

    return answer


@pytest.mark.evidence(
    "hica-vqa", "L2", "a no stops the questions below; the model's own answers stand before the next"
)
def test_down_the_tree() -> None:
    heard: list[tuple[Turns, str]] = []
    assert walk(TREE, answered(RIGHT, heard)) == RIGHT
    assert [path for _, path in heard] == [one.path for one in every(TREE)]
    assert heard[2][0] == (("Anything in the lung?", ("yes",)), ("An opacity?", ("yes",)))
    stopped: list[tuple[Turns, str]] = []
    assert walk(TREE, answered({**RIGHT, "a": (NO,)}, stopped)) == {"a": (NO,), "b": (NO,)}


@pytest.mark.evidence("hica-vqa", "L2", "with right answers before it every question is asked that training asks")
def test_right_answers_before_each_question() -> None:
    heard: list[tuple[Turns, str]] = []
    said = walk(TREE, answered({**RIGHT, "a": (NO,), "a/opacity": (NO,)}, heard), known=RIGHT)
    assert said["a"] == (NO,)
    assert said["a/opacity/degree"] == ("mild",)
    assert heard[2][0][0] == ("Anything in the lung?", ("yes",))


@pytest.mark.evidence("hica-vqa", "L2", "a report without findings is right with its top questions answered no")
def test_nothing_is_found() -> None:
    tree = tuple(Question(path=str(place), text="Any?", options=YES_NO, below=(DEGREE,)) for place in range(25))
    heard: list[tuple[Turns, str]] = []
    said = walk(tree, answered({str(place): (NO,) for place in range(25)}, heard))
    assert len(heard) == 25
    truth = completed({str(place): (NO,) for place in range(25)}, tree)
    assert (vector(completed(said, tree), tree) == vector(truth, tree)).all()


@pytest.mark.evidence(
    "hica-vqa", "L2", "what lies below a no is no or nothing, and a denied instance has no next one"
)
def test_completion() -> None:
    assert completed({"a": (NO,), "a/opacity": ("yes",), "b": ("yes",)}, TREE) == {
        "a": (NO,), "a/opacity": (NO,), "a/opacity/degree": (), "a/opacity/2": (NO,), "b": ("yes",),
    }  # fmt: skip
    assert completed({**RIGHT, "a/opacity": (NO,), "a/opacity/2": ("yes",)}, TREE)["a/opacity/2"] == (NO,)
    several = {**RIGHT, "a/opacity/degree": ("mild", "unspecified")}
    assert completed(several, TREE)["a/opacity/degree"] == ("mild",)
    assert completed({**RIGHT, "a/opacity/degree": ()}, TREE)["a/opacity/degree"] == ("unspecified",)
    # Options question by question: a yes no, opacity yes no, mild severe unspecified, second yes no, b yes no.
    assert vector(completed(RIGHT, TREE), TREE).astype(int).tolist() == [1, 0, 1, 0, 1, 0, 0, 0, 1, 0, 1]


def test_answers_that_cannot_be() -> None:
    with pytest.raises(DataError, match="question 'a': 2 answers to a question with one"):
        completed({"a": ("yes", "no")}, TREE)
    with pytest.raises(DataError, match="'maybe' is not offered; expected of yes, no"):
        completed({"a": ("maybe",)}, TREE)
