"""Fundus photograph of one eye, 45° field."""

from __future__ import annotations

from vesalius.virtual.exams.base import sized
from vesalius.virtual.eye.fundus import photograph
from vesalius.virtual.eye.fundus_truth import marks_of, measure
from vesalius.virtual.patient import Patient
from vesalius.virtual.picture import Picture

__all__ = ["REGION", "SIZE", "render"]

REGION = "eye"
SIZE = 256
_NAME = "fundus"


def render(patient: Patient, size: int = SIZE) -> tuple[Picture, ...]:
    """Photograph the examined eye, `size` × `size` pixels; the spacing is that on the retina."""
    shot = photograph(patient, sized(size, 32, 2048))
    spacing = shot.frame.pixel_mm
    return (
        Picture(
            name=_NAME, modality="OP", pixels=shot.pixels, axes="YXC", units="rgb", spacing_mm=(spacing, spacing),
            view="macula-centred", body_part="EYE", laterality=shot.retina.eye.side, marks=marks_of(shot),
            measurements=measure(shot, _NAME),
        ),
    )  # fmt: skip
