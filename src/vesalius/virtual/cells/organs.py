"""Healthy tissue of six organs as it looks in a field of 128 µm."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from vesalius.virtual.cells.fields import blurred, lattice, mosaic
from vesalius.virtual.cells.glands import Lining, draw_gland, gland_depth, line_gland, paint_gland, ring_gland, settle
from vesalius.virtual.cells.section import FIELD_UM, Compartment, Section
from vesalius.virtual.cells.stamp import Array, make_outlines
from vesalius.virtual.noise import smooth_noise

__all__ = ["ORGANS", "add_capillaries", "add_goblets", "colon", "liver", "scatter", "squamous_mucosa"]


def scatter(
    section: Section, kind: str, per_mm2: float, *, where: Compartment = Compartment.STROMA,
    angle: float | None = None, clustered: float = 0.0,
) -> None:  # fmt: skip
    """Put nuclei of a kind into one compartment, `per_mm2` of it, along `angle` where one is given.

    They keep about their own width apart; `clustered` from 0 to 1 gathers them into patches.
    """
    rng = section.rng
    spacing = max(5.2, 0.5 * (1e6 / max(per_mm2, 1.0)) ** 0.5)
    places = lattice(rng, FIELD_UM, spacing)
    chance = per_mm2 * 1e-6 * spacing**2 * 0.866
    weight = np.ones(len(places))
    if clustered:
        hills = np.clip(1 + 1.6 * smooth_noise(rng, section.size, 5), 0, 3)
        column, row = np.clip((places / section.um).astype(int), 0, section.size - 1).T
        weight = 1 - clustered + clustered * hills[row, column]
    keep = rng.random(len(places)) < chance * weight
    keep &= section.is_at(places, section.compartment == where)
    turn = None
    if angle is not None:
        turn = np.asarray(angle + section.branch().normal(0, 0.22, int(keep.sum())), np.float32)
    section.add(kind, places[keep], angle=turn)


def add_capillaries(section: Section, count: int) -> None:
    """Open small vessels with a few red cells in the stroma."""
    for place in section.rng.uniform(0, FIELD_UM, (count, 2)).astype(np.float32):
        rng = section.branch()
        if not section.is_at(place[None], section.compartment == Compartment.STROMA)[0]:
            continue
        vessel = draw_gland(rng, place, radius=float(rng.uniform(4.5, 8)), wall=1.0, rough=0.08,
                            aspect=float(rng.uniform(1, 1.7)))  # fmt: skip
        depth = gland_depth(section, vessel)
        free = section.compartment == Compartment.STROMA
        section.fill(np.clip(0.5 + depth / section.um, 0, 1) * free, 0.0, 0.02, Compartment.VESSEL)
        ring_gland(section, vessel, "endothelium", spacing_um=15, depth_um=0.0)
        inside = place + rng.normal(0, 0.3 * vessel.radius, (int(rng.integers(1, 5)), 2))
        blood = make_outlines(rng, inside.astype(np.float32), area=24, cv=0.15, ratio=1.15, rough=0.03)
        cover = section.spots(blood, 0.0, 0.35)
        section.rest += cover[..., None] * np.array([0.03, 0.12, 0.36], np.float32)


def add_goblets(section: Section, glands: list[Array], wall_um: float, share: float) -> None:
    """Put pale drops of mucin into the inner half of walls; `glands` are depths under the outer line."""
    rng = section.rng
    places = lattice(rng, FIELD_UM, 9.5, jitter=0.2)
    column, row = np.clip((places / section.um).astype(int), 0, section.size - 1).T
    for depth in glands:
        at = depth[row, column]
        keep = (at > 0.5 * wall_um) & (at < 0.95 * wall_um) & (rng.random(len(places)) < share)
        drawn = section.branch()
        if keep.any():
            drops = make_outlines(drawn, places[keep], area=62, cv=0.25, ratio=1.25, rough=0.03)
            section.spots(drops, 0.07, 0.025)


def colon(section: Section, *, distortion: float = 0.0, goblets: float = 0.8) -> None:
    """Crypts with goblet cells, side by side in a lamina propria."""
    rng = section.rng
    angle = section.ground(collagen=0.5, eosin=0.13, clefts=0.5)
    aspect = float(np.clip(1 + rng.exponential(0.35), 1, 2.4))
    turn = rng.random() * np.pi
    lining = Lining(kind="epithelium", spacing_um=5.4, base_um=6.0)
    depths = []
    for place in lattice(rng, FIELD_UM, float(rng.uniform(78, 92)), jitter=0.06 + 0.1 * distortion):
        radius = float(rng.uniform(31, 38)) * (1 - 0.35 * distortion * rng.random())
        gland = draw_gland(rng, place, radius=radius, wall=float(rng.uniform(19, 23)), rough=0.03 + 0.09 * distortion,
                           aspect=aspect * (1 + 0.5 * distortion * rng.random()))  # fmt: skip
        gland = type(gland)(**{**vars(gland), "angle": turn + float(rng.normal(0, 0.08 + 0.5 * distortion))})
        depth = gland_depth(section, gland)
        if float(depth.max()) > -8:
            paint_gland(section, gland, lining)
            line_gland(section, gland, lining)
            depths.append(depth)
    add_goblets(section, depths, 21, goblets)
    scatter(section, "lymphocyte", 1500)
    scatter(section, "plasma cell", 1300)
    scatter(section, "fibroblast", 700, angle=angle)
    add_capillaries(section, 3)


def _prostate(section: Section) -> None:
    """Large acini with infolded edges and two rows of cells in smooth muscle."""
    rng = section.rng
    angle = section.ground(collagen=1.0, width_um=3.2, eosin=0.24)
    lining = Lining(kind="secretory cell", spacing_um=6.2, base_um=9.5, basal=True, haematoxylin=0.05, eosin=0.11)
    waves = [
        draw_gland(rng, np.zeros(2, np.float32), radius=float(rng.uniform(30, 62)), wall=float(rng.uniform(13, 17)),
                   rough=0.05, aspect=float(rng.uniform(1, 1.6))) for _ in range(5)
    ]  # fmt: skip
    folded = [
        type(gland)(**{**vars(gland), "orders": (2, 5, 8), "amplitude": (gland.amplitude[0], 0.10, 0.06)})
        for gland in waves
    ]
    for gland in settle(rng, folded, gap_um=10):
        paint_gland(section, gland, lining)
        line_gland(section, gland, lining)
    scatter(section, "smooth muscle", 1700, angle=angle)
    scatter(section, "lymphocyte", 150)
    add_capillaries(section, 2)


def _breast(section: Section) -> None:
    """A lobule: small acini of two rows of cells in loose stroma, dense collagen about it, some fat."""
    rng = section.rng
    angle = section.ground(collagen=0.9, width_um=3.6, eosin=0.25)
    centre = rng.uniform(0.25, 0.75, 2).astype(np.float32) * np.float32(FIELD_UM)
    lobule = gland_depth(section, draw_gland(rng, centre, radius=float(rng.uniform(44, 66)), wall=1, rough=0.12)) > 0
    section.fill(blurred(lobule.astype(np.float32), 3.0 / section.um), 0.05 + 0.012 * section.grain, 0.12)
    _fat(section, ~lobule & (smooth_noise(rng, section.size, 3) > 0.55))
    lining = Lining(kind="secretory cell", spacing_um=5.4, base_um=5.5, basal=True)
    acini = [draw_gland(rng, np.zeros(2, np.float32), radius=float(rng.uniform(11, 19)),
                        wall=float(rng.uniform(8, 10)), rough=0.06, aspect=float(rng.uniform(1, 1.5)))
             for _ in range(26)]  # fmt: skip
    for gland in settle(rng, acini, gap_um=5, allowed=lobule, section=section):
        paint_gland(section, gland, lining)
        line_gland(section, gland, lining)
    scatter(section, "fibroblast", 1100, angle=angle)
    scatter(section, "lymphocyte", 350)
    add_capillaries(section, 2)


def _fat(section: Section, where: np.ndarray) -> None:
    """Round empty cells with thin walls."""
    rng = section.branch()
    places = lattice(rng, FIELD_UM, 46, jitter=0.12)
    places = places[section.is_at(places, where)]
    if len(places):
        section.spots(make_outlines(rng, places, area=1500, cv=0.2, ratio=1.15, rough=0.04), 0.0, 0.06)
        section.spots(make_outlines(rng, places, area=1330, cv=0.05, ratio=1.15, rough=0.03), 0.0, 0.008,
                      Compartment.FAT)  # fmt: skip


def liver(section: Section, *, vacuoles: float = 0.0, vacuole_um: float = 12.0) -> None:
    """Plates of hepatocytes between sinusoids; `vacuoles` is the share of cells that hold a drop of fat."""
    rng = section.rng
    places = lattice(rng, FIELD_UM, 21.5, jitter=0.14)
    cells = mosaic(places, section.size, FIELD_UM)
    granules = 0.2 + 0.035 * section.grain + 0.02 * smooth_noise(rng, section.size, 40)
    tone = (1 + 0.09 * rng.standard_normal(len(places)))[cells.cell].astype(np.float32)
    section.fill(np.ones_like(tone), (0.1 + 0.02 * section.grain) * tone, granules * tone, Compartment.EPITHELIUM)
    section.fill(0.6 * np.exp(-((cells.wall_um / 0.5) ** 2)), 0.09, 0.31)
    fat = rng.random(len(places)) < vacuoles
    slit = _sinusoids(section, cells.wall_um)
    centres = places + rng.normal(0, 1.2, places.shape)
    aside = rng.random(len(places)) * 2 * np.pi
    push = np.where(fat, 0.35 * vacuole_um + 3.2, 0.0)
    centres = centres + push[:, None] * np.stack([np.cos(aside), np.sin(aside)], axis=1)
    if fat.any():
        drops = make_outlines(rng, places[fat], area=np.pi / 4 * vacuole_um**2, cv=0.55, ratio=1.06, rough=0.01)
        section.spots(drops, 0.0, 0.008, Compartment.FAT)
    seen = rng.random(len(places)) < 0.8
    section.add("hepatocyte", centres[seen & ~section.is_at(centres.astype(np.float32), slit > 0.5)])
    scatter(section, "endothelium", 5200, where=Compartment.VESSEL)
    scatter(section, "lymphocyte", 700, where=Compartment.VESSEL)


def _sinusoids(section: Section, wall_um: Array) -> Array:
    """Open pale slits along some of the walls between cells and return them."""
    along = smooth_noise(section.rng, section.size, 9)
    width = np.clip(0.8 + 1.0 * along, 0, 2.2) * (1 + 0.4 * smooth_noise(section.rng, section.size, 24))
    slit = np.clip(0.5 + (width - wall_um) / 1.2, 0, 1) * (along > -0.35)
    section.fill(slit, 0.01, 0.05, Compartment.VESSEL)
    return np.asarray(slit, np.float32)


def _lymph_node(section: Section) -> None:
    """Small lymphocytes, part of a follicle with a paler germinal centre, a sinus."""
    rng = section.rng
    section.ground(collagen=0.3, eosin=0.08, clefts=0.1)
    section.compartment[:] = Compartment.LYMPHOID
    centre = rng.uniform(0.15, 0.85, 2).astype(np.float32) * np.float32(FIELD_UM)
    follicle = draw_gland(rng, centre, radius=float(rng.uniform(34, 52)), wall=10, rough=0.06,
                          aspect=float(rng.uniform(1, 1.3)))  # fmt: skip
    depth = gland_depth(section, follicle)
    pale = depth > 0
    section.fill(np.clip(0.5 + depth / 6, 0, 1), 0.07, 0.1)
    crowd = lattice(rng, FIELD_UM, 7.0)
    mantle = section.is_at(crowd, ~pale) & (rng.random(len(crowd)) < 0.93)
    section.add("lymphocyte", crowd[mantle])
    large = lattice(rng, FIELD_UM, 10.5)
    large = large[section.is_at(large, pale)]
    section.add("centroblast", large)
    small = crowd[section.is_at(crowd, pale) & (rng.random(len(crowd)) < 0.16)]
    section.add("lymphocyte", small)
    add_capillaries(section, 1)


def squamous_mucosa(section: Section) -> None:
    """Stratified epithelium: dark basal cells on a wavy line, flat pale cells at the surface."""
    rng = section.rng
    angle = section.ground(collagen=0.8, eosin=0.19)
    base = float(rng.uniform(0.6, 0.85)) * FIELD_UM
    pegs = (
        9
        * np.sin(section.x / float(rng.uniform(8, 14)) + rng.random() * 6)
        * (1 + 0.4 * smooth_noise(rng, section.size, 4))
    )
    height = base + pegs - section.y
    thick = float(rng.uniform(0.95, 1.3)) * base
    inside = np.clip(0.5 + height / section.um, 0, 1)
    level = np.clip(height / thick, 0, 1)
    section.fill(
        inside, 0.10 * (1 - level) + 0.02, 0.13 + 0.05 * level + 0.02 * section.grain, Compartment.EPITHELIUM
    )
    places = lattice(rng, FIELD_UM, 9.2, jitter=0.2)
    cells = mosaic(places[::1], section.size, FIELD_UM)
    section.fill(0.35 * np.exp(-((cells.wall_um / 0.45) ** 2)) * (height > 4) * (level < 0.75), 0.01, 0.05)
    column, row = np.clip((places / section.um).astype(int), 0, section.size - 1).T
    at = height[row, column]
    for low, high, kind, share, turn in (
        (0, 9, "basal cell", 1.0, np.pi / 2), (9, 0.55 * thick, "squamous cell", 0.62, 0.0),
        (0.55 * thick, 0.93 * thick, "fibroblast", 0.2, 0.0),
    ):  # fmt: skip
        keep = (at > low) & (at < high) & (rng.random(len(places)) < share)
        turned = section.branch().normal(turn, 0.3, int(keep.sum())).astype(np.float32)
        section.add(kind, places[keep], angle=turned)
    scatter(section, "fibroblast", 900, angle=angle)
    scatter(section, "lymphocyte", 500)
    add_capillaries(section, 2)


ORGANS: Mapping[str, Callable[[Section], None]] = {
    "colon": colon, "prostate": _prostate, "breast": _breast, "liver": liver, "lymph node": _lymph_node,
    "oesophagus": squamous_mucosa,
}  # fmt: skip
"""How a healthy field of each organ is laid."""
