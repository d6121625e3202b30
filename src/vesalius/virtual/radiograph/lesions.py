"""Lesions of the lung as shares of the lung along each ray: patches of a lobe and round bodies with their margins.

H rows, W columns.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vesalius.virtual.body import Side
from vesalius.virtual.radiograph import beam
from vesalius.virtual.radiograph.camera import Array
from vesalius.virtual.radiograph.canvas import Canvas
from vesalius.virtual.radiograph.lobes import lobe_interval
from vesalius.virtual.radiograph.shapes import Ellipsoid, Interval, ellipsoid, length, sweep

__all__ = ["RoundLesion", "lobe_share", "paint_round", "soft_spot"]


def lobe_share(canvas: Canvas, lobe: str, side: Side, parts: Sequence[Ellipsoid], *, soft: bool = False) -> Array:
    """Share of the aerated lung along each ray that lies in a lobe and in any of `parts`, about 0..1, (H, W).

    Overlapping parts saturate: what one leaves free, the next may take. `soft` parts fade towards their edges.
    """
    cut, rows = lobe_interval(canvas, lobe, side)
    left = np.ones_like(canvas.soft)
    lung = np.maximum(canvas.aerated[side], 1)
    for part in parts:
        met = ellipsoid(canvas.camera, part)
        if met is None:
            continue
        window, met_part = met
        taken = canvas.free(_common(met_part, cut.at(window)), window) / lung[window]
        if soft:
            taken *= length(met_part) / np.float32(2 * np.sqrt(part.covariance[1, 1]))
        left[window] *= 1 - np.clip(taken, 0, 1)
    inside: Array = (canvas.aerated[side] > 0).astype(np.float32)
    share: Array = (1 - left) * rows * inside
    return share


def _common(one: Interval, other: Interval) -> Interval:
    """What two bodies share."""
    return Interval(np.maximum(one.front, other.front), np.minimum(one.back, other.back))


def soft_spot(canvas: Canvas, centre: NDArray[np.float64], reach_mm: tuple[float, float]) -> Array:
    """Gaussian bump at a projected place with the reach (SD) across and along the body, 0..1, (H, W)."""
    camera = canvas.camera
    u, v = camera.project(centre)
    scale = camera.scale(float(camera.turned(centre)[1]))
    across = np.exp(-0.5 * ((camera.u - np.float32(u)) * np.float32(scale / reach_mm[0])) ** 2)
    along = np.exp(-0.5 * ((camera.v - np.float32(v)) * np.float32(scale / reach_mm[1])) ** 2)
    bump: Array = (along[:, None] * across[None, :]).astype(np.float32)
    return bump


_EDGE = {"smooth": 0.5, "lobulated": 0.6, "spiculated": 0.85}
"""How the thickness falls to the edge, as a power of 1 - r²: 0.5 is a ball, more is less sharp."""


@dataclass(frozen=True, kw_only=True)
class RoundLesion:
    """A nodule or a mass."""

    centre: NDArray[np.float64]
    diameter_mm: float
    margin: str
    """smooth, lobulated or spiculated."""
    density: float
    """g/cm³ of the lesion."""
    calcium_mm: float = 0.0
    """Compact bone per 10 mm of lesion."""


def paint_round(canvas: Canvas, side: Side, lesion: RoundLesion, rng: np.random.Generator) -> NDArray[np.bool_]:
    """Add a round lesion to the masses and return its outline, (H, W). What lies outside the lung does not show."""
    camera = canvas.camera
    radius = lesion.diameter_mm / 2
    window = camera.window(lesion.centre, np.full(3, (1.9 if lesion.margin == "spiculated" else 1.5) * radius))
    mask = np.zeros(canvas.soft.shape, bool)
    if window is None:
        return mask
    scale = camera.scale(float(camera.turned(lesion.centre)[1]))
    u, v = camera.project(lesion.centre)
    x = (camera.u[window[1]] - u)[None, :] * scale
    z = (camera.v[window[0]] - v)[:, None] * scale
    reach = radius * _wobble(np.arctan2(z, x), lesion.margin, rng)
    away = np.sqrt(x * x + z * z) / reach
    chord = 2 * radius * np.maximum(1 - away**2, 0) ** _EDGE[lesion.margin]
    if lesion.margin == "spiculated":
        rays = np.zeros_like(canvas.soft)
        _spicules(canvas, rays, lesion, rng)
        chord = chord + rays[window]
    mask[window] = away < 1
    chord = np.minimum(chord, _room(canvas, side, lesion)[window]).astype(np.float32)
    canvas.soft[window] += chord * np.float32(0.1 * (lesion.density - canvas.chest.body.lung_density))
    canvas.bone[window] += chord * np.float32(lesion.calcium_mm / 10)
    return mask


def _room(canvas: Canvas, side: Side, lesion: RoundLesion) -> Array:
    """Depth of lung that a ball about the lesion shares with the lung, a little widened, mm."""
    ball = Ellipsoid(lesion.centre, np.full(3, 0.75 * lesion.diameter_mm), np.eye(3))
    met = ellipsoid(canvas.camera, ball)
    room = np.zeros_like(canvas.soft)
    if met is None:
        return room
    window, inside = met
    free = canvas.free(_common(inside, canvas.lungs[side].at(window)), window)
    # A lesion that touches the wall bulges into the lung: the ball is cut only where there is no lung at all.
    room[window] = np.where(free > 0, np.maximum(free, 0.5 * length(inside)), 0)
    return room


def _wobble(angle: NDArray[np.floating], margin: str, rng: np.random.Generator) -> NDArray[np.floating]:
    """Radius factor by direction: a smooth lesion is nearly round, a lobulated one has three to six lobes."""
    size = {"smooth": 0.04, "lobulated": 0.13, "spiculated": 0.09}[margin]
    total = np.ones_like(angle)
    for order in range(2, 7):
        phase, weight = rng.uniform(0, 2 * np.pi), rng.normal()
        total = total + size * weight / order**0.5 * np.cos(order * angle + phase) / 1.6
    return np.clip(total, 0.7, 1.3)


def _spicules(canvas: Canvas, chord: Array, lesion: RoundLesion, rng: np.random.Generator) -> None:
    """Add cones from the surface, 0.3 to 0.9 radii long, tapering to 0.3 mm."""
    radius = lesion.diameter_mm / 2
    count = int(rng.integers(14, 30))
    angle = rng.uniform(0, 2 * np.pi, count)
    reach = radius * rng.uniform(0.3, 0.9, count)
    t = np.linspace(0, 1, max(6, int(radius)))
    step = reach[:, None] * np.full(len(t), 1 / len(t))
    along = 0.8 * radius + reach[:, None] * t
    width = np.maximum(0.3, 0.07 * radius * (1 - t))[None, :] * np.ones((count, 1))
    across, up, none = np.cos(angle)[:, None] * along, np.sin(angle)[:, None] * along, np.zeros_like(along)
    offset = np.stack([none, across, up] if canvas.camera.lateral else [across, none, up], axis=-1)
    sweep(chord, canvas.camera, (lesion.centre + offset).reshape(-1, 3), width.ravel(), (2.0 * step).ravel())


def solid_gain(canvas: Canvas) -> float:
    """Mass in g/cm² that one millimetre of soft tissue adds in place of lung."""
    return 0.1 * (beam.SOFT_DENSITY - canvas.chest.body.lung_density)
