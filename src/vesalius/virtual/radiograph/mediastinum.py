"""What takes room from the lungs, as depth intervals: mediastinum with the heart, spine, aorta, domes."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from vesalius.virtual.body import SIDES
from vesalius.virtual.radiograph.camera import Camera
from vesalius.virtual.radiograph.chest import Chest
from vesalius.virtual.radiograph.shapes import Ellipsoid, Interval, column, ellipsoid, hull, nothing

__all__ = [
    "anterior_mediastinum",
    "descending_aorta",
    "descending_course",
    "great_vessels",
    "heart",
    "meet",
    "prevertebral",
    "subphrenic",
    "upright",
    "upright_tables",
]

# Upright vessels and fat of the reference adult: rows of z, x, y, half width, half depth.
_CORE = ((150, 3, 4, 8, 30), (190, 0, -2, 18, 50), (235, 0, -2, 25, 60), (262, 0, 2, 28, 50),
         (300, 0, 0, 31, 45))  # fmt: skip
_JUNCTION = ((-40, 3, -4, 25, 100), (150, 3, -4, 25, 94), (205, 1, -4, 26, 86), (240, 0, -2, 28, 66))
_FOLLOWS = 0.6
"""How far the descending aorta goes with a bow of the spine."""
_SOFT = 1
"""Place of the junction lines' fat among the upright bodies."""
_CAVA = ((120, -22, -24, 9, 12), (165, -23, -24, 9, 12), (205, -22, -27, 9, 14), (238, -21, -28, 10, 14),
         (262, -27, -24, 12, 14), (290, -36, -20, 13, 14))  # fmt: skip
_SUBCLAVIAN = ((205, 20, 4, 8, 9), (224, 21, 3, 9, 10), (245, 29, 2, 9, 10), (266, 42, 0, 10, 10),
               (285, 55, -2, 12, 10))  # fmt: skip


def upright(
    camera: Camera, table: NDArray[np.float64], target: Interval, lean: NDArray[np.float64] | float = 0.0,
    *, soft: bool = False,
) -> None:  # fmt: skip
    """Add an upright body to `target`; `table` holds ascending z, x, y, half width, half depth in mm, (n, 5)."""
    z, x, y, half_x, half_y = table.T
    x = x + lean
    if camera.lateral:
        x, y, half_x, half_y = y, -x, half_y, half_x
    height = camera.height(float(y.mean()))
    inside = np.flatnonzero((height >= z[0]) & (height <= z[-1]))
    if len(inside) == 0:
        return
    rows = slice(int(inside[0]), int(inside[-1]) + 1)
    x, y, half_x, half_y = (np.interp(height, z, part).astype(np.float32) for part in (x, y, half_x, half_y))
    met = column(camera, x, y, (half_x, half_y), rows, soft=soft)
    if met:
        hull(target, met[0], met[1].front, met[1].back)


def _add(camera: Camera, parts: tuple[Ellipsoid, ...], target: Interval) -> Interval:
    for part in parts:
        met = ellipsoid(camera, part)
        if met:
            hull(target, met[0], met[1].front, met[1].back)
    return target


def meet(camera: Camera, part: Ellipsoid) -> Interval:
    """Return an ellipsoid alone."""
    return _add(camera, (part,), nothing(camera))


def heart(camera: Camera, chest: Chest) -> Interval:
    """Return the heart alone."""
    return _add(camera, chest.heart, nothing(camera))


def anterior_mediastinum(camera: Camera, chest: Chest, heart: Interval) -> Interval:
    """Return the heart with the great vessels and the fat between the sternum and the spine."""
    target = Interval(heart.front.copy(), heart.back.copy())
    _add(camera, (*great_vessels(chest), *chest.nodes), target)
    for number, table in enumerate(upright_tables(chest)):
        upright(camera, table, target, soft=number == _SOFT)
    return target


def upright_tables(chest: Chest) -> tuple[NDArray[np.float64], ...]:
    """Return the upright bodies of the mediastinum: core, fat, caval vein, left subclavian artery, see `upright`."""
    width, depth, height = chest.scale
    tables = []
    for rows in (_CORE, _JUNCTION, _CAVA, _SUBCLAVIAN):
        table = np.array(rows, float)
        lean = chest.shift_mm * np.clip((table[:, 0] - 120) / 90, 0, 1)
        table = table * np.array([height, width, depth, width * chest.spread, depth])
        table[:, 1] += lean
        tables.append(table)
    return tuple(tables)


def great_vessels(chest: Chest) -> tuple[Ellipsoid, Ellipsoid, Ellipsoid]:
    """Return pulmonary trunk, aortic arch and ascending aorta."""
    shift, own = chest.shift_mm, chest.body.aorta
    ascending, arch, _ = (own * factor for factor in chest.aorta)
    return (
        chest.ellipsoid((24 + shift * 0.4, -22, 178), (17, 24, 25)),
        chest.ellipsoid((15 + shift, -2, 212), (19 * arch, 27, 17 * arch)),
        chest.ellipsoid((-12 + shift * 0.7, -42, 186), (18 * ascending, 18 * chest.aorta[0], 42)),
    )


def prevertebral(camera: Camera, chest: Chest) -> Interval:
    """Return the spine with the muscle behind it."""
    target = nothing(camera)
    z = np.linspace(-80, 330, 42)
    height = z * chest.body.stature
    y, x = chest.spine_y(height), chest.spine_x(height)
    half = 32 + 0.016 * (330 - z)
    upright(camera, np.stack([height, x, y + 62, half, np.full_like(z, 76)], axis=1), target)
    return target


def descending_aorta(camera: Camera, chest: Chest) -> Interval:
    """Return the descending aorta, left of the spine."""
    target = nothing(camera)
    axis, radius = descending_course(chest)
    upright(camera, np.stack([axis[:, 2], axis[:, 0], axis[:, 1], radius, radius], axis=1), target)
    return target


def descending_course(chest: Chest) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the axis (24, 3) of the descending aorta from below upwards and its radii (24,), mm."""
    z = np.linspace(-20, 216, 24)
    height = z * chest.body.stature
    y = chest.spine_y(height) - 14
    bow = chest.body.unfolding_mm * np.exp(-(((z - 130) / 60) ** 2))
    beside = np.interp(z, [8, 60, 124, 190, 212], [9, 16, 26, 26, 20]) * chest.body.width
    across = beside + bow + _FOLLOWS * chest.spine_x(height)
    wide = 1 + (chest.aorta[2] - 1) * np.exp(-(((z - 140) / 55) ** 2))
    return np.stack([across, y, height], axis=1), 12.5 * chest.body.aorta * wide


def subphrenic(camera: Camera, chest: Chest) -> Interval:
    """Return what lies under the domes: liver, stomach, spleen and the central tendon under the heart."""
    return _add(camera, (*chest.domes, _tendon(chest)), nothing(camera))


def _tendon(chest: Chest) -> Ellipsoid:
    middle = min(chest.dome_top(side) for side in SIDES) - 4
    return Ellipsoid(
        np.array([4.0, -6.0, middle - 120 * chest.body.stature]),
        np.array([84.0, 108.0, 120.0]) * chest.scale,
        np.eye(3),
    )


def occupied(chest: Chest, points: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Say coarsely which points (..., 3) lie in mediastinum, spine, aorta or under the domes, (...)."""
    x, y, z = (points[..., axis] for axis in range(3))
    spine_x, spine_y = chest.spine_x(z), chest.spine_y(z)
    inside: NDArray[np.bool_] = np.abs(x) < 15 * chest.body.width
    inside |= ((x - spine_x) / 35) ** 2 + ((y - spine_y - 62) / 76) ** 2 < 1
    inside |= (x - 26 * chest.body.width) ** 2 + (y - spine_y + 14) ** 2 < (12.5 * chest.body.aorta) ** 2
    for body in (*chest.heart, *chest.domes, _tendon(chest)):
        away = ((points - body.centre) @ body.rotation.T) / body.axes
        inside |= (away**2).sum(axis=-1) < 1
    return inside
