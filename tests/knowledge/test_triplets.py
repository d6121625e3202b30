"""What is where: landmarks of words, triplets of reports and of facts, and their matrix."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest

from vesalius.data.records import Finding
from vesalius.knowledge.triplets import (
    LANDMARKS,
    Triplet,
    landmark,
    report_statuses,
    report_triplets,
    stated_triplets,
    triplet_matrix,
)

GOLDEN = json.loads((Path(__file__).parents[1] / "golden" / "medslip.json").read_text(encoding="utf-8"))


def test_landmarks_are_51_different_ones() -> None:
    assert len(LANDMARKS) == len(set(LANDMARKS)) == 51


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("", "unspecified"),
        ("left", "left_lung_unspec"),
        ("right lower lobe", "lower_right_lobe"),
        ("lingula", "upper_left_lobe"),
        ("base of the left lung", "left_lower_lung"),
        ("both bases", "lung_bases"),
        ("left and right hila", "hilar_unspec"),
        ("pleural space right", "right_pleural"),
        ("left costophrenic angles", "left_costophrenic"),
        ("heart borders", "heart_border"),
        ("shoulder", "other"),
    ],
)
def test_words_mean_a_landmark(words: str, expected: str) -> None:
    assert landmark(words) == expected


@pytest.mark.evidence("medslip", "L2", "landmarks of words are those of the authors' rules, but for named exceptions")
def test_landmarks_beside_the_authors_rules() -> None:
    ours = {phrase: landmark(phrase.replace("|", " ")) for phrase in GOLDEN["landmarks"]}
    other = {phrase for phrase, theirs in GOLDEN["landmarks"].items() if ours[phrase] != theirs}
    assert len(ours) - len(other) == 150
    # They call "other" what has a plural, a level without a side, or stands alone; ours places it.
    assert {phrase for phrase in other if GOLDEN["landmarks"][phrase] != "other"} == {"lungs|upper"}


def test_triplets_of_a_report() -> None:
    said = (
        "Small left pleural effusion. Patchy consolidation in the right lower lobe. No pneumothorax. Possible mass."
    )
    assert set(report_triplets(said)) == {
        Triplet("pleural_effusion", "left_pleural", "present"),
        Triplet("consolidation", "lower_right_lobe", "present"),
        Triplet("pneumothorax", "unspecified", "absent"),
        Triplet("lung_mass", "unspecified", "uncertain"),
    }
    assert report_triplets("") == report_triplets("Good.") == ()


def test_statuses_of_a_report() -> None:
    said = "No edema. Possible edema. Pneumothorax on the left. No pneumothorax on the right. No mass."
    assert report_statuses(said) == {"edema": "uncertain", "pneumothorax": "present", "lung_mass": "absent"}


def test_very_long_reports_are_read_in_time() -> None:
    assert len(report_triplets("Large left pleural effusion. " * 3000)) == 1
    assert report_triplets("large left pleural effusion " * 2500)


def test_matrix_by_hand() -> None:
    stated = stated_triplets(
        (
            Finding(concept="edema", anatomy="lungs", laterality="bilateral"),
            Finding(concept="nodule", anatomy="right upper lobe", laterality="right"),
            Finding(concept="nodule", status="absent"),
            Finding(concept="mass", status="uncertain"),
            Finding(concept="unheard_of"),
        )
    )
    matrix = triplet_matrix(stated, ("edema", "nodule", "mass"))
    places = [(LANDMARKS[row], column, int(matrix[row, column])) for row, column in np.argwhere(matrix >= 0)]
    assert sorted(places) == [("lung_volumes", 0, 1), ("unspecified", 1, 0), ("upper_right_lobe", 1, 1)]
    both = [Triplet("edema", "other", "present"), Triplet("edema", "other", "absent")]
    for order in (both, both[::-1]):
        assert triplet_matrix(order, ("edema",)).max() == 1


@pytest.mark.real
def test_notes_of_real_patients_name_findings(real_data: Path) -> None:
    with (real_data / "cxr-covid" / "metadata.csv").open(encoding="utf-8") as file:
        notes = {row["clinical_notes"] for row in csv.DictReader(file)} - {""}
    found = [report_triplets(note) for note in sorted(notes)]
    assert sum(map(bool, found)) > len(notes) / 2
    assert {place for triplets in found for _, place, _ in triplets} > {"lung_bases", "pleural_unspec", "unspecified"}
