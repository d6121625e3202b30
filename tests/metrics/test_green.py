"""GREEN replies: the worked one, and every slip of the layout that the authors' parser has."""

from __future__ import annotations

import pytest

from vesalius.metrics.green import KINDS, green_reply

REPLY = """[Explanation]:
The candidate adds an opacity.

[Clinically Significant Errors]:
(a) False report of a finding in the candidate: 1. Opacity
(b) Missing a finding present in the reference: 2. Effusion; edema
(c) Misidentification of a finding's anatomic location/position: 0.

[Clinically Insignificant Errors]:
(d) Misassessment of the severity of a finding: 1. Small instead of tiny

[Matched Findings]:
3. Heart size; tube; fracture
"""


def test_worked_reply():
    found = green_reply(REPLY)
    assert found.score == 0.5  # 3 / (3 + 1 + 2); the insignificant one does not count
    assert found.significant == (1, 2, 0, 0, 0, 0)
    assert found.insignificant == (0, 0, 0, 1, 0, 0)
    assert (found.matched, found.faults, found.disagreements) == (3, (), 0)
    assert len(KINDS) == 6


@pytest.mark.parametrize(
    ("old", "new", "score"),
    [
        ("3. Heart size; tube; fracture", "No matched findings", 0.0),
        ("(a) False report of a finding in the candidate: 1. Opacity\n", "", 0.6),  # 3 / (3 + 2)
        ("(a)", "(1)", 0.6),  # a number among letters is not read, as in the original
    ],
)
def test_changes(old, new, score):
    assert green_reply(REPLY.replace(old, new)).score == pytest.approx(score)


def test_numbers_stand_for_letters_where_there_are_none():
    reply = REPLY
    for letter, number in zip("abcd", "1234", strict=True):
        reply = reply.replace(f"({letter})", f"({number})")
    assert green_reply(reply).significant == (1, 2, 0, 0, 0, 0)


@pytest.mark.parametrize(
    ("old", "new", "score", "fault"),
    [
        # no full stop behind the count: 0, as in the original, and said
        ("2. Effusion; edema", "2; Effusion", 0.75, "is not one kind and its count"),
        ("1. Opacity\n(b)", "1. Opacity\n\n(b)", 0.75, "2 lines of errors stand outside"),
        ("1. Opacity\n(b)", "1. Opacity (b)", 0.75, "is not one kind and its count"),
        ("[Clinically Significant Errors]", "[Errors]", 1.0, "no section [Clinically Significant Errors]"),
        ("[Matched Findings]", "[Matches]", 0.0, "no section [Matched Findings]"),
        ("3. Heart", "Three. Heart", 0.0, "[Matched Findings] states no count"),
    ],
)
def test_slips_are_said(old, new, score, fault):
    found = green_reply(REPLY.replace(old, new))
    assert found.score == pytest.approx(score)
    assert any(fault in one for one in found.faults), found.faults


def test_count_and_list_may_differ():
    assert green_reply(REPLY.replace("Effusion; edema", "Effusion")).disagreements == 1
    assert green_reply(REPLY.replace("3. Heart size; tube", "3. Heart size")).disagreements == 1


@pytest.mark.parametrize(
    "text", ["", "I cannot help.", "[Matched Findings]:", "(a) " * 50_000, "[Matched Findings]: 2"]
)
def test_nonsense_scores_nothing_and_is_malformed(text):
    found = green_reply(text)
    assert found.score == 0
    assert found.faults
