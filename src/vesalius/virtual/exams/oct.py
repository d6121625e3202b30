"""Optical coherence tomography of one eye: a line through the fovea and a circle round the disc."""

from __future__ import annotations

from vesalius.virtual.exams.base import sized
from vesalius.virtual.eye.tomogram import DEPTH_MM, tomogram
from vesalius.virtual.eye.tomogram_truth import marks_of, measure
from vesalius.virtual.patient import Patient
from vesalius.virtual.picture import Picture

__all__ = ["REGION", "SIZE", "render"]

REGION = "eye"
SIZE = 256


def render(patient: Patient, size: int = SIZE) -> tuple[Picture, ...]:
    """Scan the examined eye, each scan `size` × `size` pixels; rows and columns have different spacings."""
    return tuple(_picture(patient, sized(size, 32, 2048), where) for where in ("macula", "disc"))


def _picture(patient: Patient, size: int, where: str) -> Picture:
    scan, name = tomogram(patient, size, where), f"oct-{where}"
    return Picture(
        name=name, modality="OPT", pixels=scan.pixels, axes="YX", units="display",
        spacing_mm=(DEPTH_MM / size, scan.column_mm), view="horizontal line" if where == "macula" else "circle",
        body_part="EYE", laterality=scan.retina.eye.side, marks=marks_of(scan), measurements=measure(scan, name),
    )  # fmt: skip
