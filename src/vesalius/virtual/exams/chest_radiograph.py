"""Chest radiograph, postero-anterior."""

from __future__ import annotations

from vesalius.virtual.patient import Patient
from vesalius.virtual.picture import Mark, Picture
from vesalius.virtual.radiograph.film import Film
from vesalius.virtual.radiograph.film import render as expose
from vesalius.virtual.radiograph.measurements import anatomy_masks, measure

__all__ = ["REGION", "SIZE", "render"]

REGION = "chest"
SIZE = 256
_NAME = "pa"


def render(patient: Patient, size: int = SIZE) -> tuple[Picture, ...]:
    """Render the film of a patient, `size` × `size` pixels."""
    film = expose(patient, size)
    spacing = float(film.camera.spacing_mm)
    return (
        Picture(
            name=_NAME, modality="DX", pixels=film.pixels, axes="YX", units="display", spacing_mm=(spacing, spacing),
            view="PA", body_part="CHEST", marks=_marks(film), measurements=measure(film, patient.diseases, _NAME),
        ),
    )  # fmt: skip


def _marks(film: Film) -> tuple[Mark, ...]:
    """Findings, then organs."""
    found = [
        Mark(concept=part.concept, anatomy=part.anatomy, mask=part.mask, instance=part.instance)
        for part in film.regions
    ]
    organs = anatomy_masks(film)._asdict().items()
    return (*found, *(Mark(anatomy=name.replace("_", " "), mask=mask) for name, mask in organs))
