"""Measurements of the head: indices from its solids, sizes of lesions from masks.

What comes from solids is the truth of the body, and says source "geometry"; what is counted on the voxels of a
picture says "mask". D slices, H rows, W columns.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from vesalius.data.records import Laterality, Measurement
from vesalius.virtual.anatomy.head import Head
from vesalius.virtual.anatomy.head_brain import lateral_ventricle
from vesalius.virtual.anatomy.head_lesions import volume_ml
from vesalius.virtual.anatomy.head_shape import INNER_SKULL
from vesalius.virtual.anatomy.parts import Grid, Sampled
from vesalius.virtual.anatomy.solids import Cut, Tube, Union
from vesalius.virtual.body import SIDES, Side
from vesalius.virtual.findings.base import Disease

__all__ = [
    "Axes",
    "abc_half_ml",
    "evans_index",
    "lesion_axes",
    "lesion_mask",
    "measure_head",
    "measure_lesions",
    "measure_vessels",
]

_BRAIN = ("cerebral", "cerebellar", "callosum", "capsule", "putamen", "pallidus", "caudate", "thalamus", "amygdala",
          "hippocampus", "septum pellucidum", "midbrain", "pons", "medulla", "optic tract", "chiasm",
          "pineal")  # fmt: skip
_FLUID = ("ventricle", "aqueduct", "cavum", "subarachnoid", "choroid plexus")


class Axes(NamedTuple):
    """Longest in-plane diameter of a mask over all axial slices, and the longest across it, mm."""

    long_mm: float
    short_mm: float
    slice_index: int


def evans_index(head: Head) -> float:
    """Width of the frontal horns against that of the inner skull in the same plane of the head."""
    assert head.shape is not None
    edges = []
    for side, sign in (("left", 1), ("right", -1)):
        main = lateral_ventricle(head.shape, side)
        assert isinstance(main, Union)
        assert isinstance(main.solids[0], Tube)
        line = main.solids[0].samples
        front = line[line[:, 1] < -4]
        x, y, z, radius = front[(sign * front[:, 0] + front[:, 3]).argmax()]
        edges.append(head.displaced((float(x + sign * radius), float(y), float(z))))
    height = (edges[0][2] + edges[1][2]) / 2 - INNER_SKULL.centre[2]
    skull = 2 * INNER_SKULL.axes[0] * np.sqrt(1 - (height / INNER_SKULL.axes[2]) ** 2)
    return float((edges[0][0] - edges[1][0]) / skull)


def measure_head(head: Head, sampled: Sampled, image: str) -> tuple[Measurement, ...]:
    """Return the indices that every head has.

    Volumes of a head in which a mass pushes are counted on the voxels: pushes fade at the skull and keep no volume.
    """
    shape = head.shape
    assert shape is not None
    half = shape.third_mm / 2
    left, right = (head.displaced((x, 14.0, -1.0))[0] for x in (half, -half))
    found = [_made("evans_index", evans_index(head), "1", image),
             _made("third_ventricle_width", (left - right) * shape.scale[0], "mm", image, "third ventricle"),
             _made("midline_shift", abs(head.midline_shift_mm), "mm", image, "septum pellucidum")]  # fmt: skip
    hippocampi = {}
    for side in SIDES:
        ventricle, hippocampi[side], source = _paired_volumes(head, sampled, side)
        found.append(_made("ventricle_volume", ventricle, "mL", image, "lateral ventricle", side, source))
        found.append(_made("hippocampal_volume", hippocampi[side], "mL", image, "hippocampus", side, source))
    mean = (hippocampi["left"] + hippocampi["right"]) / 2
    if mean > 0:
        share = 100 * (hippocampi["left"] - hippocampi["right"]) / mean
        found.append(_made("hippocampal_asymmetry", share, "%", image, "hippocampus", source=found[-1].source))
    brain, fluid = (_counted(sampled, words) for words in (_BRAIN, _FLUID))
    found.append(_made("brain_volume", brain, "mL", image, "brain", source="mask"))
    found.append(_made("brain_parenchymal_fraction", brain / max(1e-3, brain + fluid), "1", image, source="mask"))
    return tuple(found)


def _paired_volumes(head: Head, sampled: Sampled, side: Side) -> tuple[float, float, str]:
    """Lateral ventricle with its plexus and hippocampus of a side, mL, and where the numbers come from."""
    shape = head.shape
    assert shape is not None
    if head.pushes:
        fluid = _counted(sampled, (f"{side} lateral ventricle", f"{side} choroid plexus"))
        return fluid, _counted(sampled, (f"{side} hippocampus",)), "mask"
    ventricle = lateral_ventricle(shape, side)
    hippocampus = Cut(head.solid(f"{side} hippocampus"), (ventricle,))
    return volume_ml(ventricle, step_mm=1.5) * shape.volume, volume_ml(hippocampus) * shape.volume, "geometry"


def _made(
    name: str,
    value: float,
    unit: str,
    image: str,
    anatomy: str = "",
    laterality: Laterality = "",
    source: str = "geometry",
) -> Measurement:
    return Measurement(name=name, value=float(round(value, 4)), unit=unit, image=image, anatomy=anatomy,
                       laterality=laterality, source=source)  # fmt: skip


def _counted(sampled: Sampled, words: Sequence[str]) -> float:
    """Volume in mL of all structures whose name holds one of the words."""
    table = np.zeros(256, np.bool_)
    for place, name in enumerate(sampled.structures):
        table[place + 1] = any(word in name for word in words) and "artery" not in name
    return float(table[sampled.labels].sum()) * sampled.grid.voxel_ml


def lesion_mask(sampled: Sampled, concept: str, instance: int) -> NDArray[np.bool_]:
    """Voxels of a lesion without the oedema round it, or its oedema where it has nothing else."""
    kinds = {
        part: mask for (name, number, part), mask in sampled.lesions.items() if (name, number) == (concept, instance)
    }
    solid = [mask for part, mask in kinds.items() if part not in ("oedema", "fracture")]
    found = np.zeros(sampled.labels.shape, np.bool_)
    for mask in solid or kinds.values():
        found |= mask
    return found


def lesion_axes(mask: NDArray[np.bool_], grid: Grid) -> Axes:
    """Measure a mask (D, H, W) on axial slices, between outer edges of voxels; zeros where it is empty."""
    angles = np.radians(np.arange(0, 180, 3))
    ways = np.stack([np.sin(angles), np.cos(angles)])
    edge = np.linalg.norm(ways * np.asarray(grid.spacing_mm[1:])[:, None], axis=0)
    best = Axes(0.0, 0.0, 0)
    for index in np.flatnonzero(mask.any(axis=(1, 2))):
        places = np.argwhere(mask[index]) * np.asarray(grid.spacing_mm[1:])
        along = places @ ways
        spans = np.ptp(along, axis=0) + edge
        widest = int(spans.argmax())
        if spans[widest] > best.long_mm:
            best = Axes(float(spans[widest]), float(spans[(widest + 30) % 60]), int(index))
    return best


def abc_half_ml(mask: NDArray[np.bool_], grid: Grid) -> float:
    """Half the product of two axes of the largest slice and the slices' thickness; small slices count less."""
    areas = mask.sum(axis=(1, 2))
    if not areas.any():
        return 0.0
    largest = int(areas.argmax())
    axes = lesion_axes(mask[largest : largest + 1], grid)
    share = areas / areas[largest]
    height = float(np.where(share > 0.75, 1.0, np.where(share >= 0.25, 0.5, 0.0)).sum() * grid.spacing_mm[0])
    return axes.long_mm * axes.short_mm * height / 2000


def measure_lesions(head: Head, diseases: Sequence[Disease], sampled: Sampled, image: str) -> tuple[Measurement, ...]:
    """Return sizes of what the patient has, from its masks and from its geometry."""
    found = [_pituitary_height(head, diseases, image)]
    counts: dict[str, int] = {}
    for index, disease in enumerate(diseases):
        if disease.region != "brain":
            continue
        mask = lesion_mask(sampled, disease.concept, index)
        counts[disease.concept] = counts.get(disease.concept, 0) + 1
        found += _of_geometry(disease, image)
        if mask.any():
            found += _of_mask(disease, mask, sampled.grid, image)
    found += [
        _made(f"{concept}_count", count, "1", image)
        for concept, count in counts.items()
        if concept == "brain_metastases"
    ]
    return tuple(found)


def measure_vessels(diseases: Sequence[Disease], image: str) -> tuple[Measurement, ...]:
    """Return sizes of aneurysms and degrees of stenoses."""
    found = [value for disease in diseases if disease.region == "brain" for value in _of_geometry(disease, image)]
    for disease in diseases:
        if disease.concept == "intracranial_stenosis":
            percent = 100 * float(getattr(disease, "narrowing", 0.0))
            found.append(_made("stenosis", percent, "%", image, disease.anatomy, disease.laterality))
    return tuple(found)


def _pituitary_height(head: Head, diseases: Sequence[Disease], image: str) -> Measurement:
    """Height of the gland, or of the adenoma that has taken its place."""
    assert head.shape is not None
    gland = head.shape.pituitary_mm * head.shape.scale[2]
    masses = [d.sizes_mm["height"] for d in diseases if d.concept == "pituitary_adenoma"]
    return _made("pituitary_height", max([gland, *masses]), "mm", image, "pituitary gland")


def _of_geometry(disease: Disease, image: str) -> Iterator[Measurement]:
    for name, value in disease.sizes_mm.items():
        yield _made(f"{disease.concept}_{name}", value, "mm", image, disease.anatomy, disease.laterality)
    for name in ("aspects", "fazekas"):
        score = getattr(disease, name, None)
        if score is not None:
            yield _made(name, score, "1", image, disease.anatomy, disease.laterality)


def _of_mask(disease: Disease, mask: NDArray[np.bool_], grid: Grid, image: str) -> Iterable[Measurement]:
    about = (image, disease.anatomy, disease.laterality, "mask")
    yield _made(f"{disease.concept}_volume", float(mask.sum()) * grid.voxel_ml, "mL", *about)
    if disease.concept in ("white_matter_disease", "multiple_sclerosis", "hydrocephalus", "subarachnoid_haemorrhage"):
        return
    axes = lesion_axes(mask, grid)
    yield _made(f"{disease.concept}_long_axis", axes.long_mm, "mm", *about)
    yield _made(f"{disease.concept}_short_axis", axes.short_mm, "mm", *about)
    if disease.concept == "intracerebral_haemorrhage":
        yield _made("haematoma_abc_half", abc_half_ml(mask, grid), "mL", *about)
