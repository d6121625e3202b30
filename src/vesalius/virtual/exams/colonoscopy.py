"""Colonoscopy: a clip of one stretch of the large bowel, with depth and poses."""

from __future__ import annotations

from vesalius.virtual.patient import Patient
from vesalius.virtual.picture import Picture
from vesalius.virtual.scope.passage import Passage, pictures_of_passage

__all__ = ["REGION", "SIZE", "render"]

REGION = "bowel"
SIZE = 256


def render(patient: Patient, size: int = SIZE) -> tuple[Picture, ...]:
    """Film 32 frames of `size` × `size` pixels; the second picture is their depth in steps of 0.01 mm."""
    return pictures_of_passage(patient, Passage(organ="colon", name="colon", size=size))
