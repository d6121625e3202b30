"""Reports by organ: headings decide, then the first organ, then the sentence before; nothing is lost."""

from __future__ import annotations

import pytest

from vesalius.data.organs import OTHER, SECTIONS, organ_of, organ_sections
from vesalius.data.sentences import sentences

REPORT = (
    "Lower thorax: A small pericardial cyst. Liver and biliary tree: Normal. Gallbladder: Normal. Spleen: Normal. "
    "Kidneys and ureters: Symmetric enhancement. No calculi. Gastrointestinal tract: Normal gas-filled appendix. "
    "Peritoneal cavity: No free fluid. Vasculature: Patent. Lymph nodes: Normal. Abdominal wall: Normal. "
    "Musculoskeletal: Degenerative change."
)


def test_report_with_headings() -> None:
    found = organ_sections(sentences(REPORT))
    assert list(found) == [
        "lower thorax", "liver", "gallbladder", "spleen", "kidneys", "bowel", "peritoneum", "circulatory",
        "lymph nodes", "musculoskeletal",
    ]  # fmt: skip
    assert found["kidneys"] == ("Kidneys and ureters: Symmetric enhancement.", "No calculi.")
    assert len(found["musculoskeletal"]) == 2, "the abdominal wall and the bones"


@pytest.mark.parametrize(
    ("sentence", "organ"),
    [
        ("Small cyst in the right kidney.", "kidneys"),
        ("HEPATIC: The gallbladder fossa is empty.", "liver"),  # the heading, not the first organ
        ("There is splenomegaly with a dilated portal vein.", "spleen"),
        ("No free fluid in the pelvis.", "peritoneum"),
        ("Ribbon-like shadow.", None),  # "rib" is no word of it
        ("", None),
    ],
)
def test_organ_of_a_sentence(sentence: str, organ: str | None) -> None:
    assert organ_of(sentence) == organ


def test_no_sentence_is_lost_and_the_first_may_name_nothing() -> None:
    said = ["Technique as usual.", "The liver is fatty.", "This is new.", "Large renal cyst.", "The liver is smooth."]
    found = organ_sections(said)
    assert found == {OTHER: (said[0],), "liver": (said[1], said[2], said[4]), "kidneys": (said[3],)}
    assert organ_sections([]) == {}


def test_every_word_has_one_section() -> None:
    assert len(SECTIONS) == 13
    words = [word for of in SECTIONS.values() for word in of]
    assert len(words) == len(set(words))
    assert all(word == word.lower() for word in words)
    assert organ_of("x " * 200_000) is None
