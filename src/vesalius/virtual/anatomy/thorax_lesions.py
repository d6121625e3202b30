"""Lesions of the chest as solids: round bodies, filled air spaces, collapsed lung, hernias, broken ribs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vesalius.errors import ConfigError
from vesalius.virtual.anatomy.beads import Beads
from vesalius.virtual.anatomy.parts import Anatomy, Part
from vesalius.virtual.anatomy.solids import Ellipsoid, HalfSpace, Inset, Intersection, Lumpy, Point, Solid, Union
from vesalius.virtual.anatomy.thorax_body import Thorax
from vesalius.virtual.anatomy.thorax_organs import lobes_of
from vesalius.virtual.anatomy.thorax_shapes import ellipsoid_of
from vesalius.virtual.anatomy.thorax_wall import rib_beads
from vesalius.virtual.body import Side
from vesalius.virtual.radiograph.skeleton import Break, rib_curve

__all__ = [
    "Filled", "Round", "as_thorax", "broken_rib_parts", "collapsed_parts", "filled_parts", "heart_mark",
    "hernia_parts", "plate_parts", "room_of", "round_parts", "sealed", "thorax_structure",
]  # fmt: skip

_WALL = ("intercostal muscles", "paraspinal muscles", "diaphragm")
_RIM_MM = 3.0
_SEALED_MM = 25.0
"""Round lesions above this are broad enough at the wall to need it."""
_SMOOTH, _LOBED, _SPIKED = "smooth", "lobulated", "spiculated"


def as_thorax(anatomy: Anatomy) -> Thorax:
    """Return the anatomy as a thorax; a disease of the chest cannot be put into another region."""
    if not isinstance(anatomy, Thorax):
        raise ConfigError(f"a disease of the chest cannot be put into the {anatomy.region}: expected a thorax")
    return anatomy


def room_of(side: Side) -> tuple[str, ...]:
    """Structures of one lung that a lesion may take room of."""
    return (*lobes_of(side), "pulmonary vessels", "segmental bronchi")


def sealed(solid: Solid) -> Part:
    """Return what fills the rim between dense lung and the wall.

    Voxels of the wall hold a share of the aerated lung; beside fluid that would show as a dark line.
    """
    return Part(structure="", solid=Inset(solid, -_RIM_MM), tissue="muscle", within=_WALL)


@dataclass(frozen=True, kw_only=True)
class Round:
    """A nodule or a mass."""

    concept: str
    side: Side
    place: Point
    """Shares of the lung, see `Chest.lung_point`."""
    diameter_mm: float
    margin: str
    """smooth, lobulated or spiculated."""
    tissue: str
    opacity: float = 1.0
    softness: float = 0.0
    """Width of the margin against the radius."""
    necrotic: bool = False
    """True where large ones have a core without blood."""


def round_parts(anatomy: Anatomy, lesion: Round, rng: np.random.Generator) -> tuple[Part, ...]:
    """Return a round lesion; its mean diameter is the drawn one within the waves of its surface."""
    thorax = as_thorax(anatomy)
    radius = lesion.diameter_mm / 2
    centre = thorax.lung_place(lesion.side, lesion.place, min(0.35 * radius, 5.0))
    ratio = rng.uniform(0.92, 1.08, 3)
    a, b, c = (float(value) for value in radius * ratio / np.sqrt(ratio[0] * ratio[1]))
    turn = rng.uniform(-1, 1, 2)
    body: Solid = Ellipsoid(centre, (a, b, c), (1.0, float(turn[0]), 0.4 * float(turn[1])))
    seed, waves = int(rng.integers(2**31)), {_SMOOTH: 0.0, _LOBED: 0.16, _SPIKED: 0.11}[lesion.margin]
    if waves:
        body = Lumpy(body, waves * radius, 1.5 * radius, seed, octaves=2 if lesion.margin == _SPIKED else 1)
    where = thorax_structure(thorax, lesion.side, centre)

    def part(solid: Solid, component: str, tissue: str = lesion.tissue, softness: float = 0.0) -> Part:
        return Part(structure=where, solid=solid, tissue=tissue, within=room_of(lesion.side), concept=lesion.concept,
                    component=component, opacity=lesion.opacity, softness_mm=softness)  # fmt: skip

    found = [sealed(body)] if lesion.diameter_mm > _SEALED_MM and lesion.opacity == 1 else []
    found.append(part(body, "body", softness=lesion.softness * radius))
    if lesion.margin == _SPIKED:
        found.append(part(_spicules(centre, radius, rng), "spicules"))
    if lesion.necrotic and lesion.diameter_mm > 40:
        core = Lumpy(Ellipsoid(centre, (0.6 * a, 0.6 * b, 0.6 * c)), 0.08 * radius, radius, seed + 7)
        found.append(part(core, "core", "necrotic_tumour", 1.5))
    return tuple(found)


def thorax_structure(thorax: Thorax, side: Side, point: Sequence[float]) -> str:
    """Name of the lobe of a side that a point lies in, or nearest to."""
    place = [np.array([value], np.float32) for value in point]
    return min(lobes_of(side), key=lambda lobe: float(thorax.lobes[lobe].distance(*place)[0]))


def _spicules(centre: Point, radius: float, rng: np.random.Generator) -> Beads:
    """Cones from the surface, 0.3 to 0.9 radii long, that taper to 0.3 mm."""
    count = int(rng.integers(14, 34))
    way = rng.standard_normal((count, 3))
    way /= np.linalg.norm(way, axis=1, keepdims=True)
    reach = radius * rng.uniform(0.3, 0.9, count)
    t = np.linspace(0, 1, max(8, int(1.5 * radius)))
    along = 0.85 * radius + reach[:, None] * t
    points = np.asarray(centre) + way[:, None, :] * along[:, :, None]
    radii = np.maximum(0.3, 0.09 * radius * (1 - t))[None, :] * np.ones((count, 1))
    return Beads(points.reshape(-1, 3), radii.ravel())


@dataclass(frozen=True, kw_only=True)
class Filled:
    """Air spaces of a part of a lobe that are filled."""

    concept: str
    lobe: str
    place: Point
    size_mm: float
    tissue: str
    opacity: float
    bronchi: bool
    """True where the bronchi keep their air."""


def filled_parts(anatomy: Anatomy, lesion: Filled, rng: np.random.Generator) -> tuple[Part, ...]:
    """Return a cloud of blobs that keeps to one lobe; vessels stay as they are."""
    thorax = as_thorax(anatomy)
    side: Side = "right" if lesion.lobe.startswith("right") else "left"
    centre = np.asarray(thorax.lung_place(side, lesion.place, 4.0))
    half = lesion.size_mm / 2
    blobs = []
    for number in range(14):
        offset = rng.normal(size=3) * half * (0.0 if number == 0 else 0.5)
        x, y, z = (float(value) for value in centre + offset)
        size = half * (0.8 if number == 0 else rng.uniform(0.32, 0.7)) * rng.uniform(0.8, 1.2, 3)
        blobs.append(Ellipsoid((x, y, z), (float(size[0]), float(size[1]), float(size[2]))))
    cloud = Lumpy(Union(tuple(blobs)), 2.5, 16.0, int(rng.integers(2**31)), octaves=2)
    room = (lesion.lobe,) if lesion.bronchi else (lesion.lobe, "segmental bronchi")
    found = [
        sealed(cloud),
        Part(structure=lesion.lobe, solid=cloud, tissue=lesion.tissue, within=room, softness_mm=1.2,
             opacity=lesion.opacity, concept=lesion.concept, component="body")
    ]  # fmt: skip
    if lesion.bronchi:
        tree = next(p.solid for p in thorax.parts if p.structure == "segmental bronchi" and p.tissue == "gas"
                    and (p.solid.bounds.low[0] > 0) == (side == "left"))  # fmt: skip
        assert isinstance(tree, Beads)
        points = tree.points.astype(np.float32)
        inside = cloud.distance(points[:, 0], points[:, 1], points[:, 2]) < 0
        if inside.any():
            found.append(Part(structure="", solid=tree.kept(inside), tissue="gas", within=(lesion.lobe,)))
    return tuple(found)


def plate_parts(
    anatomy: Anatomy, side: Side, concept: str, plates: Sequence[tuple[float, float, float, float]],
    rng: np.random.Generator,
) -> tuple[Part, ...]:  # fmt: skip
    """Return plates of collapsed lung over a dome: height, length, thickness in mm and tilt in radians of each."""
    chest = as_thorax(anatomy).chest
    found = []
    for height, long, thick, tilt in plates:
        x = (1 if side == "left" else -1) * float(rng.uniform(55, 95)) * chest.body.width
        y, z = float(rng.uniform(-30, 30)), chest.dome_top(side) + height
        egg = Ellipsoid((x, y, z), (long / 2, 40.0, thick / 2), (1.0, 0.0, float(np.tan(tilt))))
        found.append(Part(structure=f"{side} lower lobe", solid=Lumpy(egg, 0.2 * thick, 30, int(rng.integers(2**31))),
                          tissue="collapsed_lung", within=room_of(side)[:-1], concept=concept, opacity=0.85,
                          component="plate"))  # fmt: skip
    return tuple(found)


def collapsed_parts(
    anatomy: Anatomy, lobe: str, concept: str, place: tuple[Point, Point], rng: np.random.Generator
) -> tuple[Part, ...]:  # fmt: skip
    """Return a collapsed lobe: a wedge about a place (shares of the lung) with half axes in mm; vessels stay."""
    thorax = as_thorax(anatomy)
    side: Side = "right" if lobe.startswith("right") else "left"
    shares, axes = place
    x, y, z = (float(value) for value in thorax.chest.lung_point(side, *shares))
    size = np.array(axes) * rng.uniform(0.85, 1.15, 3)
    direction = (0.25 if side == "left" else -0.25, 0.0, 1.0) if "lower" in lobe else (1.0, 0.0, 0.0)
    if direction[2]:
        size = size[[2, 1, 0]]
    egg = Ellipsoid((x, y, z), (float(size[0]), float(size[1]), float(size[2])), direction)
    return (Part(structure=lobe, solid=Lumpy(egg, 3.0, 40.0, int(rng.integers(2**31))), tissue="collapsed_lung",
                 within=lobes_of(side), concept=concept, component="body", softness_mm=0.8),)  # fmt: skip


def heart_mark(anatomy: Anatomy, concept: str) -> tuple[Part, ...]:
    """Return the whole heart as the region of a finding, without a change of tissue."""
    thorax = as_thorax(anatomy)
    heart = Union(tuple(ellipsoid_of(part) for part in thorax.chest.heart))
    room = ("pericardium", "epicardial fat", "myocardium", "left ventricle", "right ventricle", "left atrium",
            "right atrium")  # fmt: skip
    return (Part(structure="pericardium", solid=heart, tissue="muscle", opacity=0.0, concept=concept, within=room),)


def hernia_parts(anatomy: Anatomy, concept: str, gas: float) -> tuple[Part, ...]:
    """Return the stomach above the hiatus of a supine patient: gas in front of a level of fluid."""
    thorax = as_thorax(anatomy)
    if thorax.chest.hernia is None:
        return ()
    whole = ellipsoid_of(thorax.chest.hernia)
    inner = ellipsoid_of(thorax.chest.hernia, -4.0)
    room = (*room_of("left"), *room_of("right"), "mediastinal fat", "oesophagus", "diaphragm", "peritoneal fat",
            "pericardium", "epicardial fat")  # fmt: skip

    def part(solid: Solid, tissue: str, component: str) -> Part:
        return Part(structure="mediastinal fat", solid=solid, tissue=tissue, within=room, concept=concept,
                    component=component)  # fmt: skip

    found = [part(ellipsoid_of(thorax.chest.hernia, 5.0), "fat", "fat"), part(whole, "stomach_wall", "wall"),
             part(inner, "bowel_content", "content")]  # fmt: skip
    if gas:
        level = inner.centre[1] - (1 - 2 * gas) * inner.axes[1]
        front = Intersection((inner, HalfSpace((0.0, level, 0.0), (0.0, 1.0, 0.0))))
        found.append(part(front, "gas", "gas"))
    return tuple(found)


_FRAGMENT_MM = 26.0
"""Length of the front fragment that is displaced; it runs back into the rib's course."""


def broken_rib_parts(anatomy: Anatomy, concept: str, crack: Break) -> tuple[Part, ...]:
    """Return a broken rib: a displaced front fragment and a gap, or callus round a healed one."""
    chest = as_thorax(anatomy).chest
    curve = rib_curve(chest, crack.side, crack.rib, 0.9)
    along = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(curve, axis=0), axis=1))])
    away = along - crack.place * along[-1]
    middle = curve[int(np.abs(away).argmin())]
    name = f"{crack.side} rib {crack.rib}"
    moved = _displaced(curve, away, crack)
    front = (away > 0.5 * crack.gap_mm * (1 - crack.callus)) & (away < _FRAGMENT_MM)
    found = [_bone_piece(name, rib_beads(curve[(away > -0.5 * crack.gap_mm) & (away < _FRAGMENT_MM)], 5).grown(1.0),
                         "muscle")]  # fmt: skip
    bone = rib_beads(moved[front], 5)
    found += [_bone_piece(name, bone, "cortical_bone"), _bone_piece(name, bone.grown(-1.2), "spongy_bone")]
    if crack.callus:
        found.append(_bone_piece(name, _ball(middle, 4.5 + 3.0 * crack.callus), "callus"))
    site = Part(structure=name, solid=_ball(middle, 9.0), tissue="cortical_bone", opacity=0.0, concept=concept,
                component=name)  # fmt: skip
    return (*found, site)


def _displaced(curve: NDArray[np.float64], away: NDArray[np.float64], crack: Break) -> NDArray[np.float64]:
    moved = curve.copy()
    fade = np.clip(1 - away / _FRAGMENT_MM, 0, 1)
    moved[:, 2] -= np.where(away > 0, crack.step_mm * fade, 0)
    moved[:, 0] -= np.where(away > 0, 0.5 * crack.step_mm * fade * np.sign(moved[:, 0]), 0)
    return moved


def _bone_piece(name: str, solid: Solid, tissue: str) -> Part:
    return Part(structure=name, solid=solid, tissue=tissue)


def _ball(centre: NDArray[np.float64], radius: float) -> Ellipsoid:
    x, y, z = (float(value) for value in centre)
    return Ellipsoid((x, y, z), (radius, radius, radius))
