"""Cataract operation under the microscope: a time lapse with phases, instruments, words."""

from __future__ import annotations

from vesalius.virtual.patient import Patient
from vesalius.virtual.picture import Picture
from vesalius.virtual.scope.fields.cataract_surgery import CataractSurgeryField
from vesalius.virtual.scope.surgery import Recording, picture_of_operation

__all__ = ["REGION", "SIZE", "recording", "render"]

REGION = "eye"
SIZE = 256


def recording(patient: Patient, size: int = SIZE) -> Recording:
    """Return how the operation of a patient is recorded; change it with `dataclasses.replace`."""
    del patient
    return Recording(procedure="cataract_surgery", field=CataractSurgeryField, name="microscope", size=size,
                     modality="XC", body_part="EYE")  # fmt: skip


def render(patient: Patient, size: int = SIZE) -> tuple[Picture, ...]:
    """Film 32 frames of `size` × `size` pixels from a fifth to all of the operation."""
    return (picture_of_operation(patient, recording(patient, size)),)
