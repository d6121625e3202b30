"""Measurements of a chest CT: sizes from the solids, what only the picture holds (HU, shares) from the volume."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from vesalius.data.records import Measurement
from vesalius.virtual.anatomy.caliper import axial_axes, deepest_mm, inner, volume_ml
from vesalius.virtual.anatomy.marks import mask_of
from vesalius.virtual.anatomy.solids import Point, Tube
from vesalius.virtual.anatomy.thorax_body import Thorax
from vesalius.virtual.anatomy.thorax_shapes import ellipsoid_of
from vesalius.virtual.body import SIDES
from vesalius.virtual.book import Book
from vesalius.virtual.ct import Scan
from vesalius.virtual.findings.base import Disease
from vesalius.virtual.radiograph.lungs import HILUM

__all__ = [
    "carina_angle", "heart_width_mm", "inner_width_mm", "landmarks", "measure_chest", "ventricle_ratio",
    "vessel_diameter_mm",
]  # fmt: skip

_ROUND = ("lung_nodule", "lung_mass", "lung_cavity", "granuloma", "lymphadenopathy")
"""Findings that are measured by their axes."""
_OFF_CORTEX_MM = 4.0
"""Distance from the surface of a vertebra at which its density is read."""
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


def landmarks(anatomy: Thorax) -> Mapping[str, Point]:
    """Return places of the thorax, mm: carina, tops of the domes, apex of the heart, hilum of each lung."""
    chest = anatomy.chest
    carina = anatomy.solid("right main bronchus")
    assert isinstance(carina, Tube)
    main = chest.heart[0]
    apex = main.centre + main.rotation[0] * main.axes[0]
    found = {"carina": carina.points[0], "apex of heart": _point(apex)}
    for side, dome in zip(SIDES, chest.domes, strict=True):
        found[f"top of {side} dome"] = _point(dome.centre + np.array([0.0, 0.0, float(dome.axes[2])]))
        found[f"{side} hilum"] = _point(np.array(HILUM[side]) * chest.scale)
    return found


def _point(place: NDArray[np.float64]) -> Point:
    x, y, z = (float(value) for value in place)
    return (x, y, z)


def ventricle_ratio(scan: Scan) -> float:
    """Short width of the right over that of the left ventricle, each on the slice of its long axis, on the masks."""
    widths = []
    for name in ("right ventricle", "left ventricle"):
        axes = axial_axes(mask_of(scan.sampled, name), scan.protocol.grid.spacing_mm)
        widths.append(axes.short_mm if axes else float("nan"))
    return widths[0] / widths[1]


def measure_chest(
    anatomy: Thorax, scan: Scan, diseases: Sequence[Disease], image: str
) -> tuple[Measurement, ...]:  # fmt: skip
    """Return all measurements of a chest CT."""
    book = Book(image)
    _heart_and_vessels(book, anatomy)
    book.add("ventricle_ratio", ventricle_ratio(scan), "1", "heart")
    _lungs(book, scan)
    marrow = _marrow(scan, "vertebra T10")
    if marrow.any():
        book.add("vertebral_density", scan.mean_hu(marrow), "[hnsf'U]", "vertebra T10")
    for (concept, number), mask in _lesions(scan):
        disease = diseases[number]
        _lesion(book, scan, (disease, concept), mask)
    for disease in diseases:
        if disease.region == "chest":
            for name, size in disease.sizes_mm.items():
                book.add(f"{disease.concept}_{name}", size, "mm", disease.anatomy, disease.laterality)
    return tuple(book.found)


def _heart_and_vessels(book: Book, anatomy: Thorax) -> None:
    heart, thorax = heart_width_mm(anatomy), inner_width_mm(anatomy)
    book.add("cardiothoracic_ratio", heart / thorax, "1", "heart")
    book.add("cardiac_width", heart, "mm", "heart")
    book.add("thoracic_width", thorax, "mm", "thorax")
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


def _lungs(book: Book, scan: Scan) -> None:
    lung, spacing = mask_of(scan.sampled, "lungs"), scan.protocol.grid.spacing_mm
    book.add("lung_volume", volume_ml(lung, spacing), "mL", "lungs")
    for side in SIDES:
        book.add("lung_volume", volume_ml(mask_of(scan.sampled, f"{side} lung"), spacing), "mL", f"{side} lung", side)
    values = scan.volume[inner(lung)]
    if len(values):
        book.add("low_attenuation_share", float((values < -950).mean()), "1", "lungs")
        book.add("lung_mean_density", float(values.mean()), "[hnsf'U]", "lungs")


def _marrow(scan: Scan, vertebra: str) -> NDArray[np.bool_]:
    """Voxels at least 4 mm within a vertebral body.

    The canal marks the back: the arch and the processes are left out.
    """
    mask, canal = mask_of(scan.sampled, vertebra), mask_of(scan.sampled, "spinal canal")
    levels = np.flatnonzero(mask.any(axis=(1, 2)))
    rows = np.flatnonzero(canal[levels].any(axis=(0, 2)))
    found = inner(mask, int(np.ceil(_OFF_CORTEX_MM / min(scan.protocol.grid.spacing_mm))))
    if len(rows):
        found[:, rows[0] :] = False
    return found


def _lesions(scan: Scan) -> Iterable[tuple[tuple[str, int], NDArray[np.bool_]]]:
    for key in sorted({(concept, number) for concept, number, _ in scan.sampled.lesions}):
        mask = scan.sampled.lesion(*key)
        if mask.any():
            yield key, mask


def _lesion(book: Book, scan: Scan, what: tuple[Disease, str], mask: NDArray[np.bool_]) -> None:
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
