"""Lesions of the lung that are hollow, faint or many: cavities, ground glass, wide bronchi, deposits."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vesalius.virtual.anatomy.beads import Beads
from vesalius.virtual.anatomy.parts import Anatomy, Part
from vesalius.virtual.anatomy.solids import Ellipsoid, HalfSpace, Intersection, Lumpy, Point, Solid
from vesalius.virtual.anatomy.thorax_lesions import Round, as_thorax, room_of, round_parts, thorax_structure
from vesalius.virtual.anatomy.thorax_organs import lobes_of
from vesalius.virtual.body import Side
from vesalius.virtual.radiograph.lungs import HILUM
from vesalius.virtual.radiograph.skeleton import spline

__all__ = ["Bronchi", "Cavity", "bronchi_parts", "cavity_parts", "deposit_parts", "patch_parts"]


@dataclass(frozen=True, kw_only=True)
class Cavity:
    """A hollow with a wall."""

    concept: str
    side: Side
    place: Point
    """Shares of the lung, see `Chest.lung_point`."""
    diameter_mm: float
    wall_mm: float
    fluid: float
    """Share of the hollow's height below the level; 0 without fluid."""
    haze: float
    """Share of the lung around it that is filled."""


def cavity_parts(anatomy: Anatomy, lesion: Cavity, rng: np.random.Generator) -> tuple[Part, ...]:
    """Return a cavity of a supine patient: haze, wall, air and fluid with a level."""
    thorax = as_thorax(anatomy)
    radius = lesion.diameter_mm / 2
    centre = thorax.lung_place(lesion.side, lesion.place, min(0.5 * radius, 10.0))
    where, room = thorax_structure(thorax, lesion.side, centre), room_of(lesion.side)
    outer = Lumpy(_ball(centre, radius), 0.05 * radius, radius, int(rng.integers(2**31)))
    hollow = _ball(centre, max(radius - lesion.wall_mm, 0.5))
    inner = Lumpy(hollow, 0.06 * radius, 0.8 * radius, int(rng.integers(2**31)))

    def part(solid: Solid, tissue: str, component: str) -> Part:
        return Part(structure=where, solid=solid, tissue=tissue, within=room, concept=lesion.concept,
                    component=component)  # fmt: skip

    found = [
        Part(structure="", solid=_ball(centre, 1.5 * radius), tissue="consolidation", within=lobes_of(lesion.side),
             opacity=lesion.haze, softness_mm=0.2 * radius),
        part(outer, "lung_nodule", "wall"), part(inner, "gas", "hollow"),
    ]  # fmt: skip
    if lesion.fluid:
        level = centre[1] + (1 - 2 * lesion.fluid) * (radius - lesion.wall_mm)
        below = Intersection((inner, HalfSpace((0.0, level, 0.0), (0.0, -1.0, 0.0))))
        found.append(part(below, "effusion", "fluid"))
    return tuple(found)


def _ball(centre: Point, radius: float) -> Ellipsoid:
    return Ellipsoid(centre, (radius, radius, radius))


def patch_parts(
    anatomy: Anatomy, concept: str, patches: Sequence[tuple[Side, float, float, float, float]], density: float,
    rng: np.random.Generator,
) -> tuple[Part, ...]:  # fmt: skip
    """Return patches of ground glass: side, place by shares of the lung and diameter in mm of each; vessels show."""
    thorax = as_thorax(anatomy)
    found = []
    for side, x, y, z, size in patches:
        centre = thorax.lung_place(side, (x, y, z), 2.0)
        a, b, c = (float(value) for value in 0.5 * size * rng.uniform(0.75, 1.25, 3))
        blob = Lumpy(Ellipsoid(centre, (a, b, c)), 0.12 * size, 0.7 * size, int(rng.integers(2**31)))
        found.append(Part(structure=thorax_structure(thorax, side, centre), solid=blob, tissue="consolidation",
                          within=lobes_of(side), opacity=min(0.95 * density, 0.5), softness_mm=0.06 * size,
                          concept=concept, component="patch"))  # fmt: skip
    return tuple(found)


def deposit_parts(
    anatomy: Anatomy, concept: str, deposits: Sequence[tuple[Side, float, float, float, float]],
    rng: np.random.Generator,
) -> tuple[Part, ...]:  # fmt: skip
    """Return round, sharp deposits: side, place by shares of the lung and diameter in mm of each."""
    found: list[Part] = []
    for side, x, y, z, size in deposits:
        lesion = Round(concept=concept, side=side, place=(x, y, z), diameter_mm=size, margin="smooth",
                       tissue="lung_cancer")  # fmt: skip
        found += round_parts(anatomy, lesion, rng)
    return tuple(found)


@dataclass(frozen=True, kw_only=True)
class Bronchi:
    """Wide bronchi of one lobe."""

    concept: str
    lobe: str
    centre: Point
    """Where they lie, by shares of the lung."""
    diameter_mm: float
    wall_mm: float
    kind: str
    """cylindric, varicose or cystic."""
    count: int


def bronchi_parts(anatomy: Anatomy, lesion: Bronchi, rng: np.random.Generator) -> tuple[Part, ...]:
    """Return walls and lumens of wide bronchi that run outwards from the hilum's side."""
    side: Side = "right" if lesion.lobe.startswith("right") else "left"
    lines = [_bronchus(anatomy, lesion, side, rng) for _ in range(lesion.count)]
    lumen = Beads(np.concatenate([line for line, _ in lines]), np.concatenate([radius for _, radius in lines]))
    wall = Part(structure=lesion.lobe, solid=lumen.grown(lesion.wall_mm), tissue="airway_wall",
                within=room_of(side), concept=lesion.concept, component="wall")  # fmt: skip
    air = Part(structure=lesion.lobe, solid=lumen, tissue="gas", within=room_of(side), concept=lesion.concept,
               component="lumen")  # fmt: skip
    return wall, air


def _bronchus(
    anatomy: Anatomy, lesion: Bronchi, side: Side, rng: np.random.Generator
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Axis (N, 3) and inner radii (N,) of one bronchus, mm."""
    chest = as_thorax(anatomy).chest
    root = np.array(HILUM[side]) * chest.scale
    shares = np.array(lesion.centre) + rng.uniform(-1, 1, 3) * (0.22, 0.3, 0.12)
    end = chest.lung_point(side, *(float(share) for share in shares))
    start = root + float(rng.uniform(0.25, 0.45)) * (end - root) + rng.normal(0, 4, 3)
    points = spline(np.stack([start, (start + end) / 2 + rng.normal(0, 5, 3), end]), 0.7)
    along = np.linspace(0, 1, len(points))
    radius = np.full(len(points), 0.5 * lesion.diameter_mm)
    if lesion.kind == "varicose":
        radius *= 1 + 0.28 * np.sin(2 * np.pi * (4 * along + rng.random()))
    elif lesion.kind == "cystic":
        radius *= 0.7 + 1.3 * np.exp(-(((along - 0.8) / 0.13) ** 2))
    return points, radius
