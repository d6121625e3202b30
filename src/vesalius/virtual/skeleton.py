"""Bones of the chest as swept discs: ribs, spine, clavicles, scapulae, sternum.

N samples along the axes. Weights are mm of compact bone per disc.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from vesalius.virtual.camera import Array, Camera
from vesalius.virtual.chest import SIDES, SPINE, Chest, Side, side_sign
from vesalius.virtual.shapes import sweep

__all__ = ["Break", "paint_skeleton", "rib_curve", "spline"]

SPONGY = 0.17
"""Share of compact bone that attenuates like spongy bone: μ 0.281/cm against 0.604 compact and 0.215 muscle."""
_VERTEBRAE = SPINE[2:17]
"""T1 … L3."""
_FRONT_DROP = (45, 58, 66, 72, 76, 82, 88, 92, 95, 92, 70, 45)
_LEVEL_OF_RIB = tuple(range(2, 14))


class Break(NamedTuple):
    """A broken rib."""

    side: Side
    rib: int
    """1 … 12."""
    place: float
    """Share of the rib's course from the spine, 0..1."""
    step_mm: float
    """Displacement of the front part, downwards."""
    gap_mm: float
    callus: float
    """0 fresh … 1 healed with a full callus."""


def spline(points: Sequence[Sequence[float]] | NDArray[np.float64], step_mm: float) -> NDArray[np.float64]:
    """Sample a Catmull-Rom curve through `points` (n, 3) about every `step_mm`, (N, 3)."""
    knots = np.asarray(points, float)
    padded = np.concatenate([[2 * knots[0] - knots[1]], knots, [2 * knots[-1] - knots[-2]]])
    pieces = []
    for i in range(len(knots) - 1):
        p0, p1, p2, p3 = padded[i : i + 4]
        t = np.linspace(0, 1, max(2, int(np.linalg.norm(p2 - p1) / step_mm) + 1), endpoint=False)[:, None]
        pieces.append(
            0.5
            * (
                2 * p1
                + (p2 - p0) * t
                + (2 * p0 - 5 * p1 + 4 * p2 - p3) * t**2
                + (3 * p1 - p0 - 3 * p2 + p3) * t**3
            )
        )
    return np.concatenate([*pieces, knots[-1:]])


def rib_curve(chest: Chest, side: Side, rib: int, step_mm: float) -> NDArray[np.float64]:
    """Sample the axis of a rib from the spine round the wall to its front end, (N, 3).

    The rib lies just outside the cavity's wall and descends by the reference drop times the body's slope.
    """
    level = _LEVEL_OF_RIB[rib - 1]
    z0 = SPINE[level, 0] * chest.body.stature
    drop = _FRONT_DROP[rib - 1] * chest.body.rib_slope * chest.body.stature
    end = np.deg2rad(62 if rib <= 10 else (20 if rib == 11 else -10))
    angle = np.linspace(np.deg2rad(-74), end, 28)
    share = np.linspace(0, 1, 28)
    fall = drop * (0.10 * share + 0.90 * share**1.25)
    lift = 7 * np.sin(np.pi * np.clip(share * 4, 0, 1)) * (1 if rib <= 9 else 0.4)
    z = z0 - fall + lift
    centre, width, half, middle = chest.cavity.at(z)
    outer_x, outer_y = centre + width + 4.5, half + 4.5
    x = outer_x * np.sign(np.cos(angle)) * np.abs(np.cos(angle)) ** (2 / 2.6)
    y = middle - np.sign(np.sin(angle)) * outer_y * np.abs(np.sin(angle)) ** (2 / 2.2)
    head = np.array([[20.0, float(chest.spine_y(z0)) + 12, z0]])
    points = np.concatenate([head, np.stack([x, y, z], axis=1)])
    keep = np.concatenate([[True], x > 24])
    points = points[keep]
    points[:, 0] *= side_sign(side)
    points[:2, 0] += chest.spine_x(points[:2, 2])
    return spline(points, step_mm)


def paint_skeleton(picture: Array, camera: Camera, chest: Chest, breaks: Sequence[Break] = ()) -> None:
    """Add all bones to `picture` (mm of compact bone, (H, W)) in place."""
    step = max(1.1 * camera.spacing_mm, 0.8)
    for points, radius, wall in _ribs(chest, step, breaks):
        _tube(picture, camera, points, radius, wall, chest.body.bone, aspect=0.55)
    for side in SIDES:
        _clavicle(picture, camera, chest, side)
        _scapula(picture, camera, chest, side)
    _spine(picture, camera, chest)


def _tube(
    picture: Array, camera: Camera, points: NDArray[np.float64], radius: NDArray[np.float64], wall: float,
    mineral: float, aspect: float = 1.0,
) -> None:  # fmt: skip
    """Sweep a tube of compact bone with a spongy core."""
    step = np.linalg.norm(np.diff(points, axis=0, append=points[-1:]), axis=1)
    step = np.where(step > 5, 0, step)
    sweep(picture, camera, points, radius, step * mineral, aspect, (wall, 1 - SPONGY))


def _ribs(
    chest: Chest, step_mm: float, breaks: Sequence[Break]
) -> list[tuple[NDArray[np.float64], NDArray[np.float64], float]]:
    """All ribs in one cloud, samples of different ribs apart by a jump."""
    clouds, radii = [], []
    for side in SIDES:
        for rib in range(1, 13):
            points = rib_curve(chest, side, rib, step_mm)
            share = np.linspace(0, 1, len(points))
            radius = 6.4 - 1.6 * np.exp(-((share / 0.10) ** 2)) - (1.5 if rib in (11, 12) else 0)
            for crack in breaks:
                if crack.side == side and crack.rib == rib:
                    points, radius = _crack(points, radius, crack)
            clouds.append(points)
            radii.append(radius)
    return [(np.concatenate(clouds), np.concatenate(radii), 1.35)]


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


def _clavicle(picture: Array, camera: Camera, chest: Chest, side: Side) -> None:
    lift = chest.body.clavicle_mm
    path = [(14, -72, 243), (40, -68, 247 + 0.2 * lift), (85, -48, 259 + 0.6 * lift), (125, -26, 264 + lift),
            (162, -14, 264 + lift)]  # fmt: skip
    points = np.array(path) * chest.scale
    points[:, 0] *= side_sign(side)
    curve = spline(points, 1.0)
    share = np.linspace(0, 1, len(curve))
    radius = 5.2 + 2.2 * np.exp(-((share / 0.10) ** 2)) + 1.0 * np.exp(-(((1 - share) / 0.15) ** 2))
    _tube(picture, camera, curve, radius, 1.1, chest.body.bone)


def _scapula(picture: Array, camera: Camera, chest: Chest, side: Side) -> None:
    """Borders, spine, glenoid and humeral head; the blade is a thin fan of bone."""
    out = chest.body.scapula_mm
    inferior, superior = np.array([100.0 + out, 84, 112]), np.array([88.0 + out, 78, 246])
    glenoid = np.array([156.0 + out, 34, 236])
    sign = np.array([side_sign(side), 1, 1])
    mineral = chest.body.bone

    def line(knots: Sequence[NDArray[np.float64]], radius: float, wall: float = 1.0) -> None:
        curve = spline(np.array(knots) * chest.scale * sign, 1.0)
        _tube(picture, camera, curve, np.full(len(curve), radius), wall, mineral)

    line([inferior, (inferior + glenoid) / 2 + np.array([-3, 0, -4]), glenoid], 4.2)
    line([inferior, (inferior + superior) / 2 + np.array([-6, 4, 0]), superior], 1.6, 0.8)
    line([superior + np.array([2, 0, -28]), glenoid + np.array([2, 14, 20])], 4.0)
    line([superior, glenoid + np.array([-14, -10, 6])], 2.0, 0.8)
    fan = np.concatenate([spline(np.array([inferior * (1 - t) + superior * t, inferior * (1 - t) + glenoid * t]), 3.0)
                          for t in np.linspace(0.06, 0.97, 28)])  # fmt: skip
    fan = fan * chest.scale * sign
    sweep(picture, camera, fan, np.full(len(fan), 4.0), np.full(len(fan), 0.20 * mineral))
    head = np.array([[174.0 + out, 18, 236]]) * chest.scale * sign
    for radius, weight in ((22.0, 6.0), (17.0, 3.0), (11.0, 2.0)):
        sweep(picture, camera, head, np.array([radius]), np.array([weight * mineral]))
    shaft = spline(
        np.array([[176.0 + out, 18, 230], [188 + out, 16, 190], [196 + out, 14, 120]]) * chest.scale * sign,
        1.0,
    )
    _tube(picture, camera, shaft, np.full(len(shaft), 11.5), 3.5, mineral)


def _spine(picture: Array, camera: Camera, chest: Chest) -> None:
    """Vertebral bodies with end plates, pedicles, transverse and spinous processes."""
    z = _VERTEBRAE[:, 0] * chest.body.stature
    y, x = _VERTEBRAE[:, 1] * chest.body.depth, chest.spine_x(z)
    number = np.arange(len(z))
    half_x = np.minimum(14 + 0.62 * number, 24)
    half_z = np.minimum(8 + 0.42 * number, 13.5)
    half_y = np.minimum(9 + 0.6 * number, 17)
    mineral = chest.body.bone
    boxes: list[tuple[float, ...]] = []
    for i in range(len(z)):
        body = (x[i], y[i], z[i], half_x[i], half_z[i])
        boxes.append((*body, 2 * half_y[i] * SPONGY))
        for end in (-1, 1):
            boxes.append((x[i], y[i], z[i] + end * (half_z[i] - 0.8), half_x[i], 1.0, 3.2))
        for sign in (-1, 1):
            boxes.append((x[i] + sign * half_x[i] * 0.68, y[i] + 18, z[i] + 3, 3.6, 5.0, 4.5))
            boxes.append((x[i] + sign * (half_x[i] - 0.7), y[i], z[i], 0.9, half_z[i], 3.6))
            boxes.append((x[i] + sign * (half_x[i] + 9), y[i] + 30, z[i] + 4, 10, 4.0, 2.2))
        boxes.append((x[i], y[i] + 50, z[i] - 8, 2.4, 6.0, 2.6))
    boxes.append((0.0, -82 * chest.scale[1], 228 * chest.scale[2], 25 * chest.scale[0], 24, 1.6))
    for box in boxes:
        _box(picture, camera, box, mineral)


def _box(picture: Array, camera: Camera, box: tuple[float, ...], mineral: float) -> None:
    """Add a rounded plate facing the detector: x, y, z, half width, half height, mm of compact bone."""
    x, y, z, half_x, half_z, weight = box
    window = camera.window(np.array([x, y, z]), np.array([half_x + 2, 0, half_z + 2]))
    if window is None:
        return
    scale = camera.scale(y)
    soft = np.float32(max(0.5 * camera.spacing_mm, 0.6))
    across = half_x - np.abs(camera.u[window[1]] * scale - camera.rotation * y - x)
    up = half_z - np.abs(camera.v[window[0]] * scale + camera.centre_z_mm - z)
    cover = np.clip(across / soft + 0.5, 0, 1)[None, :] * np.clip(up / soft + 0.5, 0, 1)[:, None]
    picture[window] += (cover * weight * mineral).astype(np.float32)
