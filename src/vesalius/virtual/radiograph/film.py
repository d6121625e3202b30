"""A patient on film: camera, chest, canvas and picture, rendered only when asked."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from vesalius.virtual.patient import Patient
from vesalius.virtual.radiograph.camera import Camera
from vesalius.virtual.radiograph.canvas import Canvas, PaintedRegion
from vesalius.virtual.radiograph.chest import Chest, build_chest, resize_heart
from vesalius.virtual.radiograph.disease import ChestDisease
from vesalius.virtual.radiograph.exposure import Masses, attenuation, develop, expose, masses
from vesalius.virtual.radiograph.lungs import paint_airways, paint_lungs, paint_stomach
from vesalius.virtual.radiograph.marker import paint_frame
from vesalius.virtual.radiograph.skeleton import paint_skeleton
from vesalius.virtual.radiograph.views import View, camera_of, expected_attenuation, lie_down, view_named
from vesalius.virtual.seeds import stream

__all__ = ["Film", "anatomy_of", "paint", "render"]


@dataclass(frozen=True)
class Film:
    """One radiograph with all that is known of it."""

    camera: Camera
    chest: Chest
    canvas: Canvas
    pixels: NDArray[np.uint8]
    """(H, W), 0 black."""
    view: View

    @property
    def regions(self) -> tuple[PaintedRegion, ...]:
        """Where findings show."""
        return tuple(self.canvas.regions)


def anatomy_of(patient: Patient, view: str = "PA") -> Chest:
    """Return the chest with the changes that the diseases make to its shape.

    It is made as it stands before the patient's upright PA camera, whatever the view, so that all views show one
    heart; on his back it is then moved as a whole.
    """
    camera, kind = camera_of(patient, 64), view_named(view)
    chest = resize_heart(build_chest(patient.body), camera, patient.body.cardiothoracic_ratio)
    chest = replace(chest, rest=(*chest.heart, *chest.domes), supine=kind.supine)
    for _, disease in sorted(_of_chest(patient), key=lambda pair: pair[1].late):
        chest = disease.alter(chest, camera)
    chest = replace(chest, splay=_splay(patient, chest))
    return lie_down(chest) if kind.supine else chest


def _splay(patient: Patient, chest: Chest) -> float:
    """How far the main bronchi run sideways: a personal factor, more where the left atrium below them is large."""
    own = 0.87 + 0.15 * float(np.clip(stream(patient.seed, patient.id, "airways").standard_normal(), -2.2, 2.2))
    atrium = float(chest.heart[3].axes[0] / chest.rest[3].axes[0])
    return own * (1 + 0.8 * max(atrium - 1, 0))


def paint(patient: Patient, camera: Camera, view: str = "PA") -> Canvas:
    """Paint anatomy and diseases, without noise and blur."""
    canvas = Canvas(camera, anatomy_of(patient, view))
    diseases = _of_chest(patient)
    for _, disease in diseases:
        disease.displace(canvas)
    breaks = [crack for _, disease in diseases for crack in disease.breaks()]
    paint_skeleton(canvas.bone, camera, canvas.chest, breaks)
    paint_airways(canvas)
    paint_stomach(canvas)
    for instance, disease in diseases:
        disease.paint(canvas, stream(patient.seed, patient.id, "paint", *_label(diseases, disease)), instance)
    paint_lungs(canvas, patient.seed, patient.id)
    return canvas


def _of_chest(patient: Patient) -> list[tuple[int, ChestDisease]]:
    """Diseases of the chest with their places in the patient's list."""
    return [pair for pair in enumerate(patient.diseases) if isinstance(pair[1], ChestDisease)]  # type: ignore[misc]


def _label(diseases: list[tuple[int, ChestDisease]], disease: ChestDisease) -> tuple[str, int]:
    """Name a disease by its concept and its number within it, so that other concepts do not shift its stream."""
    same = [other for _, other in diseases if other.concept == disease.concept]
    return disease.concept, next(i for i, other in enumerate(same) if other is disease)


def render(patient: Patient, size: int = 256, view: str = "PA") -> Film:
    """Render a radiograph of a patient, `size` × `size` pixels; same patient, size and view, same film."""
    kind = view_named(view)
    camera = camera_of(patient, size, view)
    canvas = paint(patient, camera, view)
    pixels = picture(patient, canvas, masses(canvas), kind)
    return Film(camera, canvas.chest, canvas, pixels, kind)


def picture(patient: Patient, canvas: Canvas, parts: Masses, view: View) -> NDArray[np.uint8]:
    """Expose and develop."""
    expected = expected_attenuation(patient, view)
    first = ("noise",) if view.name == "PA" else ("exam", view.exam, "noise")
    rng = stream(patient.seed, patient.occasion, *first)
    dose = patient.acquisition.dose * float(np.exp(expected - 1.5))
    site = replace(patient.site, grid=patient.site.grid * view.scatter)
    intensity = expose(attenuation(parts, weights=view.weights), canvas.camera, site, rng, dose)
    pixels = develop(intensity, canvas.camera, site, expected)
    return paint_frame(pixels, patient, lateral=view.lateral)
