"""The wall of abdomen and pelvis: skin, fat, muscles, and the diaphragm with the bases of the lungs."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from vesalius.virtual.anatomy.abdomen_bones import SPINE
from vesalius.virtual.anatomy.abdomen_frame import Frame, grown
from vesalius.virtual.anatomy.parts import Part
from vesalius.virtual.anatomy.solids import (
    Array,
    Block,
    Bounds,
    Cut,
    Ellipsoid,
    Hollow,
    Intersection,
    Solid,
    Tube,
    Union,
)

__all__ = ["Trunk", "body_wall", "lung_bases", "muscles"]

_OUTLINE = (
    # z, half width, front, back of the skin of the reference adult
    (240, 160, -112, 112), (140, 165, -118, 118), (80, 164, -118, 117), (20, 160, -115, 112), (-20, 155, -112, 103),
    (-60, 151, -110, 94), (-110, 153, -108, 94), (-160, 162, -108, 101), (-200, 171, -108, 110),
    (-245, 176, -104, 114),
    (-290, 172, -98, 108), (-360, 166, -92, 96),
)  # fmt: skip
_REFERENCE_FAT = (10.8, 8.6, 10.3)
_PELVIC = ((-320, -290, -245, -215, -190, -150), (48, 55, 68, 90, 118, 180), (60, 66, 72, 84, 98, 130))
"""Height, half width and back of the pelvic cavity: what lies outside is muscle and bone."""
_SKIN_MM = 2.0
_WALL_MM = (11.0, 12.0, 14.0)


@dataclass(frozen=True)
class Trunk(Solid):
    """A trunk of rounded cross-section whose half width, front and back change with height.

    Heights are a table of 1 mm steps, so that the profile costs one look-up a voxel.
    """

    profile: tuple[tuple[float, float, float, float], ...]
    """z ascending, half width, front y, back y."""
    inset_mm: tuple[float, float, float] = (0.0, 0.0, 0.0)
    """How far the surface lies inside: at the sides, in front and behind."""

    @cached_property
    def _table(self) -> tuple[float, NDArray[np.float32]]:
        knots = np.asarray(self.profile)
        z = np.arange(knots[0, 0], knots[-1, 0] + 1)
        lines = np.stack([np.interp(z, knots[:, 0], knots[:, column]) for column in (1, 2, 3)])
        kernel = np.hanning(43)[1:-1]
        padded = np.pad(lines, ((0, 0), (20, 20)), mode="edge")
        smooth = np.stack([np.convolve(line, kernel / kernel.sum(), mode="valid") for line in padded])
        side, front, back = self.inset_mm
        wide, low, high = smooth[0] - side, smooth[1] + front, smooth[2] - back
        return float(z[0]), np.stack([wide, (high - low) / 2, (high + low) / 2]).astype(np.float32)

    @property
    def bounds(self) -> Bounds:
        start, table = self._table
        wide, half, middle = table
        low = (-float(wide.max()), float((middle - half).min()), start)
        return Bounds(np.array(low), np.array([-low[0], float((middle + half).max()), start + len(wide) - 1]))

    def distance(self, x: Array, y: Array, z: Array) -> Array:
        start, table = self._table
        place = np.clip(z - np.float32(start - 0.5), 0, table.shape[1] - 1).astype(np.intp)
        wide, half, middle = (line[place] for line in table)
        u, v = np.abs(x) / wide, np.abs(y - middle) / half
        steep_u, steep_v = u * np.sqrt(u), v * np.sqrt(v)
        level = (u * steep_u + v * steep_v) ** np.float32(0.4)
        slope = np.sqrt((steep_u / wide) ** 2 + (steep_v / half) ** 2) / np.maximum(level, np.float32(0.05)) ** 1.5
        across = (level - 1) / np.maximum(slope, np.float32(0.004))
        ends = np.maximum(np.float32(start) - z, z - np.float32(start + table.shape[1] - 1))
        found: Array = np.maximum(across, ends)
        return found


def _muscle_surface(frame: Frame) -> tuple[tuple[float, float, float, float], ...]:
    """Outer surface of the muscles: the skin of the reference without its fat, in this body's proportions."""
    body = frame.body
    rows = []
    for z, wide, front, back in reversed(_OUTLINE):
        belly = float(np.clip(1 - abs(z + 70) / 160, 0, 1))
        rows.append((
            z * body.stature,
            (wide - _REFERENCE_FAT[1]) * body.width * _hips(frame, z) + 0.6 * frame.push_mm * belly,
            (front + _REFERENCE_FAT[0]) * body.depth - frame.push_mm * belly,
            (back - _REFERENCE_FAT[2]) * body.depth,
        ))  # fmt: skip
    return tuple(rows)


def _hips(frame: Frame, z: float) -> float:
    """Women have wider hips against the trunk."""
    return 1.0 + (0.08 * float(np.clip((-z - 130) / 80, 0, 1)) if frame.body.sex == "F" else 0.0)


def body_wall(frame: Frame) -> tuple[Part, ...]:
    """Skin, subcutaneous fat, muscle of the wall, and the cavity filled with fat."""
    surface = _muscle_surface(frame)
    front, side, back = frame.body.fat_mm
    outer = (-side - _SKIN_MM, -front - _SKIN_MM, -back - _SKIN_MM)
    wall_side, wall_front, wall_back = _WALL_MM[1], _WALL_MM[0], _WALL_MM[2]
    return (
        Part(structure="skin", solid=Trunk(surface, outer), tissue="skin"),
        Part(structure="subcutaneous fat", solid=Trunk(surface, (-side, -front, -back)), tissue="fat"),
        Part(structure="abdominal wall muscle", solid=Trunk(surface), tissue="muscle"),
        Part(
            structure="fascial planes",
            solid=_planes(frame, surface),
            tissue="fat",
            within=("abdominal wall muscle",),
            opacity=0.7,
        ),
        Part(structure="visceral fat", solid=cavity(frame, (wall_side, wall_front, wall_back)), tissue="fat"),
    )


def _planes(frame: Frame, surface: tuple[tuple[float, float, float, float], ...]) -> Solid:
    """Fat between the flat muscles of the flanks, in the middle line and at the edges of the straight muscles."""
    low, high = frame.at((0, -100, -205)), frame.at((0, -100, 25))
    middle, half = (low[2] + high[2]) / 2, (high[2] - low[2]) / 2
    lines = tuple(
        Block((x * frame.body.width, low[1], middle), (1.6, 30.0, half), rounding_mm=0.5) for x in (-68.0, 0.0, 68.0)
    )
    flat = Intersection(
        (Hollow(Trunk(surface, (5.5, 5.0, 6.0)), 1.3), Cut(_slab(middle, half), (_front(frame), _back(frame))))
    )
    return Union((*lines, flat))


def _slab(middle: float, half: float) -> Block:
    return Block((0.0, 0.0, middle), (400.0, 400.0, half), rounding_mm=0.5)


def _front(frame: Frame) -> Block:
    """Where the straight muscles lie."""
    return Block((0.0, -200.0, 0.0), (70 * frame.body.width, 160.0, 400.0), rounding_mm=0.5)


def _back(frame: Frame) -> Block:
    """Where the muscles of the spine lie."""
    return Block((0.0, 200.0, 0.0), (105 * frame.body.width, 150.0, 400.0), rounding_mm=0.5)


def cavity(frame: Frame, inset_mm: tuple[float, float, float] = (12.0, 11.0, 14.0)) -> Trunk:
    """Return the inside of the wall: at the sides, in front and behind that far below the muscles' surface."""
    body, rows = frame.body, []
    for z, wide, front, back in _muscle_surface(frame):
        place = z / body.stature
        limit = float(np.interp(place, _PELVIC[0], _PELVIC[1])) * body.width + inset_mm[0]
        behind = float(np.interp(place, _PELVIC[0], _PELVIC[2])) * body.depth + inset_mm[2]
        rows.append((z, min(wide, limit), front, min(back, behind)))
    return Trunk(tuple(rows), inset_mm)


def lung_bases(frame: Frame) -> tuple[Part, ...]:
    """Bases of the lungs and the heart's lower border above the domes, and the diaphragm with what lies below it."""
    wall = cavity(frame, (9.0, 10.0, 10.0))
    parts = [
        _held("right lung", frame.egg("", (-77, 0, 147), (57, 86, 127), exponent=2.5), wall, "lung"),
        _held("left lung", frame.egg("", (77, 3, 145), (55, 85, 125), exponent=2.5), wall, "lung"),
        Part(structure="heart", solid=_heart(frame), tissue="myocardium", within=_CHEST),
        Part(structure="heart blood", solid=grown(_heart(frame), -11), tissue="right_blood", within=("heart",)),
    ]
    dome = Union((
        frame.egg("", (-70, 0, -30), (78, 105, 110), breath=1.0),
        frame.egg("", (70, 5, -44), (78, 105, 110), breath=1.0),
        _middle(frame),
    ))  # fmt: skip
    under = ("right lung", "left lung", "heart", "heart blood")
    parts.append(Part(structure="diaphragm", solid=grown(dome, 0.0), tissue="muscle", within=under))
    below = (*under, "diaphragm")
    parts.append(Part(structure="peritoneal fat", solid=grown(dome, -3.5), tissue="fat", within=below))
    crura = tuple(
        frame.tube(
            [
                (sign * 12 + 4, 4, -52, 3),
                (sign * 15 + 4, 2, -10, 5),
                (sign * 15 + 8, -4, 25, 5),
                (sign * 10 + 14, -6, 48, 3),
            ]
        )
        for sign in (1, -1)
    )
    return (*parts, Part(structure="crura of diaphragm", solid=Union(crura), tissue="muscle"))


_CHEST = ("visceral fat", "abdominal wall muscle")


def _held(name: str, solid: Solid, wall: Solid, tissue: str) -> Part:
    return Part(structure=name, solid=Intersection((solid, wall)), tissue=tissue, within=_CHEST)


def _heart(frame: Frame) -> Ellipsoid:
    return frame.egg("", (22, -38, 128), (67, 50, 48), (0.70, -0.48, -0.53), breath=0.5)


def _middle(frame: Frame) -> Block:
    """Central part of the diaphragm, before the spine."""
    x, y, z = frame.at((0, 0, 10), breath=1.0)
    body = frame.body
    return Block((x, y, z), (60 * body.width, 105 * body.depth, 50 * body.stature), rounding_mm=20)


def muscles(frame: Frame) -> tuple[Part, ...]:
    """Muscles of the back and of the pelvis, and the psoas."""
    parts = []
    spine = [(y, z) for z, y in SPINE.values()]
    for side, sign in (("left", 1), ("right", -1)):
        erector = Union((
            frame.tube([*((sign * 20, y + 46, z, 17.0) for y, z in spine), *_LOW_BACK[0](sign)], organ=" ", steps=2),
            frame.tube([(sign * 31, y + 46, z, 18.0) for y, z in spine], organ=" ", steps=2),
            frame.tube([*((sign * 42, y + 45, z, 17.0) for y, z in spine), *_LOW_BACK[1](sign)], organ=" ", steps=2),
        ))  # fmt: skip
        lumborum = [(sign * 62, 55, -22, 9.0), (sign * 72, 50, -80, 14.0), (sign * 80, 45, -135, 13.0)]
        psoas = [
            (sign * 24, 20, -20, 9.0), (sign * 40, 14, -70, 15.0), (sign * 44, 10, -110, 20.0),
            (sign * 60, -12, -190, 19.0),
            (sign * 80, -24, -255, 13.0),
        ]  # fmt: skip
        iliacus = [(sign * 85, 18, -155, 9.0), (sign * 80, 2, -195, 13.0), (sign * 84, -22, -245, 11.0)]
        parts += [
            Part(structure=f"{side} erector spinae muscle", solid=erector, tissue="muscle"),
            Part(
                structure=f"{side} quadratus lumborum muscle", solid=frame.tube(lumborum, organ=" "), tissue="muscle"
            ),
            *_gluteal(frame, side, sign),
            Part(structure=f"{side} psoas muscle", solid=frame.tube(psoas, organ=" "), tissue="muscle"),
            Part(structure=f"{side} iliacus muscle", solid=frame.tube(iliacus, organ=" "), tissue="muscle"),
            Part(structure=f"{side} obturator muscle", solid=_obturator(frame, sign), tissue="muscle"),
        ]
    return tuple(parts)


def _multifidus_end(sign: int) -> list[tuple[float, float, float, float]]:
    return [(sign * 18, 66, -195, 15.0), (sign * 16, 74, -240, 7.0)]


def _longissimus_end(sign: int) -> list[tuple[float, float, float, float]]:
    return [(sign * 34, 62, -190, 10.0)]


_LOW_BACK = (_multifidus_end, _longissimus_end)


def _gluteal(frame: Frame, side: str, sign: int) -> tuple[Part, ...]:
    """The great and the middle muscle, with the fat between them and round the vessels of the groin."""
    large = frame.egg("", (sign * 78, 64, -235), (52, 27, 75), (sign * 0.85, -0.5, 0.1))
    middle = frame.egg("", (sign * 128, 12, -195), (17, 42, 58))
    groin = frame.tube([(sign * 62, -58, -238, 9), (sign * 68, -78, -275, 15), (sign * 70, -80, -345, 15)])
    deep = frame.tube([(sign * 66, 46, -238, 7), (sign * 84, 34, -285, 9), (sign * 90, 30, -345, 9)])
    outside = Trunk(_muscle_surface(frame), (1.0, 1.0, 1.0))
    planes = Intersection((Union((grown(large, 2.2), grown(middle, 2.0), groin, deep)), outside))
    return (
        Part(structure=f"{side} intermuscular fat", solid=planes, tissue="fat", within=("abdominal wall muscle",)),
        Part(structure=f"{side} gluteal muscle", solid=Intersection((Union((large, middle)), outside)),
                tissue="muscle",
             within=("abdominal wall muscle", f"{side} intermuscular fat")),
    )  # fmt: skip


def _obturator(frame: Frame, sign: int) -> Tube:
    return frame.tube(
        [(sign * 58, 20, -255, 8.0), (sign * 60, -5, -275, 9.0), (sign * 55, -30, -290, 8.0)], organ=" "
    )
