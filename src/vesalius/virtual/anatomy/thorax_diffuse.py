"""What fills the pleural space, and diseases of whole lungs, as solids."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from vesalius.virtual.anatomy.beads import Beads
from vesalius.virtual.anatomy.parts import Anatomy, Part
from vesalius.virtual.anatomy.solids import Cut, Ellipsoid, Solid
from vesalius.virtual.anatomy.thorax_body import Thorax
from vesalius.virtual.anatomy.thorax_lesions import as_thorax, room_of, sealed, thorax_structure
from vesalius.virtual.anatomy.thorax_organs import lobes_of, lung_solid
from vesalius.virtual.anatomy.thorax_shapes import Sleeve
from vesalius.virtual.body import SIDES, Side
from vesalius.virtual.radiograph.chest import side_sign

__all__ = ["effusion_parts", "emphysema_parts", "fibrosis_parts", "oedema_parts", "pneumothorax_parts", "rind"]

_CROWDING = 1.3
"""More holes than their volumes ask for: they crowd in the upper zones, and vessels take a part of them."""
_CELL_MM = 6.0
"""Side of the cells by which volumes are counted."""


def rind(
    thorax: Thorax, side: Side, *, front: NDArray[np.float64] | float = 0.0, back: NDArray[np.float64] | float = 0.0,
    wall: NDArray[np.float64] | float = 0.0,
) -> Solid:  # fmt: skip
    """Return what lies between the chest wall and a lung that has drawn back by so many mm at the table's heights."""
    outline = thorax.chest.cavity
    width = np.maximum(np.sqrt(outline.width2) - wall, 0)
    depth = np.maximum(np.sqrt(outline.depth2) - (np.asarray(front) + back) / 2, 0)
    inner = replace(outline, width2=width**2, depth2=depth**2, middle=outline.middle + (np.asarray(front) - back) / 2)
    whole = Sleeve(outline, *_ends(thorax), side_sign(side))
    return Cut(whole, (Sleeve(inner, *_ends(thorax), side_sign(side)),))


def _ends(thorax: Thorax) -> tuple[float, float]:
    return -80 * thorax.body.stature, 330 * thorax.body.stature


def _sink(thorax: Thorax, side: Side) -> NDArray[np.float64]:
    """How much of a layer is left at the table's heights: all at the base, none at the apex, (N,)."""
    z, base = thorax.chest.cavity.z, thorax.chest.dome_top(side) - 70
    top = 262 * thorax.body.stature
    share: NDArray[np.float64] = np.clip((top - z) / (top - base), 0, 1) ** 0.8
    return share


def effusion_parts(anatomy: Anatomy, side: Side, concept: str, volume_ml: float) -> tuple[Part, ...]:
    """Return free fluid of a supine patient: a crescent at the back that holds the volume."""
    thorax = as_thorax(anatomy)
    points = _lung_points(thorax, side)
    low, high = 0.0, 150.0
    for _ in range(14):
        depth = (low + high) / 2
        held = float((_layer(thorax, side, depth).distance(*points.T) < 0).sum()) * _CELL_MM**3 / 1000
        low, high = (depth, high) if held < volume_ml else (low, depth)
    layer = _layer(thorax, side, high)
    fluid = Part(structure=f"{side} lower lobe", solid=layer, tissue="effusion", within=room_of(side),
                 concept=concept, component="fluid")  # fmt: skip
    return sealed(layer), fluid


def _layer(thorax: Thorax, side: Side, depth_mm: float) -> Solid:
    share = _sink(thorax, side)
    return rind(thorax, side, back=depth_mm * share, wall=0.22 * depth_mm * share)


def _lung_points(thorax: Thorax, side: Side) -> NDArray[np.float32]:
    """Centres of the cells of a lung, (N, 3)."""
    low, high = lung_solid(thorax.chest, side).bounds
    lines = [np.arange(a + _CELL_MM / 2, b, _CELL_MM, dtype=np.float32) for a, b in zip(low, high, strict=True)]
    points = np.stack(np.meshgrid(*lines, indexing="ij"), axis=-1).reshape(-1, 3)
    inside = np.zeros(len(points), np.bool_)
    for lobe in lobes_of(side):
        inside |= thorax.lobes[lobe].distance(*points.T) < 0
    return points[inside]


def pneumothorax_parts(anatomy: Anatomy, side: Side, concept: str, gap_mm: float) -> tuple[Part, ...]:
    """Return air of a supine patient before the lung and at its apex, behind the thin visceral pleura."""
    thorax = as_thorax(anatomy)
    z = thorax.chest.cavity.z / thorax.body.stature
    low = 0.75 + 0.25 * np.clip((z - 60) / 180, 0, 1)
    air = rind(thorax, side, front=1.15 * gap_mm * low, wall=0.5 * gap_mm * low)
    line = rind(thorax, side, front=1.15 * gap_mm * low + 1.0, wall=0.5 * gap_mm * low + 0.8)
    found = [Part(structure="", solid=line, tissue="pleura", within=room_of(side)[:-2])]
    found.append(Part(structure=f"{side} upper lobe", solid=air, tissue="gas", within=room_of(side), concept=concept,
                      component="air"))  # fmt: skip
    return tuple(found)


def _drawn(thorax: Thorax, side: Side, count: int, rng: np.random.Generator) -> NDArray[np.float64]:
    """Points of a lung, even in volume, (N, 3) with N about `count`."""
    cells = _lung_points(thorax, side)
    chosen = cells[rng.integers(0, len(cells), count)]
    return chosen + rng.uniform(-_CELL_MM / 2, _CELL_MM / 2, (count, 3))


def emphysema_parts(
    anatomy: Anatomy, concept: str, share: float, bullae: Sequence[tuple[str, float, float, float]],
    rng: np.random.Generator,
) -> tuple[Part, ...]:  # fmt: skip
    """Return holes of 2 to 6 mm radius that take a share of both lungs, most of them high, and bullae with walls.

    What is left between the holes is thinner than healthy lung.
    """
    thorax = as_thorax(anatomy)
    found = []
    for side in SIDES:
        volume = len(_lung_points(thorax, side)) * _CELL_MM**3
        radii = rng.uniform(2.5, 6.0, 100_000)
        hole = 4 / 3 * np.pi * float((radii[:1000] ** 3).mean())
        count = int(_CROWDING * -np.log(1 - min(share, 0.6)) * volume / hole)
        points = _drawn(thorax, side, 4 * count, rng)
        height = (points[:, 2] / thorax.body.stature - 60) / 210
        kept = points[rng.random(len(points)) < np.clip(0.18 + 0.64 * height, 0, 1)][:count]
        holes = Beads(kept, radii[: len(kept)], strings=False)
        whole = lung_solid(thorax.chest, side)
        found.append(Part(structure="", solid=whole, tissue="emphysema", within=lobes_of(side),
                          opacity=0.2 + 0.8 * share))  # fmt: skip
        found.append(Part(structure=f"{side} upper lobe", solid=holes, tissue="emphysema", within=lobes_of(side),
                          concept=concept, component="holes"))  # fmt: skip
    for where, up, across, radius in bullae:
        found += _bulla(thorax, "right" if where == "right" else "left", concept, (across, up, radius))
    return tuple(found)


def _bulla(thorax: Thorax, side: Side, concept: str, place: tuple[float, float, float]) -> list[Part]:
    across, up, radius = place
    centre = thorax.lung_place(side, (across, -0.2, up), 0.5 * radius)
    where = thorax_structure(thorax, side, centre)
    wall = Part(structure="", solid=Ellipsoid(centre, (radius,) * 3), tissue="pleura", within=lobes_of(side),
                opacity=0.6)  # fmt: skip
    inner = Ellipsoid(centre, (radius - 0.9,) * 3)
    hollow = Part(structure=where, solid=inner, tissue="emphysema", within=room_of(side), concept=concept,
                  component="bulla")  # fmt: skip
    return [wall, hollow]


def fibrosis_parts(
    anatomy: Anatomy, concept: str, extent: float, honeycomb: bool, rng: np.random.Generator
) -> tuple[Part, ...]:
    """Return a veil, a net of walls and, in honeycombing, stacked cysts under the pleura of the bases."""
    thorax = as_thorax(anatomy)
    found = []
    for side in SIDES:
        share = _sink(thorax, side) ** (1.6 - extent)
        deep = (10 + 42 * extent) * share
        zone = rind(thorax, side, front=0.5 * deep, back=deep, wall=0.8 * deep)
        lower, room = f"{side} lower lobe", lobes_of(side)
        found.append(Part(structure=lower, solid=zone, tissue="lung_fibrosis", within=room, softness_mm=3.0,
                          opacity=0.10 + 0.25 * extent, concept=concept, component="zone"))  # fmt: skip
        points = _drawn(thorax, side, int(26_000 * (0.35 + extent)), rng)
        x, y, z = points.astype(np.float32).T
        points = points[zone.distance(x, y, z) < 1][: int(900 + 5200 * extent)]
        size = rng.uniform(2.0, 5.0, len(points)) * (1.0 if honeycomb else 0.9)
        rings = _rings(points, size, rng)
        wall = 0.85 if honeycomb else 0.65
        found.append(Part(structure="", solid=Beads(rings, np.full(len(rings), wall)), tissue="lung_fibrosis",
                          within=room))  # fmt: skip
        if honeycomb:
            cysts = Beads(points[::4], 0.62 * size[::4], strings=False)
            found.append(Part(structure="", solid=cysts.grown(1.1), tissue="lung_fibrosis", within=room))
            found.append(Part(structure="", solid=cysts, tissue="gas", within=room))
    return tuple(found)


def _rings(points: NDArray[np.float64], size: NDArray[np.float64], rng: np.random.Generator) -> NDArray[np.float64]:
    """Rings of a radius about points, each in a plane of its own, (12 N, 3)."""
    first = rng.standard_normal((len(points), 3))
    first /= np.linalg.norm(first, axis=1, keepdims=True)
    second = np.cross(first, rng.standard_normal((len(points), 3)))
    second /= np.linalg.norm(second, axis=1, keepdims=True)
    turn = np.linspace(0, 2 * np.pi, 14, endpoint=False)
    ring = np.cos(turn)[None, :, None] * first[:, None] + np.sin(turn)[None, :, None] * second[:, None]
    return (points[:, None] + size[:, None, None] * ring).reshape(-1, 3)


def oedema_parts(
    anatomy: Anatomy, concept: str, grade: int, strength: float, rng: np.random.Generator
) -> tuple[Part, ...]:
    """Return ground glass about the hila and at the bases, and from grade 2 thick septa at the wall."""
    thorax = as_thorax(anatomy)
    chest, body = thorax.chest, thorax.body
    found = []
    for side in SIDES:
        sign, room = side_sign(side), lobes_of(side)
        veil = (0.07, 0.16, 0.42)[grade - 1] * strength
        low = (0.04, 0.12, 0.26)[grade - 1] * strength
        for centre, axes, opacity in (
            ((sign * 58.0 * body.width, 6.0, 165.0 * body.stature), (40.0, 58.0, 58.0), veil),
            ((sign * 74.0 * body.width, 34.0, chest.dome_top(side) + 24), (56.0, 56.0, 46.0), low),
        ):
            egg = Ellipsoid(centre, axes)
            found.append(
                Part(structure=f"{side} lower lobe", solid=egg, tissue="lung_oedema", within=room, softness_mm=9.0,
                     opacity=min(opacity, 0.7), concept=concept, component="veil")
            )  # fmt: skip
        if grade >= 2:
            lines = _septa(thorax, side, int(70 * strength), rng)
            found.append(Part(structure="", solid=lines, tissue="lung_oedema", within=room))
    return tuple(found)


def _septa(thorax: Thorax, side: Side, count: int, rng: np.random.Generator) -> Beads:
    """Thick septa: sheets about 1 mm thick and 10 to 20 mm long that run inwards from the wall of the lower zones."""
    height, angle = rng.uniform(-0.12, 0.5, count), rng.uniform(-0.9, 1.3, count)
    chest, turn = thorax.chest, rng.uniform(0, np.pi, count)
    z = chest.dome_top(side) + height * (277 * thorax.body.stature - chest.dome_top(side))
    centre, width, depth, middle = chest.cavity.at(z)
    way = np.stack([np.cos(angle), np.sin(angle)])
    x = side_sign(side) * (centre + width * np.abs(way[0]) ** (2 / 3) * 0.985)
    wall = np.stack([x, middle + depth * way[1] * 0.985, z], axis=1)
    inward = np.stack([-side_sign(side) * way[0], -way[1], 0.15 * np.ones(count)], axis=1)
    across = np.stack([-inward[:, 1] * np.cos(turn), inward[:, 0] * np.cos(turn), np.sin(turn)], axis=1)
    long = rng.uniform(10, 20, count)
    t, s = (grid.ravel() for grid in np.meshgrid(np.linspace(0, 1, 24), np.linspace(-4, 4, 11), indexing="ij"))
    points = wall[:, None] + inward[:, None] * (long[:, None] * t)[:, :, None] + across[:, None] * s[None, :, None]
    return Beads(points.reshape(-1, 3), np.full(count * len(t), 0.55))
