"""Laws of the parser: it is pure, a closing point changes nothing, options may be permuted, hostile replies end."""

from __future__ import annotations

import csv
import random
from collections.abc import Callable
from pathlib import Path

import pytest

from vesalius.tasks.answers import (
    Answered,
    Parsed,
    modes,
    parse_boxes,
    parse_choice,
    parse_choices,
    parse_closed,
    parse_confidence,
    parse_json,
    parse_number,
    parse_open,
    parse_order,
    parse_points,
    score_item,
    spread,
)

OPTIONS = {"A": "Effusion", "B": "Pneumonia", "C": "Normal", "D": "Fracture"}
WORDS = """
yes no not normal abnormal the left lung effusion pneumonia fracture A B C D (A) (B) B: because so therefore answer is
option I choose or and wrong correct mm cm 12 3.5 , ;
"""
PARSERS: dict[str, Callable[[str], Parsed]] = {
    "closed": parse_closed,
    "closed with negation": lambda reply: parse_closed(reply, negation=True),
    "choice": lambda reply: parse_choice(reply, OPTIONS),
    "choices": lambda reply: parse_choices(reply, OPTIONS),
    "open": parse_open,
    "number": lambda reply: parse_number(reply, unit="mm"),
    "order": lambda reply: parse_order(reply, ("A", "B", "C")),
}
HOSTILE = {
    "letters": "a", "blanks": " ", "tags": "<a", "answers": "<answer>", "thoughts": "<think>", "boxes": "\\boxed{",
    "brackets": "(", "squares": "[1, ", "objects": '{"a":', "digits": "1", "commas": "1,", "words": "no not yes ",
    "options": "A or B ", "phrases": "answer is so, ", "fences": "```json\n", "refusals": "i can not ", "signs": "不",
    "lines": "\n", "points": "(1,2),", "entities": "&amp;", "quotes": "'", "texts": "effusion, ", "stars": "*",
}  # fmt: skip


def replies(count: int, *, seed: int) -> list[str]:
    draw = random.Random(seed)
    return [" ".join(draw.choices(WORDS.split(), k=draw.choice((1, 2, 3, 5, 9)))) for _ in range(count)]


@pytest.mark.parametrize("name", list(PARSERS))
def test_a_closing_point_changes_nothing_and_parsing_is_pure(name: str) -> None:
    parse = PARSERS[name]
    for reply in replies(400, seed=1):
        read = parse(reply)
        assert parse(reply) == read
        if not reply.rstrip().endswith((",", ";", ":")):  # there it would be a second mark, no closing one
            dotted = parse(reply.rstrip() + ".")
            assert (dotted.status, dotted.value) == (read.status, read.value), reply


def test_permuted_options_move_the_letters_of_texts_and_keep_named_letters() -> None:
    order = "CADB"
    permuted = {label: OPTIONS[old] for label, old in zip("ABCD", order, strict=True)}
    moved = dict(zip(order, "ABCD", strict=True))
    for text in OPTIONS.values():
        before = parse_choice(f"It shows {text.lower()}", OPTIONS).value
        assert parse_choice(f"It shows {text.lower()}", permuted).value == moved[before]
    for label in "ABCD":
        assert parse_choice(f"The answer is {label}.", permuted).value == label
    for reply in replies(300, seed=2):  # the order in which the options are told does not matter
        again = parse_choice(reply, dict(reversed(OPTIONS.items())))
        assert (again.status, again.value) == ((read := parse_choice(reply, OPTIONS)).status, read.value)


def test_constant_replies_have_the_base_rates() -> None:
    """Gold yes in 3 of 5 and A in 1 of 4, however the rule."""
    closed = [Answered(kind="closed", gold=gold, reply="yes") for gold in ("yes", "yes", "yes", "no", "no")]
    for row in spread(closed):
        assert row.accuracy == pytest.approx(1.0 if "prefix2023" in row.mode else 0.6), row.mode
        assert row.scored == (3 if "prefix2023" in row.mode else 5)
    choice = [Answered(kind="choice", gold=gold, reply="A", options=OPTIONS) for gold in "ABCD"]
    rates = {row.mode: row.accuracy for row in spread(choice)}
    assert rates.pop("compat:omnimed_qa") == 0  # no option's text has a capital A
    assert rates.pop("compat:pmcvqa") == 1  # nor B, C or D: reply and gold are like none, which is right there
    reading = [mode for mode in rates if parse_choice("A", OPTIONS, mode=mode).value == "A"]
    assert len(reading) > 8
    assert {rates[mode] for mode in reading} == {0.25}
    empty = [Answered(kind="choice", gold=gold, reply="", options=OPTIONS) for gold in "ABCD"]
    assert {row.mode: row.accuracy for row in spread(empty)}["compat:medevalkit"] == 0.25  # its known slip
    assert spread(empty)[0].statuses == {"empty": 4}


def test_spread_over_rules_is_a_table() -> None:
    items = [
        Answered(kind="closed", gold="no", reply="Nothing abnormal is seen"),
        Answered(kind="closed", gold="yes", reply="Yes, there is."),
        Answered(kind="open", gold="left lung", reply="the left lung base"),
    ]
    rows = {(row.kind, row.mode): row for row in spread(items)}
    assert set(rows) == {(kind, mode) for kind in ("closed", "open") for mode in modes(kind)}
    assert rows["closed", "strict"].accuracy == 0.5
    assert rows["closed", "strict"].accuracy_answered == 1
    assert rows["closed", "compat:llava_med"].accuracy == 1
    assert rows["closed", "compat:lmms_slake"].accuracy == 0
    assert rows["open", "compat:llava_med"].accuracy == 1
    assert rows["open", "strict"].accuracy == pytest.approx(0.8)  # left lung of left lung base: P 2/3, R 1
    assert rows["open", "strict"].reply_words == 4
    assert [row.mode for row in spread(items, only=("strict",))] == ["strict", "strict"]


@pytest.mark.parametrize("name", list(HOSTILE))
def test_replies_without_end_end(name: str) -> None:
    """A megabyte of one thing: every parser reads it without an error, in time that grows with its length."""
    reply = HOSTILE[name] * (100_000 // len(HOSTILE[name]))
    for parse in (*PARSERS.values(), parse_confidence, parse_json):
        assert parse(reply).status in ("answered", "unparsed", "ambiguous", "refused", "empty")
    for parse in (parse_boxes, parse_points):
        parse(reply, size=(10, 10), scale="pixel")  # type: ignore[call-arg]
    for kind, gold in (("closed", "yes"), ("open", "left lung"), ("choice", "B")):
        item = Answered(kind=kind, gold=gold, reply=reply, options=OPTIONS)  # type: ignore[arg-type]
        for mode in modes(kind):
            assert score_item(item, mode=mode).correct >= 0 or "prefix2023" in mode


@pytest.mark.real
@pytest.mark.parametrize(("run", "same"), [("gpt-4o_0-shot", 111), ("gpt-4o_ICL", 108)])
def test_published_letters_of_smmile(real_data: Path, run: str, same: int) -> None:
    """Letters that the authors read in the same replies; three are errors of the service, written as ERROR there."""
    csv.field_size_limit(10**9)
    path = real_data / "benchmark-scores" / "smmile" / f"result_{run}_mcqa.csv"
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    options = dict.fromkeys("ABCDEFGHIJKLMNOPQRSTUVWXYZ", "\x00")
    read = [parse_choice(row["full_response"], options, mode="compat:smmile").value for row in rows]
    assert sum(one == row["selected_option"] for one, row in zip(read, rows, strict=True)) == same
    left = [row["selected_option"] for one, row in zip(read, rows, strict=True) if one != row["selected_option"]]
    assert left == ["ERROR"] * (111 - same)
    strict = [parse_choice(row["full_response"], options).value for row in rows]
    assert [one for one in strict if one] == [one for one, ours in zip(read, strict, strict=True) if ours]
