"""Measurements of a film with their landmarks: from the geometry of the shapes, in mm of the film or of the patient.

Boxes and masks are on the picture; what is measured here from the shapes agrees with them within a pixel.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from vesalius.data.records import Laterality, Measurement
from vesalius.virtual.body import SIDES
from vesalius.virtual.findings.base import Disease
from vesalius.virtual.picture import Mark, box_of
from vesalius.virtual.radiograph.camera import Camera
from vesalius.virtual.radiograph.chest import heart_shadow, thorax_shadow
from vesalius.virtual.radiograph.disease import ChestDisease
from vesalius.virtual.radiograph.film import Film
from vesalius.virtual.radiograph.indices import Index, frontal_indices
from vesalius.virtual.radiograph.lateral_indices import lateral_indices
from vesalius.virtual.radiograph.shapes import length
from vesalius.virtual.radiograph.skeleton import scapula_corners

__all__ = [
    "AnatomyMasks", "anatomy_masks", "cardiothoracic_ratio", "indices", "landmarks", "measure", "ratio_from_masks",
]  # fmt: skip

_ALWAYS = ("cardiothoracic_ratio", "cardiac_width", "thoracic_width")
"""Measured even where the picture cuts a landmark off."""


class AnatomyMasks(NamedTuple):
    """Organs on the picture, each (H, W)."""

    right_lung: NDArray[np.bool_]
    """Right pleural cavity as far as it lies free beside mediastinum and dome, whatever fills it."""
    left_lung: NDArray[np.bool_]
    heart: NDArray[np.bool_]


def anatomy_masks(film: Film) -> AnatomyMasks:
    """Return the regions of the lungs and the heart; on a lateral film the lungs lie one over the other."""
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


def indices(film: Film, diseases: tuple[Disease, ...]) -> tuple[Index, ...]:
    """Return all indices of a film whose landmarks are on the picture."""
    camera, chest = film.camera, film.chest
    wet = {disease.laterality for disease in diseases if disease.concept == "pleural_effusion"}
    found = [*(lateral_indices if camera.lateral else frontal_indices)(camera, chest), *_of_diseases(film, diseases)]
    if not camera.lateral:
        found += [*_scapulae(film), _inclusion(film)]
    hidden = {"costophrenic_angle", "dome_sagitta", "lung_height"}
    return tuple(
        index for index in found
        if not (index.name in hidden and index.laterality in wet)
        and (index.name in _ALWAYS or _inside(camera, index.points))
    )  # fmt: skip


def _of_diseases(film: Film, diseases: tuple[Disease, ...]) -> Iterator[Index]:
    """Distances of devices to their landmarks, in mm of the patient."""
    for disease in diseases:
        if isinstance(disease, ChestDisease):
            for name, (value, ends) in disease.distances(film.chest).items():
                points = film.camera.project(ends)
                yield Index(name, value, "mm", disease.anatomy, disease.laterality, points)


def _scapulae(film: Film) -> Iterator[Index]:
    """Share of each shoulder blade that lies over the lung: little on a PA film, much on an AP film."""
    size, masks = film.camera.size, anatomy_masks(film)
    for side, lung in zip(SIDES, masks[:2], strict=True):
        corners = film.camera.project(scapula_corners(film.chest, side))
        blade = Image.new("1", (size, size))
        places = [(float(column), float(row)) for column, row in _pixels(film.camera, corners)]
        ImageDraw.Draw(blade).polygon(places, fill=1)
        over = np.asarray(blade, bool)
        if over.any():
            yield Index("scapula_overlap", float(lung[over].mean()), "1", "scapula", side, corners[:2])


def _inclusion(film: Film) -> Index:
    """Say whether apices, lateral walls and costophrenic corners are all on the picture: 1 or 0."""
    chest, camera = film.chest, film.camera
    apices = [chest.place(sign * 38.0, 12.0, 277.0) for sign in (-1, 1)]
    corners = [chest.lung_point(side, 1.0, 0.0, -0.12) for side in SIDES]
    whole = _inside(camera, camera.project(np.stack([*apices, *corners])))
    return Index("field_inclusion", float(whole), "1", "thorax", "", np.zeros((0, 2)))


def _pixels(camera: Camera, points: NDArray[np.floating]) -> NDArray[np.float64]:
    """Bring detector coordinates (n, 2) to (column, row)."""
    return np.stack([camera.column(points[:, 0]), camera.row(points[:, 1])], axis=1).astype(float)


def _inside(camera: Camera, points: NDArray[np.floating]) -> bool:
    places = _pixels(camera, points)
    return bool(((places >= -0.5) & (places <= camera.size - 0.5)).all())


def landmarks(film: Film, found: tuple[Index, ...]) -> tuple[Mark, ...]:
    """Return the places of indices as marks that bear their names."""
    named = [index for index in found if len(index.points)]
    counts: dict[str, int] = {}
    marks = []
    for index in named:
        number = counts.get(index.name, 0)
        counts[index.name] = number + 1
        points = tuple((float(x), float(y)) for x, y in _pixels(film.camera, index.points))
        marks.append(Mark(anatomy=index.name, points=points, instance=number))
    return tuple(marks)


def measure(
    film: Film, diseases: tuple[Disease, ...], image: str, found: tuple[Index, ...] | None = None
) -> tuple[Measurement, ...]:  # fmt: skip
    """Return all measurements of a film; `found` are its indices, where they are known already."""

    def of(name: str, value: float, unit: str, anatomy: str = "", side: Laterality = "") -> Measurement:
        return Measurement(name=name, value=round(float(value), 3), unit=unit, image=image, anatomy=anatomy,
                           laterality=side, source="virtual geometry")  # fmt: skip

    known = indices(film, diseases) if found is None else found
    made = [of(index.name, index.value, index.unit, index.anatomy, index.laterality) for index in known]
    tops = [film.chest.dome_top(side) for side in SIDES]
    made.append(of("dome_height_difference", tops[0] - tops[1], "mm", "diaphragm"))
    for disease in diseases:
        if disease.region == "chest":
            for name, size in disease.sizes_mm.items():
                made.append(of(f"{disease.concept}_{name}", size, "mm", disease.anatomy, disease.laterality))
    for region in film.regions:
        box = box_of(region.mask)
        if region.concept == "pleural_effusion" and box is not None:
            side = diseases[region.instance].laterality
            height = (box.y_max - box.y_min) * film.camera.spacing_mm
            made.append(of("pleural_effusion_height", height, "mm", region.anatomy, side))
    return tuple(made)
