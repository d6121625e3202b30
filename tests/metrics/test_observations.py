"""The rule-based labeller on the reports that both published labellers ship, and rule by rule."""

from __future__ import annotations

import csv
import time

import numpy as np
import pytest

from vesalius.metrics.observations import (
    BLANK,
    NEGATED,
    OBSERVATIONS,
    PRESENT,
    UNCERTAIN,
    aggregated,
    observation_classes,
    observed,
)

P, A, U = "present", "absent", "uncertain"


@pytest.mark.parametrize(
    ("report", "expected"),
    [
        # the four reports of the CheXpert labeller's repository, with its own output
        (
            "Heart size normal and lungs are clear. No edema or pneumonia. No effusion",
            {"No Finding": P, "Cardiomegaly": A, "Edema": A, "Pneumonia": A, "Pleural Effusion": A},
        ),
        (
            """1. Left pleural effusion with adjacent atelectasis. Right effusion is also present.

2. Cardiomegaly without overt edema.""",
            {"Cardiomegaly": P, "Edema": A, "Atelectasis": P, "Pleural Effusion": P},
        ),
        (
            "Minimal patchy airspace disease within the lingula, may reflect atelectasis or consolidation.",
            {"Lung Opacity": P, "Consolidation": U, "Atelectasis": U},
        ),
        ("1. Stable mild cardiomegaly. 2. Hyperexpanded but clear lungs.", {"Cardiomegaly": P}),
    ],
)
def test_the_shipped_reports_come_out_as_in_the_original(report, expected):
    assert observed(report) == expected


@pytest.mark.parametrize(
    ("report", "expected"),
    [
        ("No new effusion.", {"Pleural Effusion": U}),
        ("Pneumonia cannot be excluded.", {"Pneumonia": U}),
        ("Pneumonia is not excluded.", {"Pneumonia": U}),
        ("Cannot rule out pneumonia.", {"Pneumonia": U}),
        ("No pneumothorax, effusion, or edema.", {"Pneumothorax": A, "Pleural Effusion": A, "Edema": A}),
        ("Heart is enlarged but there is no edema.", {"Cardiomegaly": P, "Edema": A}),
        ("Interval resolution of the effusion.", {"Pleural Effusion": A}),
        ("Pericardial effusion.", {}),
        # a bare mention of size, a normal one, an unchanged one
        ("Heart size.", {"Cardiomegaly": P}),
        ("Heart size is normal.", {"Cardiomegaly": A}),
        ("Stable heart size.", {"Cardiomegaly": U}),
        ("Heart size is unchanged.", {"Cardiomegaly": U}),
        ("Borderline heart size.", {"Cardiomegaly": U}),
        ("The heart is at the upper limits of normal.", {"Cardiomegaly": A}),
        ("The heart is not enlarged.", {"Cardiomegaly": A}),
        ("Heart size and mediastinal contours are within normal limits.",
         {"Cardiomegaly": A, "Enlarged Cardiomediastinum": A}),
        # position is not size
        ("Line over the heart.", {"Support Devices": P}),
        ("Mass in the left mediastinum.", {"Lung Lesion": P}),
        # direction: "may" looks to its right, "is absent" to its left, and neither over another statement
        ("Effusion is small, pneumothorax is absent.", {"Pleural Effusion": P, "Pneumothorax": A}),
        ("Small effusion, heart size is normal.", {"Pleural Effusion": P, "Cardiomegaly": A}),
        ("Effusion and normal heart size.", {"Pleural Effusion": P, "Cardiomegaly": A}),
        ("Heart is not enlarged, effusion is present.", {"Pleural Effusion": P}),
        ("Edema and effusion have resolved.", {"Edema": A, "Pleural Effusion": A}),
        ("Effusion is no longer seen, atelectasis persists.", {"Pleural Effusion": A, "Atelectasis": P}),
        ("Pneumothorax rather than effusion.", {"Pneumothorax": P, "Pleural Effusion": A}),
        ("No abnormality is seen to suggest pneumonia.", {"Pneumonia": A}),
        ("No pneumothorax but effusion.", {"Pneumothorax": A, "Pleural Effusion": P}),
        ("No pneumothorax which hides effusion.", {"Pneumothorax": A, "Pleural Effusion": P}),
        ("No change in large effusion.", {"Pleural Effusion": P}),
        ("No significant interval change of the effusion.", {"Pleural Effusion": P}),
        ("No nodule or emphysematous change.", {"Lung Lesion": A}),
        ("Neither effusion nor pneumothorax.", {"Pleural Effusion": A, "Pneumothorax": A}),
        ("ET tube has been removed.", {"Support Devices": A}),
        ("Heart size is top normal.", {"Cardiomegaly": A}),
        ("No acute fracture is identified, but there is a small pneumothorax.", {"Fracture": A, "Pneumothorax": P}),
        ("Interval resolution of edema with persistent effusions.", {"Edema": A, "Pleural Effusion": P}),
        ("Small effusion and adjacent atelectasis are stable.", {"Pleural Effusion": P, "Atelectasis": P}),
        # doubt
        ("No new consolidation to suggest pneumonia.", {"Consolidation": U, "Pneumonia": A}),
        ("Opacity could represent atelectasis, aspiration, or pneumonia.",
         {"Lung Opacity": P, "Atelectasis": U, "Pneumonia": U}),
        ("Effusions are not well evaluated.", {"Pleural Effusion": U}),
        ("Stable appearance of the heart and mediastinum.", {"Cardiomegaly": U, "Enlarged Cardiomediastinum": U}),
        ("Unchanged moderate cardiomegaly.", {"Cardiomegaly": P}),
        ("Possible small left effusion.", {"Pleural Effusion": U}),
        ("Opacity concerning for pneumonia.", {"Lung Opacity": P, "Pneumonia": U}),
        ("Edema versus pneumonia.", {"Edema": U, "Pneumonia": U}),
        ("No edema or pneumonia.", {"Edema": A, "Pneumonia": A}),
        ("Atelectasis/pneumonia.", {"Atelectasis": U, "Pneumonia": U}),
        ("Opacity and/or effusion.", {"Lung Opacity": U, "Pleural Effusion": U}),
        ("The retrocardiac effusion is obscured.", {"Pleural Effusion": U}),
        ("Vascular congestion.", {"Edema": U}),
        ("No vascular congestion.", {"Edema": A}),
        ("CHF.", {"Edema": P, "Cardiomegaly": U}),
        ("No CHF.", {"Edema": A}),
        # what is no mention
        ("Calcified nodule.", {}),
        ("Massive atelectasis.", {"Atelectasis": P}),
        ("Apical pleural scar.", {"Pleural Other": P}),
        # kept oddity of substrings
        ("Tuberculosis.", {"Support Devices": P}),
    ],
)  # fmt: skip
def test_rules(report, expected):
    found = observed(report)
    assert {name: status for name, status in found.items() if name != "No Finding"} == expected


@pytest.mark.parametrize(
    ("report", "is_normal"),
    [
        ("", True),
        ("Lungs are clear.", True),
        ("Endotracheal tube in place.", True),  # devices alone leave no finding
        ("Pericardial effusion.", True),
        ("Emphysema.", False),  # no label of the fourteen, and yet a finding
        ("No emphysema.", True),
        ("Possible edema.", False),
    ],
)
def test_no_finding(report, is_normal):
    assert ("No Finding" in observed(report)) == is_normal


@pytest.mark.parametrize(
    ("states", "expected"),
    # [0]->0, [-1,1]->1, [0,1]->1, [0,-1]->-1, [0,-1,1]->-1, [1,1]->1
    [((A,), A), ((U, P), P), ((A, P), P), ((A, U), U), ((A, U, P), U), ((P, P), P)],
)
def test_mentions_of_a_report_make_one_state(states, expected):
    assert aggregated(states) == expected


def test_mentions_of_several_sentences_are_joined():
    assert observed("No effusion. Small effusion.")["Pleural Effusion"] == P
    assert observed("No effusion. Possible effusion. Small effusion.")["Pleural Effusion"] == U


def test_classes_are_those_of_chexbert():
    names = ("Edema", "Pneumonia", "Pleural Effusion", "Fracture")
    table = observation_classes(["Edema. No pneumonia. Possible effusion.", ""], names)
    assert table.tolist() == [[PRESENT, NEGATED, UNCERTAIN, BLANK], [BLANK] * 4]
    assert observation_classes([]).shape == (0, len(OBSERVATIONS))
    assert len(OBSERVATIONS) == 14


def test_order_of_sentences_does_not_count():
    sentences = ["No edema.", "Possible pneumonia.", "Heart size is normal.", "2.5 cm nodule."]
    there, back = observation_classes([" ".join(sentences), " ".join(reversed(sentences))])
    assert np.array_equal(there, back)


@pytest.mark.parametrize(
    "text", ["no effusion or " * 4000, "effusion " * 8000, "no " * 30000, "is " * 30000 + "effusion", "1." * 30000]
)
def test_endless_texts_take_no_longer_than_their_length(text):
    begun = time.perf_counter()
    observed(text)
    assert time.perf_counter() - begun < 5  # 0.2 s where it was measured; a square would take minutes


@pytest.mark.real
def test_real_notes_are_read(real_data):
    with (real_data / "cxr-covid" / "metadata.csv").open(encoding="utf-8") as file:
        notes = [row["clinical_notes"] for row in csv.DictReader(file) if row["clinical_notes"].strip()]
    classes = observation_classes(notes)
    opacity = OBSERVATIONS.index("Lung Opacity")
    assert len(notes) == 242
    assert (classes[:, opacity] == PRESENT).mean() > 0.3
    assert all(any(word in note.lower() for word in ("opaci", "infiltrat", "space", "reticul", "thick", "interst",
                                                     "scar", "densit"))
               for note, row in zip(notes, classes, strict=True) if row[opacity] != BLANK)  # fmt: skip
