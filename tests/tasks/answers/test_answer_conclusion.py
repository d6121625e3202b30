"""Grades and winners that descriptions close with."""

from __future__ import annotations

import pytest

from vesalius.tasks.answers.conclusion import parse_better_picture, parse_grade

GRADES = ("reject", "usable", "good")


@pytest.mark.parametrize(
    ("reply", "grade"),
    [
        ("Sharp. Overall, the quality of this image is good.", "good"),
        ("Overall, the quality of this image is [reject]", "reject"),
        ("The quality is good at the top. Overall, the quality of this image is **usable**.", "usable"),
        ("Good contrast, but strong noise.\nRejected", "reject"),
        ("usable", "usable"),
        ("Contrast is good. I would reject it.", "reject"),
        ("<think>It may be good.</think> The quality of this image is reject.", "reject"),
        ("The image is unusable", None),
        ("It is not good.", None),
        ("good/usable/reject", None),
        ("good or usable", None),
        ("The image shows a liver.", None),
        ("", None),
        ("The goodness of fit and reusable parts", None),
    ],
)
def test_grades(reply: str, grade: str | None) -> None:
    assert parse_grade(reply, GRADES).value == grade


def test_statuses() -> None:
    assert parse_grade("good or usable", GRADES).status == "ambiguous"
    assert parse_grade("", GRADES).status == parse_better_picture("").status == "empty"
    assert parse_grade("I'm sorry, but I cannot interpret medical images.", GRADES).status == "refused"
    assert parse_better_picture("Both pictures are equal.").status == "unparsed"


@pytest.mark.parametrize(
    ("reply", "letter"),
    [
        ("Image A has higher quality than image B.", "A"),
        ("Compared with image A, image B is better.", "B"),
        ("Image B is noisier. Image A is worse than image B.", "B"),
        ("The image with the higher quality is Image 2.", "B"),
        ("Overall, the first image is superior to the second.", "A"),
        ("Image A is better in contrast. Overall, image B has higher quality.", "B"),
        ("The better one is the second image", "B"),
        ("Between image A and image B, the latter has lower quality.", "A"),
        ("Image A is not better than image B.", None),
        ("Neither image A nor image B is better.", None),
        ("Image A and image B are the same.", None),
        ("The better one cannot be told.", None),
        ("A", None),
    ],
)
def test_winners(reply: str, letter: str | None) -> None:
    assert parse_better_picture(reply).value == letter


def test_long_replies_are_read_in_time() -> None:
    for text in ("the quality of ", "image a is not ", "good. ", "higher "):
        parse_grade(text * 5000, GRADES)
        parse_better_picture(text * 5000)
