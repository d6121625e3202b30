"""Indices of a film: from the geometry of the shapes, in mm of the patient or of the film as stated.

Boxes and masks are on the picture; what is measured here from the shapes agrees with them within a pixel.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from vesalius.data.records import Laterality, Measurement
from vesalius.virtual.body import SIDES
from vesalius.virtual.findings.base import Disease
from vesalius.virtual.picture import box_of
from vesalius.virtual.radiograph.chest import heart_shadow, thorax_shadow
from vesalius.virtual.radiograph.film import Film
from vesalius.virtual.radiograph.shapes import length

__all__ = ["AnatomyMasks", "anatomy_masks", "cardiothoracic_ratio", "measure", "ratio_from_masks"]


class AnatomyMasks(NamedTuple):
    """Organs on the picture, each (H, W)."""

    right_lung: NDArray[np.bool_]
    """Right pleural cavity as far as it lies free beside mediastinum and dome, whatever fills it."""
    left_lung: NDArray[np.bool_]
    heart: NDArray[np.bool_]


def anatomy_masks(film: Film) -> AnatomyMasks:
    """Return the regions of the lungs and the heart."""
    heart = length(film.canvas.heart) > 0
    right, left = (film.canvas.spaces[side] > 0 for side in SIDES)
    return AnatomyMasks(right & ~heart, left & ~heart, heart)


def cardiothoracic_ratio(film: Film) -> float:
    """Width of the heart over the inner width of the thorax at the level of the right dome, on the film."""
    right, left = heart_shadow(film.chest, film.camera)
    inner = thorax_shadow(film.chest, film.camera)
    return (left - right) / (inner[1] - inner[0])


def ratio_from_masks(masks: AnatomyMasks, dome_row: int) -> float:
    """Cardiothoracic ratio read off the masks, the thorax in row `dome_row`."""
    heart = np.flatnonzero(masks.heart.any(axis=0))
    lungs = np.flatnonzero((masks.right_lung | masks.left_lung)[dome_row])
    return float((heart[-1] - heart[0] + 1) / (lungs[-1] - lungs[0] + 1))


def dome_row(film: Film) -> int:
    """Row of the top of the right dome."""
    top = film.chest.dome_top("right")
    y = float(film.chest.domes[0].centre[1])
    v = (top - film.camera.centre_z_mm) / film.camera.scale(y)
    return int(np.clip(np.rint(film.camera.row(v)), 0, film.camera.size - 1))


def measure(film: Film, diseases: tuple[Disease, ...], image: str) -> tuple[Measurement, ...]:
    """Return all measurements of a film."""
    camera, chest = film.camera, film.chest
    heart, inner = heart_shadow(chest, camera), thorax_shadow(chest, camera)
    domes = [chest.dome_top(side) for side in SIDES]

    def of(name: str, value: float, unit: str, anatomy: str = "", side: Laterality = "") -> Measurement:
        return Measurement(name=name, value=round(float(value), 3), unit=unit, image=image, anatomy=anatomy,
                           laterality=side, source="virtual geometry")  # fmt: skip

    found = [
        of("cardiothoracic_ratio", cardiothoracic_ratio(film), "1", "heart"),
        of("cardiac_width", heart[1] - heart[0], "mm", "heart"),
        of("thoracic_width", inner[1] - inner[0], "mm", "thorax"),
        of("dome_height_difference", domes[0] - domes[1], "mm", "diaphragm"),
    ]
    for disease in diseases:
        for name, size in disease.sizes_mm.items():
            found.append(of(f"{disease.concept}_{name}", size, "mm", disease.anatomy, disease.laterality))
    for region in film.regions:
        box = box_of(region.mask)
        if region.concept == "pleural_effusion" and box is not None:
            side = diseases[region.instance].laterality
            height = (box.y_max - box.y_min) * camera.spacing_mm
            found.append(of("pleural_effusion_height", height, "mm", region.anatomy, side))
    return tuple(found)
