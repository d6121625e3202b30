"""Measurements of a chest CT: sizes from the solids, what only the picture holds (HU, shares) from the volume."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from vesalius.data.records import Laterality, Measurement
from vesalius.virtual.anatomy.caliper import axial_axes, deepest_mm, volume_ml
from vesalius.virtual.anatomy.marks import mask_of
from vesalius.virtual.anatomy.solids import Tube
from vesalius.virtual.anatomy.thorax_body import Thorax
from vesalius.virtual.anatomy.thorax_shapes import ellipsoid_of
from vesalius.virtual.body import SIDES
from vesalius.virtual.ct import Scan
from vesalius.virtual.findings.base import LOBES, Disease

__all__ = ["carina_angle", "heart_width_mm", "inner_width_mm", "measure_chest", "vessel_diameter_mm"]

_ROUND = ("lung_nodule", "lung_mass", "lung_metastases", "cavity", "granuloma", "chest_lymphadenopathy")
"""Findings that are measured by their axes."""
_FLUID = ("pleural_effusion", "pericardial_effusion", "pneumothorax")
"""Findings that are measured by their depth."""


def heart_width_mm(anatomy: Thorax) -> float:
    """Transverse width of the heart with its pericardium."""
    bounds = [ellipsoid_of(part).bounds for part in anatomy.chest.heart]
    return float(max(b.high[0] for b in bounds) - min(b.low[0] for b in bounds))


def inner_width_mm(anatomy: Thorax) -> float:
    """Inner width of the rib cage at the level of the right dome."""
    centre, width, _, _ = anatomy.chest.cavity.at(anatomy.chest.dome_top("right"))
    return float(2 * (centre + width))


def vessel_diameter_mm(anatomy: Thorax, structure: str, share: float = 0.5) -> float:
    """Outer diameter of a vessel across its course, at a share of its length."""
    line = anatomy.solid(structure)
    assert isinstance(line, Tube)
    return 2 * float(np.interp(share, np.linspace(0, 1, len(line.samples)), line.samples[:, 3]))


def carina_angle(anatomy: Thorax) -> float:
    """Angle between the main bronchi, degrees."""
    ways = []
    for side in SIDES:
        line = anatomy.solid(f"{side} main bronchus")
        assert isinstance(line, Tube)
        way = line.samples[-1, :3] - line.samples[0, :3]
        ways.append(way / np.linalg.norm(way))
    return float(np.degrees(np.arccos(np.clip(ways[0] @ ways[1], -1, 1))))


class _Book:
    """Collects measurements of one picture."""

    def __init__(self, image: str) -> None:
        self.image, self.found = image, list[Measurement]()

    def add(self, name: str, value: float, unit: str, anatomy: str = "", side: Laterality = "") -> None:
        if np.isfinite(value):
            self.found.append(
                Measurement(name=name, value=round(float(value), 3), unit=unit, image=self.image, anatomy=anatomy,
                            laterality=side, source="virtual geometry")
            )  # fmt: skip


def measure_chest(
    anatomy: Thorax, scan: Scan, diseases: Sequence[Disease], image: str
) -> tuple[Measurement, ...]:  # fmt: skip
    """Return all measurements of a chest CT."""
    book = _Book(image)
    _heart_and_vessels(book, anatomy)
    _lungs(book, scan)
    for (concept, number), mask in _lesions(scan):
        disease = diseases[number]
        _lesion(book, scan, (disease, concept), mask)
    for disease in diseases:
        if disease.region == "chest":
            for name, size in disease.sizes_mm.items():
                book.add(f"{disease.concept}_{name}", size, "mm", disease.anatomy, disease.laterality)
    return tuple(book.found)


def _heart_and_vessels(book: _Book, anatomy: Thorax) -> None:
    heart, inner = heart_width_mm(anatomy), inner_width_mm(anatomy)
    book.add("cardiothoracic_ratio", heart / inner, "1", "heart")
    book.add("cardiac_width", heart, "mm", "heart")
    book.add("thoracic_width", inner, "mm", "thorax")
    ascending = vessel_diameter_mm(anatomy, "ascending aorta")
    trunk = vessel_diameter_mm(anatomy, "pulmonary trunk")
    book.add("ascending_aorta_diameter", ascending, "mm", "ascending aorta")
    book.add("descending_aorta_diameter", vessel_diameter_mm(anatomy, "descending thoracic aorta"), "mm",
             "descending thoracic aorta", "left")  # fmt: skip
    book.add("pulmonary_trunk_diameter", trunk, "mm", "pulmonary trunk")
    book.add("pulmonary_trunk_to_aorta_ratio", trunk / ascending, "1", "pulmonary trunk")
    book.add("carina_angle", carina_angle(anatomy), "deg", "trachea")
    book.add(
        "dome_height_difference", anatomy.chest.dome_top("right") - anatomy.chest.dome_top("left"), "mm", "diaphragm"
    )


def _lungs(book: _Book, scan: Scan) -> None:
    lung, spacing = mask_of(scan.sampled, "lungs"), scan.protocol.grid.spacing_mm
    book.add("lung_volume", volume_ml(lung, spacing), "mL", "lungs")
    for side in SIDES:
        book.add("lung_volume", volume_ml(mask_of(scan.sampled, f"{side} lung"), spacing), "mL", f"{side} lung", side)
    lobes = np.logical_or.reduce([mask_of(scan.sampled, lobe) for lobe in LOBES])
    values = scan.volume[lobes]
    if len(values):
        book.add("low_attenuation_share", float((values < -950).mean()), "1", "lungs")
        book.add("lung_mean_density", float(values.mean()), "[hnsf'U]", "lungs")


def _lesions(scan: Scan) -> Iterable[tuple[tuple[str, int], NDArray[np.bool_]]]:
    for key in sorted({(concept, number) for concept, number, _ in scan.sampled.lesions}):
        mask = scan.sampled.lesion(*key)
        if mask.any():
            yield key, mask


def _lesion(book: _Book, scan: Scan, what: tuple[Disease, str], mask: NDArray[np.bool_]) -> None:
    disease, concept = what
    spacing = scan.protocol.grid.spacing_mm
    place = disease.anatomy, disease.laterality
    book.add(f"{concept}_volume", volume_ml(mask, spacing), "mL", *place)
    book.add(f"{concept}_mean_density", scan.mean_hu(mask), "[hnsf'U]", *place)
    axes = axial_axes(mask, spacing) if concept in _ROUND else None
    if axes:
        book.add(f"{concept}_long_axis", axes.long_mm, "mm", *place)
        book.add(f"{concept}_short_axis", axes.short_mm, "mm", *place)
    if concept in _FLUID:
        book.add(f"{concept}_depth", deepest_mm(mask, spacing), "mm", *place)
