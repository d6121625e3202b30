"""Patients of every region for the tests of this folder."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

from vesalius.virtual.exams.base import exam, exam_names
from vesalius.virtual.findings.base import Disease
from vesalius.virtual.patient import Patient, draw_patient
from vesalius.virtual.preset import finding
from vesalius.virtual.seeds import stream
from vesalius.virtual.text.grammar import regions
from vesalius.virtual.text.vocabulary import concepts_of, examples

REGIONS = tuple(region for region in regions() if concepts_of(region))


@cache
def exams_of(region: str) -> tuple[str, ...]:
    return tuple(name for name in exam_names() if region == exam(name).REGION)


def chest_patient(*diseases: Disease) -> Patient:
    """The same body with a chest radiograph and the diseases given."""
    return replace(draw_patient(21, 0), diseases=diseases)


def a_patient(region: str, number: int) -> Patient:
    """Patient `number` with none to three findings of a region."""
    rng = stream(0, "text case", region, number)
    patient = draw_patient(21, number)
    count = int(rng.integers(4))
    diseases: list[Disease] = []
    for name in rng.permutation(list(concepts_of(region)))[:count]:
        known = examples(str(name))
        disease = known[int(rng.integers(len(known)))]
        if disease.sex in ("", patient.body.sex):
            diseases.append(disease)
    exams = exams_of(region)[:1]
    return replace(patient, diseases=tuple(diseases), exams=exams, asked=concepts_of(region))


def earlier(patient: Patient, number: int) -> Patient:
    """The same patient a month before: findings smaller, larger or not yet there, and some that have gone since."""
    rng = stream(0, "earlier", patient.id, number)
    before = [disease.scaled(float(rng.choice([0.5, 0.85, 1.0, 1.15, 1.6]))) for disease in patient.diseases]
    kept = [disease for disease in before if rng.random() < 0.8]
    region = (patient.diseases[0].region,) if patient.diseases else ()
    for name in concepts_of(region[0]) if region else ():
        if name not in patient.concepts and rng.random() < 0.1 and finding(name).sex in ("", patient.body.sex):
            kept.append(examples(name)[int(rng.integers(len(examples(name))))])
    return replace(patient, diseases=tuple(kept), day=-30.0)
