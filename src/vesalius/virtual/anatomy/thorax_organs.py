"""What the rib cage holds beside the heart: lungs by lobe, fat, airways, the diaphragm and what lies under it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

import numpy as np

from vesalius.virtual.anatomy.beads import Beads
from vesalius.virtual.anatomy.parts import Part
from vesalius.virtual.anatomy.solids import (
    Cut,
    Ellipsoid,
    HalfSpace,
    Inset,
    Intersection,
    Point,
    Solid,
    Tube,
    Union,
)  # fmt: skip
from vesalius.virtual.anatomy.thorax_shapes import Bounded, Column, Sleeve, ellipsoid_of
from vesalius.virtual.anatomy.thorax_wall import HIGH_MM, LOW_MM, cavity_solid
from vesalius.virtual.body import SIDES, Side
from vesalius.virtual.findings.base import LOBES
from vesalius.virtual.radiograph.chest import Chest, side_sign

__all__ = [
    "airway_parts", "lobe_of", "lobe_solid", "lobes_of", "lung_parts", "lung_solid", "mediastinum_parts",
    "mediastinum_solids", "tendon", "tube", "upper_abdomen_parts",
]  # fmt: skip

# Upright vessels and fat of the reference adult: rows of z, x, y, half width, half depth.
_CORE = ((-60, 3, 2, 18, 42), (120, 3, 2, 16, 44), (150, 3, 4, 12, 44), (190, 0, -2, 20, 48), (235, 0, -2, 25, 58),
         (262, 0, 2, 28, 50), (300, 0, 0, 31, 45))  # fmt: skip
_JUNCTION = ((-60, 3, -4, 25, 100), (150, 3, -4, 25, 94), (205, 1, -4, 26, 86), (240, 0, -2, 28, 66))
_CAVA = ((120, -24, -24, 9, 12), (165, -29, -24, 11, 13), (205, -29, -27, 11, 14), (238, -27, -28, 12, 14),
         (262, -32, -24, 13, 14), (290, -40, -20, 14, 14))  # fmt: skip
_SUBCLAVIAN = ((205, 20, 4, 8, 9), (224, 21, 3, 9, 10), (245, 29, 2, 9, 10), (266, 42, 0, 10, 10),
               (285, 55, -2, 12, 10))  # fmt: skip
_MAJOR: dict[Side, tuple[Point, Point]] = {
    "right": ((0, -60, 69), (0, 75, 250)), "left": ((0, -60, 54), (0, 75, 244)),
}  # fmt: skip
"""Front and back point of the major fissure, reference adult."""
_MINOR_MM = 158.0
_LIFT_MM = 3.0


def lobes_of(side: Side) -> tuple[str, ...]:
    """Names of the lobes of a lung."""
    return tuple(lobe for lobe in LOBES if lobe.startswith(side))


def tube(
    chest: Chest, points: Sequence[Sequence[float]], radii: float | Sequence[float], *, steps: int = 4
) -> Tube:  # fmt: skip
    """Return a tube through places of the reference adult; radii are of this body, mm.

    The upper mediastinum's shift moves what lies above the heart.
    """
    placed = [_placed(chest, point) for point in points]
    thick = (float(radii),) * len(placed) if isinstance(radii, (int, float)) else tuple(float(r) for r in radii)
    return Tube(tuple(placed), thick, steps)


def _placed(chest: Chest, point: Sequence[float]) -> Point:
    x, y, z = (float(value) for value in chest.place(*point))
    return (x + chest.shift_mm * float(np.clip((point[2] - 120) / 90, 0, 1)), y, z)


def tendon(chest: Chest) -> Ellipsoid:
    """Central tendon of the diaphragm with what lies under it, between the domes and below the heart."""
    middle = min(chest.dome_top(side) for side in SIDES) - 4
    x, y, z = np.array([84.0, 108.0, 120.0]) * chest.scale
    return Ellipsoid((4.0, -6.0, middle - 120 * chest.body.stature), (float(x), float(y), float(z)))


def _under(chest: Chest, inset_mm: float) -> tuple[Solid, ...]:
    """Bodies under the diaphragm, `inset_mm` below its upper surface."""
    return (*(ellipsoid_of(dome, -inset_mm) for dome in chest.domes), Inset(tendon(chest), inset_mm))


def lung_solid(chest: Chest, side: Side) -> Solid:
    """Return the pleural cavity of a side above the diaphragm; the mediastinum takes room of it later."""
    low, high = LOW_MM * chest.body.stature, HIGH_MM * chest.body.stature
    return Cut(Sleeve(chest.cavity, low, high, side_sign(side)), _under(chest, 0.0))


def lobe_of(chest: Chest, lobe: str) -> tuple[Solid, ...]:
    """Return the half-spaces that bound a lobe within its lung."""
    side: Side = "right" if lobe.startswith("right") else "left"
    front, back = (chest.place(*point) for point in _MAJOR[side])
    along = back - front
    up = np.array([0.0, -along[2], along[1]])
    point = (0.0, float(front[1]), float(front[2]))
    normal = (0.0, float(-up[1]), float(-up[2]))
    if "lower" in lobe:
        return (HalfSpace(point, (0.0, float(up[1]), float(up[2]))),)
    above = HalfSpace(point, normal)
    if side == "left":
        return (above,)
    level = (0.0, 0.0, _MINOR_MM * chest.body.stature)
    return above, HalfSpace(level, (0.0, 0.06, 1.0 if "middle" in lobe else -1.0))


def lobe_solid(chest: Chest, lobe: str) -> Solid:
    """Return a lobe as it is: without mediastinum, heart and spine."""
    side: Side = "right" if lobe.startswith("right") else "left"
    others = (*mediastinum_solids(chest), *(ellipsoid_of(part) for part in chest.heart), _spine(chest))
    return Cut(Intersection((lung_solid(chest, side), *lobe_of(chest, lobe))), others)


def _spine(chest: Chest) -> Column:
    z = np.linspace(LOW_MM, HIGH_MM, 20) * chest.body.stature
    half = 33 + 0.016 * (330 - z)
    rows = np.stack([z, chest.spine_x(z), chest.spine_y(z) + 62, half, np.full_like(z, 74)], axis=1)
    return Column(rows)


def lung_parts(chest: Chest) -> Iterable[Part]:
    """Both lungs by lobe; each lobe is cut out of what is left of its lung, so that the solids cost little."""
    for side in SIDES:
        whole = lung_solid(chest, side)
        lower = f"{side} lower lobe"
        yield Part(structure=lower, solid=whole, tissue="lung")
        for lobe in lobes_of(side):
            if lobe != lower:
                room = Bounded(Intersection(lobe_of(chest, lobe)), whole)
                yield Part(structure=lobe, solid=room, tissue="lung", within=(lower, f"{side} upper lobe"))
        sheets = [Bounded(_sheet(lobe_of(chest, lower)[0]), whole)]
        if side == "right":
            minor = lobe_of(chest, "right middle lobe")
            sheets.append(Bounded(Intersection((_sheet(minor[1]), minor[0])), whole))
        for sheet in sheets:
            yield Part(structure="", solid=sheet, tissue="airway_wall", opacity=0.12, within=lobes_of(side))


def _sheet(plane: Solid) -> Solid:
    """Return what lies within half a millimetre of a plane."""
    return Cut(Inset(plane, -0.5), (Inset(plane, 0.5),))


def mediastinum_solids(chest: Chest) -> tuple[Solid, ...]:
    """Return the fat between the lungs, with the room of the great vessels."""
    aorta, shift, spread = chest.body.aorta, chest.shift_mm, chest.spread
    asc, arch, _ = chest.aorta
    eggs = (
        chest.ellipsoid((24 + shift * 0.4, -36, 178), (17, 22, 25)),
        chest.ellipsoid((17 + shift, 6, 212), (19 * aorta * arch, 27, 17 * aorta * arch)),
        chest.ellipsoid((-15 + shift * 0.7, -42, 186), (18 * aorta * asc, 18 * asc, 42)),
    )
    found: list[Solid] = [ellipsoid_of(egg) for egg in eggs]
    for rows in (_CORE, _JUNCTION, _CAVA, _SUBCLAVIAN):
        table = np.array(rows, float)
        x, y, z = chest.scale
        lean = shift * np.clip((table[:, 0] - 120) / 90, 0, 1)
        wide = spread if rows is not _JUNCTION else 1.0
        table = table * np.array([z, x, y, x * wide, y])
        table[:, 1] += lean
        found.append(Column(table, wedged=rows is _JUNCTION))
    return tuple(found)


def mediastinum_parts(chest: Chest) -> Iterable[Part]:
    """The fat of the mediastinum, painted over the lungs."""
    inside = cavity_solid(chest)
    fat = Union(mediastinum_solids(chest))
    for solid in fat.pieces():
        kept = Intersection((solid, inside)) if isinstance(solid, Column) else solid
        yield Part(structure="mediastinal fat", solid=kept, tissue="fat")


def upper_abdomen_parts(chest: Chest) -> Iterable[Part]:
    """Diaphragm and, as far as a chest examination shows them, liver, spleen and stomach."""
    inside = cavity_solid(chest, 1.0)
    floor = HalfSpace((0.0, 0.0, LOW_MM * chest.body.stature), (0.0, 0.0, -1.0))
    domes = Union(_under(chest, 0.0))
    muscle = Intersection((domes, inside, floor))
    yield Part(structure="diaphragm", solid=muscle, tissue="muscle")
    below = Intersection((Union(_under(chest, 4.0)), cavity_solid(chest, -1.0), floor))
    yield Part(structure="peritoneal fat", solid=below, tissue="fat")
    room = Intersection((Union(_under(chest, 5.0)), cavity_solid(chest, -2.0)))
    yield from _liver(chest, room)
    yield from _left_upper(chest, room)


def _egg(
    chest: Chest, side: Side, centre: Sequence[float], axes: Sequence[float], direction: Point = (1.0, 0.0, 0.0)
) -> Ellipsoid:
    """Ellipsoid whose z is below the top of a dome, in the reference adult."""
    x, y, _ = (float(value) for value in chest.place(centre[0], centre[1], 0))
    a, b, c = (float(value) for value in np.asarray(axes) * chest.scale.prod() ** (1 / 3))
    return Ellipsoid((x, y, chest.dome_top(side) + centre[2] * chest.body.stature), (a, b, c), direction)


def _liver(chest: Chest, room: Solid) -> Iterable[Part]:
    dome = chest.domes[0]
    right = replace(dome, axes=dome.axes - _LIFT_MM - 2)
    lower = HalfSpace((-150.0, 0.0, chest.dome_top("right") - 150), (0.35, 0.0, -1.0))
    behind = HalfSpace((-60.0, 62.0 * chest.body.depth, 0.0), (0.25, 1.0, 0.0))
    bulk = Intersection((ellipsoid_of(right), lower, behind))
    left = _egg(chest, "left", (-6, -50, -42), (62, 38, 34), (1.0, 0.0, 0.2))
    yield Part(structure="liver", solid=Intersection((Union((bulk, left), 8.0), room)), tissue="liver")
    for points in (((-25, -4, -26), (-58, -2, -34), (-95, 10, -50)), ((-25, -6, -26), (-60, -50, -45)),
                   ((-22, -8, -26), (2, -46, -40))):  # fmt: skip
        line = [(x, y, chest.dome_top("right") / chest.body.stature + z) for x, y, z in points]
        radii = np.linspace(4.2, 2.0, len(line))
        yield Part(
            structure="hepatic veins", solid=tube(chest, line, radii.tolist()), tissue="vein", within=("liver",)
        )


def _left_upper(chest: Chest, room: Solid) -> Iterable[Part]:
    spleen = _egg(chest, "left", (92, 44, -40), (50, 38, 23), (0.30, 0.50, -0.81))
    yield Part(structure="spleen", solid=Intersection((spleen, room)), tissue="spleen")
    stomach = _egg(chest, "left", (58, -16, -40), (38, 44, 35))
    inner = Ellipsoid(stomach.centre, tuple(a - 4.5 for a in stomach.axes))  # type: ignore[arg-type]
    yield Part(structure="stomach", solid=Intersection((stomach, room)), tissue="stomach_wall")
    yield Part(structure="stomach", solid=Intersection((inner, Inset(room, 4.0))), tissue="bowel_content")
    share = chest.body.stomach[2] if chest.body.stomach[0] else 1.0
    level = stomach.centre[1] + (1 - 2 * share) * -0.8 * stomach.axes[1]
    gas = Intersection((inner, Inset(room, 4.0), HalfSpace((0.0, level, 0.0), (0.0, 1.0, 0.0))))
    if share < 1:
        yield Part(structure="stomach", solid=gas, tissue="gas")


_TRACHEA = ((0, -30, 330), (0, -30, 312), (0, -18, 262), (-3, -2, 200))
_MAIN = {"right": ((-3, -2, 200), (-14, 0, 180)), "left": ((-3, -2, 200), (12, 2, 181), (28, 6, 163))}
_LOBAR = {
    "right": (((-14, 0, 180), (-28, 3, 188), (-42, 6, 194)),
              ((-14, 0, 180), (-24, 4, 163), (-33, 8, 146), (-42, 12, 128)), ((-25, 4, 160), (-40, -12, 146))),
    "left": (((28, 6, 163), (40, 0, 170), (50, -4, 182)), ((28, 6, 163), (37, 11, 148), (46, 16, 130))),
}  # fmt: skip
_LOBAR_RADII = {"right": ((6.0, 4.0), (6.0, 4.0), (3.8, 3.0)), "left": ((5.0, 4.0), (5.2, 4.0))}


def airway_parts(chest: Chest, segments: dict[Side, Beads]) -> Iterable[Part]:
    """Walls of all airways, then their air: trachea, main and lobar bronchi, and the tree within the lungs."""
    segment_room = (*LOBES, "pulmonary vessels")
    for side in SIDES:
        yield Part(structure="segmental bronchi", solid=segments[side].grown(0.8), tissue="airway_wall",
                   within=segment_room)  # fmt: skip
    airways = list(_airways(chest))
    for name, wall, radii, points in airways:
        outer = tube(chest, points, [radius + wall for radius in radii], steps=3)
        yield Part(structure=name, solid=outer, tissue="airway_wall")
    for name, _, radii, points in airways:
        yield Part(structure=name, solid=tube(chest, points, radii, steps=3), tissue="gas")
    for side in SIDES:
        yield Part(structure="segmental bronchi", solid=segments[side], tissue="gas", within=("segmental bronchi",))


def _airways(chest: Chest) -> Iterable[tuple[str, float, list[float], Sequence[Sequence[float]]]]:
    factor = 0.87 if chest.body.sex == "F" else 1.0
    yield "trachea", 1.5, [factor * r for r in (9.0, 9.0, 9.0, 9.5)], _TRACHEA
    for side, radius in zip(SIDES, (7.5, 6.0), strict=True):
        points = _MAIN[side]
        yield f"{side} main bronchus", 1.3, [factor * radius] * len(points), points
        for points, (first, last) in zip(_LOBAR[side], _LOBAR_RADII[side], strict=True):
            radii = np.linspace(first, last, len(points)) * factor
            yield f"{side} lobar bronchi", 1.1, radii.tolist(), points
