"""Facts of reports against the truth: exact on virtual reports, errors by hand, texts of others."""

from __future__ import annotations

import numpy as np
import pytest

from vesalius.data.records import Finding
from vesalius.metrics.report_facts import fact_counts, fact_rates, fact_table, read_facts, recorded_facts
from vesalius.virtual.patient import draw_patient
from vesalius.virtual.study import findings_of
from vesalius.virtual.text.agreement import true_facts
from vesalius.virtual.text.grammar import Fact
from vesalius.virtual.text.narrative import write_report

EFFUSION = Fact("pleural_effusion", "present", "left", "pleural space", "small")
NODULE = Fact("lung_nodule", "present", "right", "right upper lobe", "small", 12.0)
PATIENTS = 120


def test_virtual_reports_state_nothing_false_and_are_read_whole():
    table = []
    for number in range(PATIENTS):
        patient = draw_patient(31, number)
        hidden = true_facts([disease for disease in patient.diseases if disease.visibility < 3])
        table.append(fact_counts(write_report(patient).text, true_facts(patient.diseases), spared=hidden))
    rates = fact_rates(fact_table(table).sum(axis=0))
    assert (rates.hallucinated, rates.omitted, rates.contradicted, rates.loose) == (0, 0, 0, 0)
    assert sum(one.true for one in table) > 100


def test_records_of_a_study_serve_as_truth():
    for number in range(40):
        patient = draw_patient(31, number)
        recorded = findings_of(patient)
        found = fact_counts(write_report(patient).text, recorded_facts(recorded))
        assert (found.hallucinated, found.contradicted) == (0, 0)
        seen = recorded_facts(recorded, seen=("plain", "subtle"))
        assert len(seen) == sum(1 for disease in patient.diseases if disease.visibility >= 3)


def test_a_report_of_another_patient_is_wrong():
    wrong = 0
    for number in range(30):
        truth = true_facts(draw_patient(31, number).diseases)
        found = fact_counts(write_report(draw_patient(32, number)).text, truth)
        wrong += found.hallucinated + found.omitted + found.contradicted
    assert wrong > 40


@pytest.mark.parametrize(
    ("report", "expected"),
    [
        # stated, hallucinated, omitted, contradicted, where an effusion on the left and a nodule are true
        ("Small left pleural effusion. Small nodule in the right upper lobe.", (2, 0, 0, 0)),
        ("Small left pleural effusion.", (1, 0, 1, 0)),
        ("Small left pleural effusion. Right pneumothorax.", (2, 1, 1, 0)),
        ("Small right pleural effusion.", (1, 0, 2, 1)),
        ("Large left pleural effusion.", (1, 0, 2, 1)),
        ("No pleural effusion.", (0, 0, 2, 1)),
        ("FINDINGS: Small left pleural effusion.\nIMPRESSION: Small left pleural effusion.", (1, 0, 1, 0)),
        ("INDICATION: pneumothorax.\nFINDINGS: Small left pleural effusion.", (1, 0, 1, 0)),
        ("", (0, 0, 2, 0)),
    ],
)
def test_errors_by_hand(report, expected):
    found = fact_counts(report, [EFFUSION, NODULE])
    assert (found.stated, found.hallucinated, found.omitted, found.contradicted) == expected
    assert found.true == 2


def test_other_wordings_are_read_by_the_vocabulary_and_said_to_be():
    reading = read_facts("I happen to see, left of everything, a pneumothorax of sorts!")
    assert [(fact.concept, fact.status) for fact in reading.facts] == [("pneumothorax", "present")]
    assert (reading.sentences, reading.loose) == (1, 1)
    assert fact_counts("The moon is made of cheese.", []).loose == 1


def test_sizes_count_where_the_truth_has_them():
    assert fact_counts("12 mm nodule in the right upper lobe.", [NODULE]).contradicted == 0
    assert fact_counts("13 mm nodule in the right upper lobe.", [NODULE]).contradicted == 1
    recorded = recorded_facts([Finding(concept="lung_nodule", laterality="right", anatomy="right upper lobe")])
    assert fact_counts("13 mm nodule in the right upper lobe.", recorded).contradicted == 0


def test_rates_come_from_sums():
    counts = [fact_counts("Small left pleural effusion. Right pneumothorax.", [EFFUSION, NODULE]),
              fact_counts("No pneumothorax.", [])]  # fmt: skip
    table = fact_table(counts)
    rates = fact_rates(table.sum(axis=0))
    # one of two statements is invented, one of two findings is not told, nothing is contradicted in two reports
    assert (rates.hallucinated, rates.omitted, rates.contradicted) == (0.5, 0.5, 0.0)
    drawn = fact_rates(np.stack([table.sum(axis=0), 2 * table[1]]))
    assert np.isnan(drawn.omitted[1])
    assert drawn.hallucinated[0] == 0.5
    assert fact_table([]).shape == (0, 8)
