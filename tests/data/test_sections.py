"""Sections of reports: headings as MIMIC-CXR writes them, and the reference texts of papers."""

from __future__ import annotations

import pytest

from vesalius.data.sections import Parts, cut, parts, reference, report_texts, without_heading
from vesalius.errors import ConfigError

WHOLE = """                                 FINAL REPORT
 EXAMINATION:  CHEST (PA AND LAT)

 INDICATION:  ___F with cough  // ?pneumonia

 COMPARISON:  None.

 FINDINGS:

 The lungs are clear.  No
 effusion.

 IMPRESSION:

 No acute process.
"""


def test_a_report_with_all_headings() -> None:
    assert [section.name for section in cut(WHOLE)] == [
        "examination", "indication", "comparison", "findings", "impression"
    ]  # fmt: skip
    assert parts(WHOLE) == Parts(
        findings="The lungs are clear. No effusion.", impression="No acute process.",
        indication="___F with cough // ?pneumonia", comparison="None.",
    )  # fmt: skip


def test_a_final_report_replaces_the_wet_read_before_it() -> None:
    report = " WET READ: ___ 9:20 PM\n  Large effusion.\n ______\n" + WHOLE
    found = parts(report)
    assert found.findings == "The lungs are clear. No effusion."
    assert cut(report)[0] == ("wet_read", "WET READ", "___ 9:20 PM\n  Large effusion.\n ______")
    twice = " IMPRESSION: Wet.\n FINAL REPORT\n IMPRESSION: Dry.\n ADDENDUM: Called.\n"
    assert parts(twice).impression == "Dry."
    # An empty heading does not take the place of a full one.
    assert parts(" FINDINGS: Clear.\n FINDINGS:\n IMPRESSION: Fine.").findings == "Clear."


@pytest.mark.parametrize(
    ("heading", "name"),
    [
        ("FINDINGS AND IMPRESSION:", "findings"), ("Findings:", "findings"), ("CONCLUSION:", "impression"),
        ("OPINION:", "impression"), ("REASON FOR EXAM:", "indication"), ("CLINICAL INFORMATION:", "indication"),
        ("CLINICAL HISTORY:", "indication"), ("EXAM:", "examination"), ("COMPARISONS:", "comparison"),
        ("WET READ:", "wet_read"), ("NOTIFICATION:", "notification"), ("RECOMMENDATION(S):", "recommendation"),
        ("CHEST, TWO VIEWS:", "chest, two views"),
    ],
)  # fmt: skip
def test_names_of_headings(heading: str, name: str) -> None:
    assert [section.name for section in cut(f"\n {heading} words")] == [name]


def test_what_is_no_heading() -> None:
    text = "The heart: normal. Compare FINDINGS: none\nLungs: clear.\nAt 9:20 PM"
    assert [section.name for section in cut(text)] == ["body"]
    assert cut("") == ()
    assert cut("preamble words\n FINDINGS: Clear.")[0].name == "preamble"


def test_the_last_paragraph_stands_in() -> None:
    report = " FINAL REPORT\n HISTORY: Cough.\n \n The lungs are clear.\n No effusion.\n"
    found = parts(report)
    assert (found.last_paragraph, found.indication) == ("The lungs are clear. No effusion.", "Cough.")
    assert parts("Clear lungs.").last_paragraph == "Clear lungs."
    assert parts(WHOLE).last_paragraph == ""


def test_texts_have_the_roles_of_their_sections() -> None:
    texts = report_texts(WHOLE)
    assert [text.role for text in texts] == ["report", "findings", "impression", "indication", "comparison"]
    assert texts[0].text == WHOLE.strip()
    assert report_texts(" \n") == ()
    assert [text.role for text in report_texts("Clear lungs.")] == ["report", "note"]


def test_a_heading_inside_a_cell_is_stripped() -> None:
    assert without_heading("IMPRESSION: \n1. No change.\n2. FINDINGS: stay.") == "1. No change. 2. FINDINGS: stay."
    assert without_heading("no heading") == "no heading"


def test_reference_texts() -> None:
    findings, impression = "1. Lungs are clear, mostly.  2. No effusion.", "Normal."
    assert reference("findings", findings=findings, impression=impression) == findings
    assert reference("maira", findings=findings, impression=impression) == findings
    assert reference("impression", findings=findings, impression=impression) == "Normal."
    assert reference("findings+impression", findings=findings, impression="") == findings
    assert reference("findings+impression", findings="A.", impression="B.") == "A. B."
    assert reference("medevalkit", findings="A.", impression="B") == "findings: a. impression: b."
    # List numbers and commas go, sentences are parted by a full stop between spaces.
    whole = "lungs are clear mostly . no effusion ."
    assert reference("r2gen", findings=findings, impression="") == whole
    assert reference("r2gen", findings=findings, impression="", max_words=3) == "lungs are clear"
    assert reference("r2gen", findings="2.5 cm nodule.", impression="") == "25 cm nodule ."
    assert reference("r2gen", findings="", impression="B.") == ""
    with pytest.raises(ConfigError, match="did you mean 'findings'"):
        reference("finding", findings="", impression="")  # type: ignore[arg-type]
