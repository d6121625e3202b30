"""Endoscopic transsphenoidal operation on the pituitary gland: a time lapse with steps, instruments, words."""

from __future__ import annotations

from vesalius.virtual.patient import Patient
from vesalius.virtual.picture import Picture
from vesalius.virtual.scope.fields.base import lost_blood
from vesalius.virtual.scope.fields.pituitary_surgery import PituitarySurgeryField
from vesalius.virtual.scope.surgery import Recording, picture_of_operation

__all__ = ["REGION", "SIZE", "recording", "render"]

REGION = "surgery"
SIZE = 256
_TUMOUR_MM = 18.0


def recording(patient: Patient, size: int = SIZE) -> Recording:
    """Return how the operation of a patient is recorded; change it with `dataclasses.replace`.

    The tumour is the patient's own pituitary adenoma where there is one.
    """
    sizes = [max(part.sizes_mm.values(), default=_TUMOUR_MM) for part in patient.diseases
             if part.concept.startswith("pituitary")]  # fmt: skip
    blood = lost_blood(patient.diseases)
    return Recording(
        procedure="pituitary_surgery",
        field=lambda rng: PituitarySurgeryField(rng, tumour_mm=sizes[0] if sizes else _TUMOUR_MM,
                                                 blood=blood),
        name="endoscope", size=size, body_part="SELLA TURCICA",
    )  # fmt: skip


def render(patient: Patient, size: int = SIZE) -> tuple[Picture, ...]:
    """Film 32 frames of `size` × `size` pixels from a fifth to all of the operation."""
    return (picture_of_operation(patient, recording(patient, size)),)
