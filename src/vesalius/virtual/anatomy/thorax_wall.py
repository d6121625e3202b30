"""The wall of the thorax: skin, fat, muscles, breasts and bones."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from vesalius.virtual.anatomy.beads import Beads
from vesalius.virtual.anatomy.parts import Part
from vesalius.virtual.anatomy.solids import Block, Ellipsoid, HalfSpace, Intersection, Point, Solid, Tube, Union
from vesalius.virtual.anatomy.thorax_shapes import Column, Sleeve
from vesalius.virtual.body import SIDES, Side
from vesalius.virtual.radiograph.chest import Chest, Outline, side_sign
from vesalius.virtual.radiograph.skeleton import VERTEBRAE, clavicle_curve, rib_curve, scapula_corners

__all__ = ["HIGH_MM", "LOW_MM", "RIBS", "VERTEBRA_NAMES", "back_parts", "bone_parts", "cavity_solid", "rib_beads",
           "soft_parts", "spine_parts"]  # fmt: skip

LOW_MM, HIGH_MM = -80.0, 330.0
"""Ends of the region along z in the reference adult."""
RIBS = tuple(f"{side} rib {number}" for number in range(1, 13) for side in SIDES)
VERTEBRA_NAMES = (*(f"vertebra T{number}" for number in range(1, 13)), "vertebra L1")
_SKIN_MM = 2.0
_CORTEX_MM = 1.2


def _sleeve(chest: Chest, outline: Outline) -> Sleeve:
    return Sleeve(outline, LOW_MM * chest.body.stature, HIGH_MM * chest.body.stature)


def cavity_solid(chest: Chest, grown_mm: float = 0.0) -> Sleeve:
    """Return the inside of the rib cage, both sides with the mediastinum."""
    outline = chest.cavity.grown(grown_mm, grown_mm, grown_mm)
    closed = np.where(chest.cavity.width2 > 0, outline.width2, 0.0)
    return _sleeve(chest, replace(outline, width2=closed))


def soft_parts(chest: Chest) -> Iterable[Part]:
    """Skin, fat, breasts and the layers of muscle, from outside to inside."""
    front, side, back = chest.body.fat_mm
    muscle = chest.muscle
    yield Part(structure="skin", solid=_sleeve(chest, muscle.grown(side + 2, front + 2, back + 2)), tissue="skin")
    yield from _shoulders(chest, side + 2, "skin", "skin")
    yield from _breasts(chest, _SKIN_MM, "skin", "skin")
    yield Part(structure="subcutaneous fat", solid=_sleeve(chest, muscle.grown(side, front, back)), tissue="fat")
    yield from _shoulders(chest, side, "subcutaneous fat", "fat")
    yield from _breasts(chest, 0.0, "subcutaneous fat", "fat")
    yield from _breasts(chest, -9.0, "", "breast_gland")
    yield Part(structure="muscles of the chest wall", solid=_sleeve(chest, muscle), tissue="muscle")
    yield from _shoulders(chest, 0.0, "muscles of the chest wall", "muscle")
    layer = cavity_solid(chest, 15.0)
    yield Part(structure="fat of the chest wall", solid=layer, tissue="fat")
    yield Part(structure="intercostal muscles", solid=cavity_solid(chest, 11.0), tissue="muscle")
    for sign, name in ((-1, "right"), (1, "left")):
        armpit = Ellipsoid(_place(chest, (sign * 132, 8, 222)), (22, 34, 34))
        yield Part(structure=f"{name} axilla", solid=armpit, tissue="fat", within=("muscles of the chest wall",))


def _shoulders(chest: Chest, grown: float, structure: str, tissue: str) -> Iterable[Part]:
    """Both shoulders with the arms raised beside the head."""
    for sign in (-1, 1):
        a, b, c = (float(value) + grown for value in np.array([95, 46, 44]) * chest.scale)
        egg = Ellipsoid(_place(chest, (sign * 140, 22, 272)), (a, b, c), (sign * 0.42, 0.0, 1.0))
        yield Part(structure=structure, solid=egg, tissue=tissue)


def _breasts(chest: Chest, grown: float, structure: str, tissue: str) -> Iterable[Part]:
    """Both breasts of a woman on her back: flat and to the side; nothing in a man."""
    depth = chest.body.breast_mm
    if depth < 1:
        return
    front = chest.body.fat_mm[0]
    for sign, side in ((-1, "right"), (1, "left")):
        wide = (60 + 0.3 * depth, 0.44 * depth + 0.4 * front, 52 + 0.3 * depth)
        axes = tuple(max(6.0, value + grown) for value in wide)
        centre = (sign * 92 * chest.body.width, -84 * chest.body.depth - 0.62 * front, 118 * chest.body.stature)
        solid = Ellipsoid(centre, (axes[0], axes[1], axes[2]), (1.0, sign * 0.42, 0.0))
        if structure:
            yield Part(structure=structure, solid=solid, tissue=tissue)
        else:
            small = Ellipsoid(centre, (0.62 * axes[0], 0.7 * axes[1], 0.62 * axes[2]), (1.0, sign * 0.42, 0.0))
            yield Part(structure=f"{side} breast", solid=small, tissue=tissue, opacity=_gland(chest.body.age_years),
                       softness_mm=5.0)  # fmt: skip


def _gland(age_years: float) -> float:
    """Share of gland in the breast: 0.65 in the gland's own room at 30 years, falling with age."""
    return float(np.clip(0.65 - 0.011 * (age_years - 30), 0.15, 0.8))


def _place(chest: Chest, point: Sequence[float]) -> Point:
    x, y, z = (float(value) for value in chest.place(*point))
    return (x, y, z)


def rib_beads(curve: NDArray[np.float64], number: int) -> Beads:
    """Return a rib about its axis (N, 3): about 12 high and 7 thick."""
    share = np.linspace(0, 1, len(curve))
    radius = 3.7 - 0.5 * np.exp(-((share / 0.10) ** 2)) - (0.8 if number > 10 else 0.0)
    half = np.array([0.0, 0.0, 2.6])
    return Beads(np.concatenate([curve - half, curve + half]), np.concatenate([radius, radius]))


def bone_parts(chest: Chest) -> Iterable[Part]:
    """Ribs with their cartilage, sternum, clavicles and shoulder blades."""
    for number in range(1, 13):
        for side in SIDES:
            yield from _rib(chest, side, number)
    yield from _sternum(chest)
    for side in SIDES:
        curve = clavicle_curve(chest, side)
        share = np.linspace(0, 1, len(curve))
        beads = Beads(curve, 5.2 + 2.0 * np.exp(-((share / 0.10) ** 2)))
        yield from _bone(f"{side} clavicle", beads)
        yield from _scapula(chest, side)
        head = _place(chest, (side_sign(side) * 152, 10, 272))
        shaft = _place(chest, (side_sign(side) * 178, 6, 345))
        yield Part(
            structure=f"{side} humerus", solid=Tube((head, head, shaft), (22.0, 20.0, 11.0)), tissue="cortical_bone"
        )
        core = Tube((head, head, shaft), (20.5, 18.5, 7.5))
        yield Part(structure=f"{side} humerus", solid=core, tissue="spongy_bone")


def _bone(structure: str, beads: Beads) -> Iterable[Part]:
    """Compact bone with a spongy core."""
    yield Part(structure=structure, solid=beads, tissue="cortical_bone")
    core = Beads(beads.points, np.maximum(beads.radii - _CORTEX_MM, 0.3))
    yield Part(structure=structure, solid=core, tissue="spongy_bone")


def _rib(chest: Chest, side: Side, number: int) -> Iterable[Part]:
    curve = rib_curve(chest, side, number, 1.4)
    if number <= 10:
        end = curve[-1]
        height = max(end[2] + 18 + 5 * number, 108 * chest.body.stature)
        near = np.array([side_sign(side) * 17 * chest.body.width, float(_front(chest, height)) - 4, height])
        t = np.linspace(0, 1, 40)[:, None]
        bow = end + t * (near - end)
        outside = _on_wall(chest, bow)
        yield Part(structure=f"{side} costal cartilage {number}", solid=Beads(outside, np.full(40, 4.6)),
                   tissue="cartilage")  # fmt: skip
    yield from _bone(f"{side} rib {number}", rib_beads(curve, number))


def _front(chest: Chest, z: float) -> float:
    _, _, depth, middle = chest.cavity.at(z)
    return float(middle - depth)


def _on_wall(chest: Chest, points: NDArray[np.float64]) -> NDArray[np.float64]:
    """Move points in front of the cavity on to its wall, 5 mm outside."""
    centre, width, depth, middle = chest.cavity.at(points[:, 2])
    off = np.clip(np.abs(points[:, 0]) / np.maximum(centre + width, 1), 0, 1)
    y = middle - (depth * np.sqrt(np.maximum(1 - off**3, 0)) + 5)
    return np.column_stack([points[:, 0], np.minimum(points[:, 1], y), points[:, 2]])


def _sternum(chest: Chest) -> Iterable[Part]:
    wide, high = chest.body.width, chest.body.stature
    for name, z, half in (("manubrium", 232, (27, 6, 24)), ("body of sternum", 158, (18, 5.5, 50)),
                          ("xiphoid process", 100, (7, 3, 10))):  # fmt: skip
        centre = (0.0, _front(chest, z * high) - 5.0, z * high)
        outer = Block(centre, (half[0] * wide, half[1], half[2] * high), rounding_mm=4.0)
        inner = Block(centre, (half[0] * wide - 1.2, half[1] - 1.2, half[2] * high - 1.2), rounding_mm=3.0)
        yield Part(structure=name, solid=outer, tissue="cortical_bone")
        yield Part(structure=name, solid=inner, tissue="spongy_bone")


def _scapula(chest: Chest, side: Side) -> Iterable[Part]:
    """Thin blade, thick borders and the spine of a shoulder blade."""
    inferior, superior, glenoid = scapula_corners(chest, side)
    along = np.linspace(0.02, 1, 44)[:, None, None]
    across = np.linspace(0, 1, 36)[None, :, None]
    fan = (inferior + along * ((1 - across) * superior + across * glenoid - inferior)).reshape(-1, 3)
    t = np.linspace(0, 1, 60)[:, None]
    edge = inferior + t * (glenoid - inferior)
    ridge = (
        superior + np.array([0, 6, -24]) + t * (glenoid + np.array([0, 14, 18]) - superior - np.array([0, 6, -24]))
    )
    points = np.concatenate([fan, edge, ridge, glenoid[None]])
    radii = np.concatenate([np.full(len(fan), 1.6), np.full(60, 3.6), np.full(60, 3.8), [11.0]])
    yield from _bone(f"{side} scapula", Beads(points, radii))


def back_parts(chest: Chest) -> Iterable[Part]:
    """The muscles about the spine, as deep as the wall lets them."""
    z = np.linspace(LOW_MM, HIGH_MM, 30)
    height = z * chest.body.stature
    y, x = chest.spine_y(height), chest.spine_x(height)
    half = 33 + 0.016 * (330 - z)
    rows = np.stack([height, x, y + 62, half, np.full_like(z, 74)], axis=1)
    muscle = Intersection((Column(rows), _sleeve(chest, chest.muscle.grown(-1, -1, -1))))
    yield Part(structure="paraspinal muscles", solid=muscle, tissue="muscle")
    for sign in (-1, 1):
        rows = np.stack([height, x + sign * 30, y + 60, np.full_like(z, 5), np.full_like(z, 15)], axis=1)
        yield Part(structure="paraspinal muscles", solid=Column(rows), tissue="fat", opacity=0.5, softness_mm=2.5,
                   within=("paraspinal muscles",))  # fmt: skip


def spine_parts(chest: Chest) -> Iterable[Part]:
    """Discs, vertebrae, canal and cord."""
    places = np.column_stack([chest.spine_x(VERTEBRAE[:, 0] * chest.body.stature), VERTEBRAE[:, 1] * chest.body.depth,
                              VERTEBRAE[:, 0] * chest.body.stature])[: len(VERTEBRA_NAMES)]  # fmt: skip
    line = tuple((float(x), float(y), float(z)) for x, y, z in places)
    wide = np.minimum(14 + 0.62 * np.arange(len(places)), 24)
    discs = Tube(line, tuple(float(0.82 * value) for value in wide), steps=2)
    yield Part(structure="intervertebral discs", solid=discs, tissue="disc")
    for number, name in enumerate(VERTEBRA_NAMES):
        yield from _vertebra(chest, name, number, places)
    shift = np.array([0.0, 26.0 * chest.body.depth, 0.0])
    canal = tuple((float(x), float(y), float(z)) for x, y, z in places + shift)
    yield Part(structure="spinal canal", solid=Tube(canal, (8.6,) * len(canal), steps=2), tissue="csf")
    yield Part(structure="spinal cord", solid=Tube(canal, (4.6,) * len(canal), steps=2), tissue="spinal_cord")


def _vertebra(chest: Chest, name: str, number: int, places: NDArray[np.float64]) -> Iterable[Part]:
    """One vertebra: body, arch about the canal, processes."""
    x, y, z = places[number]
    wide, deep = min(14 + 0.62 * number, 24.0), min(9 + 0.6 * number, 17.0)
    high = min(8 + 0.42 * number, 13.5) * chest.body.stature
    below, above = places[min(number + 1, len(places) - 1)], places[max(number - 1, 0)]
    lean = (below - above) / np.linalg.norm(below - above)
    direction = (0.0, float(-lean[2]), float(lean[1]))
    lost = dict(chest.wedged).get(number, 0.0)
    body: list[Solid] = []
    for inset in (0.0, _CORTEX_MM):
        shape = Ellipsoid(
            (float(x), float(y), float(z)), (1.12 * deep - inset, 1.16 * wide - inset, 3 * high), direction
        )
        ends = tuple(_end_plate((x, y, z), lean, sign, high - inset, (lost if sign < 0 else 0.0, deep))
                     for sign in (-1, 1))  # fmt: skip
        body.append(Intersection((shape, *ends)))
    arch = _arch(chest, (float(x), float(y), float(z)), wide)
    yield Part(structure=name, solid=Union((body[0], *arch)), tissue="cortical_bone")
    yield Part(structure=name, solid=body[1], tissue="spongy_bone")
    yield Part(structure=name, solid=Union(tuple(_thinner(part) for part in arch)), tissue="spongy_bone")


def _end_plate(
    centre: Sequence[float], lean: NDArray[np.float64], sign: int, high: float, wedge: tuple[float, float]
) -> HalfSpace:
    """Plane that bounds a body above (-1, against the downward line of the spine) or below, wedged by a break."""
    lost, deep = wedge
    normal = lean * sign
    point = np.asarray(centre) + normal * high * (1 - 0.5 * lost)
    tilt = normal + np.array([0.0, -1.0, 0.0]) * lost * high / max(deep, 1.0)
    return HalfSpace(
        (float(point[0]), float(point[1]), float(point[2])), (float(tilt[0]), float(tilt[1]), float(tilt[2]))
    )


def _arch(chest: Chest, centre: Point, wide: float) -> tuple[Tube, ...]:
    """Pedicles and laminae about the canal, spinous and transverse processes."""
    x, y, z = centre
    behind = 26.0 * chest.body.depth
    ring = tuple(
        (x + 13.0 * float(np.sin(a)), y + behind - 12.5 * float(np.cos(a)), z + 2.0)
        for a in np.linspace(0.75, 2 * np.pi - 0.75, 9)
    )
    tip = (x, y + behind + 32, z - 22)
    sides = tuple(
        Tube(((x + sign * 12, y + behind - 2, z + 3), (x + sign * (wide + 20), y + behind + 10, z + 4)), (4.5, 4.0))
        for sign in (-1, 1)
    )
    return (Tube(ring, (3.8,) * 9, steps=2), Tube(((x, y + behind + 10, z - 3), tip), (3.6, 3.2)), *sides)


def _thinner(tube: Tube) -> Tube:
    return Tube(tube.points, tuple(radius - _CORTEX_MM for radius in tube.radii), tube.steps)
