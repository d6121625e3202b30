"""Hallucinated, omitted and contradicted facts, by hand and on reports."""

from __future__ import annotations

import pytest

from vesalius.virtual.patient import draw_patient
from vesalius.virtual.seeds import stream
from vesalius.virtual.text.agreement import compare_facts, true_facts
from vesalius.virtual.text.disturbance import Rates, disturbed
from vesalius.virtual.text.extraction import extract
from vesalius.virtual.text.grammar import Fact
from vesalius.virtual.text.narrative import write_report

LEFT = Fact("pleural_effusion", "present", "left", "pleural space", "small")
RIGHT = Fact("pleural_effusion", "present", "right", "pleural space", "large")
NODULE = Fact(
    "lung_nodule", "present", "right", "right upper lobe", "small", 12.0, attributes=(("margin", "smooth"),)
)


@pytest.mark.parametrize(
    ("stated", "truth", "counts"),
    [
        # All agree; the numbers are hallucinated, omitted, contradicted.
        ([Fact("pleural_effusion", "present", "left")], [LEFT], (0, 0, 0)),
        ([], [], (0, 0, 0)),
        ([], [LEFT, NODULE], (0, 2, 0)),
        ([Fact("edema", "present")], [LEFT], (1, 1, 0)),
        ([Fact("edema", "uncertain", certainty="possible")], [], (1, 0, 0)),
        # Denied though it is there: contradicted, and nothing tells it.
        ([Fact("pleural_effusion", "absent")], [LEFT], (0, 1, 1)),
        ([Fact("pleural_effusion", "absent", change="new")], [LEFT], (0, 1, 0)),
        # Resolved on the right is true where only the left is left.
        ([Fact("pleural_effusion", "absent", "right", change="resolved"), LEFT], [LEFT], (0, 0, 0)),
        # Wrong side, grade, size, look: the statement is contradicted and the fact not told.
        ([Fact("pleural_effusion", "present", "right")], [LEFT], (0, 1, 1)),
        ([Fact("pleural_effusion", "present", "", "", "large")], [LEFT], (0, 1, 1)),
        ([Fact("lung_nodule", "present", size_mm=13.0)], [NODULE], (0, 1, 1)),
        ([Fact("lung_nodule", "present", attributes=(("margin", "spiculated"),))], [NODULE], (0, 1, 1)),
        # Both sides at once tell both; one side alone leaves the other out.
        ([Fact("pleural_effusion", "present", "bilateral")], [LEFT, RIGHT], (0, 0, 0)),
        ([Fact("pleural_effusion", "present", "bilateral")], [LEFT], (0, 1, 1)),
        ([Fact("pleural_effusion", "present", "left")], [LEFT, RIGHT], (0, 1, 0)),
        ([Fact("no_finding", "present")], [LEFT], (0, 1, 1)),
        ([Fact("no_finding", "present")], [], (0, 0, 0)),
    ],
)
def test_counts(stated: list[Fact], truth: list[Fact], counts: tuple[int, int, int]) -> None:
    found = compare_facts(stated, truth)
    assert (len(found.hallucinated), len(found.omitted), len(found.contradicted)) == counts


def test_our_reports_state_nothing_false_and_omit_only_what_is_hard_to_see() -> None:
    for number in range(300):
        patient = draw_patient(12, number)
        told = patient.having(patient.diseases)
        found = compare_facts(extract(write_report(patient).findings_text), true_facts(told.diseases))
        assert found.hallucinated == found.contradicted == ()
        plain = {disease.concept for disease in patient.diseases if disease.visibility >= 3}
        counted = {name: sum(disease.concept == name for disease in patient.diseases) for name in plain}
        assert all(fact.concept not in plain or counted[fact.concept] > 1 for fact in found.omitted)


def test_wrong_sides_are_counted() -> None:
    wrong = 0
    for number in range(200):
        patient = draw_patient(12, number)
        report = disturbed(write_report(patient), stream(0, "sides", number), Rates(typo=0, side=1, missing=0))
        wrong += len(compare_facts(extract(report.findings_text), true_facts(patient.diseases)).contradicted)
    assert wrong > 60
