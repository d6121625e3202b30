"""Visits of one patient over time: diseases grow, heal, stay or arise; every visit is an exposure of its own."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from vesalius.virtual.findings.base import Case, Disease, choose
from vesalius.virtual.patient import Patient, draw_acquisition
from vesalius.virtual.preset import Preset, finding
from vesalius.virtual.seeds import identifier, stream

__all__ = ["days_of", "study_name", "study_name_of", "visits_of"]


def study_name(patient: Patient) -> str:
    """Name of the study of a visit, in hexadecimal digits; it tells nothing of the case or of the order."""
    return study_name_of(patient.seed, patient.id, patient.visit)


def study_name_of(seed: int, patient: str, visit: int) -> str:
    """Name of the study of a visit, without the patient."""
    return identifier(seed, f"{patient}/{visit}" if visit else patient, "study", length=16)


def days_of(seed: int, patient: str, preset: Preset) -> tuple[float, ...]:
    """Days of a patient's visits, the first 0."""
    plan = preset.follow_up
    rng = stream(seed, patient, "visits")
    if rng.random() >= plan.share:
        return (0.0,)
    count = int(rng.integers(2, max(plan.visits, 2) + 1))
    gaps = plan.interval_days * np.exp(0.8 * rng.standard_normal(count - 1))
    return (0.0, *(float(day) for day in np.cumsum(np.maximum(gaps, 0.5))))


def visits_of(patient: Patient, preset: Preset) -> tuple[Patient, ...]:
    """Return the patient at every visit, the first as it was drawn."""
    made = [patient]
    onsets: list[tuple[float, Disease]] = [(0.0, disease) for disease in patient.diseases]
    for visit, day in enumerate(days_of(patient.seed, patient.id, preset)[1:], start=1):
        onsets += [(day, disease) for disease in _arisen(patient, preset, visit, [part for _, part in onsets])]
        made.append(_later(patient, visit, day, onsets))
    return tuple(made)


def _later(patient: Patient, visit: int, day: float, onsets: list[tuple[float, Disease]]) -> Patient:
    occasion = f"{patient.id}/{visit}"
    rng = stream(patient.seed, occasion, "posture")
    body = replace(
        patient.body, age_years=patient.body.age_years + day / 365.25,
        inspiration=float(1 - 0.5 * rng.beta(1.3, 4.0)),
        rotation=float(0.022 * np.clip(rng.standard_normal(), -2.2, 2.2)),
    )  # fmt: skip
    now = [disease.at(day - onset, _pace(patient, disease, number)) for number, (onset, disease) in enumerate(onsets)]
    return replace(
        patient, visit=visit, day=day, body=body, acquisition=draw_acquisition(patient.seed, occasion),
        diseases=tuple(disease for disease in now if disease is not None),
    )  # fmt: skip


def _pace(patient: Patient, disease: Disease, number: int) -> float:
    return float(stream(patient.seed, patient.id, "course", disease.concept, number).random())


def _arisen(patient: Patient, preset: Preset, visit: int, known: list[Disease]) -> tuple[Disease, ...]:
    """Draw what has come since the last visit: rarely one new finding, of those that the population has."""
    rng = stream(patient.seed, patient.id, "arising", visit)
    present = {disease.concept for disease in known}
    shares = {
        name: share
        for name, share in preset.prevalence.items()
        if share > 0
        and name not in present
        and not present & set(preset.excluded.get(name, ()))
        and finding(name).sex in ("", patient.body.sex)
    }
    if rng.random() >= preset.follow_up.arising or not shares:
        return ()
    return finding(choose(rng, shares)).draw(rng, Case(patient.body, tuple(known)))
