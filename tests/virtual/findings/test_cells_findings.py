"""Findings of tissue, blood and semen: drawn within their grades, worded, changed with time."""

from __future__ import annotations

from pathlib import Path

import pytest

from vesalius.config import read_yaml
from vesalius.virtual import text
from vesalius.virtual.findings.base import Case, Disease
from vesalius.virtual.patient import draw_patient
from vesalius.virtual.preset import finding, load_preset
from vesalius.virtual.seeds import stream

REGIONS = {
    "tissue": ("breast_carcinoma", "chronic_inflammation", "colonic_adenoma", "colorectal_adenocarcinoma", "lymphoma",
               "prostate_carcinoma", "squamous_cell_carcinoma", "steatosis_of_liver_tissue"),
    "blood": ("iron_deficiency_anaemia", "leukaemia", "malaria", "sickle_cell_disease", "spherocytosis",
              "thrombocytopenia"),
    "sperm": ("asthenozoospermia", "oligozoospermia", "teratozoospermia"),
}  # fmt: skip
ALL = [(region, name) for region, names in REGIONS.items() for name in names]


def _drawn(concept: str, number: int) -> Disease:
    body = draw_patient(51, number).body
    (disease,) = finding(concept).draw(stream(7, concept, number), Case(body, ()))
    return disease


@pytest.mark.parametrize(("region", "concept"), ALL)
def test_drawn_findings_have_a_place_a_grade_and_words(region: str, concept: str) -> None:
    grades = set()
    for number in range(40):
        disease = _drawn(concept, number)
        assert disease.concept == concept
        assert disease.region == region
        assert disease.anatomy
        assert disease.severity
        assert disease.visibility > 0
        assert all(key.isidentifier() and isinstance(value, str) for key, value in disease.attributes.items())
        grades.add(disease.severity)
    assert len(grades) >= 2


@pytest.mark.parametrize("region", list(REGIONS))
def test_words_of_a_region(region: str) -> None:
    words = read_yaml(Path(text.__file__).parent / "phrases" / f"{region}.yaml")
    assert set(words["findings"]) == set(REGIONS[region])
    for concept, part in words["findings"].items():
        assert len(part["phrases"]) >= 4
        assert len(part["names"]) >= 2
        assert part["absent"]
        assert 0 <= part["mention"] <= 1
        slots = {"severity", "side", "site", "size", *_drawn(concept, 0).attributes}
        for phrase in part["phrases"]:
            used = {piece.split("}")[0] for piece in phrase.split("{")[1:]}
            assert used <= slots, phrase
        assert part["system"] in words["systems"]["order"]
    for sentence in words["general"]:
        assert set(sentence["facts"]) <= set(words["findings"])


@pytest.mark.parametrize(("name", "region"), [("pathology", "tissue"), ("blood", "blood"), ("sperm", "sperm")])
def test_presets_draw_every_finding_and_normals(name: str, region: str) -> None:
    preset = load_preset(name)
    assert set(preset.prevalence) == set(REGIONS[region])
    patients = [draw_patient(61, number, preset=name) for number in range(400)]
    normal = sum(not patient.diseases for patient in patients) / 400
    # Wanted 25 to 40 %; 400 draws have a standard error of 2.4 %.
    assert 0.2 < normal < 0.46
    for concept in preset.prevalence:
        assert 0.04 < sum(concept in patient.concepts for patient in patients) / 400 < 0.45, concept


@pytest.mark.parametrize("concept", ["steatosis_of_liver_tissue", "chronic_inflammation", "malaria", "leukaemia"])
def test_time_changes_size_and_grade_together(concept: str) -> None:
    disease = _drawn(concept, 4)
    less = disease.scaled(0.5)
    assert type(less) is type(disease)
    assert less != disease
    assert less.visibility < disease.visibility


def test_grade_follows_the_gland_share() -> None:
    for number in range(60):
        disease = _drawn("colorectal_adenocarcinoma", number)
        share, grade = disease.gland_share, disease.attributes["grade"]  # type: ignore[attr-defined]
        assert grade == ("G1" if share > 0.95 else "G2" if share >= 0.5 else "G3")
        assert disease.severity.startswith({"G1": "well", "G2": "moderately", "G3": "poorly"}[grade])


def test_nottingham_score_is_the_sum_of_three() -> None:
    for number in range(60):
        disease = _drawn("breast_carcinoma", number)
        score = int(disease.attributes["nottingham_score"])
        assert 3 <= score <= 9
        assert disease.severity == ("grade 1" if score <= 5 else "grade 2" if score <= 7 else "grade 3")


def test_gleason_patterns_make_the_group() -> None:
    drawn = [_drawn("prostate_carcinoma", number) for number in range(80)]
    groups = {disease.attributes["gleason"]: disease.severity for disease in drawn}
    assert groups["3+3=6"] == "grade group 1"
    assert groups["3+4=7"] == "grade group 2"
    assert groups["4+3=7"] == "grade group 3"
    assert set(groups.values()) == {f"grade group {number}" for number in range(1, 6)}


def test_findings_of_one_sex_are_of_that_sex() -> None:
    for preset, concept, sex in (("pathology", "prostate_carcinoma", "M"), ("pathology", "breast_carcinoma", "F"),
                                 ("sperm", "oligozoospermia", "M")):  # fmt: skip
        patients = [draw_patient(71, number, preset=preset) for number in range(150)]
        sick = [patient.body.sex for patient in patients if concept in patient.concepts]
        assert len(sick) >= 5
        assert set(sick) == {sex}
    assert {draw_patient(71, number, preset="sperm").body.sex for number in range(20)} == {"M"}
