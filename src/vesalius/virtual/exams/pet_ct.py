"""FDG PET-CT of the chest: a volume in SUV and a low-dose CT of the same field, slices and spacing."""

from __future__ import annotations

from collections.abc import Iterable

from vesalius.data.records import Measurement
from vesalius.virtual import ct, pet
from vesalius.virtual.anatomy.caliper import inner, volume_ml
from vesalius.virtual.anatomy.diseased import diseased
from vesalius.virtual.anatomy.marks import lesion_marks, mask_of, structure_marks
from vesalius.virtual.anatomy.thorax import Thorax, build_thorax, thorax_grid
from vesalius.virtual.chest_measures import measure_chest
from vesalius.virtual.exams.base import sized
from vesalius.virtual.patient import Patient
from vesalius.virtual.picture import Picture
from vesalius.virtual.seeds import stream

__all__ = ["REGION", "SIZE", "render"]

REGION = "chest"
SIZE = 96
"""Gives voxels of about 4 mm."""
_SIZES = (24, 256)
_STRUCTURES = ("lungs", "heart", "myocardium", "thoracic aorta", "mediastinum", "thoracic spine", "liver", "spleen")
_METABOLIC = 0.41
"""Share of SUVmax that bounds the metabolic volume."""


def render(patient: Patient, size: int = SIZE) -> tuple[Picture, ...]:
    """Render CT and PET of a patient, `size` slices, rows and columns each."""
    anatomy = diseased(build_thorax(patient), patient)
    assert isinstance(anatomy, Thorax)
    grid = thorax_grid(patient, sized(size, *_SIZES))
    habit = stream(patient.seed, patient.occasion, "exam", "pet_ct", "protocol")
    low_dose = ct.Protocol(grid=grid, kernel="smooth", ctdi_mgy=float(habit.uniform(1.5, 3)))
    emission = pet.EmissionProtocol(
        grid=grid, resolution_mm=float(habit.uniform(5, 7)), liver_noise=float(habit.uniform(0.08, 0.15))
    )
    found = ct.scan(anatomy, low_dose, stream(patient.seed, patient.occasion, "exam", "pet_ct", "ct"))
    glow = pet.acquire(anatomy, emission, stream(patient.seed, patient.occasion, "exam", "pet_ct", "pt"))
    marks = (*lesion_marks(found.sampled, patient.diseases), *structure_marks(found.sampled, _STRUCTURES))
    about = {"axes": "ZYX", "spacing_mm": grid.spacing_mm, "origin_mm": grid.origin_mm, "view": "axial",
             "body_part": "CHEST", "marks": marks}  # fmt: skip
    return (
        Picture(name="ct", modality="CT", pixels=found.volume, units="HU", sequence="native",
                measurements=measure_chest(anatomy, found, patient.diseases, "ct"), **about),  # type: ignore[arg-type]
        Picture(name="pt", modality="PT", pixels=glow.volume, units="SUV", sequence="FDG",
                measurements=tuple(_uptake(glow, patient, "pt")), **about),  # type: ignore[arg-type]
    )  # fmt: skip


def _uptake(scan: pet.EmissionScan, patient: Patient, image: str) -> Iterable[Measurement]:
    """Uptake of liver and blood, and of every lesion."""
    sampled, spacing = scan.sampled, scan.protocol.grid.spacing_mm

    def of(name: str, value: float, unit: str, anatomy: str, side: str = "") -> Measurement:
        return Measurement(name=name, value=round(float(value), 3), unit=unit, image=image, anatomy=anatomy,
                           laterality=side, source="virtual geometry")  # type: ignore[arg-type]  # fmt: skip

    for name, structure in (("liver", "liver"), ("blood_pool", "thoracic aorta")):
        inside = inner(mask_of(sampled, structure))
        if inside.any():
            yield of(f"{name}_suv_mean", scan.volume[inside].mean(), "g/mL", structure)
    for concept, number in sorted({(concept, number) for concept, number, _ in sampled.lesions}):
        mask, disease = sampled.lesion(concept, number), patient.diseases[number]
        if not mask.any():
            continue
        values, place = scan.volume[mask], (disease.anatomy, disease.laterality)
        yield of(f"{concept}_suv_max", values.max(), "g/mL", *place)
        yield of(f"{concept}_suv_mean", values.mean(), "g/mL", *place)
        yield of(f"{concept}_suv_peak", pet.peak_uptake(scan.volume, mask, scan.protocol.grid), "g/mL", *place)
        hot = mask & (scan.volume >= _METABOLIC * values.max())
        yield of(f"{concept}_metabolic_volume", volume_ml(hot, spacing), "mL", *place)
