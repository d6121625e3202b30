"""Entities and their status: sentences with the answer beside them, and agreement with what virtual reports state."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vesalius.knowledge.entities import Linker, normal
from vesalius.knowledge.vocabulary import finding_linker
from vesalius.virtual.patient import draw_patient
from vesalius.virtual.text.narrative import write_report

SENTENCES = [
    ("No pleural effusion, pneumothorax or consolidation.", "effusion -, pneumothorax -, consolidation -"),
    ("There is a small effusion.", "effusion +"),
    ("Effusions and oedema are noted.", "effusion +, edema +"),
    ("No evidence of effusion.", "effusion -"),
    ("Negative for pneumothorax and free of effusion.", "pneumothorax -, effusion -"),
    ("The effusion has resolved.", "effusion -"),
    ("Resolution of the effusion.", "effusion -"),
    ("Effusion is no longer seen, but consolidation persists.", "effusion -, consolidation +"),
    ("No effusion. Consolidation at the base.", "effusion -, consolidation +"),
    ("No effusion but a consolidation.", "effusion -, consolidation +"),
    ("No effusion and there is a nodule.", "effusion -, nodule +"),
    ("Without effusion or a pneumothorax", "effusion -, pneumothorax -"),
    ("Neither effusion nor pneumothorax is seen.", "effusion -, pneumothorax -"),
    ("Effusion: none. Pneumothorax: absent.", "effusion -, pneumothorax -"),
    ("Effusion: small.", "effusion +"),
    ("Possible small left effusion.", "effusion ?"),
    ("Effusion is suspected.", "effusion ?"),
    ("There may be a nodule.", "nodule ?"),
    ("This could represent edema.", "edema ?"),
    ("Suspicious for pneumothorax.", "pneumothorax ?"),
    ("Findings suggestive of edema.", "edema ?"),
    ("Cannot exclude a nodule.", "nodule ?"),
    ("Cannot exclude a nodule, no pneumothorax.", "nodule ?, pneumothorax -"),
    ("No pneumothorax, possible effusion, edema cannot be excluded.", "pneumothorax -, effusion ?, edema ?"),
    ("Effusion, pneumothorax and edema cannot be excluded.", "effusion ?, pneumothorax ?, edema ?"),
    ("Possible effusion, no longer seen.", "effusion -"),
    ("Cannot exclude a nodule, pneumothorax, or effusion.", "nodule ?, pneumothorax ?, effusion ?"),
    ("No effusion, possible nodule.", "effusion -, nodule ?"),
    ("Effusion, no longer seen.", "effusion -"),
    ("Pneumothorax cannot be excluded.", "pneumothorax ?"),
    ("No new consolidation.", "consolidation ?"),
    ("Edema or consolidation.", "edema ?, consolidation ?"),
    ("Edema versus consolidation.", "edema ?, consolidation ?"),
    ("No edema or consolidation.", "edema -, consolidation -"),
    ("No change in the effusion.", "effusion +"),
    ("No significant interval change. Edema.", "edema +"),
    ("The chest tube was removed; effusion remains.", "effusion +"),
    ("The heart is enlarged. No definite pneumothorax is seen.", "pneumothorax -"),
    ("Patient without fever has an effusion in the right pleural space after surgery", "effusion -"),
    ("Clear lungs", ""),
    ("", ""),
]
"""The last but two is a known error: "without" reaches over "has", as it does in the published rules."""
NAMES = {
    "effusion": ["pleural effusion", "effusion"], "pneumothorax": ["pneumothorax"], "nodule": ["nodule"],
    "consolidation": ["consolidation"], "edema": ["edema"],
}  # fmt: skip
SIGNS = {"present": "+", "absent": "-", "uncertain": "?"}


@pytest.mark.parametrize(("text", "expected"), SENTENCES)
def test_status(text: str, expected: str) -> None:
    found = Linker(NAMES).mentions(text)
    assert ", ".join(f"{mention.concept} {SIGNS[mention.status]}" for mention in found) == expected


def test_places_and_the_longest_name() -> None:
    text = "Small Pleural  Effusions, right."
    [mention] = Linker(NAMES | {"pleura": ["pleural"]}).mentions(text)
    assert (mention.concept, mention.text) == ("effusion", "Pleural  Effusions")
    assert text[mention.start : mention.end] == mention.text


def test_a_name_of_two_concepts_is_the_first_ones_and_the_other_is_told() -> None:
    [mention] = Linker({"cold, low temperature": ["cold"], "common cold": ["cold"]}).mentions("cold")
    assert (mention.concept, mention.others) == ("cold, low temperature", ("common cold",))


def test_history_is_marked_and_left_out_of_findings() -> None:
    linker = Linker(NAMES)
    text = "History of pneumothorax. No effusion. Effusion on the left."
    assert [mention.historical for mention in linker.mentions(text)] == [True, False, False]
    assert {finding.concept: finding.status for finding in linker.findings(text)} == {"effusion": "present"}


@pytest.mark.parametrize(
    ("word", "same"),
    [("Oedema", "edema"), ("tumours", "tumor"), ("opacities", "opacity"), ("masses", "mass"), ("gas", "gas"),
     ("diagnosis", "diagnosis"), ("thrombus", "thrombus"), ("haemorrhages", "hemorrhage"), ("biopsies", "biopsy"),
     ("abscess", "abscess")],
)  # fmt: skip
def test_words_are_compared_in_one_form(word: str, same: str) -> None:
    assert normal(word) == same


@settings(deadline=None)
@given(st.text(max_size=200))
def test_any_text_is_taken_and_places_are_inside(text: str) -> None:
    for mention in finding_linker().mentions(text):
        assert text[mention.start : mention.end] == mention.text


def test_virtual_reports_are_read_as_they_are_meant() -> None:
    """What a sentence of a report states, the linker finds with the same status; a hedge may be read as one."""
    linker = finding_linker()
    stated = right = wrong = 0
    for index in range(150):
        report = write_report(draw_patient(11, index, preset="chest"), variant=0)
        for sentence in (*report.findings, *report.impression):
            said = {finding.concept: finding.status for finding in linker.findings(sentence.text)}
            for fact in sentence.facts:
                if fact.concept not in said:
                    continue
                stated += 1
                hedged = said[fact.concept] == "uncertain" and fact.certainty not in ("", "definite")
                right += said[fact.concept] == fact.status or hedged
                wrong += {said[fact.concept], fact.status} == {"present", "absent"}
    assert stated > 700
    # Of 1151 on 150 other patients (seed 5) 0.985 were right, none the wrong way round: "in keeping with" hedges in
    # these reports, and is read as a plain statement.
    assert right / stated > 0.97
    assert wrong == 0
