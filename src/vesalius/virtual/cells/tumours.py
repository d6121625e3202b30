"""Tumours that invade a field: glands and solid nests in given shares, pearls, single cells, mitoses, necrosis."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from vesalius.virtual.cells.fields import blurred, lattice, quantile_mask
from vesalius.virtual.cells.glands import Gland, Lining, draw_gland, line_gland, paint_gland, settle
from vesalius.virtual.cells.nuclei import NucleusKind
from vesalius.virtual.cells.section import FIELD_UM, Compartment, Section
from vesalius.virtual.cells.stamp import make_outlines
from vesalius.virtual.noise import smooth_noise

__all__ = ["Growth", "add_mitoses", "add_pearls", "dirty_necrosis", "grow_glands", "grow_nests", "single_cells"]

Mask = NDArray[np.bool_]


@dataclass(frozen=True, kw_only=True)
class Growth:
    """How a carcinoma with glands fills the field."""

    kind: NucleusKind
    gland_share: float
    """Of the tumour's area, what forms glands."""
    tumour_share: float
    """Of the field, as far as the glands find room."""
    radius_um: tuple[float, float]
    wall_um: tuple[float, float]
    rough: float
    aspect: float
    levels_um: float
    necrosis: float = 0.0
    """Share of the lumina with debris."""


def grow_glands(section: Section, growth: Growth, *, allowed: Mask | None = None) -> None:
    """Lay glands and, in the area that is left for them, solid nests, so that `gland_share` holds of the masks."""
    rng = section.rng
    spacing = 0.92 * float(np.sqrt(growth.kind.area_um2 * 1.5))
    lining = Lining(kind=growth.kind, spacing_um=spacing, base_um=0.38 * growth.wall_um[1],
                    levels_um=growth.levels_um, haematoxylin=0.1, eosin=0.17)  # fmt: skip
    wanted = growth.gland_share * growth.tumour_share * FIELD_UM**2
    shapes = [
        draw_gland(rng, np.zeros(2, np.float32), radius=float(rng.uniform(*growth.radius_um)),
                   wall=float(rng.uniform(*growth.wall_um)), rough=growth.rough,
                   aspect=float(1 + growth.aspect * rng.random())) for _ in range(50)
    ]  # fmt: skip
    # No gland is larger than what the share allows.
    limit = max(float(np.sqrt(0.5 * wanted / np.pi)), 0.6 * growth.wall_um[0])
    shapes = [replace(shape, radius=min(shape.radius, limit / shape.aspect**0.5)) for shape in shapes]
    shapes.sort(key=lambda shape: -shape.radius)
    glands = settle(rng, shapes, gap_um=1.5, area_um2=wanted, allowed=allowed, section=section)
    covered = np.zeros((section.size, section.size), np.bool_)
    for gland in glands:
        covered |= paint_gland(section, gland, lining)
    # Nests share the area as the pixels of the glands, so that the share is true of the masks.
    nest = covered.mean() * (1 / growth.gland_share - 1) if growth.gland_share > 0.03 else growth.tumour_share
    free = ~covered if allowed is None else ~covered & allowed
    if nest > 0.002:
        _solid(section, free, min(float(nest), 0.85 * float(free.mean())), growth.kind)
    for gland in glands:
        line_gland(section, gland, lining)
    section.tumour |= covered
    _fill_lumina(section, glands, growth.necrosis)


def _solid(section: Section, free: Mask, share: float, kind: NucleusKind) -> None:
    """Fill `share` of the field with solid tumour, in nests."""
    noise = smooth_noise(section.rng, section.size, 6) + 0.35 * smooth_noise(section.rng, section.size, 14)
    nests = quantile_mask(noise, share, within=free)
    grow_nests(section, nests, kind)


def grow_nests(section: Section, nests: Mask, kind: NucleusKind, *, eosin: float = 0.17, crowd: float = 1.0) -> None:
    """Fill a mask with cells that lie edge to edge; `crowd` is how many against the usual."""
    rng = section.rng
    soft = blurred(nests.astype(np.float32), 0.5 / section.um)
    tint = eosin + 0.025 * section.grain + 0.015 * smooth_noise(rng, section.size, 25)
    section.fill(np.where(nests, np.maximum(soft, 0.8), soft * 0.5), 0.1 + 0.02 * section.grain, tint)
    section.compartment[nests] = Compartment.EPITHELIUM
    spacing = 1.28 * float(np.sqrt(kind.area_um2 * 1.35 / crowd))
    places = lattice(rng, FIELD_UM, spacing, jitter=0.2)
    places = places[(rng.random(len(places)) < 0.95) & section.is_at(places, nests)]
    section.add(kind, places)
    section.tumour |= nests


def _fill_lumina(section: Section, glands: list[Gland], share: float) -> None:
    """Put debris into some of the lumina."""
    for gland in glands:
        if section.rng.random() < share:
            dirty_necrosis(section, gland)


def dirty_necrosis(section: Section, gland: Gland) -> None:
    """Fill a lumen with pink debris and dark dust of nuclei."""
    rng = section.rng
    reach = 0.72 * max(gland.radius - gland.wall, 1.0)
    yard = np.hypot(section.x - gland.x, section.y - gland.y)
    ragged = reach * (1 + 0.25 * smooth_noise(rng, section.size, 12))
    inside = np.clip(0.5 + (ragged - yard) / 2, 0, 1) * (section.compartment == Compartment.LUMEN)
    section.fill(inside, 0.05 + 0.03 * section.grain, 0.24 + 0.07 * section.grain, Compartment.NECROSIS)
    places = rng.normal(0, 0.45 * reach, (int(0.035 * reach**2), 2)) + np.array([gland.x, gland.y])
    places = np.asarray(places, np.float32)
    section.add("apoptotic body", places[section.is_at(places, section.compartment == Compartment.NECROSIS)])


def add_mitoses(section: Section, per_mm2: float) -> None:
    """Put mitoses into the tumour: Poisson of its area; the cells about them are cleared."""
    rng = section.branch()
    area = float(section.tumour.sum()) * section.um**2 * 1e-6
    count = min(int(rng.poisson(per_mm2 * area)), 12)
    solid = section.tumour & (section.compartment == Compartment.EPITHELIUM)
    rows, columns = np.nonzero(solid)
    if count == 0 or len(rows) == 0:
        return
    chosen = rng.integers(len(rows), size=count)
    places = (np.stack([columns[chosen], rows[chosen]], axis=1) + 0.5) * section.um
    places = np.asarray(places[(np.abs(places - FIELD_UM / 2) < FIELD_UM / 2 - 3).all(axis=1)], np.float32)
    _clear(section, places, 6.5)
    halo = make_outlines(rng, places, area=110, cv=0.1, ratio=1.1, rough=0.02)
    section.spots(halo, 0.03, 0.1)
    section.add("mitosis", places)


def _clear(section: Section, places: np.ndarray, reach_um: float) -> None:
    """Take away the nuclei that lie within `reach_um` of any of `places`."""
    kept = []
    for group in section.nuclei:
        line = group.outlines
        gap = np.hypot(line.x[:, None] - places[None, :, 0], line.y[:, None] - places[None, :, 1])
        stay = (gap > reach_um).all(axis=1) if len(places) else np.ones(len(line), np.bool_)
        kept.append(type(group)(group.kind, line[stay], group.tone[stay], group.spot[stay]))
    section.nuclei = kept


def add_pearls(section: Section, count: int, radius_um: float) -> None:
    """Put whorls of keratin into the tumour: pink rings without nuclei."""
    rows, columns = np.nonzero(section.tumour)
    if len(rows) == 0:
        return
    for _ in range(count):
        rng = section.branch()
        chosen = int(rng.integers(len(rows)))
        place = np.array([columns[chosen], rows[chosen]], np.float32) * np.float32(section.um)
        radius = radius_um * float(rng.uniform(0.7, 1.3))
        _clear(section, place[None], radius)
        yard = np.hypot(section.x - place[0], section.y - place[1]) * (1 + 0.12 * smooth_noise(rng, section.size, 7))
        inside = np.clip(0.5 + (radius - yard) / 2, 0, 1) * section.tumour
        rings = 0.5 + 0.5 * np.sin(2 * np.pi * yard / 4.2 + 1.5 * smooth_noise(rng, section.size, 9))
        section.fill(inside, 0.01, 0.30 + 0.16 * rings, Compartment.KERATIN)
        flat = lattice(rng, FIELD_UM, 8)
        gap = np.hypot(flat[:, 0] - place[0], flat[:, 1] - place[1])
        ring = (gap > radius) & (gap < radius + 7) & section.is_at(flat, section.tumour)
        turn = np.arctan2(flat[ring, 1] - place[1], flat[ring, 0] - place[0]) + np.pi / 2
        section.add("fibroblast", flat[ring], angle=turn.astype(np.float32))


def single_cells(section: Section, kind: NucleusKind, share: float, *, angle: float) -> None:
    """Put tumour cells one by one or in single file along the fibres, each with a little cytoplasm.

    Args:
        section: the field.
        kind: nuclei.
        share: of the places along the files that hold a cell.
        angle: direction of the files.
    """
    rng = section.rng
    places = lattice(rng, FIELD_UM, 11.5, jitter=0.2)
    cos, sin = np.cos(angle), np.sin(angle)
    across = places[:, 1] * cos - places[:, 0] * sin
    files = np.sin(across / float(rng.uniform(3.6, 4.6)) + rng.random() * 6) > 0.1
    keep = (
        files & (rng.random(len(places)) < share) & section.is_at(places, section.compartment == Compartment.STROMA)
    )
    chosen = places[keep]
    bodies = make_outlines(section.branch(), chosen, area=1.9 * kind.area_um2, cv=0.2, ratio=1.3, rough=0.05,
                           angle=np.full(len(chosen), angle, np.float32))  # fmt: skip
    cover = section.spots(bodies, 0.08, 0.16, Compartment.EPITHELIUM)
    section.tumour |= cover > 0.5
    section.add(kind, chosen)
