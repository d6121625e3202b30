"""A patient on film: camera, chest, canvas and picture, rendered only when asked."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from vesalius.errors import ConfigError
from vesalius.virtual.patient import Patient
from vesalius.virtual.radiograph.beam import FAT_DENSITY, SOFT_DENSITY, coefficient
from vesalius.virtual.radiograph.camera import Camera
from vesalius.virtual.radiograph.canvas import Canvas, PaintedRegion
from vesalius.virtual.radiograph.chest import Chest, build_chest, resize_heart
from vesalius.virtual.radiograph.disease import ChestDisease
from vesalius.virtual.radiograph.exposure import Masses, attenuation, develop, expose, masses
from vesalius.virtual.radiograph.lungs import paint_airways, paint_lungs, paint_stomach
from vesalius.virtual.radiograph.marker import paint_frame
from vesalius.virtual.radiograph.skeleton import paint_skeleton
from vesalius.virtual.seeds import stream

__all__ = ["Film", "anatomy_of", "camera_of", "paint", "render"]

_SIZES = (32, 4096)


@dataclass(frozen=True)
class Film:
    """One radiograph with all that is known of it."""

    camera: Camera
    chest: Chest
    canvas: Canvas
    pixels: NDArray[np.uint8]
    """(H, W), 0 black."""

    @property
    def regions(self) -> tuple[PaintedRegion, ...]:
        """Where findings show."""
        return tuple(self.canvas.regions)


def camera_of(patient: Patient, size: int) -> Camera:
    """Return the camera of a patient's exposure."""
    if not _SIZES[0] <= size <= _SIZES[1]:
        raise ConfigError(f"image size {size}: expected {_SIZES[0]} to {_SIZES[1]} pixels")
    body, site, how = patient.body, patient.site, patient.acquisition
    detector = -(94 * body.depth + body.fat_mm[0] + 0.5 * body.breast_mm + 42)
    return Camera(
        size=size,
        spacing_mm=site.field_mm * how.zoom * (0.55 + 0.45 * body.width) / size,
        source_y_mm=detector + site.distance_mm,
        detector_y_mm=detector,
        centre_z_mm=136 * body.stature + how.shift_z_mm,
        shift_x_mm=how.shift_x_mm,
        rotation=body.rotation,
    )


def anatomy_of(patient: Patient, camera: Camera) -> Chest:
    """Return the chest with the changes that the diseases make to its shape."""
    chest = resize_heart(build_chest(patient.body), camera, patient.body.cardiothoracic_ratio)
    chest = replace(chest, rest=(*chest.heart, *chest.domes))
    for disease in sorted(_of_chest(patient), key=lambda disease: disease.late):
        chest = disease.alter(chest, camera)
    return chest


def paint(patient: Patient, camera: Camera) -> Canvas:
    """Paint anatomy and diseases, without noise and blur."""
    canvas = Canvas(camera, anatomy_of(patient, camera))
    diseases = _of_chest(patient)
    for disease in diseases:
        disease.displace(canvas)
    breaks = [crack for disease in diseases for crack in disease.breaks()]
    paint_skeleton(canvas.bone, camera, canvas.chest, breaks)
    paint_airways(canvas)
    paint_stomach(canvas)
    for instance, disease in enumerate(diseases):
        disease.paint(canvas, stream(patient.seed, patient.id, "paint", *_label(diseases, disease)), instance)
    paint_lungs(canvas, patient.seed, patient.id)
    return canvas


def _of_chest(patient: Patient) -> list[ChestDisease]:
    return [disease for disease in patient.diseases if isinstance(disease, ChestDisease)]


def _label(diseases: list[ChestDisease], disease: ChestDisease) -> tuple[str, int]:
    """Name a disease by its concept and its number within it, so that other concepts do not shift its stream."""
    same = [other for other in diseases if other.concept == disease.concept]
    return disease.concept, next(i for i, other in enumerate(same) if other is disease)


def render(patient: Patient, size: int = 256) -> Film:
    """Render the radiograph of a patient, `size` × `size` pixels. The same patient and size give the same film."""
    camera = camera_of(patient, size)
    canvas = paint(patient, camera)
    pixels = picture(patient, canvas, masses(canvas))
    return Film(camera, canvas.chest, canvas, pixels)


def picture(patient: Patient, canvas: Canvas, parts: Masses) -> NDArray[np.uint8]:
    """Expose and develop."""
    expected = _expected(patient)
    rng = stream(patient.seed, patient.occasion, "noise")
    dose = patient.acquisition.dose * float(np.exp(expected - 1.5))
    intensity = expose(attenuation(parts), canvas.camera, patient.site, rng, dose)
    pixels = develop(intensity, canvas.camera, patient.site, expected)
    return paint_frame(pixels, patient)


def _expected(patient: Patient) -> float:
    """Attenuation behind the lung by the technique chart, from the habitus alone."""
    body = patient.body
    fat = sum((body.fat_mm[0], body.fat_mm[2], 0.35 * body.breast_mm, 4.0))
    wall = 22.0 * body.depth
    lung = 168.0 * body.depth * body.lung_density
    grams = 0.1 * (fat * FAT_DENSITY), 0.1 * (wall * SOFT_DENSITY + lung)
    return grams[0] * coefficient("fat", 62) + grams[1] * coefficient("soft", 62) + 0.18
