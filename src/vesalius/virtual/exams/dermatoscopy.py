"""Dermatoscopy: one lesion of the skin through a polarised dermatoscope, or healthy skin."""

from __future__ import annotations

from vesalius.virtual.exams.base import sized
from vesalius.virtual.patient import Patient
from vesalius.virtual.picture import Picture
from vesalius.virtual.skin.dermatoscope import shoot
from vesalius.virtual.skin.truth import marks_of, measure

__all__ = ["REGION", "SIZE", "render"]

REGION = "skin"
SIZE = 256
_NAME = "dermatoscopy"


def render(patient: Patient, size: int = SIZE) -> tuple[Picture, ...]:
    """Picture the first lesion of a patient's skin, `size` × `size` pixels."""
    shot = shoot(patient, sized(size, 32, 2048))
    spacing = shot.sheet.pixel_mm
    return (
        Picture(
            name=_NAME, modality="XC", pixels=shot.pixels, axes="YXC", units="rgb", spacing_mm=(spacing, spacing),
            view="dermatoscopic", body_part="SKIN", marks=marks_of(shot), measurements=measure(shot, _NAME),
        ),
    )  # fmt: skip
