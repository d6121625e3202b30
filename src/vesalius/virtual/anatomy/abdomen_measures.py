"""Measurements of an abdominal CT: sizes from the solids as the scan shows them, volumes and HU from its masks."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from vesalius.data.records import Laterality, Measurement
from vesalius.virtual.anatomy.abdomen_lesions import FocalLesion
from vesalius.virtual.anatomy.caliper import axial_axes, deepest_mm, volume_ml
from vesalius.virtual.anatomy.catalogue import ancestors
from vesalius.virtual.anatomy.marks import mask_of
from vesalius.virtual.anatomy.parts import Anatomy, Part
from vesalius.virtual.anatomy.solids import Ellipsoid, Inset, Lumpy, Solid, Tube
from vesalius.virtual.book import Book
from vesalius.virtual.ct import Scan
from vesalius.virtual.findings.base import Disease

__all__ = ["base_ellipsoid", "contact_angle", "measure_abdomen", "seen_axes", "seen_axial_axes", "target_sum"]

_VOLUMES = ("liver", "spleen", "pancreas", "gallbladder", "urinary bladder", "prostate", "uterus")
_TARGETS = ("hepatocellular_carcinoma", "liver_metastases", "pancreatic_cancer", "renal_cell_carcinoma")
"""Findings that count as targets of RECIST."""
_MUSCLES = ("abdominal wall muscle", "psoas muscle", "erector spinae muscle", "quadratus lumborum muscle")


def measure_abdomen(anatomy: Anatomy, scan: Scan, diseases: Sequence[Disease], image: str) -> tuple[Measurement, ...]:
    """Return all measurements of an abdominal CT."""
    book = Book(image)
    _organs(book, anatomy, scan)
    _vessels(book, anatomy)
    _composition(book, anatomy, scan)
    for index, disease in enumerate(diseases):
        if disease.region == "abdomen":
            _lesion(book, anatomy, scan, index, disease)
    total = target_sum(book.found)
    if total > 0:
        book.add("target_lesion_sum", total, "mm", "abdomen")
    return tuple(book.found)


def base_ellipsoid(solid: Solid) -> Ellipsoid | None:
    """Return the ellipsoid that waves and insets were put on; None where there is none."""
    while isinstance(solid, (Lumpy, Inset)):
        solid = solid.solid
    return solid if isinstance(solid, Ellipsoid) else None


def _form(anatomy: Anatomy, egg: Ellipsoid) -> NDArray[np.float64]:
    """Quadratic form of an ellipsoid as it is seen through the warp, to first order at its centre."""
    turn = egg.rotation
    form = turn.T @ np.diag(1 / np.asarray(egg.axes) ** 2) @ turn
    if anatomy.warp is None:
        return np.asarray(form)
    warp, centre = anatomy.warp, np.asarray(egg.centre, float)
    place = centre
    for _ in range(4):
        place = centre - warp.at(place.tolist())
    slope = [(warp.at((place + e).tolist()) - warp.at((place - e).tolist())) / 2 for e in np.eye(3)]
    jacobian = np.eye(3) + np.stack(slope, axis=1)
    return np.asarray(jacobian.T @ form @ jacobian)


def seen_axes(anatomy: Anatomy, egg: Ellipsoid) -> tuple[float, float, float]:
    """Axes in space (diameters, longest first) of an ellipsoid as the picture shows it, mm."""
    long, middle, short = 2 / np.sqrt(np.linalg.eigvalsh(_form(anatomy, egg)))
    return float(long), float(middle), float(short)


def seen_axial_axes(anatomy: Anatomy, egg: Ellipsoid) -> tuple[float, float]:
    """Longest axis on axial slices of an ellipsoid as the picture shows it, and the longest across it, mm."""
    long, short = 2 / np.sqrt(np.linalg.eigvalsh(_form(anatomy, egg)[:2, :2]))
    return float(long), float(short)


def _organs(book: Book, anatomy: Anatomy, scan: Scan) -> None:
    spacing = scan.protocol.grid.spacing_mm
    for name in _VOLUMES:
        mask = mask_of(scan.sampled, name)
        if mask.any():
            book.add(f"{name.replace(' ', '_')}_volume", volume_ml(mask, spacing), "mL", name)
    liver, spleen = mask_of(scan.sampled, "liver"), mask_of(scan.sampled, "spleen")
    book.add("liver_span", _span(anatomy, scan, liver), "mm", "liver", "right")
    densities = [_mean_inside(scan, mask) for mask in (liver, spleen)]
    book.add("liver_mean_density", densities[0], "[hnsf'U]", "liver")
    book.add("spleen_mean_density", densities[1], "[hnsf'U]", "spleen")
    book.add("liver_minus_spleen_density", densities[0] - densities[1], "[hnsf'U]", "liver")
    egg = base_ellipsoid(anatomy.solid("spleen"))
    if egg:
        book.add("spleen_length", seen_axes(anatomy, egg)[0], "mm", "spleen", "left")
    sides: tuple[Laterality, ...] = ("left", "right")
    for side in sides:
        name = f"{side} kidney"
        bean = base_ellipsoid(anatomy.solid(name))
        if bean:
            book.add("kidney_length", seen_axes(anatomy, bean)[0], "mm", name, side)
        book.add("kidney_volume", volume_ml(mask_of(scan.sampled, name), spacing), "mL", name, side)
    if "prostate" in anatomy.structures and (egg := base_ellipsoid(anatomy.solid("prostate"))):
        axes = seen_axes(anatomy, egg)
        book.add("prostate_volume_by_axes", 0.5236 * axes[0] * axes[1] * axes[2] / 1000, "mL", "prostate")


def _span(anatomy: Anatomy, scan: Scan, liver: NDArray[np.bool_]) -> float:
    """Height of the liver in the mid-clavicular plane: 80 mm to the right in the reference adult."""
    grid = scan.protocol.grid
    column = round(grid.index((-80 * anatomy.body.width, 0, 0))[0])
    slices = np.flatnonzero(liver[:, :, int(np.clip(column, 0, liver.shape[2] - 1))].any(axis=1))
    return float((slices[-1] - slices[0] + 1) * grid.spacing_mm[0]) if len(slices) else float("nan")


def _mean_inside(scan: Scan, mask: NDArray[np.bool_]) -> float:
    """Mean HU of a mask without its outermost voxels and without lesions."""
    inner = mask.copy()
    for axis in range(3):
        for step in (-1, 1):
            inner &= np.roll(mask, step, axis)
    for (_, _, component), lesion in scan.sampled.lesions.items():
        if component != "organ":
            inner &= ~lesion
    return scan.mean_hu(inner)


def _vessels(book: Book, anatomy: Anatomy) -> None:
    aorta = anatomy.solid("abdominal aorta")
    assert isinstance(aorta, Tube)
    below = aorta.samples[aorta.samples[:, 2] < 0]
    book.add("abdominal_aorta_diameter", 2 * float(below[:, 3].max()), "mm", "abdominal aorta", "midline")
    for name, label in (("portal vein", "portal_vein_diameter"), ("common bile duct", "common_bile_duct_diameter")):
        tube = anatomy.solid(name)
        assert isinstance(tube, Tube)
        book.add(label, 2 * max(tube.radii), "mm", name)
    artery = anatomy.solid("superior mesenteric artery")
    assert isinstance(artery, Tube)
    way = artery.samples[8, :3] - artery.samples[3, :3]
    down = aorta.samples[-1, :3] - aorta.samples[-8, :3]
    cosine = way @ down / np.linalg.norm(way) / np.linalg.norm(down)
    book.add(
        "aortomesenteric_angle",
        float(np.degrees(np.arccos(np.clip(cosine, -1, 1)))),
        "deg",
        "superior mesenteric artery",
    )


def _composition(book: Book, anatomy: Anatomy, scan: Scan) -> None:
    """Areas of muscle and visceral fat on the slice through the middle of L3."""
    mask = mask_of(scan.sampled, "vertebra L3")
    if not mask.any():
        return
    number = int(np.median(np.nonzero(mask)[0]))
    pixel = scan.protocol.grid.spacing_mm[1] * scan.protocol.grid.spacing_mm[2] / 100
    names = [name for name in scan.sampled.structures if name.endswith(_MUSCLES)]
    muscle = sum(int((scan.sampled.mask(name)[number]).sum()) for name in names) * pixel
    fat = ("visceral fat", "peritoneal fat", "left perirenal fat", "right perirenal fat")
    area = sum(int(scan.sampled.mask(name)[number].sum()) for name in fat if name in scan.sampled.structures) * pixel
    book.add("skeletal_muscle_index", muscle / (anatomy.body.height_cm / 100) ** 2, "cm2/m2", "vertebra L3")
    book.add("visceral_fat_area", area, "cm2", "vertebra L3")


def _lesion(book: Book, anatomy: Anatomy, scan: Scan, index: int, disease: Disease) -> None:
    concept, place = disease.concept, (disease.anatomy, disease.laterality)
    mask = scan.sampled.lesion(concept, index)
    spacing = scan.protocol.grid.spacing_mm
    if not isinstance(disease, FocalLesion):
        for name, size in disease.sizes_mm.items():
            book.add(f"{concept}_{name.replace(' ', '_')}", size, "mm", *place)
    if not mask.any():
        return
    book.add(f"{concept}_volume", volume_ml(mask, spacing), "mL", *place)
    book.add(f"{concept}_mean_density", scan.mean_hu(mask), "[hnsf'U]", *place)
    if concept == "ascites":
        book.add("ascites_depth", deepest_mm(mask, spacing), "mm", *place)
    if not isinstance(disease, FocalLesion):
        return
    part = next(p for p in anatomy.parts if p.concept == concept and p.instance == index)
    egg, axes = base_ellipsoid(part.solid), axial_axes(mask, spacing)
    if axes and egg:
        book.add(f"{concept}_long_axis", axes.long_mm, "mm", *place)
        book.add(f"{concept}_short_axis", axes.short_mm, "mm", *place)
        long, short = seen_axial_axes(anatomy, egg)
        book.add(f"{concept}_long_axis_of_solid", long, "mm", *place)
        book.add(f"{concept}_short_axis_of_solid", short, "mm", *place)
    organ = _organ(disease.anatomy)
    whole = mask_of(scan.sampled, organ) | mask
    book.add(f"{concept}_share_of_organ", 100 * float(mask.sum() / whole.sum()), "%", organ, disease.laterality)
    if concept == "pancreatic_cancer":
        for vessel in ("superior mesenteric artery", "superior mesenteric vein"):
            book.add("tumour_vessel_contact", contact_angle(anatomy, part, vessel), "deg", vessel)


def contact_angle(anatomy: Anatomy, tumour: Part, vessel: str) -> float:
    """Largest share of a vessel's circumference that a tumour touches, degrees; within 2 mm counts as touching."""
    tube = anatomy.solid(vessel)
    assert isinstance(tube, Tube)
    angle = np.linspace(0, 2 * np.pi, 72, endpoint=False)
    most = 0.0
    for start, end in zip(tube.samples[:-1], tube.samples[1:], strict=True):
        way = (end - start)[:3] / max(float(np.linalg.norm((end - start)[:3])), 1e-6)
        first = np.cross(way, (1.0, 0.0, 0.0) if abs(way[0]) < 0.9 else (0.0, 1.0, 0.0))
        first /= np.linalg.norm(first)
        second = np.cross(way, first)
        ring = start[:3] + (start[3] + 2.0) * (np.outer(np.cos(angle), first) + np.outer(np.sin(angle), second))
        x, y, z = ring.T.astype(np.float32)
        most = max(most, float((tumour.solid.distance(x, y, z) < 0).mean()))
    return 360 * most


def target_sum(found: Sequence[Measurement]) -> float:
    """Sum of the long axes of target lesions by RECIST 1.1: from 10 mm, at most two an organ and five in all."""
    kept: dict[str, list[float]] = {}
    for value, organ in sorted(_targets(found), reverse=True):
        if value >= 10 and len(kept.setdefault(organ, [])) < 2:
            kept[organ].append(value)
    values = sorted((value for group in kept.values() for value in group), reverse=True)
    return float(sum(values[:5]))


def _targets(found: Sequence[Measurement]) -> Iterator[tuple[float, str]]:
    for item in found:
        if item.name in {f"{name}_long_axis" for name in _TARGETS}:
            yield item.value, _organ(item.anatomy)


def _organ(structure: str) -> str:
    """The organ that a structure is a part of, or itself."""
    return next((name for name in ("liver", "pancreas") if name in ancestors(structure)), structure)
