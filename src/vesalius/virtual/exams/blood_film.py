"""Blood film in Giemsa's stain: one field of 80 µm with every cell as a mask, a box and a class."""

from __future__ import annotations

import numpy as np

from vesalius.data.records import Measurement
from vesalius.virtual.cells.film import Cell
from vesalius.virtual.cells.leukocytes import WHITE_CELLS
from vesalius.virtual.cells.smear import BloodDisease, BloodField, look_at_film
from vesalius.virtual.exams.base import sized
from vesalius.virtual.patient import Patient
from vesalius.virtual.picture import Mark, Picture

__all__ = ["REGION", "SIZE", "measure_film", "render"]

REGION = "blood"
SIZE = 256
_NAME = "film"
_RED = ("red blood cell", "infected red blood cell")


def render(patient: Patient, size: int = SIZE) -> tuple[Picture, ...]:
    """Render one field of the film of a patient, `size` × `size` pixels; 96 to 1024."""
    field = look_at_film(patient, sized(size, 96, 1024))
    step = field.um_per_pixel / 1000
    return (
        Picture(
            name=_NAME, modality="SM", pixels=field.pixels, axes="YXC", units="rgb", spacing_mm=(step, step),
            body_part="BLOOD", sequence="Giemsa", marks=_marks(patient, field), measurements=measure_film(field),
        ),
    )  # fmt: skip


def _marks(patient: Patient, field: BloodField) -> tuple[Mark, ...]:
    """What each finding is known by, as one mask; then every cell, numbered within its class, and their centres."""
    found = []
    for number, disease in enumerate(patient.diseases):
        if isinstance(disease, BloodDisease):
            shown = [cell.mask for cell in field.cells if disease.shows(cell)]
            mask = np.any(shown, axis=0) if shown else None
            found.append(Mark(concept=disease.concept, anatomy=disease.anatomy, mask=mask, instance=number))
    cells = []
    for name in sorted({cell.name for cell in field.cells}):
        members = [cell for cell in field.cells if cell.name == name]
        cells += [Mark(anatomy=name, mask=cell.mask, instance=order) for order, cell in enumerate(members)]
        cells.append(Mark(anatomy=name, points=tuple(_middle(cell) for cell in members)))
    return (*found, *cells)


def _middle(cell: Cell) -> tuple[float, float]:
    """Centre of what is seen of a cell, in pixels."""
    rows, columns = np.nonzero(cell.mask)
    return float(columns.mean() + 0.5), float(rows.mean() + 0.5)


def measure_film(field: BloodField) -> tuple[Measurement, ...]:
    """Counts of all marked cells; shares in percent; size of the red cells that the edge does not cut.

    "whole red blood cell count" leaves out those on the left and upper edge, so that fields side by side count none
    twice. The diameter is that of a circle of the mask's area.
    """
    red = [cell for cell in field.cells if cell.name in _RED]
    white = [cell for cell in field.cells if cell.name in WHITE_CELLS]
    sick = [cell for cell in red if cell.name == _RED[1]]
    found = [
        _made("red blood cell count", len(red), "1"), _made("white blood cell count", len(white), "1"),
        _made("platelet count", sum(cell.name == "platelet" for cell in field.cells), "1"),
    ]  # fmt: skip
    whole = sum(not (cell.mask[0].any() or cell.mask[:, 0].any()) for cell in red)
    found.append(_made("whole red blood cell count", whole, "1"))
    found += [_made(f"{name} count", sum(cell.name == name for cell in white), "1")
              for name in sorted({cell.name for cell in white})]  # fmt: skip
    if red:
        found.append(_made("parasitaemia", 100 * len(sick) / len(red), "%"))
    if white:
        found.append(_made("blast share", 100 * sum(cell.name == "blast" for cell in white) / len(white), "%"))
    size = np.array([cell.mask.sum() for cell in red if not _cut(cell)])
    if len(size) >= 5:
        diameter = np.sqrt(4 * size / np.pi) * field.um_per_pixel
        found.append(_made("red cell diameter", float(diameter.mean()), "um"))
        found.append(_made("red cell diameter CV", float(100 * diameter.std() / diameter.mean()), "%"))
    return tuple(found)


def _cut(cell: Cell) -> bool:
    mask = cell.mask
    return bool(mask[0].any() or mask[-1].any() or mask[:, 0].any() or mask[:, -1].any())


def _made(name: str, value: float, unit: str) -> Measurement:
    return Measurement(
        name=name, value=float(value), unit=unit, image=_NAME, anatomy="peripheral blood", source="virtual"
    )
