"""The healthy thorax of a patient as solids."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from vesalius.virtual.anatomy.parts import Grid
from vesalius.virtual.anatomy.scores import tissue_scores
from vesalius.virtual.anatomy.thorax_body import Thorax, thorax_of
from vesalius.virtual.anatomy.tissues import tissues
from vesalius.virtual.radiograph.chest import build_chest, resize_heart
from vesalius.virtual.radiograph.views import camera_of

if TYPE_CHECKING:
    from vesalius.virtual.patient import Patient

__all__ = ["Thorax", "build_thorax", "thorax_grid"]

_BELOW_MM, _ABOVE_MM = -22.0, 292.0
"""Ends of an examination of the chest along z, reference adult: below the recesses, above the apices."""


def build_thorax(patient: Patient) -> Thorax:
    """Return the healthy thorax: that of the radiograph, with all that a film does not tell apart."""
    camera = camera_of(patient, 64)
    chest = resize_heart(build_chest(patient.body), camera, patient.body.cardiothoracic_ratio)
    chest = replace(chest, rest=(*chest.heart, *chest.domes))
    made = thorax_of(patient.body, chest, camera, seed=patient.seed, patient=patient.id)
    return replace(made, scores={**tissue_scores(patient), "lung": _lung_score(patient)})


def _lung_score(patient: Patient) -> float:
    """Deviation of the air spaces from the table's lung: by breath 140 HU, by the radiograph's density of the lung.

    The table's -860 HU are of the lung with its vessels; here these are painted, so that the rest is 20 HU less.
    """
    body = patient.body
    change = 140 * (1 - body.inspiration) + 1000 * (body.lung_density - 0.14) - 20
    return float(np.clip(change / tissues()["lung"].hu_sd, -2.5, 3.5))


def thorax_grid(patient: Patient, size: int, *, margin_mm: float = 14.0) -> Grid:
    """Return the grid of a chest examination, `size` voxels along each axis, square pixels.

    The field holds the body's widest cross-section; how well the patient lies in the middle is drawn with the
    acquisition, before any disease.
    """
    body, how = patient.body, patient.acquisition
    front, side, back = body.fat_mm
    wide = 2 * (152 * body.width + side) + 2 * margin_mm
    deep = (90 + 95) * body.depth + front + back + 0.6 * body.breast_mm + 2 * margin_mm + 30
    field = max(wide, deep) * (0.97 + 0.06 * (how.zoom - 0.95) / 0.11)
    low, high = _BELOW_MM * body.stature, _ABOVE_MM * body.stature
    step, thick = field / size, (high - low) / size
    middle = 0.5 * (back - front - 0.6 * body.breast_mm) + 8
    x = 0.8 * how.shift_x_mm - step * (size - 1) / 2
    y = middle - 0.4 * how.shift_z_mm - step * (size - 1) / 2
    return Grid((size, size, size), (thick, step, step), (x, y, low + thick / 2 + 0.4 * how.shift_z_mm))
