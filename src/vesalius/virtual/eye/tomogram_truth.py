"""What is known of a tomogram: masks of layers, fluid and lesions, and thicknesses."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from vesalius.data.records import Measurement
from vesalius.virtual.eye.disease import Retina
from vesalius.virtual.eye.layers import CHOROID, LAYERS, extent, hole, rise, stack, thickness
from vesalius.virtual.eye.lesions import Group
from vesalius.virtual.eye.tomogram import Tomogram
from vesalius.virtual.picture import Mark

__all__ = ["central_thickness", "macular_volume", "marks_of", "measure"]

Floats = NDArray[np.floating]
_FLUID = ("subretinal fluid", "subretinal haemorrhage", "neovascular membrane", "reticular pseudodruse")
_DEPOSIT = ("soft druse", "hard druse", "pigment epithelial detachment")
_LEAST_UM = 4.0
"""Spaces thinner than the axial resolution are not marked."""


def marks_of(scan: Tomogram) -> tuple[Mark, ...]:
    """Return the marks of all findings that the scan meets, then of the layers."""
    return (*_lesions(scan), *_layers(scan))


def _between(scan: Tomogram, first: int, last: int, columns: NDArray[np.bool_] | None = None) -> NDArray[np.bool_]:
    """Pixels from the top of layer `first` to the bottom of layer `last`, in some columns, (H, W)."""
    depth = (np.arange(scan.pixels.shape[0])[:, None] + 0.5) * scan.row_um
    inside: NDArray[np.bool_] = (depth >= scan.tops[first]) & (depth < scan.tops[last + 1])
    return inside if columns is None else inside & columns


def _layers(scan: Tomogram) -> Iterator[Mark]:
    for number, name in enumerate(LAYERS):
        if name not in ("subretinal space", "space under the pigment epithelium"):
            yield Mark(anatomy=name, mask=_between(scan, number, number))
    yield Mark(anatomy="retina", mask=_between(scan, 0, CHOROID - 1))


def _lesions(scan: Tomogram) -> Iterator[Mark]:
    """Fluid, deposits, loss, gaps and films by the columns that they cover; ovals one by one."""
    path = scan.path
    for part in (part for part in scan.retina.lesions if isinstance(part, Group)):
        alone = Retina(eye=scan.retina.eye, lesions=(part,))
        mask = None
        if part.kind in _FLUID:
            mask = _between(scan, 9, 9, rise(alone, path.x, path.y, part.kind) > _LEAST_UM)
        elif part.kind in _DEPOSIT:
            mask = _between(scan, 11, 11, rise(alone, path.x, path.y, part.kind) > _LEAST_UM)
        elif part.kind in ("geographic atrophy", "laser scar"):
            mask = _between(scan, 4, CHOROID, extent(alone, path.x, path.y, part.kind) > 0.5)
        elif part.kind == "macular hole":
            mask = _gap(scan, hole(alone, path.x, path.y) >= 1)
        elif part.kind == "epiretinal membrane":
            mask = _film(scan, extent(alone, path.x, path.y, part.kind) > 0.5)
        if mask is not None and mask.any():
            yield Mark(concept=part.concept, anatomy=part.kind, mask=mask)
    numbers: dict[tuple[str, str], int] = {}
    for one in scan.ovals:
        number = numbers.get((one.concept, one.kind), 0)
        numbers[one.concept, one.kind] = number + 1
        yield Mark(concept=one.concept, anatomy=one.kind, mask=scan.oval(one), instance=number)


def _gap(scan: Tomogram, columns: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """The gap of a hole: from the level of its rim down to the pigment epithelium."""
    if not columns.any():
        return np.zeros(scan.pixels.shape, bool)
    depth = (np.arange(scan.pixels.shape[0])[:, None] + 0.5) * scan.row_um
    inside: NDArray[np.bool_] = (depth >= scan.tops[0].min()) & (depth < scan.tops[10]) & columns
    return inside


def _film(scan: Tomogram, columns: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """The line of a membrane, 24 µm about the inner surface and a row at least."""
    half = max(12.0, 0.5 * scan.row_um)
    depth = (np.arange(scan.pixels.shape[0])[:, None] + 0.5) * scan.row_um
    inside: NDArray[np.bool_] = (np.abs(depth - scan.tops[0] + 6) <= half) & columns
    return inside


def measure(scan: Tomogram, name: str) -> tuple[Measurement, ...]:
    """Measure the scan `name`: thicknesses along it, and of the macula those of the whole central disc."""
    values = _of_macula(scan) if scan.path.name == "macula" else _of_disc(scan)
    return tuple(
        Measurement(name=label, value=round(value, 3), unit=unit, image=name, anatomy=where,
                    laterality=scan.retina.eye.side, source="virtual")
        for label, value, unit, where in values
    )  # fmt: skip


def _of_macula(scan: Tomogram) -> Iterator[tuple[str, float, str, str]]:
    retina, path = scan.retina, scan.path
    middle = int(np.abs(path.x).argmin())
    along = thickness(scan.layers)
    yield "central_subfield_thickness", central_thickness(retina), "um", "macula"
    yield "macular_volume", macular_volume(retina), "mm3", "macula"
    yield "foveal_thickness", float(along[middle]), "um", "fovea"
    yield "mean_retinal_thickness", float(along.mean()), "um", "retina"
    yield "ganglion_cell_thickness", float(scan.layers[1].mean()), "um", LAYERS[1]
    yield "subfoveal_choroidal_thickness", float(scan.layers[CHOROID, middle]), "um", "choroid"
    yield "subretinal_fluid_height", float(rise(retina, path.x, path.y, "subretinal fluid").max()), "um", "macula"
    yield "drusen_height", float(rise(retina, path.x, path.y, *_DEPOSIT[:2]).max()), "um", "macula"
    detached = rise(retina, path.x, path.y, "pigment epithelial detachment").max()
    yield "pigment_epithelial_detachment_height", float(detached), "um", "macula"
    lost = extent(retina, path.x, path.y, "geographic atrophy") > 0.5
    yield "atrophy_width", float(lost.sum()) * scan.column_mm, "mm", "macula"
    yield "macular_hole_width", float((hole(retina, path.x, path.y) >= 1).sum()) * scan.column_mm, "mm", "fovea"


def _of_disc(scan: Tomogram) -> Iterator[tuple[str, float, str, str]]:
    """Thickness of the nerve fibre layer: mean, and by quarters of the circle."""
    fibres = scan.layers[0]
    yield "nerve_fibre_layer_thickness", float(fibres.mean()), "um", "optic disc"
    # The scan begins temporally and rises: the temporal quarter is its first and last eighth.
    eighth = (np.arange(len(fibres)) * 8) // len(fibres)
    for quarter, (first, last) in {
        "temporal": (0, 7),
        "superior": (1, 2),
        "nasal": (3, 4),
        "inferior": (5, 6),
    }.items():
        chosen = (eighth == first) | (eighth == last)
        yield (
            "nerve_fibre_layer_thickness",
            float(fibres[chosen].mean()),
            "um",
            f"{quarter} quadrant of the optic disc",
        )


def central_thickness(retina: Retina) -> float:
    """Return the mean thickness of the central disc of 1 mm, µm."""
    return float(thickness(stack(retina, *_disc_of_places(0.5))).mean())


def macular_volume(retina: Retina) -> float:
    """Return the volume of the retina within 3 mm of the fovea, mm³."""
    return float(thickness(stack(retina, *_disc_of_places(3.0))).mean()) / 1000 * np.pi * 9.0


def _disc_of_places(radius_mm: float) -> tuple[Floats, Floats]:
    """Places spread evenly over a disc about the fovea, each (441,), on a sunflower's spiral."""
    number = np.arange(441) + 0.5
    reach, turn = radius_mm * np.sqrt(number / 441), number * np.pi * (3 - np.sqrt(5))
    return reach * np.cos(turn), reach * np.sin(turn)
