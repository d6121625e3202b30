"""Laparoscopic cholecystectomy: a time lapse with phases, action triplets, instruments, words."""

from __future__ import annotations

import numpy as np

from vesalius.virtual.patient import Patient
from vesalius.virtual.picture import Picture
from vesalius.virtual.scope.fields.base import lost_blood
from vesalius.virtual.scope.fields.cholecystectomy import CholecystectomyField
from vesalius.virtual.scope.surgery import Recording, picture_of_operation

__all__ = ["REGION", "SIZE", "recording", "render"]

REGION = "surgery"
SIZE = 256


def recording(patient: Patient, size: int = SIZE) -> Recording:
    """Return how the operation of a patient is recorded; change it with `dataclasses.replace`."""
    inflamed = "acute_cholecystitis" in patient.concepts
    fat = float(np.clip((patient.body.bmi - 20) / 18, 0, 1))
    blood = lost_blood(patient.diseases)
    return Recording(
        procedure="cholecystectomy",
        field=lambda rng: CholecystectomyField(rng, inflamed=inflamed, fat=fat, blood=blood),
        name="laparoscope", size=size, body_part="GALLBLADDER",
    )  # fmt: skip


def render(patient: Patient, size: int = SIZE) -> tuple[Picture, ...]:
    """Film 32 frames of `size` × `size` pixels from a fifth to all of the operation."""
    return (picture_of_operation(patient, recording(patient, size)),)
