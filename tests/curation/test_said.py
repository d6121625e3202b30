"""What sentences say of findings: status by context, sides by clause."""

from __future__ import annotations

import pytest

from vesalius.curation.facts import read_findings, sides_said

ASKED = ["pleural_effusion", "lung_nodule", "pneumothorax", "consolidation"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("There is a left pleural effusion.", [("pleural_effusion", "present", {"left"})]),
        ("No effusion or pneumothorax.", [("pleural_effusion", "absent", set()), ("pneumothorax", "absent", set())]),
        ("Pneumothorax is unlikely.", [("pneumothorax", "absent", set())]),
        ("Consolidation cannot be excluded.", [("consolidation", "uncertain", set())]),
        ("Possible nodule in the right lung.", [("lung_nodule", "uncertain", {"right"})]),
        (
            "Left pleural effusion, but no pneumothorax on the right.",
            [("pleural_effusion", "present", {"left"}), ("pneumothorax", "absent", {"right"})],
        ),
        ("The heart is of normal size.", []),
        ("Bilateral pleural effusions; consolidation on the left.",
         [("pleural_effusion", "present", {"left", "right"}), ("consolidation", "present", {"left"})]),
    ],
)  # fmt: skip
def test_status_and_sides(text: str, expected: list[tuple[str, str, set[str]]]) -> None:
    assert [(one.concept, one.status, set(one.sides)) for one in read_findings(text, ASKED)] == expected


def test_sides() -> None:
    assert sides_said("both lungs") == {"left", "right"}
    assert sides_said("the leftover") == frozenset()
