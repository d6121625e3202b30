"""Which patients the gallery shows: of every population, one with each finding alone and one without any."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count

from vesalius.virtual.findings.base import Case as Known
from vesalius.virtual.patient import Patient, draw_patient
from vesalius.virtual.preset import Preset, finding, load_preset, preset_names
from vesalius.virtual.seeds import stream

__all__ = ["Case", "cases_of", "shown_presets"]

_DRAWS = 12
"""Of so many draws of a finding the most visible is shown."""


@dataclass(frozen=True)
class Case:
    """A patient of a population with one finding; an empty concept is a patient without any."""

    preset: str
    concept: str
    patient: Patient


def shown_presets() -> tuple[str, ...]:
    """Populations that no other population of the same examinations contains, mixtures left out."""
    widest: dict[tuple[str, ...], tuple[int, str]] = {}
    for name in preset_names():
        preset = load_preset(name)
        if preset.mixture:
            continue
        key = tuple(preset.exams)
        if key not in widest or len(preset.prevalence) > widest[key][0]:
            widest[key] = (len(preset.prevalence), name)
    return tuple(sorted(name for _, name in widest.values()))


def cases_of(name: str, *, seed: int = 0) -> Iterator[Case]:
    """Yield the cases of a population: without a finding first, then the findings in the population's order."""
    preset = load_preset(name)
    for number, concept in enumerate(["", *preset.prevalence]):
        patient = draw_patient(seed, number, preset=preset)
        if concept and finding(concept).sex not in ("", patient.body.sex):
            patient = _of_sex(finding(concept).sex, preset, seed)
        yield Case(name, concept, _with(patient, concept) if concept else patient.having(()))


def _of_sex(sex: str, preset: Preset, seed: int) -> Patient:
    everybody = (draw_patient(seed, number, preset=preset) for number in count())
    return next(patient for patient in everybody if patient.body.sex == sex)


def _with(patient: Patient, concept: str) -> Patient:
    """Return the patient with this finding alone, as visible as it may be drawn."""
    drawn = [
        finding(concept).draw(stream(patient.seed, patient.id, "gallery", concept, draw), Known(patient.body, ()))
        for draw in range(_DRAWS)
    ]
    best = max((diseases for diseases in drawn if diseases), key=lambda diseases: diseases[0].visibility, default=())
    return patient.having(best)
