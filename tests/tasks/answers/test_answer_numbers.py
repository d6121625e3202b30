"""Numbers with units, confidences, and JSON in prose."""

from __future__ import annotations

import pytest

from vesalius.errors import ConfigError
from vesalius.tasks.answers import parse_confidence, parse_json, parse_judge, parse_number, parse_numbers


@pytest.mark.parametrize(
    ("reply", "unit", "value"),
    [
        ("12 mm", "mm", 12),
        ("1.2 cm", "mm", 12),
        ("1,2 cm", "mm", 12),  # decimal comma
        ("1,000 mm", "cm", 100),  # grouped thousands
        ("1.000,5 mm", "mm", 1000.5),
        ("12", "mm", 12),  # no unit: as asked for
        ("12mm", "mm", 12),
        ("-35 HU", "hu", -35),
        ("It is -35 HU", "hu", -35),
        ("−35 Hounsfield units", "HU", -35),
        ("0.25 l", "ml", 250),
        ("2 cm³", "mm3", 2000),
        ("45 %", "percent", 45),
        ("It measures 1.5 cm (15 mm).", "mm", 15),
        ("On T2 the L4 nodule is 8 mm in the 3rd slice", "mm", 8),
        ("In slice 4 it is 8 mm wide", "mm", 8),  # only one has the unit
        ("44 ± 2 mm", "mm", 44),
        ("1e-3 m", "mm", 1),
        ("seven", None, 7),
        ("Answer: 12\nfrom 3 readings", None, 12),
        ("1. The left side\n2. measures 12 mm", "mm", 12),
        ("pi rad is 180 degrees", "deg", 180),
        ("the total is 5, of 2 and 3", None, 5),
    ],
)
def test_numbers(reply: str, unit: str | None, value: float) -> None:
    assert parse_number(reply, unit=unit).value == pytest.approx(value, rel=1e-12)


@pytest.mark.parametrize(
    ("reply", "unit", "status"),
    [
        ("12 seconds", "mm", "unparsed"),
        ("12 kg", "mm", "unparsed"),
        ("12 mm2", "mm", "unparsed"),
        ("3-5 mm", "mm", "ambiguous"),
        ("3 x 4 mm", "mm", "ambiguous"),
        ("between 3 mm and 1 cm", "mm", "ambiguous"),
        ("two or three", None, "ambiguous"),
        ("T2 at L4, 3rd", "mm", "unparsed"),
        ("large", "mm", "unparsed"),
        ("I cannot determine the size", "mm", "refused"),
        ("", "mm", "empty"),
    ],
)
def test_numbers_that_are_none(reply: str, unit: str | None, status: str) -> None:
    parsed = parse_number(reply, unit=unit)
    assert (parsed.status, parsed.value) == (status, None)


def test_numbers_of_the_published_rules() -> None:
    """Cards of MedVision, 6, and DeepTumorVQA, 2."""
    last = "compat:medvision"
    assert parse_numbers("The box is 0.1, 0.2, 0.3, 0.4.", 4, mode=last).value == (0.1, 0.2, 0.3, 0.4)
    assert parse_number("Step 2: it is 12.5", mode=last).value == 12.5
    assert parse_numbers("3-5", 2, mode=last).value == (3, -5)  # the minus of a range is misread
    assert parse_number("1e-3", mode=last).value == -3
    assert parse_numbers("44", 2, mode=last).status == "unparsed"
    assert parse_number("about 90, not 100", mode="compat:deeptumorvqa").value == 90
    assert parse_numbers("<answer>44, 20</answer>", 2).value == (44, 20)
    assert parse_numbers("3-5", 2).value == (3, 5)
    assert parse_numbers("1, 2, 3", 2).status == "ambiguous"
    assert parse_numbers("no idea", 2).status == "unparsed"


def test_unknown_units_and_modes_are_named() -> None:
    with pytest.raises(ConfigError, match=r"unknown unit 'milimeter'.*millimeter"):
        parse_number("1", unit="milimeter")
    with pytest.raises(ConfigError, match="no rule for numbers"):
        parse_number("1", mode="compat:llava_med")
    with pytest.raises(ConfigError, match="no rule for several numbers"):
        parse_numbers("1", 1, mode="compat:llava_med")


@pytest.mark.parametrize(
    ("reply", "status", "value"),
    [
        ("85%", "answered", 0.85),
        ("0.85", "answered", 0.85),
        ("85", "answered", 0.85),
        ("Confidence: 85/100", "answered", 0.85),
        ("I am 90% confident", "answered", 0.9),
        ("confidence 7/10", "answered", 0.7),
        ('{"answer": "B", "confidence": 0.6}', "answered", 0.6),
        ('{"answer": "B", "confidence": "60%"}', "answered", 0.6),
        ("Answer: B\nConfidence: 0,7", "answered", 0.7),
        ("Confidence: 70% or confidence: 80%", "ambiguous", None),
        ("Confidence: 250%", "unparsed", None),
        ("very sure", "unparsed", None),
        ("I don't know", "refused", None),
        ("", "empty", None),
    ],
)
def test_confidences(reply: str, status: str, value: float | None) -> None:
    parsed = parse_confidence(reply)
    assert parsed.status == status
    assert parsed.value == (None if value is None else pytest.approx(value))


@pytest.mark.parametrize(
    ("reply", "status", "value"),
    [
        ('{"counts": 3}', "answered", {"counts": 3}),
        ('Here it is:\n```json\n{"counts": 3}\n```\nDone.', "answered", {"counts": 3}),
        ('The result {"counts": 3} is final.', "answered", {"counts": 3}),
        ("```JSON\n[1, 2]\n```", "answered", [1, 2]),
        ('{"counts": 3', "unparsed", None),
        ('{"counts": NaN}', "unparsed", None),
        ('{"other": 3}', "unparsed", None),
        ("[1," * 5000, "unparsed", None),
        ("none", "unparsed", None),
    ],
)
def test_json_in_replies(reply: str, status: str, value: object) -> None:
    keys = ("counts",) if "other" in reply else ()
    parsed = parse_json(reply, keys=keys)
    assert (parsed.status, parsed.value) == (status, value)


@pytest.mark.parametrize(
    ("judge", "reply", "value"),
    [
        ("gpt_score", "8 7.5\nThe first is better.", (8, 7.5)),
        ("gpt_score", "8, 7", None),
        ("gpt_score", "I like both", None),
        ("sure_vqa", '{"score": 4}', 4),
        ("sure_vqa", "{score: 4}", 4),
        ("sure_vqa", "four stars", None),
        ("medq_bench", "Score: 2", 2),
        ("medq_bench", "Score: 25", 2),
        ("medq_bench", "Score: 2.5", 2.5),
        ("medq_bench", "score: 2", None),
        ("medq_bench", "true", 1),
        ("medq_bench", '```json\n{"score": 1}\n```', None),
        ("medevalkit", "<think>same</think><judge>0</judge>", 1),
        ("medevalkit", "<judge>1</judge>", 0),
        ("smmile", "1", 1),
        ("smmile", "1.", None),
        ("mediconfusion", "A: 7\nB: 5\nYour explanation: none", (7, 5)),
        ("mediconfusion", "Both are close", None),
    ],
)
def test_judges(judge: str, reply: str, value: object) -> None:
    assert parse_judge(reply, judge=judge).value == value


def test_judges_that_say_nothing() -> None:
    assert parse_judge("", judge="smmile").status == "empty"
    assert parse_judge("maybe", judge="smmile").status == "unparsed"
    with pytest.raises(ConfigError, match="unknown judge"):
        parse_judge("1", judge="smile")
