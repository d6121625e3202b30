"""MR of the brain: T1, T2, FLAIR, diffusion with its map, T1 after contrast, and T2*-weighted, on one grid.

`size` rows and columns and half as many slices, over 224 × 224 × 176 mm: slices are 1.6 times as thick as pixels are
wide. All sequences are of one painting, so that one set of masks and measurements holds for all; it hangs on
"flair".
"""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

import numpy as np

from vesalius.virtual.anatomy.diseased import diseased
from vesalius.virtual.anatomy.head import Head, build_head
from vesalius.virtual.anatomy.head_marks import head_marks
from vesalius.virtual.anatomy.head_measures import measure_head, measure_lesions
from vesalius.virtual.anatomy.parts import Grid
from vesalius.virtual.exams.base import sized
from vesalius.virtual.mr import PROTOCOLS, MRScan, scan
from vesalius.virtual.patient import Patient
from vesalius.virtual.picture import Picture
from vesalius.virtual.seeds import stream

__all__ = ["REGION", "SIZE", "Visit", "examine", "head_grid", "render"]

REGION = "brain"
SIZE = 96
_NAME = "brain_mr"
_FIELD_MM = (176.0, 224.0, 224.0)
_CENTRE_MM = (0.0, 8.0, 6.0)
_TRUTH = "flair"
_SHOWN = {
    "t1": "T1",
    "t2": "T2",
    "flair": "FLAIR",
    "dwi": "DWI b1000",
    "adc": "ADC",
    "t1c": "T1 contrast",
    "swi": "T2*",
}


class Visit(NamedTuple):
    """One examination with the head that was examined."""

    head: Head
    scan: MRScan


def head_grid(patient: Patient, size: int, slices: int) -> Grid:
    """Return the grid of an examination of the head; the technician's centring differs by a few mm."""
    shape = (slices, size, size)
    spacing = tuple(extent / count for extent, count in zip(_FIELD_MM, shape, strict=True))
    shift = stream(patient.seed, patient.occasion, "exam", _NAME, "centring").normal(0, 2.5, 3).clip(-6, 6)
    origin = [
        centre + moved - step * (count - 1) / 2
        for centre, moved, step, count in zip(_CENTRE_MM, shift, spacing[::-1], shape[::-1], strict=True)
    ]
    return Grid(shape, (spacing[0], spacing[1], spacing[2]), (float(origin[0]), float(origin[1]), float(origin[2])))


def examine(patient: Patient, size: int) -> Visit:
    """Scan a patient: field strength and gain are the site's and the day's, before any disease."""
    found = diseased(build_head(patient), patient)
    assert isinstance(found, Head)
    rng = stream(patient.seed, patient.occasion, "exam", _NAME, "scanner")
    gain = float(np.exp(rng.normal(0, 0.08)))
    noise = stream(patient.seed, patient.occasion, "exam", _NAME, "noise")
    grid = head_grid(patient, size, size // 2)
    return Visit(found, scan(found, grid, PROTOCOLS, noise, gain=gain, dose=patient.acquisition.dose))


def render(patient: Patient, size: int = SIZE) -> tuple[Picture, ...]:
    """Render the seven series of a patient: uint16 (size // 2, size, size), marks and measurements on the FLAIR.

    Raises:
        ConfigError: size below 32 or above 256.
    """
    head, found = examine(patient, sized(size, 32, 256))
    grid = found.sampled.grid
    pictures = {
        name: Picture(
            name=name, modality="MR", pixels=found.images[name], axes="ZYX", units="stored",
            spacing_mm=grid.spacing_mm, orientation=(1, 0, 0, 0, 1, 0, 0, 0, 1), origin_mm=grid.origin_mm,
            view="axial", body_part="HEAD", sequence=title,
        )
        for name, title in _SHOWN.items()
    }  # fmt: skip
    measured = (
        *measure_head(head, found.sampled, _TRUTH), *measure_lesions(head, patient.diseases, found.sampled, _TRUTH)
    )  # fmt: skip
    truth = replace(pictures[_TRUTH], marks=head_marks(found.sampled, patient.diseases), measurements=measured)
    return tuple({**pictures, _TRUTH: truth}.values())
