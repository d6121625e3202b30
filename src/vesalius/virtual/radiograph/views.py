"""Views of the chest: where source and detector stand, how the patient is held, and which beam is used."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from vesalius.errors import ConfigError, did_you_mean
from vesalius.virtual.patient import Patient
from vesalius.virtual.radiograph import beam
from vesalius.virtual.radiograph.beam import FAT_DENSITY, SOFT_DENSITY, coefficient
from vesalius.virtual.radiograph.camera import Camera
from vesalius.virtual.radiograph.chest import Chest
from vesalius.virtual.radiograph.shapes import Ellipsoid
from vesalius.virtual.seeds import stream

__all__ = ["VIEWS", "View", "camera_of", "expected_attenuation", "lie_down", "view_named"]

_SIZES = (32, 4096)


@dataclass(frozen=True, kw_only=True)
class View:
    """One way to expose a chest."""

    name: str
    """DICOM view position: PA, AP or LL (left lateral)."""
    exam: str
    """Examination that it belongs to, for streams."""
    supine: bool = False
    lateral: bool = False
    weights: tuple[float, ...] = beam.BIN_WEIGHT
    """Photon shares of the spectrum."""
    scatter: float = 1.0
    """Scatter that passes, against the site's grid."""
    kev: float = 62.0
    """Energy by which the technique chart reckons."""


VIEWS = {
    view.name: view
    for view in (
        View(name="PA", exam="chest_radiograph"),
        View(name="AP", exam="chest_bedside", supine=True, weights=beam.BEDSIDE_WEIGHT, scatter=1.9, kev=56.0),
        View(name="LL", exam="chest_lateral", lateral=True),
    )
}
"""Views by name."""


def view_named(name: str) -> View:
    """Return a view by its name."""
    if name not in VIEWS:
        raise ConfigError(f"unknown view {name!r}{did_you_mean(name, VIEWS)}")
    return VIEWS[name]


def camera_of(patient: Patient, size: int, view: str = "PA") -> Camera:
    """Return the camera of a patient's exposure."""
    if not _SIZES[0] <= size <= _SIZES[1]:
        raise ConfigError(f"image size {size}: expected {_SIZES[0]} to {_SIZES[1]} pixels")
    body, site, how, kind = patient.body, patient.site, patient.acquisition, view_named(view)
    rng = stream(patient.seed, patient.occasion, "exam", kind.exam, "camera")
    distance, turn = site.distance_mm, 0.0
    if kind.supine:
        detector = 98 * body.depth + body.fat_mm[2] + 25
        distance, turn = -float(rng.uniform(1000, 1200)), 0.035 * float(np.clip(rng.standard_normal(), -2, 2))
    elif kind.lateral:
        detector = -(150 * body.width + body.fat_mm[1] + 42)
    else:
        detector = -(94 * body.depth + body.fat_mm[0] + 0.5 * body.breast_mm + 42)
    return Camera(
        size=size,
        spacing_mm=site.field_mm * how.zoom * (0.55 + 0.45 * body.width) / size,
        source_y_mm=detector + distance,
        detector_y_mm=detector,
        centre_z_mm=136 * body.stature + how.shift_z_mm,
        shift_x_mm=how.shift_x_mm,
        rotation=body.rotation + turn,
        lateral=kind.lateral,
    )


def lie_down(chest: Chest) -> Chest:
    """Return the chest on its back at the bedside: less breath, arms down, heart and veins wider."""
    up = np.array([0.0, 0.0, 16.0 * chest.body.stature])
    body = replace(
        chest.body, scapula_mm=chest.body.scapula_mm - 36, clavicle_mm=chest.body.clavicle_mm - 5
    )  # fmt: skip
    anchor = chest.place(6.0, -30.0, 125.0)

    def wider(part: Ellipsoid) -> Ellipsoid:
        grown = part.scaled(1.05, anchor)
        return replace(grown, centre=grown.centre + 0.4 * up)

    def higher(part: Ellipsoid) -> Ellipsoid:
        return replace(part, centre=part.centre + up)

    rest = (*(wider(part) for part in chest.rest[:-2]), *(higher(part) for part in chest.rest[-2:]))
    return replace(
        chest, body=body, supine=True, spread=1.12, vessel_upper=1.15 * chest.vessel_upper, rest=rest,
        domes=(higher(chest.domes[0]), higher(chest.domes[1])), heart=tuple(wider(part) for part in chest.heart),
        hernia=chest.hernia and higher(chest.hernia),
    )  # fmt: skip


def expected_attenuation(patient: Patient, view: View) -> float:
    """Attenuation behind the lung by the technique chart, from the habitus alone."""
    body = patient.body
    if view.lateral:
        fat = 2 * body.fat_mm[1] + 4.0
        wall, lung = 62.0 * body.width, 215.0 * body.width * body.lung_density
    else:
        fat = body.fat_mm[0] + body.fat_mm[2] + 0.35 * body.breast_mm + 4.0
        wall, lung = 22.0 * body.depth, 168.0 * body.depth * body.lung_density
    grams = 0.1 * fat * FAT_DENSITY, 0.1 * (wall * SOFT_DENSITY + lung)
    return grams[0] * coefficient("fat", view.kev) + grams[1] * coefficient("soft", view.kev) + 0.18
