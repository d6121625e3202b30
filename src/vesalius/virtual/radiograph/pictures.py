"""A film as a picture with all that is known of it."""

from __future__ import annotations

from vesalius.virtual.patient import Patient
from vesalius.virtual.picture import Mark, Picture
from vesalius.virtual.radiograph.film import Film, render
from vesalius.virtual.radiograph.measurements import anatomy_masks, indices, landmarks, measure

__all__ = ["picture_of"]


def picture_of(patient: Patient, size: int, view: str, *, name: str) -> Picture:
    """Render one view of a patient's chest, `size` × `size` pixels."""
    film = render(patient, size, view)
    spacing = float(film.camera.spacing_mm)
    found = indices(film, patient.diseases)
    return Picture(
        name=name, modality="DX", pixels=film.pixels, axes="YX", units="display", spacing_mm=(spacing, spacing),
        view=view, body_part="CHEST", marks=(*_marks(film), *landmarks(film, found)),
        measurements=measure(film, patient.diseases, name, found),
    )  # fmt: skip


def _marks(film: Film) -> tuple[Mark, ...]:
    """Findings, then organs."""
    found = [
        Mark(concept=part.concept, anatomy=part.anatomy, mask=part.mask, instance=part.instance)
        for part in film.regions
    ]
    organs = anatomy_masks(film)._asdict().items()
    return (*found, *(Mark(anatomy=name.replace("_", " "), mask=mask) for name, mask in organs))
