"""Lobes as cuts of the cavities by the fissures' planes, and rough places inside them."""

from __future__ import annotations

import numpy as np

from vesalius.errors import ConfigError, did_you_mean
from vesalius.virtual.body import Side
from vesalius.virtual.radiograph.camera import Array
from vesalius.virtual.radiograph.canvas import Canvas
from vesalius.virtual.radiograph.chest import side_sign
from vesalius.virtual.radiograph.shapes import Interval

__all__ = ["LOBE_BOXES", "lobe_interval", "random_point"]

# Major fissures: height at y = -60 and rise per mm to the back; minor fissure: height. Reference adult, mm.
_MAJOR: dict[Side, tuple[float, float]] = {"right": (69.0, 181 / 135), "left": (54.0, 190 / 135)}
_MINOR = 158.0
_MINOR_RISE_MM, _MINOR_AT_MM, _MINOR_HALF_MM = 6.0, 72.0, 55.0
"""How far the minor fissure rises over its height, where, and over which distance it falls by twice as much."""
_MINOR_SOFT_MM = 9.0
"""It is not level along the rays: its edge on a frontal film spreads so far."""
LOBE_BOXES: dict[str, tuple[tuple[float, float], tuple[float, float], tuple[float, float]]] = {
    "right upper lobe": ((0.30, 0.88), (-0.55, 0.55), (0.58, 0.92)),
    "right middle lobe": ((0.32, 0.80), (-0.80, -0.35), (0.12, 0.38)),
    "right lower lobe": ((0.34, 0.88), (0.15, 0.75), (0.05, 0.50)),
    "left upper lobe": ((0.34, 0.88), (-0.65, 0.15), (0.45, 0.92)),
    "left lower lobe": ((0.40, 0.88), (0.15, 0.75), (0.05, 0.50)),
}
"""Shares of width, depth and height (see `Chest.lung_point`) of a box well inside each lobe."""


def lobe_interval(canvas: Canvas, lobe: str, side: Side) -> tuple[Interval, Array]:
    """Return the part of the aerated lung of `side` in `lobe` and a weight (H, W) or (H, 1), soft at the fissure.

    On a lateral film both fissures are weights. The empty name stands for the whole lung.
    """
    lung, camera = canvas.lungs[side], canvas.camera
    scale = canvas.chest.scale
    low, rise = _MAJOR[side]
    height = camera.height(0.0) / np.float32(scale[2])
    fissure = (((height - low) / rise - 60) * scale[1]).astype(np.float32)[:, None]
    rows = np.ones((camera.size, 1), np.float32)
    if not lobe:
        return lung, rows
    if camera.lateral:
        return lung, _lobe_across(canvas, lobe, side)
    if "lower" in lobe:
        return Interval(np.maximum(lung.front, fissure), lung.back), rows
    if side == "right":
        across = (np.abs(camera.u) * np.float32(camera.scale(-40.0) / scale[0]) - _MINOR_AT_MM) / _MINOR_HALF_MM
        level = (_MINOR + _MINOR_RISE_MM * (1 - 2 * np.minimum(across**2, 1.5))) * scale[2]
        above = np.clip((camera.height(-40.0)[:, None] - level[None, :]) / _MINOR_SOFT_MM + 0.5, 0, 1)
        above = above.astype(np.float32)
        rows = above if "upper" in lobe else 1 - above
    return Interval(lung.front, np.minimum(lung.back, fissure)), rows


def _lobe_across(canvas: Canvas, lobe: str, side: Side) -> Array:
    """Weight of a lobe seen from the side, 0..1, (H, W): fissures are lines there."""
    camera, scale = canvas.camera, canvas.chest.scale
    depth = -70.0 * scale[0] * side_sign(side)
    low, rise = _MAJOR[side]
    height = camera.height(depth)
    fissure = ((height / scale[2] - low) / rise - 60) * scale[1]
    y = camera.u * np.float32(camera.scale(depth)) - camera.rotation * depth
    behind: Array = np.clip((y[None, :] - fissure[:, None]) / camera.spacing_mm + 0.5, 0, 1).astype(np.float32)
    if "lower" in lobe:
        return behind
    before: Array = 1 - behind
    if side == "left":
        return before
    above = np.clip((height - _MINOR * scale[2]) / camera.spacing_mm + 0.5, 0, 1).astype(np.float32)[:, None]
    weight: Array = before * (above if "upper" in lobe else 1 - above)
    return weight


def random_point(lobe: str, rng: np.random.Generator) -> tuple[float, float, float]:
    """Draw a place well inside a lobe, as shares of the lung (see `Chest.lung_point`)."""
    if lobe not in LOBE_BOXES:
        raise ConfigError(f"unknown lobe {lobe!r}{did_you_mean(lobe, LOBE_BOXES)}")
    return tuple(float(rng.uniform(*span)) for span in LOBE_BOXES[lobe])  # type: ignore[return-value]
