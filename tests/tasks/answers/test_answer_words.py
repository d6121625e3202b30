"""Yes and no, letters, sets, orders and free answers by our own rule."""

from __future__ import annotations

import math

import pytest

from vesalius.errors import ConfigError, DataError
from vesalius.tasks.answers import (
    COMPAT,
    modes,
    parse_choice,
    parse_choices,
    parse_closed,
    parse_open,
    parse_order,
    score_choice,
    score_choices,
    score_closed,
    score_likelihood,
    score_open,
    score_soft,
)

OPTIONS = {"A": "Effusion", "B": "Pneumonia", "C": "Normal", "D": "Fracture"}


@pytest.mark.parametrize(
    ("reply", "value"),
    [
        ("Yes", "yes"),
        ("**No**", "no"),
        ("No, the heart is normal. Yes, I am certain.", "no"),  # the first clause decides
        ("The answer is yes.", "yes"),
        ("Answer (yes or no): no", "no"),
        ("False.", "no"),
        ("That is not true.", "no"),
        ("It isn't true", "no"),
        ("<think>yes? no?</think>No", "no"),
        (r"Perhaps no. \boxed{yes}", "yes"),
        ("<answer>no</answer>", "no"),
        ('{"answer": "Yes", "why": "no fluid"}', "yes"),
        ('{"answer": false}', "no"),
        ("<p>Yes</p>", "yes"),
        ("有", "yes"),
        ("没有肿块", "no"),
        ("不是。", "no"),
        ("نعم", "yes"),
        ("لا، طبيعي", "no"),
        ("Ja, rechts.", "yes"),
        ("Non.", "no"),
        ("I am not sure, but yes", "yes"),
    ],
)
def test_closed_answers(reply: str, value: str) -> None:
    assert parse_closed(reply).value == value


@pytest.mark.parametrize(
    ("reply", "status"),
    [
        ("not abnormal", "unparsed"),
        ("Nodule, none, diagnosis, cannot", "unparsed"),
        ("There is a false lumen of the aorta", "unparsed"),
        ("There is no doubt about an effusion", "unparsed"),
        ("Image no. 3 shows a heart", "unparsed"),
        ("Non-contrast CT of the head", "unparsed"),
        ("这是正常的", "unparsed"),
        ("yes or no", "ambiguous"),
        ("It may be yes; it may be no", "ambiguous"),
        ("I'm sorry, but I can't help with that: no image", "refused"),
        ("无法判断", "refused"),
        ("<think>yes", "unparsed"),
        (" \n", "empty"),
        ("...", "empty"),
    ],
)
def test_closed_answers_that_are_none(reply: str, status: str) -> None:
    assert parse_closed(reply).status == status
    assert parse_closed(reply).value is None


@pytest.mark.parametrize(
    ("reply", "value"),
    [
        ("Not seen", "no"),
        ("An effusion is absent", "no"),
        ("There is an effusion", "yes"),
        ("not abnormal", "no"),
        ("An effusion cannot be excluded", None),
        ("There is an effusion but not a fracture", None),
        ("normal", None),
    ],
)
def test_statements_count_only_where_asked_for(reply: str, value: str | None) -> None:
    assert parse_closed(reply, negation=True).value == value
    assert parse_closed(reply).value is None


@pytest.mark.parametrize(
    ("reply", "value"),
    [
        ("b", "B"),
        ("Option B", "B"),
        ("**B**", "B"),
        ("B\nbecause the lobe is dense", "B"),
        ("B) Pneumonia, not A", "B"),
        ("A because the angle is blunt", "A"),
        ("The answer is A because of fluid", "A"),
        ("D is incorrect. C is correct.", "C"),
        ("Option A shows fluid; however the answer is D", "D"),
        ("A is out, B is unlikely, hence D", "D"),
        ("答案是B", "B"),
        ("选C", "C"),
        ('```json\n{"answer": "C"}\n```', "C"),
        ("FINAL ANSWER: (C) Normal\nA and B do not fit.", "C"),
        ("no pneumonia; effusion", "A"),
        ("It is not a fracture but an effusion", "A"),
        ("I am not sure, but B", "B"),
        ("{'reason': B}", "B"),
    ],
)
def test_choices(reply: str, value: str) -> None:
    assert parse_choice(reply, OPTIONS).value == value


@pytest.mark.parametrize(
    ("reply", "status"),
    [
        ("A, C", "ambiguous"),
        ("Effusion and fracture", "ambiguous"),
        ("not abnormal", "unparsed"),
        ("not normal", "unparsed"),
        ("Hepatitis B", "unparsed"),
        ("E. coli infection, vitamin D low, type C", "unparsed"),
        ("The answer is A large one", "unparsed"),
        ("E", "unparsed"),
        ("effusions", "unparsed"),
        ("I can't help with images of pneumonia", "refused"),
        ("抱歉，我不能回答", "refused"),
        ("<think>B", "unparsed"),
        ("", "empty"),
    ],
)
def test_choices_that_are_none(reply: str, status: str) -> None:
    assert parse_choice(reply, OPTIONS).status == status


def test_texts_within_texts_and_letters_against_texts() -> None:
    nested = {"A": "Pneumonia", "B": "Viral pneumonia", "C": "No pneumonia"}
    assert parse_choice("It looks like viral pneumonia", nested).value == "B"
    assert parse_choice("There is no pneumonia", nested).value == "C"
    assert "against the text of D" in parse_choice("B. Fracture", OPTIONS).rule
    assert parse_choice("Yes, no effusion is seen", {"A": "No", "B": "Yes"}).value == "B"
    assert parse_choice("I don't know", {"A": "enlarged", "B": "I don't know"}).value == "B"
    assert (
        parse_choice("I choose B", dict(zip("ABCDEFGHIJ", "qrstuvwxyz", strict=True))).value == "B"
    )  # I is a pronoun
    assert parse_choice("1", {"0": "none", "1": "one"}).value == "1"


@pytest.mark.parametrize(
    ("reply", "letters"),
    [
        ("A, C", "AC"),
        ("A and C", "AC"),
        ("ACD", "ACD"),
        ("B", "B"),
        ("The answers are (A) and (D).", "AD"),
        ("A, B and D, but C is wrong", "ABD"),
        ("Effusion and fracture", "AD"),
        ('["A", "C"]', "AC"),
        ('{"answer": ["A", "C"]}', "AC"),
    ],
)
def test_several_options(reply: str, letters: str) -> None:
    assert parse_choices(reply, OPTIONS).value == frozenset(letters)


def test_part_of_a_set_is_wrong_and_recalled_in_half() -> None:
    """Card of GMAI-MMBench, 6: {A, C} against {A}."""
    scored = score_choices({"A", "C"}, "A", options=OPTIONS)
    assert (scored.correct, scored.values["recall"], scored.values["precision"]) == (0, 0.5, 1)
    assert score_choices({"A"}, "none of them", options=OPTIONS).parsed.status == "unparsed"
    assert score_choices({"A"}, "I don't know", options=OPTIONS).parsed.status == "refused"


@pytest.mark.parametrize(
    ("reply", "status", "value"),
    [
        ("B > A > C", "answered", ("B", "A", "C")),
        ("The order is: B, then A, then C.", "answered", ("B", "A", "C")),
        ("CAB", "answered", ("C", "A", "B")),
        ("B, A", "unparsed", None),
        ("A, B, C, A", "ambiguous", None),
        ("I do not know", "refused", None),
        ("", "empty", None),
    ],
)
def test_orders(reply: str, status: str, value: tuple[str, ...] | None) -> None:
    parsed = parse_order(reply, ("A", "B", "C"))
    assert (parsed.status, parsed.value) == (status, value)
    assert parse_order("2, 10, 1", ("1", "2", "10")).value == ("2", "10", "1")


@pytest.mark.parametrize(
    ("reply", "value"),
    [
        ("The left lung.", "left lung"),
        ("X-Ray", "x ray"),
        ("two", "2"),
        ("3.5 cm", "3.5 cm"),
        ("Final answer: left lung\nIt is white.", "left lung"),
        ("<b>Left</b> lung", "left lung"),
        ("左肺。", "左 肺"),
    ],
)
def test_open_answers(reply: str, value: str) -> None:
    assert parse_open(reply).value == value


def test_open_refusals_are_apart() -> None:
    scored = score_open("left lung", "I'm unable to determine which lung")
    assert (scored.parsed.status, scored.correct) == ("refused", 0)
    assert parse_open("I am not sure, but the left lung").value == "left lung"
    assert parse_open("the").status == "unparsed"


def test_heads_and_likelihoods() -> None:
    soft = score_soft({"left": 0.6, "left lung": 1.0}, "Left.", listed=("right", "left"))
    assert (soft.correct, soft.values["listed"]) == (0.6, 1)
    assert score_open("left", "right", mode="compat:head", candidates=("right",)).values["listed"] == 0
    sums = {"A": -4.0, "B": -6.0}
    assert score_likelihood("A", sums).correct == 1
    assert score_likelihood("B", sums, tokens={"A": 1, "B": 3}).correct == 1  # -4 against -2 a token
    with pytest.raises(DataError, match="no log-likelihood"):
        score_likelihood("A", {"A": math.nan})


def test_wrong_settings_are_named() -> None:
    with pytest.raises(ConfigError, match=r"unknown mode 'compat:lava_med'.*llava_med"):
        parse_closed("yes", mode="compat:lava_med")
    with pytest.raises(ConfigError, match="no rule for choice items"):
        parse_choice("B", OPTIONS, mode="compat:llava_med")
    with pytest.raises(ConfigError, match="no rule for choice items"):
        score_choice("B", "B", options=OPTIONS, mode="compat:omnimed_prefix")
    with pytest.raises(DataError, match="labels of one letter"):
        parse_choice("B", {"first": "x"})
    with pytest.raises(DataError, match="none of A, B, C, D"):
        score_choice("E", "B", options=OPTIONS)
    with pytest.raises(DataError, match="empty"):
        score_closed(" ", "yes")
    with pytest.raises(DataError, match="no word"):
        score_open("?", "yes")
    with pytest.raises(DataError, match="none of the 2 candidates"):
        score_closed("both", "left", candidates=("left", "right"))


def test_every_rule_is_told_in_one_sentence() -> None:
    assert len(COMPAT) >= 22
    assert {mode.removeprefix("compat:") for kind in ("closed", "open", "choice") for mode in modes(kind)} <= {
        "strict",
        *COMPAT,
    }
    assert all(len(told) > 40 and told.endswith(".") for told in COMPAT.values())
