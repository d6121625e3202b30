"""CT of the head without contrast: axial slices, half as many as rows, over 224 × 224 × 176 mm."""

from __future__ import annotations

from vesalius.virtual.anatomy.diseased import diseased
from vesalius.virtual.anatomy.head import Head, build_head
from vesalius.virtual.anatomy.head_marks import head_marks
from vesalius.virtual.anatomy.head_measures import measure_head, measure_lesions
from vesalius.virtual.ct import Protocol, scan
from vesalius.virtual.exams.base import sized
from vesalius.virtual.exams.brain_mr import head_grid
from vesalius.virtual.patient import Patient
from vesalius.virtual.picture import Picture
from vesalius.virtual.seeds import stream

__all__ = ["REGION", "SIZE", "render"]

REGION = "brain"
SIZE = 96
_NAME = "brain_ct"
_CTDI_MGY = 28.0
"""Of the 32 cm phantom: half of the 56 mGy that the phantom of a head gives."""


def render(patient: Patient, size: int = SIZE) -> tuple[Picture, ...]:
    """Render the volume of a patient: HU, int16 (size // 2, size, size).

    Raises:
        ConfigError: size below 32 or above 256.
    """
    head = diseased(build_head(patient), patient)
    assert isinstance(head, Head)
    grid = head_grid(patient, sized(size, 32, 256), size // 2)
    protocol = Protocol(grid=grid, kernel="smooth", ctdi_mgy=_CTDI_MGY * patient.acquisition.dose, table=False)
    found = scan(head, protocol, stream(patient.seed, patient.occasion, "exam", _NAME, "noise"))
    name = "head_ct"
    return (
        Picture(
            name=name, modality="CT", pixels=found.volume, axes="ZYX", units="HU", spacing_mm=grid.spacing_mm,
            orientation=(1, 0, 0, 0, 1, 0, 0, 0, 1), origin_mm=grid.origin_mm, view="axial", body_part="HEAD",
            marks=head_marks(found.sampled, patient.diseases),
            measurements=(*measure_head(head, found.sampled, name),
                          *measure_lesions(head, patient.diseases, found.sampled, name)),
        ),
    )  # fmt: skip
