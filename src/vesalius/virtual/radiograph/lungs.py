"""What the lungs hold when they are healthy: vessels, airways, texture; and the gas of the stomach below them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from vesalius.virtual.body import SIDES, Side
from vesalius.virtual.noise import smooth_noise
from vesalius.virtual.radiograph import beam
from vesalius.virtual.radiograph.airways import TRACHEA, bronchus, trachea_lean
from vesalius.virtual.radiograph.canvas import Canvas
from vesalius.virtual.radiograph.chest import Chest, side_sign
from vesalius.virtual.radiograph.mediastinum import upright
from vesalius.virtual.radiograph.shapes import Ellipsoid, ellipsoid, length, nothing, sweep
from vesalius.virtual.radiograph.skeleton import spline
from vesalius.virtual.radiograph.vessels import Branches, grow, sample
from vesalius.virtual.seeds import stream

__all__ = ["HILUM", "air_tree", "inside_lung", "paint_airways", "paint_lungs", "paint_stomach", "vessel_tree"]

_ENDS = 256
HILUM: dict[Side, tuple[float, float, float]] = {"right": (-40.0, 0.0, 172.0), "left": (44.0, 4.0, 182.0)}
# Stems of the pulmonary arteries of the reference adult: points and radii at their ends.
_STEMS = (
    ([(-8, -12, 184), (-34, -3, 178), (-44, 3, 162), (-49, 8, 148)], (8.0, 4.0)),
    ([(-32, -3, 180), (-42, 2, 194), (-50, 6, 210)], (5.0, 2.2)),
    ([(26, -18, 190), (42, 2, 187), (50, 12, 170), (55, 17, 157)], (8.5, 4.0)),
    ([(38, 0, 190), (46, 2, 204), (54, 6, 218)], (5.0, 2.2)),
    ([(-20, -6, 148), (-40, 4, 150), (-58, 12, 144)], (5.0, 2.4)),
    ([(28, -6, 152), (46, 6, 153), (62, 14, 144)], (5.0, 2.4)),
)


def paint_lungs(canvas: Canvas, seed: int, patient: str) -> None:
    """Add vessels to `canvas.soft` and texture to `canvas.tint`. Lesions must have been painted before."""
    chest, camera = canvas.chest, canvas.camera
    picture = np.zeros_like(canvas.soft)
    clouds = []
    for side in SIDES:
        rng = stream(seed, patient, "vessels", side)
        points, radius, step = vessel_tree(chest, side, rng, 0.8 * camera.spacing_mm)
        seen = inside_lung(canvas, side, points)
        clouds.append((points[seen], radius[seen], step[seen]))
    points, radius, step = (np.concatenate(part) for part in zip(*clouds, strict=True))
    sweep(picture, camera, points, radius, step)
    hidden = np.float32(0.15) + np.float32(0.85) * canvas.clear
    canvas.soft += picture * hidden * np.float32(0.1 * (beam.SOFT_DENSITY - chest.body.lung_density))
    rng = stream(seed, patient, "texture")
    for cells, share in ((7, 0.05), (23, 0.05), (60, 0.05)):
        canvas.tint *= 1 + np.float32(share) * smooth_noise(rng, camera.size, cells)


def vessel_tree(
    chest: Chest, side: Side, rng: np.random.Generator, step_mm: float
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Sample the arteries and veins of one lung: points (N, 3), radii (N,) and steps (N,), mm."""
    ends = np.stack([_end_points(chest, side, rng), _end_points(chest, side, rng)])
    root = np.array([HILUM[side]] * 2) * chest.scale
    root[1, 2] -= 22 * chest.body.stature
    root[:, 0] += chest.shift_mm * 0.7
    branches = grow(rng, root, ends, radius_mm=6.6 * chest.body.stature)
    branches = _regulate(chest, branches, rng)
    points, radius, step, _ = sample(branches, step_mm)
    stems = [_stem(chest, knots, ends_mm, step_mm) for knots, ends_mm in _STEMS if knots[-1][0] * side_sign(side) > 0]
    clouds = [(points, radius, step), *stems]
    return tuple(np.concatenate([cloud[i] for cloud in clouds]) for i in range(3))  # type: ignore[return-value]


def _regulate(chest: Chest, branches: Branches, rng: np.random.Generator) -> Branches:
    """Widen the vessels of the upper zones and thin out the periphery as the chest's state asks."""
    height = (branches.stop[:, 2] / chest.body.stature - 150) / 60
    radius = branches.radius * (1 + (chest.vessel_upper - 1) * np.clip(height + 0.4, 0, 1))
    lost = (rng.random(len(radius)) > chest.vessel_count) & (branches.order >= 4)
    return replace_radius(branches, np.where(lost, 0.0, radius))


def replace_radius(branches: Branches, radius: NDArray[np.float64]) -> Branches:
    """Return branches of other radii without those of radius 0."""
    keep = radius > 0
    return Branches(
        branches.start[keep], branches.middle[keep], branches.stop[keep], radius[keep], branches.order[keep]
    )


def _stem(
    chest: Chest, knots: list[tuple[int, int, int]], ends_mm: tuple[float, float], step_mm: float
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    curve = spline(np.array(knots, float) * chest.scale, max(step_mm, 1.0))
    curve[:, 0] += chest.shift_mm * 0.7
    step = np.linalg.norm(np.diff(curve, axis=0, append=curve[-1:]), axis=1)
    return curve, np.linspace(*ends_mm, len(curve)), step


def _end_points(chest: Chest, side: Side, rng: np.random.Generator) -> NDArray[np.float64]:
    """Draw end points of vessels, even in the volume of the lung, (_ENDS, 3)."""
    count = 3 * _ENDS
    share = rng.random((count, 3))
    top = 277 * chest.body.stature
    z = chest.dome_top(side) - 45 + share[:, 2] * (top - chest.dome_top(side) + 45)
    centre, width, half, middle = chest.cavity.at(z)
    x, y = share[:, 0], 2 * share[:, 1] - 1
    across = x * (centre + width)
    off = np.abs(across - centre) / np.maximum(width, 1e-3)
    points = np.stack([side_sign(side) * across, middle + y * half, z], axis=1)
    inside = (off**3 + y**2 < 0.96) & (across > 14 * chest.scale[0])
    for body in chest.rest:
        away = ((points - body.centre) @ body.rotation.T) / body.axes
        inside &= (away**2).sum(axis=1) > 1.03
    # Few candidates are refused; where a small lung leaves too few, the last ones are used again.
    chosen = np.flatnonzero(inside)
    return points[np.resize(chosen, _ENDS)]


def inside_lung(canvas: Canvas, side: Side, points: NDArray[np.floating]) -> NDArray[np.bool_]:
    """Say which points (N, 3) lie in aerated lung of `side`, outside mediastinum and diaphragm, (N,)."""
    camera = canvas.camera
    place = camera.project(points)
    column = np.rint(camera.column(place[:, 0])).astype(np.int64)
    row = np.rint(camera.row(place[:, 1])).astype(np.int64)
    seen: NDArray[np.bool_] = (column >= 0) & (column < camera.size) & (row >= 0) & (row < camera.size)
    at = np.where(seen, row, 0), np.where(seen, column, 0)
    depth = camera.turned(points)[:, 1]
    lung = canvas.lungs[side]
    seen &= (depth > lung.front[at]) & (depth < lung.back[at])
    for body in canvas.bodies:
        seen &= (depth < body.front[at]) | (depth > body.back[at])
    return seen


def paint_airways(canvas: Canvas) -> None:
    """Take the air of trachea and main bronchi out of the mediastinum."""
    camera, chest = canvas.camera, canvas.chest
    target = nothing(camera)
    width, depth, height = chest.scale
    size = np.array([height, width, depth, width, depth])
    upright(camera, TRACHEA * size, target, trachea_lean(chest, TRACHEA[:, 0]))
    air = length(target)
    stems = [bronchus(chest, side, 2.0) for side in SIDES]
    step = np.concatenate([np.linalg.norm(np.diff(part, axis=0, append=part[-1:]), axis=1) for part, _ in stems])
    sweep(air, camera, np.concatenate([part for part, _ in stems]), np.concatenate([part for _, part in stems]), step)
    covered = length(canvas.bodies[0]) > 20
    canvas.soft -= np.where(covered, air, 0) * np.float32(0.1 * beam.SOFT_DENSITY)


def paint_stomach(canvas: Canvas) -> None:
    """Take the gas bubble out of the stomach under the left dome, above a level of fluid."""
    chest, camera = canvas.chest, canvas.camera
    wide, high, fluid = chest.body.stomach
    if wide < 8 or high < 5:
        return
    centre = np.array([60.0 * chest.scale[0], -14.0, chest.dome_top("left") - 9 - high])
    met = ellipsoid(camera, Ellipsoid.of(centre, (wide, 26.0, high)))
    if met is None:
        return
    window, gas = met
    level = centre[2] + (2 * fluid - 1) * high
    depth = float(camera.turned(centre)[1])
    above = np.clip((camera.height(depth)[window[0]] - level) / camera.spacing_mm, 0, 1)
    below = canvas.bodies[3].at(window)
    chord = np.maximum(np.minimum(gas.back, below.back) - np.maximum(gas.front, below.front), 0)
    canvas.soft[window] -= chord * above[:, None].astype(np.float32) * np.float32(0.1 * beam.SOFT_DENSITY)


def air_tree(
    chest: Chest, side: Side, rng: np.random.Generator, step_mm: float
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Sample the segmental bronchi of one lung: points (N, 3), radii (N,), steps (N,), mm."""
    ends = _end_points(chest, side, rng)[None, :64]
    root = np.array([HILUM[side]]) * chest.scale
    branches = grow(rng, root, ends, radius_mm=4.6 * chest.body.stature)
    points, radius, step, _ = sample(branches, step_mm)
    return points, radius, step
