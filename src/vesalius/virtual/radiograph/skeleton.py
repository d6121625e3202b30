"""Bones of the chest as swept discs: ribs, clavicles, scapulae, arms, and the spine as rounded plates.

N samples along the axes. Weights are mm of compact bone for each mm of axis.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from vesalius.virtual.body import SIDES, Side
from vesalius.virtual.radiograph.camera import Array, Camera
from vesalius.virtual.radiograph.chest import SPINE, Chest, side_sign
from vesalius.virtual.radiograph.shapes import sweep

__all__ = [
    "CLAVICLE",
    "VERTEBRAE",
    "Break",
    "clavicle_curve",
    "paint_skeleton",
    "rib_curve",
    "scapula_corners",
    "spline",
]

SPONGY = 0.17
"""Share of compact bone that attenuates like spongy bone: μ 0.281/cm against 0.604 compact and 0.215 muscle."""
VERTEBRAE = SPINE[2:]
"""T1 … L3."""
_FRONT_DROP = (45, 58, 66, 72, 76, 82, 88, 92, 95, 92, 70, 45)
"""How far the front end of each rib lies below its head, mm."""
_FIRST_RIB_LEVEL = 2
_RIB_ASPECT = 0.55
"""A rib is about 13 high and 7 thick."""
_GAP_MM = 5.0
"""Samples further apart belong to different bones."""


CLAVICLE = 0
"""Stands for the clavicle in the place of a rib's number."""


class Break(NamedTuple):
    """A broken rib or clavicle."""

    side: Side
    rib: int
    """1 … 12, or `CLAVICLE`."""
    place: float
    """Share of the rib's course from the spine, 0..1."""
    step_mm: float
    """Displacement of the front part, downwards."""
    gap_mm: float
    callus: float
    """0 fresh … 1 healed with a full callus."""


class _Tube(NamedTuple):
    points: NDArray[np.float64]
    """(N, 3), mm."""
    radius: NDArray[np.float64]
    """(N,), mm."""
    wall_mm: float
    """Thickness of the compact bone; the core is spongy."""


def spline(points: Sequence[Sequence[float]] | NDArray[np.float64], step_mm: float) -> NDArray[np.float64]:
    """Sample a Catmull-Rom curve through `points` (n, 3), evenly between knots, at most `step_mm` apart, (N, 3)."""
    knots = np.asarray(points, float)
    padded = np.concatenate([2 * knots[:1] - knots[1:2], knots, 2 * knots[-1:] - knots[-2:-1]])
    longest = float(np.sqrt(((knots[1:] - knots[:-1]) ** 2).sum(axis=1).max()))
    number = max(2, int(longest / step_mm) + 1)
    t = (np.arange(number) / number)[:, None]
    basis = (-t + 2 * t**2 - t**3, 2 - 5 * t**2 + 3 * t**3, t + 4 * t**2 - 3 * t**3, t**3 - t**2)
    pieces = [0.5 * weight * padded[k : len(padded) - 3 + k, None] for k, weight in enumerate(basis)]
    curve = pieces[0] + pieces[1] + pieces[2] + pieces[3]
    return np.concatenate([curve.reshape(-1, 3), knots[-1:]])


def rib_curve(chest: Chest, side: Side, rib: int, step_mm: float) -> NDArray[np.float64]:
    """Sample the axis of a rib from the spine round the wall to its front end, (N, 3).

    The rib lies just outside the cavity's wall and descends by the reference drop times the body's slope.
    """
    return _of_side(chest, side, spline(_rib_knots(chest, rib), step_mm))


def _of_side(chest: Chest, side: Side, left: NDArray[np.float64]) -> NDArray[np.float64]:
    """Bring the axis of a left rib to a side, its head to where the spine is."""
    curve = left * [side_sign(side), 1, 1]
    curve[:, 0] += chest.spine_x(curve[:, 2]) * np.exp(-((np.linspace(0, 1, len(curve)) / 0.15) ** 2))
    return curve


def _rib_knots(chest: Chest, rib: int) -> NDArray[np.float64]:
    """Knots of a left rib, (n, 3)."""
    z0 = SPINE[_FIRST_RIB_LEVEL + rib - 1, 0] * chest.body.stature
    drop = _FRONT_DROP[rib - 1] * chest.body.rib_slope * chest.body.stature
    end = 62 if rib <= 10 else (20 if rib == 11 else -10)
    angle = np.deg2rad(np.linspace(-74, end, 26))
    share = np.linspace(0, 1, 26)
    lift = 7 * np.sin(np.pi * np.clip(share * 4, 0, 1)) * (1 if rib <= 9 else 0.4)
    z = z0 - drop * (0.10 * share + 0.90 * share**1.25) + lift
    centre, width, half, middle = chest.cavity.at(z)
    cosine, sine = np.cos(angle), np.sin(angle)
    x = (centre + width + 4.5) * np.sign(cosine) * np.abs(cosine) ** (2 / 2.6)
    y = middle - (half + 4.5) * np.sign(sine) * np.abs(sine) ** (2 / 2.2)
    head = [[20.0, float(chest.spine_y(z0)) + 12, z0]]
    return np.concatenate([head, np.stack([x, y, z], axis=1)[x > 24]])


def paint_skeleton(picture: Array, camera: Camera, chest: Chest, breaks: Sequence[Break] = ()) -> None:
    """Add all bones to `picture` (mm of compact bone, (H, W)) in place."""
    _paint_tubes(picture, camera, chest, list(_ribs(chest, max(1.4 * camera.spacing_mm, 0.9), breaks)), _RIB_ASPECT)
    shoulder = [tube for side in SIDES for tube in (*_clavicle(chest, side, breaks), *_scapula(chest, side, camera))]
    _paint_tubes(picture, camera, chest, shoulder, 1.0)
    _paint_blades(picture, camera, chest)
    _paint_spine(picture, camera, chest)


def _paint_tubes(picture: Array, camera: Camera, chest: Chest, tubes: list[_Tube], aspect: float) -> None:
    """Sweep tubes of compact bone with spongy cores."""
    points = np.concatenate([tube.points for tube in tubes])
    radius = np.concatenate([tube.radius for tube in tubes])
    wall = np.concatenate([np.full(len(tube.points), tube.wall_mm) for tube in tubes])
    step = np.sqrt((np.diff(points, axis=0, append=points[-1:]) ** 2).sum(axis=1))
    step[step > _GAP_MM] = 0
    sweep(picture, camera, points, radius, step * chest.body.bone, aspect, (wall, 1 - SPONGY))


def _ribs(chest: Chest, step_mm: float, breaks: Sequence[Break]) -> Iterable[_Tube]:
    for rib in range(1, 13):
        left = spline(_rib_knots(chest, rib), step_mm)
        for side in SIDES:
            points = _of_side(chest, side, left)
            share = np.linspace(0, 1, len(points))
            radius = 6.4 - 1.6 * np.exp(-((share / 0.10) ** 2)) - (1.5 if rib > 10 else 0.0)
            for crack in breaks:
                if crack.side == side and crack.rib == rib:
                    points, radius = _crack(points, radius, crack)
            yield _Tube(points, radius, 1.35)


def _crack(
    points: NDArray[np.float64], radius: NDArray[np.float64], crack: Break
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Displace the part of a rib in front of a fracture and thicken it by callus."""
    along = np.concatenate([[0], np.cumsum(np.linalg.norm(np.diff(points, axis=0), axis=1))])
    away = along - crack.place * along[-1]
    points = points.copy()
    fade = np.exp(-np.maximum(away, 0) / 45)
    points[:, 2] -= np.where(away > 0, crack.step_mm * fade, 0)
    points[:, 0] -= np.where(away > 0, 0.5 * crack.step_mm * fade * np.sign(points[:, 0]), 0)
    radius = radius * (1 + 0.55 * crack.callus * np.exp(-((away / 9) ** 2)))
    keep = np.abs(away) > crack.gap_mm / 2 * (1 - crack.callus)
    return points[keep], radius[keep]


def _placed(chest: Chest, side: Side, knots: Sequence[Sequence[float]], step_mm: float = 1.5) -> NDArray[np.float64]:
    """Sample a curve through places of the reference adult's left side."""
    return spline(np.array(knots, float) * chest.scale * np.array([side_sign(side), 1, 1]), step_mm)


def clavicle_curve(chest: Chest, side: Side) -> NDArray[np.float64]:
    """Sample the axis of a clavicle from its medial end, (N, 3)."""
    lift = chest.body.clavicle_mm
    path = ((14, -72, 240), (40, -68, 243 + 0.2 * lift), (85, -48, 255 + 0.6 * lift), (125, -26, 262 + lift),
            (162, -14, 262 + lift))  # fmt: skip
    return _placed(chest, side, path)


def _clavicle(chest: Chest, side: Side, breaks: Sequence[Break]) -> Iterable[_Tube]:
    curve = clavicle_curve(chest, side)
    share = np.linspace(0, 1, len(curve))
    radius = 6.2 + 2.2 * np.exp(-((share / 0.10) ** 2)) + 1.0 * np.exp(-(((1 - share) / 0.15) ** 2))
    for crack in breaks:
        if crack.side == side and crack.rib == CLAVICLE:
            curve, radius = _crack(curve, radius, crack)
    yield _Tube(curve, radius, 2.3)


class _Scapula(NamedTuple):
    """Corners of the left shoulder blade of the reference adult."""

    inferior: NDArray[np.float64]
    superior: NDArray[np.float64]
    glenoid: NDArray[np.float64]


def _corners(chest: Chest) -> _Scapula:
    out = np.array([chest.body.scapula_mm, 0, 0])
    return _Scapula(
        np.array([113.0, 84, 112]) + out, np.array([97.0, 78, 246]) + out, np.array([156.0, 34, 236]) + out
    )


def scapula_corners(chest: Chest, side: Side) -> NDArray[np.float64]:
    """Return inferior angle, superior angle and glenoid of a shoulder blade, (3, 3)."""
    corners: NDArray[np.float64] = np.stack(_corners(chest)) * chest.scale * np.array([side_sign(side), 1, 1])
    return corners


def _scapula(chest: Chest, side: Side, camera: Camera) -> Iterable[_Tube]:
    """Borders and spine of the shoulder blade, and the humerus, which is raised out of a lateral film."""
    inferior, superior, glenoid = _corners(chest)
    lateral = (inferior, (inferior + glenoid) / 2 + np.array([-3, 0, -4]), glenoid)
    medial = (inferior, (inferior + superior) / 2 + np.array([-6, 4, 0]), superior)
    ridge = (superior + np.array([2, 0, -28]), glenoid + np.array([2, 14, 20]))
    upper = (superior, glenoid + np.array([-14, -10, 6]))
    shaft = (
        glenoid + np.array([20, -16, -6]),
        glenoid + np.array([32, -18, -46]),
        glenoid + np.array([40, -20, -116]),
    )
    for knots, radius, wall in (
        (lateral, 4.2, 1.0), (medial, 1.6, 0.8), (ridge, 4.0, 1.0), (upper, 2.0, 0.8), (shaft, 11.5, 3.5),
    )[: 4 if camera.lateral else 5]:  # fmt: skip
        curve = _placed(chest, side, [knot.tolist() for knot in knots])
        yield _Tube(curve, np.full(len(curve), radius), wall)


def _paint_blades(picture: Array, camera: Camera, chest: Chest) -> None:
    """Add the thin blades as fans of soft-edged discs, and the humeral heads as balls."""
    inferior, superior, glenoid = _corners(chest)
    along = np.linspace(0.05, 0.97, 24)[:, None, None]
    across = np.linspace(0, 1, 16)[None, :, None]
    fan = (inferior + along * ((1 - across) * superior + across * glenoid - inferior)).reshape(-1, 3)
    head = glenoid + np.array([18.0, -16, 0])
    points = np.concatenate([fan, np.repeat(head[None], 3, axis=0)]) * chest.scale
    radius = np.concatenate([np.full(len(fan), 4.5), [22.0, 17.0, 11.0]])
    weight = np.concatenate([np.full(len(fan), 0.22), [5.0, 2.5, 1.5]]) * chest.body.bone
    shown = len(fan) if camera.lateral else len(points)
    both = np.concatenate([points[:shown] * [side_sign(side), 1, 1] for side in SIDES])
    sweep(picture, camera, both, np.tile(radius[:shown], 2), np.tile(weight[:shown], 2))


def vertebra_size(number: int) -> tuple[float, float, float]:
    """Half width, half depth and half height in mm of the body of a vertebra, T1 = 0."""
    return min(14 + 0.62 * number, 24), min(9 + 0.6 * number, 17), min(8 + 0.42 * number, 13.5)


def _paint_spine(picture: Array, camera: Camera, chest: Chest) -> None:
    """Add vertebral bodies with end plates and side walls, pedicles, processes, and the sternum."""
    z = VERTEBRAE[:, 0] * chest.body.stature
    y, x = VERTEBRAE[:, 1] * chest.body.depth, chest.spine_x(z)
    _paint_sternum(picture, camera, chest)
    lowest = camera.height(0.0)[-1] - 40
    lost = dict(chest.wedged)
    plates = []
    for i in np.flatnonzero(z > lowest):
        wide, deep, high = vertebra_size(int(i))
        parts = _from_the_side if camera.lateral else _vertebra
        for part in parts(wide, deep, high, lost.get(int(i), 0.0)):
            across, behind, above, half, half_z, weight = part
            plates.append((x[i] + across, y[i] + behind, z[i] + above, half, half_z, weight * chest.body.bone))
    _paint_plates(picture, camera, np.array(plates))


def _paint_sternum(picture: Array, camera: Camera, chest: Chest) -> None:
    """Add manubrium and body of the sternum; of the body a frontal film shows nothing."""
    width, depth, height = chest.scale
    if not camera.lateral:
        manubrium = (0.0, -82 * depth, 228 * height, 25 * width, 24, 1.6 * chest.body.bone)
        _paint_plates(picture, camera, np.array([manubrium]))
        return
    z = np.linspace(104, 252, 75) * height
    _, _, half, middle = chest.cavity.at(z)
    front = np.where(z > 205 * height, -82 * depth, np.minimum(middle - half - 3, -80 * depth))
    points = np.stack([np.zeros_like(z), front, z], axis=1)
    gap = np.abs(z - 204 * height) > 1.5
    wide = np.where(z > 205 * height, 25.0, 17.0) * width
    weight = 2 * wide / (2 * 4.0) * SPONGY * (z[1] - z[0]) * chest.body.bone
    sweep(picture, camera, points[gap], np.full(int(gap.sum()), 4.5), weight[gap])


def _from_the_side(wide: float, deep: float, high: float, lost: float) -> Iterable[tuple[float, ...]]:
    """Plates of one vertebra on a lateral film, as `_vertebra`, in strips from front to back where it is wedged."""
    for place in np.linspace(-0.95, 0.95, 20):
        top = high * (1 - 2 * lost * (0.5 - 0.5 * place))
        lower = top - high
        yield (0, place * deep, lower / 2, 0.05 * deep, high + lower / 2, 2 * wide * SPONGY)
        yield (0, place * deep, top - 0.8, 0.05 * deep, 0.9, 5.5)
        yield (0, place * deep, 0.8 - high, 0.05 * deep, 0.9, 5.5)
    yield (0, -deep + 0.7, 0, 0.8, 0.9 * high * (1 - lost), 4.5)
    yield (0, deep - 0.7, 0, 0.8, 0.9 * high, 4.5)
    yield (0, deep + 6, 3, 6.0, 4.5, 5.0)
    yield (0, deep + 22, -4, 10.0, 3.5, 2.6)


def _vertebra(wide: float, deep: float, high: float, lost: float) -> Iterable[tuple[float, ...]]:
    """Plates of one vertebra: offsets x, y, z from the body's centre, half width, half height, mm of bone."""
    high = high * (1 - 0.7 * lost)
    yield (0, 0, -0.35 * lost * high, wide, high, 2 * deep * SPONGY)
    yield (0, 0, high - 0.8, wide, 1.0, 3.2)
    yield (0, 0, 0.8 - high, wide, 1.0, 3.2)
    yield (0, 50, -8, 2.4, 6.0, 2.6)
    for sign in (-1, 1):
        yield (sign * 0.68 * wide, 18, 3, 3.6, 5.0, 4.5)
        yield (sign * (wide - 0.7), 0, 0, 0.9, high, 3.6)
        yield (sign * (wide + 9), 30, 4, 10, 4.0, 2.2)


def _paint_plates(picture: Array, camera: Camera, plates: NDArray[np.float64]) -> None:
    """Add plates that face the detector, (P, 6): x, y, z, half width, half height in mm, mm of compact bone."""
    x, depth, z = camera.turned(plates[:, :3]).T
    scale = (camera.source_y_mm - depth) / camera.distance_mm
    pixel = camera.spacing_mm * scale
    soft = np.maximum(0.5 * pixel, 0.6)
    columns = camera.column((x + camera.rotation * depth) / scale)
    rows = camera.row((z - camera.centre_z_mm) / scale)
    index = np.arange(camera.size)
    covers, spans = [], []
    for place, half in ((rows, plates[:, 4]), (columns, plates[:, 3])):
        reach = (half + soft) / pixel
        spans.append(np.stack([np.maximum(place - reach, 0), np.minimum(place + reach + 2, camera.size)], axis=1))
        away = np.abs(index - place[:, None]) * pixel[:, None]
        covers.append(np.clip((half[:, None] - away) / soft[:, None] + 0.5, 0, 1).astype(np.float32))
    covers[1] *= plates[:, 5:].astype(np.float32)
    limits = np.concatenate(spans, axis=1).astype(np.int64).tolist()
    for down, across, (top, bottom, left, right) in zip(*covers, limits, strict=True):
        if top < bottom and left < right:
            picture[top:bottom, left:right] += down[top:bottom, None] * across[None, left:right]
