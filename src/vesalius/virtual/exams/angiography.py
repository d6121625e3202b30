"""MR angiography of the head by time of flight: the volume and its projections from above and from the front.

`size` rows and columns over 180 × 180 mm and cubic voxels over 108 mm from the neck to the roof of the ventricles.
Projections take the largest value along a line inside the skull.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from vesalius.virtual.anatomy.diseased import diseased
from vesalius.virtual.anatomy.head import build_head
from vesalius.virtual.anatomy.head_marks import finding_marks
from vesalius.virtual.anatomy.head_measures import measure_vessels
from vesalius.virtual.anatomy.marks import mask_of, structure_marks
from vesalius.virtual.anatomy.parts import Grid, Sampled
from vesalius.virtual.exams.base import sized
from vesalius.virtual.mr import TIME_OF_FLIGHT, scan
from vesalius.virtual.patient import Patient
from vesalius.virtual.picture import Mark, Picture
from vesalius.virtual.seeds import stream

__all__ = ["REGION", "SIZE", "render"]

REGION = "brain"
SIZE = 128
_NAME = "angiography"
_FIELD_MM = 180.0
_BOTTOM_MM = -72.0
_PAIRED = ("internal carotid", "middle cerebral", "anterior cerebral", "posterior cerebral", "vertebral")
_ARTERIES = (*(f"{side} {name} artery" for side in ("left", "right") for name in _PAIRED), "basilar artery")


def render(patient: Patient, size: int = SIZE) -> tuple[Picture, ...]:
    """Render the volume "tof", uint16 (3 size // 5, size, size), and the projections "mip" and "mip_front".

    Raises:
        ConfigError: size below 64 or above 256.
    """
    head = diseased(build_head(patient), patient)
    grid = _grid(patient, sized(size, 64, 256))
    noise = stream(patient.seed, patient.occasion, "exam", _NAME, "noise")
    found = scan(head, grid, (TIME_OF_FLIGHT,), noise, dose=patient.acquisition.dose, gain=3.0)
    volume, sampled = found.images["tof"], found.sampled
    inside = np.where(_stripped(sampled), volume, 0)
    lesions = tuple(finding_marks(sampled, patient.diseases))
    common: dict[str, Any] = {"modality": "MR", "units": "stored", "body_part": "HEAD", "sequence": "TOF"}
    z, y, x = grid.spacing_mm
    return (
        Picture(name="tof", pixels=volume, axes="ZYX", spacing_mm=grid.spacing_mm, origin_mm=grid.origin_mm,
                orientation=(1, 0, 0, 0, 1, 0, 0, 0, 1), view="axial",
                marks=(*lesions, *structure_marks(sampled, _ARTERIES)),
                measurements=measure_vessels(patient.diseases, "tof"), **common),
        Picture(name="mip", pixels=inside.max(axis=0), axes="YX", spacing_mm=(y, x), view="axial",
                marks=_projected(lesions, 0), **common),
        Picture(name="mip_front", pixels=np.ascontiguousarray(inside.max(axis=1)[::-1]), axes="YX",
                spacing_mm=(z, x), view="coronal", marks=_projected(lesions, 1), **common),
    )  # fmt: skip


def _grid(patient: Patient, size: int) -> Grid:
    step = _FIELD_MM / size
    shift = stream(patient.seed, patient.occasion, "exam", _NAME, "centring").normal(0, 2.5, 3).clip(-6, 6)
    half = step * (size - 1) / 2
    origin = (float(shift[0] - half), float(12 + shift[1] - half), float(_BOTTOM_MM + shift[2]))
    return Grid((3 * size // 5, size, size), (step, step, step), origin)


def _stripped(sampled: Sampled) -> NDArray[np.bool_]:
    """Voxels of brain, fluid and arteries."""
    names = ("brain", "subarachnoid space", "circle of Willis", "spinal canal", "dura mater", *_ARTERIES)
    kept: NDArray[np.bool_] = np.any([mask_of(sampled, name) for name in names], axis=0)
    return kept


def _projected(marks: tuple[Mark, ...], axis: int) -> tuple[Mark, ...]:
    """Shadows of masks (D, H, W) along an axis; seen from the front the head is up."""
    found = []
    for mark in marks:
        assert mark.mask is not None
        flat = np.asarray(mark.mask.any(axis=axis))
        found.append(Mark(concept=mark.concept, anatomy=mark.anatomy, instance=mark.instance,
                          mask=flat[::-1] if axis == 1 else flat))  # fmt: skip
    return tuple(found)
