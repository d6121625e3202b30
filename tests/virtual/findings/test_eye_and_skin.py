"""Findings of the eye and the skin: grades follow from geometry, words from it, courses change both."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import pytest

from vesalius.virtual.findings.base import Case, Disease
from vesalius.virtual.findings.diabetic_retinopathy import DiabeticRetinopathy, grade_of
from vesalius.virtual.patient import draw_patient
from vesalius.virtual.preset import finding, load_preset
from vesalius.virtual.seeds import stream

EYE = (
    "age_related_macular_degeneration", "cataract", "diabetic_retinopathy", "epiretinal_membrane", "glaucoma",
    "hypertensive_retinopathy", "macular_hole", "macular_oedema", "myopic_fundus", "retinal_vein_occlusion",
)  # fmt: skip
SKIN = (
    "actinic_keratosis", "basal_cell_carcinoma", "dermatofibroma", "melanocytic_naevus", "melanoma",
    "seborrhoeic_keratosis", "skin_squamous_cell_carcinoma", "vascular_skin_lesion",
)  # fmt: skip


def drawn(concept: str, number: int) -> Disease:
    body = draw_patient(31, number, preset="fundus").body
    (disease,) = finding(concept).draw(stream(7, concept, number), Case(body, ()))
    return disease


@pytest.mark.parametrize("concept", EYE + SKIN)
def test_drawn_diseases_say_where_and_how_bad(concept: str) -> None:
    for number in range(40):
        disease = drawn(concept, number)
        assert disease.concept == concept
        assert disease.region == ("eye" if concept in EYE else "skin")
        assert disease.laterality in ("left", "right", "midline")
        assert disease.anatomy
        assert disease.severity
        assert disease.visibility > 0
        assert all(isinstance(word, str) and word for word in disease.attributes.values())
        assert all(size > 0 for size in disease.sizes_mm.values())


@pytest.mark.parametrize("concept", EYE + SKIN)
def test_growing_and_shrinking(concept: str) -> None:
    for number in range(10):
        disease = drawn(concept, number)
        assert disease.scaled(1.0) == disease
        larger, smaller = disease.scaled(1.3), disease.scaled(0.6)
        for name, size in disease.sizes_mm.items():
            assert larger.sizes_mm[name] == pytest.approx(1.3 * size)
            assert smaller.sizes_mm[name] == pytest.approx(0.6 * size)
        assert larger.visibility >= smaller.visibility
        later = disease.at(200, 0.3)
        assert later is None or later.concept == concept


BARE = DiabeticRetinopathy(microaneurysms=3)


@pytest.mark.parametrize(
    ("changes", "grade"),
    [
        ({}, 1),
        ({"microaneurysms": 0}, 0),
        ({"blots": (1, 0, 0, 0)}, 2),
        ({"exudates": 3}, 2),
        ({"cotton_wool": 1}, 2),
        # More than 20 haemorrhages in each of four quadrants, beading in two, or one abnormal vessel: severe.
        ({"blots": (21, 21, 21, 20)}, 2),
        ({"blots": (21, 21, 21, 21)}, 3),
        ({"beading": (1,)}, 2),
        ({"beading": (0, 1)}, 3),
        ({"microvascular": 1}, 3),
        ({"other_vessels": 1}, 4),
        ({"preretinal_mm": 2.0}, 4),
    ],
)
def test_grades_of_diabetic_retinopathy(changes: dict[str, object], grade: int) -> None:
    assert grade_of(replace(BARE, **changes)) == grade  # type: ignore[arg-type]


def test_every_grade_and_stage_is_drawn() -> None:
    grades = Counter(drawn("diabetic_retinopathy", number).severity for number in range(200))
    assert set(grades) == {"mild", "moderate", "severe", "proliferative"}
    assert min(grades.values()) > 15
    stages = Counter(drawn("age_related_macular_degeneration", number).severity for number in range(200))
    assert set(stages) == {"early", "intermediate", "late dry", "late wet"}
    assert min(stages.values()) > 20


@pytest.mark.parametrize("preset", ["fundus", "oct", "dermatoscopy"])
def test_populations_hold_every_finding_often_enough(preset: str) -> None:
    patients = [draw_patient(5, number, preset=preset) for number in range(800)]
    normal = sum(not patient.diseases for patient in patients) / 800
    # A quarter to four tenths are normal; three standard errors of 0.017.
    assert 0.20 <= normal <= 0.45
    shares = Counter(concept for patient in patients for concept in patient.concepts)
    for concept in load_preset(preset).prevalence:
        assert shares[concept] / 800 > 0.04, concept
    if preset == "dermatoscopy":
        assert max(len(patient.diseases) for patient in patients) == 1


def test_one_eye_holds_all_findings() -> None:
    for number in range(200):
        sides = {disease.laterality for disease in draw_patient(5, number, preset="fundus").diseases}
        assert len(sides) <= 1
