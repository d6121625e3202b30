"""Cataract operation under the microscope: a time lapse with phases, instruments, words."""

from __future__ import annotations

from vesalius.virtual.findings.cataract import Cataract
from vesalius.virtual.patient import Patient
from vesalius.virtual.picture import Picture
from vesalius.virtual.scope.fields.base import lost_blood
from vesalius.virtual.scope.fields.cataract_surgery import CataractSurgeryField
from vesalius.virtual.scope.surgery import Recording, picture_of_operation

__all__ = ["REGION", "SIZE", "recording", "render"]

REGION = "surgery"
SIZE = 256


def recording(patient: Patient, size: int = SIZE) -> Recording:
    """Return how the operation of a patient is recorded; change it with `dataclasses.replace`.

    The lens is as cloudy as the patient's own cataract where there is one.
    """
    own = [part.veil for part in patient.diseases if isinstance(part, Cataract)]
    blood = lost_blood(patient.diseases)
    return Recording(
        procedure="cataract_surgery",
        field=lambda rng: CataractSurgeryField(rng, density=own[0] if own else None, blood=blood),
        name="microscope", size=size, modality="XC", body_part="EYE",
    )  # fmt: skip


def render(patient: Patient, size: int = SIZE) -> tuple[Picture, ...]:
    """Film 32 frames of `size` × `size` pixels from a fifth to all of the operation."""
    return (picture_of_operation(patient, recording(patient, size)),)
