"""Patients with known bodies for the tests of this folder."""

from __future__ import annotations

from dataclasses import replace

from vesalius.virtual.body import Body
from vesalius.virtual.findings.base import Case, Disease
from vesalius.virtual.patient import Acquisition, Patient, draw_patient
from vesalius.virtual.preset import finding
from vesalius.virtual.seeds import stream
from vesalius.virtual.sites import SITES

REFERENCE = Body(
    sex="M", age_years=40, height_cm=175, bmi=24.5, width=1.0, depth=1.0, stature=1.0, inspiration=0.85,
    dome_offset_mm=(0.0, 0.0), cardiothoracic_ratio=0.42, heart_tilt=0.0, aorta=1.0, unfolding_mm=0.0,
    fat_mm=(10.8, 8.6, 10.3), breast_mm=0.0, bone=1.0, rib_slope=1.0, scapula_mm=8.0, clavicle_mm=0.0,
    scoliosis_mm=0.0, rotation=0.0, stomach=(24.0, 14.0, 0.4), lung_density=0.14,
)  # fmt: skip
"""Man, 40 years, 175 cm, 75 kg."""


def reference_patient(*diseases: Disease) -> Patient:
    """The reference body, centred, without marker and border."""
    site = replace(SITES[0], marker="", border=0.0)
    how = Acquisition(0.0, 0.0, 1.0, 1.0, (0.0, 0.0, 0.0, 0.0))
    return Patient(seed=0, id="reference", body=REFERENCE, site=site, acquisition=how, diseases=diseases)


def drawn(concept: str, number: int) -> tuple[Disease, ...]:
    """Diseases of one concept as patient `number` of a test would have them."""
    body = draw_patient(11, number).body
    return finding(concept).draw(stream(5, concept, number), Case(body, ()))


def patient_with(concept: str, number: int) -> Patient:
    """A patient of the population of seed 11 with one finding only."""
    return draw_patient(11, number).having(drawn(concept, number))
