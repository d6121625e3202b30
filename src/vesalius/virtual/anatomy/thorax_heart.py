"""Heart, great vessels, oesophagus and the other organs of the mediastinum."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from vesalius.virtual.anatomy.beads import Beads
from vesalius.virtual.anatomy.parts import Part
from vesalius.virtual.anatomy.solids import Ellipsoid, Inset, Intersection, Point, Tube, Union, rotation_to
from vesalius.virtual.anatomy.thorax_organs import tube
from vesalius.virtual.anatomy.thorax_shapes import ellipsoid_of
from vesalius.virtual.anatomy.thorax_wall import cavity_solid
from vesalius.virtual.body import SIDES, Side
from vesalius.virtual.findings.base import LOBES
from vesalius.virtual.radiograph.chest import Chest, side_sign

__all__ = ["gullet_parts", "heart_parts", "lung_vessel_parts", "vessel_parts"]

_REFERENCE = ((22.0, -38.0, 128.0), (67.0, 50.0, 48.0), (0.70, -0.48, -0.53))
"""Centre, semi-axes and direction of the heart that the places of the ventricles below belong to."""
_FAT_MM = 3.0
"""Fat between the pericardium and the muscle."""


class _Frame:
    """Brings places within the reference heart into the main mass of a chest's heart."""

    def __init__(self, chest: Chest) -> None:
        self.main = ellipsoid_of(chest.heart[0], -_FAT_MM)
        centre, axes, direction = _REFERENCE
        self.centre, self.axes, self.rotation = np.array(centre), np.array(axes), rotation_to(direction)
        self.size = float(np.prod(np.asarray(self.main.axes) / self.axes) ** (1 / 3))

    def point(self, place: Sequence[float]) -> Point:
        local = self.rotation @ (np.asarray(place) - self.centre) / self.axes
        x, y, z = np.asarray(self.main.centre) + self.main.rotation.T @ (local * np.asarray(self.main.axes))
        return (float(x), float(y), float(z))

    def turned(self, direction: Sequence[float]) -> Point:
        x, y, z = self.main.rotation.T @ self.rotation @ np.asarray(direction, float)
        return (float(x), float(y), float(z))

    def egg(self, centre: Sequence[float], axes: Sequence[float], inset: float = 0.0) -> Ellipsoid:
        a, b, c = (float(self.size * value - inset) for value in axes)
        return Ellipsoid(self.point(centre), (a, b, c), self.turned(_REFERENCE[2]))


def heart_parts(chest: Chest) -> Iterable[Part]:
    """Pericardium with the fat under it, muscle, and the blood of the four chambers."""
    whole = Union(tuple(ellipsoid_of(part) for part in chest.heart))
    outer = Intersection((whole, cavity_solid(chest, -1.0)))
    yield Part(structure="pericardium", solid=outer, tissue="muscle")
    yield Part(structure="epicardial fat", solid=Inset(outer, 1.5), tissue="fat")
    room = ("epicardial fat", "myocardium", "pericardium")
    frame = _Frame(chest)
    left, right = _ventricles(chest, frame)
    wall = 9.0 if chest.body.sex == "M" else 8.0
    yield Part(structure="myocardium", solid=Inset(Union(left), -wall), tissue="myocardium", within=room)
    yield Part(structure="myocardium", solid=Inset(right, -3.0), tissue="myocardium", within=room)
    right_part, left_part, appendage = chest.heart[1], chest.heart[3], chest.heart[4]
    atria = (("right atrium", right_part, "right_blood", 0.0), ("left atrium", left_part, "left_blood", -6.0),
             ("left atrium", appendage, "left_blood", 9.0))  # fmt: skip
    for _, shape, _, inset in atria:
        yield Part(structure="myocardium", solid=ellipsoid_of(shape, -inset), tissue="myocardium", within=room)
    yield Part(
        structure="right ventricle", solid=right, tissue="right_blood", within=("epicardial fat", "myocardium")
    )
    yield Part(structure="myocardium", solid=Inset(left[0], -wall), tissue="myocardium", within=("right ventricle",))
    yield Part(structure="left ventricle", solid=Union(left), tissue="left_blood", within=room)
    for name, shape, tissue, inset in atria:
        yield Part(structure=name, solid=ellipsoid_of(shape, -inset - 2), tissue=tissue, within=room)


def _ventricles(chest: Chest, frame: _Frame) -> tuple[tuple[Ellipsoid, Tube], Union]:
    """Lumen of the left and of the right ventricle, each with its way out."""
    left = frame.egg((43, -38, 114), (43, 29, 28))
    out_left = Tube((left.centre, _at(chest, (3, -36, 160))), (13.0, 12.0))
    right = frame.egg((13, -60, 120), (47, 23, 35))
    out_right = Tube((right.centre, _at(chest, (20, -56, 160))), (17.0, 12.0))
    return (left, out_left), Union((right, out_right))


def _at(chest: Chest, place: Sequence[float]) -> Point:
    x, y, z = (float(value) for value in chest.place(*place))
    return (x, y, z)


def vessel_parts(chest: Chest) -> Iterable[Part]:
    """Great vessels with their walls inside their radii."""
    yield from _aorta(chest)
    yield from _pulmonary(chest)
    yield from _veins(chest)


def _aorta(chest: Chest) -> Iterable[Part]:
    ascending, arch, descending = (chest.body.aorta * factor for factor in chest.aorta)
    size = 0.5 * (chest.scale[0] + chest.scale[1])
    rise = [(3, -36, 156), (-11, -43, 176), (-17, -44, 190), (-14, -34, 208)]
    yield Part(structure="ascending aorta", solid=tube(chest, rise, 16 * ascending * size), tissue="artery")
    bow = [(-14, -34, 208), (0, -12, 221), (20, 12, 212)]
    radii = (15 * arch * size, 13.5 * arch * size, 13 * arch * size)
    yield Part(structure="aortic arch", solid=tube(chest, bow, radii), tissue="artery")
    for name, points, radius in (
        ("brachiocephalic artery", [(-5, -22, 225), (-18, -22, 246), (-28, -22, 268)], 6),
        ("left carotid artery", [(8, -12, 228), (16, -20, 258), (22, -24, 300)], 3.7),
        ("left subclavian artery", [(20, 4, 222), (26, 4, 250), (50, 0, 276)], 5),
    ):
        yield Part(structure=name, solid=tube(chest, points, radius * size), tissue="artery")
    yield Part(structure="descending thoracic aorta", solid=_descending(chest, 12.5 * descending), tissue="artery")


def _descending(chest: Chest, radius: float) -> Tube:
    """Course of the radiograph: before the spine, bowed to the left by age."""
    z = np.array([212, 198, 182, 160, 130, 100, 60, 20, -30], float)
    height = z * chest.body.stature
    y = np.minimum(chest.spine_y(height) - 14, np.where(z > 190, 12 + (212 - z) * 0.5, 1e3) * chest.body.depth + 3)
    bow = chest.body.unfolding_mm * np.exp(-(((z - 130) / 60) ** 2))
    x = np.interp(z, [8, 60, 124, 190, 212], [9, 16, 26, 26, 20]) * chest.body.width + bow
    x += chest.shift_mm * np.clip((z - 120) / 90, 0, 1)
    line = tuple((float(a), float(b), float(c)) for a, b, c in zip(x, y, height, strict=True))
    return Tube(line, (radius,) * len(line), steps=2)


def _pulmonary(chest: Chest) -> Iterable[Part]:
    size = 0.5 * (chest.scale[0] + chest.scale[1])
    wide = 12.2 * size * (1 + 0.25 * (chest.vessel_upper - 1))
    trunk = [(20, -58, 158), (23, -40, 176), (25, -22, 188)]
    yield Part(structure="pulmonary trunk", solid=tube(chest, trunk, wide), tissue="pulmonary_artery")
    right = [(18, -20, 188), (-6, -12, 184), (-24, -6, 181), (-36, -2, 178)]
    yield Part(structure="right pulmonary artery", solid=tube(chest, right, 9.5 * size), tissue="pulmonary_artery")
    left = [(26, -18, 190), (36, -6, 193), (46, 6, 188)]
    yield Part(structure="left pulmonary artery", solid=tube(chest, left, 10 * size), tissue="pulmonary_artery")
    for side in SIDES:
        sign = side_sign(side)
        for point in ((45, 5, 160), (50, 10, 132)):
            line = [
                (8 + sign * 14, -5, 148),
                (sign * 30, 1, 0.5 * (148 + point[2])),
                (sign * point[0], point[1], point[2]),
            ]
            yield Part(
                structure=f"{side} pulmonary veins", solid=tube(chest, line, (6.5, 6.0, 4.5)), tissue="left_blood"
            )


def _veins(chest: Chest) -> Iterable[Part]:
    size = 0.5 * (chest.scale[0] + chest.scale[1]) * chest.spread**0.5
    centre = chest.heart[1].centre / chest.scale
    cava = [
        (-27, -30, 242),
        (-29, -28, 205),
        (-28, -25, 168),
        (float(centre[0]) - 2, float(centre[1]), float(centre[2]) + 20),
    ]
    yield Part(structure="superior vena cava", solid=tube(chest, cava, 9.5 * size), tissue="vein")
    low = [
        (float(centre[0]), float(centre[1]) + 6, float(centre[2]) - 20),
        (-24, -12, 62),
        (-25, -2, 36),
        (-24, -4, -40),
    ]
    yield Part(structure="inferior vena cava", solid=tube(chest, low, 11 * size), tissue="vein")
    for name, points, radii in _VEINS:
        yield Part(structure=name, solid=tube(chest, points, [size * r for r in radii]), tissue="vein")


_VEINS = (
    ("right brachiocephalic vein", ((-27, -30, 242), (-32, -26, 262), (-40, -22, 292)), (7.5, 7, 6.5)),
    ("left brachiocephalic vein", ((-25, -32, 240), (4, -46, 240), (30, -34, 256), (40, -24, 290)), (7, 6.5, 6, 6)),
    ("azygos vein", ((-7, 22, 20), (-7, 24, 100), (-10, 20, 180), (-18, 8, 202), (-27, -18, 204)),
     (3, 3, 3.8, 4.2, 4.2)),
)  # fmt: skip


def gullet_parts(chest: Chest) -> Iterable[Part]:
    """Oesophagus, thymus, thyroid and the lymph nodes of normal size."""
    base = chest.dome_top("left") / chest.body.stature
    line = [
        (0, -12, 320),
        (0, -10, 300),
        (3, 11, 240),
        (4, 16, 190),
        (6, 11, 120),
        (14, 0, base + 12),
        (24, -10, base - 18),
    ]
    yield Part(structure="oesophagus", solid=tube(chest, line, (6, 6, 7, 7, 7, 7.5, 8)), tissue="oesophagus")
    yield Part(structure="oesophagus", solid=tube(chest, line[1:4], (1.0, 2.2, 1.0)), tissue="gas")
    young = float(np.clip((55 - chest.body.age_years) / 30, 0, 1))
    egg = Ellipsoid(_at(chest, (2, -66, 196)), (20.0, 3.0 + 6.0 * young, 30.0))
    yield Part(
        structure="thymus", solid=egg, tissue="thymus", within=("mediastinal fat",), opacity=0.25 + 0.75 * young
    )
    for sign, name in ((-1, "right"), (1, "left")):
        lobe = Ellipsoid(_at(chest, (sign * 17, -38, 300)), (8.5, 9.0, 23.0))
        yield Part(structure=f"{name} thyroid lobe", solid=lobe, tissue="thyroid")
    for name, places, axes in _NODES:
        eggs = tuple(Ellipsoid(_at(chest, place), axes, (0.3, 0.2, 1.0)) for place in places)
        yield Part(structure=name, solid=Union(eggs), tissue="lymph_node", within=("mediastinal fat",))


_NODES = (
    ("right paratracheal lymph nodes", ((-16, -8, 215), (-14, -14, 232)), (5.0, 2.6, 2.4)),
    ("aorto-pulmonary lymph nodes", ((26, -8, 203), (30, -16, 198)), (4.5, 2.5, 2.3)),
    ("subcarinal lymph nodes", ((2, 4, 180), (-5, 3, 174)), (5.5, 3.2, 2.8)),
    ("hilar lymph nodes", ((-36, 8, 172), (38, 8, 176)), (4.5, 2.6, 2.4)),
)


def lung_vessel_parts(trees: dict[Side, tuple[NDArray[np.float64], NDArray[np.float64]]]) -> Iterable[Part]:
    """The radiograph's vessels within the lungs: points (N, 3) and radii (N,) by side."""
    for side in SIDES:
        points, radii = trees[side]
        yield Part(structure="pulmonary vessels", solid=Beads(points, radii), tissue="pulmonary_artery",
                   within=(*LOBES, "mediastinal fat"))  # fmt: skip
