"""Diseases of mediastinum, aorta and bones: what they add, and where those show that change a shape alone."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from vesalius.virtual.anatomy.beads import Beads
from vesalius.virtual.anatomy.parts import Anatomy, Part
from vesalius.virtual.anatomy.solids import Block, Cut, Ellipsoid, Inset, Intersection, Lumpy, Point, Solid, Union
from vesalius.virtual.anatomy.thorax_lesions import as_thorax, room_of
from vesalius.virtual.anatomy.thorax_shapes import ellipsoid_of
from vesalius.virtual.anatomy.thorax_wall import cavity_solid
from vesalius.virtual.body import SIDES, Side
from vesalius.virtual.radiograph import shapes
from vesalius.virtual.radiograph.skeleton import Break, clavicle_curve, spline

__all__ = [
    "broken_clavicle_parts",
    "can_parts",
    "free_gas_parts",
    "mediastinal_air_parts",
    "node_parts",
    "pericardial_parts",
    "strand_parts",
    "structure_mark",
]  # fmt: skip

_SOFT = ("mediastinal fat", "thymus", "right paratracheal lymph nodes", "aorto-pulmonary lymph nodes",
         "subcarinal lymph nodes", "hilar lymph nodes")  # fmt: skip
_HEART_FAT = ("pericardium", "epicardial fat")

_MARKED_MM = 3.0
"""Least radius of the region about a wire."""


def structure_mark(anatomy: Anatomy, concept: str, structure: str) -> tuple[Part, ...]:
    """Return a structure as the region of a finding that has changed its shape; no value changes."""
    solids = [part.solid for part in as_thorax(anatomy).parts if part.structure == structure and not part.concept]
    return tuple(
        Part(structure=structure, solid=solid, tissue="muscle", opacity=0.0, concept=concept, within=(structure,))
        for solid in solids
    )


def strand_parts(
    concept: str, lines: Sequence[tuple[NDArray[np.float64], float, float]], *, metal: bool
) -> tuple[Part, ...]:  # fmt: skip
    """Return tubes and wires: knots (n, 3) of each, its radius and the thickness of its wall in mm, 0 where solid."""
    found = []
    for knots, radius, wall in lines:
        curve = spline(knots, max(0.3, 0.4 * radius))
        beads = Beads(curve, np.full(len(curve), radius))
        found.append(Part(structure="", solid=beads, tissue="metal" if metal else "device_wall"))
        if wall:
            found.append(Part(structure="", solid=beads.grown(-wall), tissue="gas"))
        # Wires are thinner than a voxel: what is marked is as wide as one of 4 mm.
        shown = Beads(curve, np.full(len(curve), max(radius, _MARKED_MM)))
        found.append(
            Part(structure="", solid=shown, tissue="metal", opacity=0.0, concept=concept, component="strand")
        )
    return tuple(found)


def can_parts(concept: str, centre: Sequence[float] | NDArray[np.float64], half: Point) -> tuple[Part, ...]:
    """Return the case of a stimulator under the skin."""
    x, y, z = (float(value) for value in centre)
    return (Part(structure="", solid=Block((x, y, z), half, rounding_mm=3.5), tissue="metal", concept=concept,
                 component="can"),)  # fmt: skip


def node_parts(
    anatomy: Anatomy, concept: str, nodes: Sequence[shapes.Ellipsoid], rng: np.random.Generator
) -> tuple[Part, ...]:  # fmt: skip
    """Return enlarged lymph nodes in the fat of the mediastinum and in the hila."""
    room = (*_SOFT, *room_of("right"), *room_of("left"))
    found = []
    for node in nodes:
        body = Lumpy(
            ellipsoid_of(node), 0.04 * float(node.axes[0]), 2 * float(node.axes[0]), int(rng.integers(2**31))
        )
        found.append(Part(structure="mediastinal fat", solid=body, tissue="lymph_node", within=room, concept=concept,
                          component="node"))  # fmt: skip
    return tuple(found)


def pericardial_parts(anatomy: Anatomy, concept: str, sac: Sequence[shapes.Ellipsoid]) -> tuple[Part, ...]:
    """Return fluid between the heart and a sac that has grown round it."""
    thorax = as_thorax(anatomy)
    heart = Union(tuple(ellipsoid_of(part) for part in thorax.chest.heart))
    grown = Union(tuple(ellipsoid_of(part) for part in sac))
    inside = cavity_solid(thorax.chest, -1.0)
    room = (*_SOFT, *room_of("right"), *room_of("left"), "diaphragm", "peritoneal fat", "liver", "stomach",
            "oesophagus")  # fmt: skip
    wall = Part(structure="", solid=Intersection((Cut(Inset(grown, -1.5), (heart,)), inside)), tissue="muscle",
                within=room)  # fmt: skip
    fluid = Part(structure="pericardium", solid=Intersection((Cut(grown, (heart,)), inside)), tissue="effusion",
                 within=room, concept=concept, component="fluid")  # fmt: skip
    return wall, fluid


def free_gas_parts(anatomy: Anatomy, concept: str, sides: Sequence[Side], gap_mm: float) -> tuple[Part, ...]:
    """Return gas of a supine patient: between the front of the dome and what has fallen back from it."""
    chest = as_thorax(anatomy).chest
    found = []
    for side in sides:
        dome = chest.domes[SIDES.index(side)]
        roof = Intersection((ellipsoid_of(dome, -4.0), cavity_solid(chest, -2.0)))
        x, y, z = (float(value) for value in dome.centre)
        fallen = Ellipsoid((x, y + gap_mm, z - 0.08 * gap_mm), ellipsoid_of(dome, -4.0).axes)
        found.append(Part(structure="peritoneal fat", solid=Cut(roof, (fallen,)), tissue="gas", concept=concept,
                          within=("peritoneal fat", "liver", "spleen", "stomach"), component="gas"))  # fmt: skip
    return tuple(found)


def mediastinal_air_parts(
    anatomy: Anatomy, concept: str, gap_mm: float, streaks: Sequence[Sequence[Point]], rng: np.random.Generator
) -> tuple[Part, ...]:
    """Return air along the left border of the heart and in streaks between the layers of the upper mediastinum."""
    chest = as_thorax(anatomy).chest
    border = Union(tuple(ellipsoid_of(chest.heart[number]) for number in (2, 4)))
    rim = Intersection((Cut(Inset(border, -gap_mm), (border,)), cavity_solid(chest, -1.0)))
    lines, radii = [], []
    for knots in streaks:
        curve = spline(np.array(knots, float) * chest.scale, 0.8)
        along = np.linspace(0, 1, len(curve))
        radii.append(0.45 * gap_mm * (0.6 + 0.4 * np.sin(9 * along + rng.uniform(0, 6))))
        lines.append(curve)
    tracks: Solid = Beads(np.concatenate(lines), np.maximum(np.concatenate(radii), 0.6))
    room = (*_SOFT, *_HEART_FAT, "left upper lobe", "left lower lobe", "pulmonary vessels")
    return tuple(
        Part(structure="mediastinal fat", solid=solid, tissue="gas", within=room, concept=concept, component=name)
        for name, solid in (("rim", rim), ("streaks", tracks))
    )


def broken_clavicle_parts(anatomy: Anatomy, concept: str, crack: Break) -> tuple[Part, ...]:
    """Return a broken clavicle: its lateral part sunk, with a gap, or callus round a healed one."""
    chest = as_thorax(anatomy).chest
    curve = clavicle_curve(chest, crack.side)
    along = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(curve, axis=0), axis=1))])
    away = along - crack.place * along[-1]
    name, lateral = f"{crack.side} clavicle", away > -0.5 * crack.gap_mm
    moved = curve.copy()
    moved[:, 2] -= np.where(away > 0, crack.step_mm * np.clip(1 - away / 90, 0, 1), 0)
    kept = moved[away > 0.5 * crack.gap_mm * (1 - crack.callus)]
    x, y, z = (float(value) for value in curve[int(np.abs(away).argmin())])
    found = [
        Part(structure="muscles of the chest wall", solid=Beads(curve[lateral], np.full(int(lateral.sum()), 7.5)),
             tissue="muscle", within=(name, "muscles of the chest wall")),
        Part(structure=name, solid=Beads(kept, np.full(len(kept), 5.2)), tissue="cortical_bone"),
        Part(structure=name, solid=Beads(kept, np.full(len(kept), 3.6)), tissue="spongy_bone"),
    ]  # fmt: skip
    if crack.callus:
        ball = Ellipsoid((x, y, z), (5 + 3 * crack.callus,) * 3)
        found.append(Part(structure=name, solid=ball, tissue="callus"))
    site = Ellipsoid((x, y, z), (12.0, 12.0, 12.0))
    return (*found, Part(structure=name, solid=site, tissue="cortical_bone", opacity=0.0, concept=concept))
