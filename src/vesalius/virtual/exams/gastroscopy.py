"""Gastroscopy: a clip of the lower oesophagus and one of the stomach, with depth and poses."""

from __future__ import annotations

from vesalius.virtual.patient import Patient
from vesalius.virtual.picture import Picture
from vesalius.virtual.scope.passage import Passage, pictures_of_passage

__all__ = ["REGION", "SIZE", "render"]

REGION = "stomach"
SIZE = 256
_FRAMES = 16


def render(patient: Patient, size: int = SIZE) -> tuple[Picture, ...]:
    """Film 16 frames of each, `size` × `size` pixels; a depth map in steps of 0.01 mm follows every clip."""
    gullet = Passage(organ="oesophagus", name="oesophagus", size=size, frames=_FRAMES)
    stomach = Passage(organ="stomach", name="stomach", size=size, frames=_FRAMES)
    return (*pictures_of_passage(patient, gullet), *pictures_of_passage(patient, stomach))
