"""Solid organs of the upper abdomen and their ducts: liver with segments, gallbladder, spleen, pancreas, kidneys,
adrenals. Placements are those of the reference adult (trunk frame, mm)."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from vesalius.virtual.anatomy.abdomen_frame import Frame, grown
from vesalius.virtual.anatomy.parts import Anatomy, Part
from vesalius.virtual.anatomy.solids import (
    Array,
    Bounds,
    Ellipsoid,
    HalfSpace,
    Intersection,
    Lumpy,
    Point,
    Solid,
    Tube,
    Union,
)

__all__ = ["KIDNEYS", "LIVER_PARTS", "SEGMENTS", "Sector", "adrenals", "biliary", "kidney", "kidneys", "liver",
        "pancreas",
           "spleen", "with_liver"]  # fmt: skip

SEGMENTS = ("I", "II", "III", "IV", "V", "VI", "VII", "VIII")
LIVER_PARTS = ("liver", *(f"segment {name}" for name in SEGMENTS))
"""Structures whose voxels together are the liver."""
UNDER_THE_DOME = (
    "visceral fat", "peritoneal fat", "diaphragm", "left lung", "right lung", "heart", "heart blood", *LIVER_PARTS,
)  # fmt: skip
"""What liver and spleen take room of: the wall and the ribs stand firm."""
KIDNEYS = ("left kidney", "right kidney")
_CAVA: Point = (-25, -2, 20)
_LEFT_DIRECTION: Point = (1.0, 0.0, 0.2)
# Where the three vertical planes through the vena cava meet the front of the liver.
_CANTLIE: Point = (-52, -72, 20)
_RIGHT_VEIN: Point = (-125, -22, 20)
_UMBILICAL: Point = (-8, -85, 20)


@dataclass(frozen=True)
class Sector(Solid):
    """The part of an organ between planes; its bounds are the organ's. Painted into the organ only."""

    organ: Solid
    planes: tuple[HalfSpace, ...]

    @property
    def bounds(self) -> Bounds:
        return self.organ.bounds

    def distance(self, x: Array, y: Array, z: Array) -> Array:
        found = self.planes[0].distance(x, y, z)
        for plane in self.planes[1:]:
            found = np.maximum(found, plane.distance(x, y, z))
        return found


def liver(frame: Frame) -> tuple[Part, ...]:
    """Liver, and its segments as names of the same voxels (Couinaud)."""
    seed = frame_seed(frame)
    whole = Lumpy(Union(liver_lobes(frame), 8.0), 1.2, 70.0, seed)
    parts = [Part(structure="liver", solid=whole, tissue="liver", within=UNDER_THE_DOME)]
    for name, planes in _sectors(frame).items():
        parts.append(_segment(name, Sector(whole, planes)))
    caudate = liver_lobes(frame)[2]
    return (*parts, _segment("I", grown(caudate, 3.0)))


def liver_lobes(frame: Frame) -> tuple[Ellipsoid, Ellipsoid, Ellipsoid]:
    """Right lobe, left lobe and caudate lobe."""
    return (
        frame.egg("liver", (-72, -4, 8), (60, 78, 70), exponent=2.3, breath=0.9),
        frame.egg("liver", (0, -52, 30), (55, 36, 30), _LEFT_DIRECTION, breath=0.9),
        frame.egg("liver", (-12, -6, 22), (13, 13, 24), breath=0.9),
    )


def frame_seed(frame: Frame) -> int:
    """Return a number of this body for its waves, from its measures."""
    body = frame.body
    return int(1e6 * (body.width + body.depth) + 1e3 * body.height_cm + body.age_years)


def _segment(name: str, solid: Solid) -> Part:
    """Opacity 0 gives the voxels a name and leaves their values."""
    return Part(structure=f"segment {name}", solid=solid, tissue="liver", within=LIVER_PARTS, opacity=0.0)


def _sectors(frame: Frame) -> dict[str, tuple[HalfSpace, ...]]:
    def wall(front: Point, *, right: bool) -> HalfSpace:
        """Plane upright through the vena cava and a point at the front; inside lies right or left of it."""
        cava, far = (frame.at(point, breath=0.9) for point in (_CAVA, front))
        normal = (-(far[1] - cava[1]), far[0] - cava[0], 0.0)
        turn = 1.0 if (normal[0] > 0) == right else -1.0
        return HalfSpace(cava, (turn * normal[0], turn * normal[1], 0.0))

    def level(height: float, *, above: bool) -> HalfSpace:
        return HalfSpace(frame.at((-40, -20, height), breath=0.9), (0.0, 0.0, -1.0 if above else 1.0))

    behind = (_steep(frame, _RIGHT_VEIN, front=False), wall(_CANTLIE, right=True))
    before = (_steep(frame, _RIGHT_VEIN, front=True), wall(_CANTLIE, right=True))
    return {
        "II": (wall(_UMBILICAL, right=False), level(32, above=True)),
        "III": (wall(_UMBILICAL, right=False), level(32, above=False)),
        "IV": (wall(_UMBILICAL, right=True), wall(_CANTLIE, right=False)),
        "V": (*before, level(10, above=False)),
        "VI": (*behind, level(10, above=False)),
        "VII": (*behind, level(10, above=True)),
        "VIII": (*before, level(10, above=True)),
    }


def _steep(frame: Frame, far: Point, *, front: bool) -> HalfSpace:
    """Plane through the vena cava and the right hepatic vein; inside lies before or behind it."""
    cava, end = frame.at(_CAVA, breath=0.9), frame.at(far, breath=0.9)
    normal = (end[1] - cava[1], -(end[0] - cava[0]), 0.0)
    turn = 1.0 if (normal[1] > 0) == front else -1.0
    return HalfSpace(cava, (turn * normal[0], turn * normal[1], 0.0))


def with_liver(anatomy: Anatomy, solid: Solid) -> Anatomy:
    """Return the anatomy with another shape of the liver and of what is cut out of it."""
    parts = []
    for part in anatomy.parts:
        if part.structure == "liver" and not part.concept:
            part = replace(part, solid=solid)
        elif isinstance(part.solid, Sector) and part.structure.startswith("segment "):
            part = replace(part, solid=replace(part.solid, organ=solid))
        parts.append(part)
    return replace(anatomy, parts=tuple(parts))


def biliary(frame: Frame) -> tuple[Part, ...]:
    """Gallbladder with bile, and the common bile duct."""
    sac = frame.tube([(-30, -40, -8, 5), (-36, -50, -18, 9), (-42, -60, -28, 13.5), (-52, -75, -46, 14.5)],
                     organ="gallbladder", breath=0.9)  # fmt: skip
    duct = frame.tube([(-17, -36, 6, 2), (-24, -22, -30, 2), (-40, -18, -56, 2)], breath=0.7)
    widening = 1 + 0.12 * max(0.0, (frame.body.age_years - 60) / 10)
    duct = replace(duct, radii=tuple(radius * widening for radius in duct.radii))
    return (
        Part(structure="gallbladder", solid=sac, tissue="gallbladder_wall"),
        Part(structure="gallbladder lumen", solid=grown(sac, -1.6), tissue="bile"),
        Part(structure="common bile duct", solid=duct, tissue="bile"),
    )


def spleen(frame: Frame) -> tuple[Part, ...]:
    """Spleen, its surface a little wavy."""
    solid = frame.egg("spleen", (92, 38, 34), (52, 41, 24.0), (0.30, 0.50, -0.81), breath=0.9)
    whole = Lumpy(solid, 1.2, 45.0, frame_seed(frame) + 1)
    return (Part(structure="spleen", solid=whole, tissue="spleen", within=UNDER_THE_DOME),)


PANCREAS: tuple[tuple[float, float, float, float], ...] = (
    (-28, -30, -40, 15.4), (-4, -41, -24, 10.4), (26, -33, -10, 11), (78, 10, 16, 11.4),
)  # fmt: skip


def pancreas(frame: Frame) -> tuple[Part, ...]:
    """Head, body and tail along one line with lobules at the surface, and the duct in its middle."""
    gland = pancreas_line(frame)
    x_head, x_tail = frame.at((-2, 0, 0))[0], frame.at((52, 0, 0))[0]
    seed, fat = frame_seed(frame) + 2, 0.35 + 0.012 * max(0.0, frame.body.age_years - 40)
    pieces = {
        "pancreas head": ((x_head, -1.0),),
        "pancreas body": ((x_head, 1.0), (x_tail, -1.0)),
        "pancreas tail": ((x_tail, 1.0),),
    }
    parts = []
    for name, sides in pieces.items():
        walls = tuple(HalfSpace((x, 0, 0), (-turn, 0, 0)) for x, turn in sides)
        solid = Lumpy(Intersection((_near(gland, sides), *walls)), fat, 9.0, seed, octaves=1)
        parts.append(Part(structure=name, solid=solid, tissue="pancreas"))
    duct = frame.tube(
        [(-36, -24, -50, 1.2), *((x, y, z, 1.0) for x, y, z, _ in PANCREAS[1:3]), (70, 4, 12, 0.7)], breath=0.5
    )
    return (*parts, Part(structure="pancreatic duct", solid=duct, tissue="bile"))


def pancreas_line(frame: Frame) -> Tube:
    """The gland's tube from head to tail."""
    return frame.tube(PANCREAS, organ="pancreas", breath=0.5, steps=6)


def _near(gland: Tube, sides: tuple[tuple[float, float], ...]) -> Tube:
    """The pieces of the gland that reach into a slab across x, so that each part costs only its own."""
    low = min([x for x, turn in sides if turn > 0], default=-1e4)
    high = max([x for x, turn in sides if turn < 0], default=1e4)
    line = gland.samples
    kept = [row for row in line if low - 25 < row[0] < high + 25]
    return Tube(tuple((float(r[0]), float(r[1]), float(r[2])) for r in kept), tuple(float(r[3]) for r in kept), 1)


def kidneys(frame: Frame) -> tuple[Part, ...]:
    """Both kidneys with the fat around them, medulla, sinus and pelvis."""
    return tuple(part for side, sign in (("left", 1), ("right", -1)) for part in kidney(frame, side, sign))


def kidney(frame: Frame, side: str, sign: int) -> tuple[Part, ...]:
    """One kidney: bean, pyramids, sinus of fat open to the middle, and the pelvis within."""
    name = f"{side} kidney"
    centre: Point = (62, 40, -22) if sign > 0 else (-62, 40, -37)
    axes: Point = (56, 28, 24) if sign > 0 else (55, 28, 24)
    bean = frame.egg(name, centre, axes, (-0.22 * sign, 0.25, 0.94), breath=0.6)
    fat = 2.0 + 0.35 * max(0.0, frame.body.bmi - 24.5)
    inner = (-0.80 * sign, -0.60, 0.0)
    sinus = _inside(bean, inner, 0.48, (0.46, 0.37, 0.50))
    pelvis = _inside(bean, inner, 0.66, (0.16, 0.14, 0.32))
    return (
        Part(structure=f"{side} perirenal fat", solid=grown(bean, fat), tissue="fat", within=_SOFT),
        Part(structure=name, solid=bean, tissue="kidney_cortex"),
        Part(structure=f"{name} medulla", solid=_pyramids(bean, inner), tissue="kidney_medulla", within=(name,)),
        Part(structure=f"{side} renal sinus", solid=sinus, tissue="renal_sinus", within=(name, f"{name} medulla")),
        Part(structure=f"{side} renal pelvis", solid=pelvis, tissue="renal_pelvis"),
    )


_SOFT = (*LIVER_PARTS, "peritoneal fat", "visceral fat")


def _inside(bean: Ellipsoid, inner: Point, way: float, shares: tuple[float, float, float]) -> Ellipsoid:
    """An ellipsoid along the bean's axis, moved by a share of its half width towards the hilum."""
    long, wide, thin = bean.axes
    centre = np.asarray(bean.centre) + way * 0.5 * (wide + thin) * np.asarray(inner)
    x, y, z = (float(value) for value in centre)
    return Ellipsoid((x, y, z), (shares[2] * long, shares[0] * wide, shares[1] * thin), bean.direction)


def _pyramids(bean: Ellipsoid, inner: Point) -> Union:
    """Nine blunt pyramids that point from the cortex to the hilum."""
    hilum = np.asarray(bean.centre) + 0.35 * bean.axes[1] * np.asarray(inner)
    turn = bean.rotation
    found = []
    for height in (-0.68, -0.26, 0.26, 0.68):
        for angle in (-1.15, 0.0, 1.15) if abs(height) < 0.5 else (-0.6, 0.6):
            out = _outward(inner, angle, turn[0])
            width = (1 - height**2) ** 0.5
            base = np.asarray(bean.centre) + height * bean.axes[0] * turn[0] + 0.50 * width * bean.axes[2] * out
            way = base - hilum * 1.0
            centre = base - 0.15 * way
            x, y, z = (float(value) for value in centre)
            dx, dy, dz = (float(value) for value in way / np.linalg.norm(way))
            found.append(Ellipsoid((x, y, z), (8.0, 6.0, 6.5), (dx, dy, dz)))
    return Union(tuple(found))


def _outward(
    inner: Point, angle: float, axis: np.ndarray[tuple[int], np.dtype[np.float64]]
) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """Direction away from the hilum, turned by an angle about the kidney's long axis."""
    away = -np.asarray(inner)
    away = away - (away @ axis) * axis
    away /= np.linalg.norm(away)
    turned: np.ndarray[tuple[int], np.dtype[np.float64]] = away * np.cos(angle) + np.cross(axis, away) * np.sin(angle)
    return turned


def adrenals(frame: Frame) -> tuple[Part, ...]:
    """Y of thin limbs above each kidney."""
    parts = []
    for side, (x, y, z) in (("left", (38, 18, 20)), ("right", (-37, 26, 24))):
        sign = 1 if x > 0 else -1
        front = (x, y - 8, z + 6, 2.6)
        limbs = [
            [front, (x - sign * 1, y + 2, z, 2.6), (x - sign * 5, y + 14, z - 8, 2.0)],
            [front, (x + sign * 2, y + 2, z, 2.4), (x + sign * 9, y + 12, z - 8, 2.0)],
        ]
        solid = Union(tuple(frame.tube(limb, breath=0.6, factor=frame.size("adrenal")) for limb in limbs))
        parts.append(Part(structure=f"{side} adrenal gland", solid=solid, tissue="adrenal"))
    return tuple(parts)
