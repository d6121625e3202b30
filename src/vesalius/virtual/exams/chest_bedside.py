"""Chest radiograph at the bedside: antero-posterior, the patient on his back, no grid, short distance."""

from __future__ import annotations

from vesalius.virtual.patient import Patient
from vesalius.virtual.picture import Picture
from vesalius.virtual.radiograph.pictures import picture_of

__all__ = ["REGION", "SIZE", "render"]

REGION = "chest"
SIZE = 256


def render(patient: Patient, size: int = SIZE) -> tuple[Picture, ...]:
    """Render the film of a patient, `size` × `size` pixels."""
    return (picture_of(patient, size, "AP", name="ap"),)
