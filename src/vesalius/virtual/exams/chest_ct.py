"""CT of the chest: a volume in HU with masks of structures and lesions, and measurements."""

from __future__ import annotations

from vesalius.virtual import ct
from vesalius.virtual.anatomy.diseased import diseased
from vesalius.virtual.anatomy.marks import lesion_marks, structure_marks
from vesalius.virtual.anatomy.parts import Grid
from vesalius.virtual.anatomy.thorax import Thorax, build_thorax, thorax_grid
from vesalius.virtual.chest_measures import landmarks, measure_chest
from vesalius.virtual.exams.base import sized
from vesalius.virtual.patient import Patient
from vesalius.virtual.picture import Mark, Picture
from vesalius.virtual.seeds import stream

__all__ = ["REGION", "SIZE", "STRUCTURES", "protocol_of", "render", "scanned"]

REGION = "chest"
SIZE = 96
STRUCTURES = (
    "right upper lobe", "right middle lobe", "right lower lobe", "left upper lobe", "left lower lobe", "trachea",
    "right main bronchus", "left main bronchus", "heart", "left ventricle", "right ventricle", "left atrium",
    "right atrium", "ascending aorta", "aortic arch", "descending thoracic aorta", "pulmonary trunk",
    "right pulmonary artery", "left pulmonary artery", "superior vena cava", "inferior vena cava", "oesophagus",
    "thoracic spine", "spinal cord", "right ribs", "left ribs", "sternum", "right clavicle", "left clavicle",
    "right scapula", "left scapula", "diaphragm", "liver", "spleen", "stomach", "thymus", "right breast",
    "left breast", "subcutaneous fat",
)  # fmt: skip
"""Structures whose masks go with the volume, where they lie in it."""
_NAME = "ct"
_SIZES = (24, 512)


def protocol_of(patient: Patient, size: int) -> ct.Protocol:
    """Return how the patient is scanned: by the site's habits and chance, before any disease."""
    rng = stream(patient.seed, patient.occasion, "exam", "chest_ct", "protocol")
    grid = thorax_grid(patient, size)
    phase = ("native", "arterial", "portal")[int(rng.choice(3, p=(0.45, 0.2, 0.35)))]
    kernel = "standard" if rng.random() < 0.7 else ("smooth" if patient.site.edge < 0.3 else "lung")
    dose = float(rng.uniform(5, 8)) * patient.acquisition.dose
    return ct.Protocol(
        grid=grid,
        phase=phase,
        kernel=kernel,
        ctdi_mgy=dose,
        slice_mm=min(grid.spacing_mm[0] * float(rng.uniform(1, 1.5)), ct.THICKEST_MM),
    )


def scanned(patient: Patient, size: int) -> tuple[Thorax, ct.Scan]:
    """Return the patient's thorax with its diseases, and the scan of it."""
    anatomy = diseased(build_thorax(patient), patient)
    assert isinstance(anatomy, Thorax)
    noise = stream(patient.seed, patient.occasion, "exam", "chest_ct", "noise")
    return anatomy, ct.scan(anatomy, protocol_of(patient, size), noise)


def render(patient: Patient, size: int = SIZE) -> tuple[Picture, ...]:
    """Render the scan of a patient, `size` slices, rows and columns."""
    anatomy, scan = scanned(patient, sized(size, *_SIZES))
    grid = scan.protocol.grid
    marks = (
        *lesion_marks(scan.sampled, patient.diseases), *structure_marks(scan.sampled, STRUCTURES),
        *_points(anatomy, grid),
    )  # fmt: skip
    return (
        Picture(
            name=_NAME, modality="CT", pixels=scan.volume, axes="ZYX", units="HU", spacing_mm=grid.spacing_mm,
            origin_mm=grid.origin_mm, view="axial", body_part="CHEST", sequence=scan.protocol.phase, marks=marks,
            measurements=measure_chest(anatomy, scan, patient.diseases, _NAME),
        ),
    )  # fmt: skip


def _points(anatomy: Thorax, grid: Grid) -> tuple[Mark, ...]:
    """Landmarks that lie in the volume, in voxels."""
    places = {name: grid.index(place) for name, place in landmarks(anatomy).items()}
    inside = {
        name: place
        for name, place in places.items()
        if all(0 <= value <= count - 1 for value, count in zip(place, grid.shape[::-1], strict=True))
    }
    return tuple(Mark(anatomy=name, points=(place,)) for name, place in inside.items())
