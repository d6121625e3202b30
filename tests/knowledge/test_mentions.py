"""Concepts that a text names: the vocabulary's, and those that the study states."""

from __future__ import annotations

from vesalius.data.records import Finding
from vesalius.knowledge.mentions import concept_linker, named_concepts


def named(text: str, *stated: str) -> list[tuple[str, str]]:
    found = named_concepts(text, [Finding(concept=one) for one in stated])
    assert all(text[one.start : one.end] == one.text for one in found)
    return [(one.concept, one.status) for one in found]


def test_findings_and_structures_in_order_with_what_is_said_of_them() -> None:
    text = "Pleural fluid on the left. No pneumothorax. Nodule in the right lung."
    assert named(text) == [
        ("pleural_effusion", "present"), ("pneumothorax", "absent"), ("lung_nodule", "present"),
        ("right lung", "present"),
    ]  # fmt: skip
    assert {"pleural_effusion", "right lung"} <= set(concept_linker().names)


def test_what_a_study_states_is_found_by_its_own_name() -> None:
    assert named("There is a ring sign.") == []
    assert named("There is a ring sign.", "ring_sign", "star_sign") == [("ring_sign", "present")]
    # The study's own name is meant where the vocabulary names a part of it.
    assert named("A pleural effusion sign.", "pleural_effusion_sign") == [("pleural_effusion_sign", "present")]


def test_nothing_is_named_by_nothing() -> None:
    assert named("") == named("?? - 3") == []
