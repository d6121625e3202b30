"""What lies behind the vessels in a fundus photograph: pigment, choroid, macula, nerve fibres and the disc."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from vesalius.virtual.eye.anatomy import Disc, Eye
from vesalius.virtual.eye.camera import Frame
from vesalius.virtual.eye.fibres import fibre_angle, fibre_loss
from vesalius.virtual.strokes import Array

__all__ = ["blend", "cup_edge", "disc_radius", "paint_choroid", "paint_disc", "sample"]

Floats = NDArray[np.floating]
_LIGHT, _DARK = np.array([232, 98, 52], np.float32), np.array([176, 68, 36], np.float32)
_RIBBON, _BETWEEN = np.array([238, 112, 64], np.float32), np.array([118, 62, 40], np.float32)
_RIM, _NASAL, _CUP = (np.array(rgb, np.float32) for rgb in ((244, 172, 106), (226, 128, 80), (252, 234, 188)))
_SCLERA = np.array([244, 216, 168], np.float32)


def blend(picture: Array, colour: NDArray[np.floating], share: Floats) -> Array:
    """Mix a colour (3,) or (H, W, 3) into a picture (H, W, 3) by a share (H, W)."""
    mixed: Array = picture + (np.asarray(colour, np.float32) - picture) * share[..., None].astype(np.float32)
    return mixed


def sample(grid: NDArray[np.floating], u: Floats, v: Floats) -> Array:
    """Interpolate a periodic grid (R, C) at places u (columns) and v (rows), with rounded steps."""
    rows, columns = grid.shape
    left, top = np.floor(u).astype(np.intp), np.floor(v).astype(np.intp)
    du, dv = (u - left).astype(np.float32), (v - top).astype(np.float32)
    du, dv = du * du * (3 - 2 * du), dv * dv * (3 - 2 * dv)
    left, top, right, below = left % columns, top % rows, (left + 1) % columns, (top + 1) % rows
    flat = grid.astype(np.float32).reshape(-1)
    upper = flat[top * columns + left] * (1 - du) + flat[top * columns + right] * du
    lower = flat[below * columns + left] * (1 - du) + flat[below * columns + right] * du
    value: Array = upper * (1 - dv) + lower * dv
    return value


def paint_choroid(eye: Eye, frame: Frame, rng: np.random.Generator) -> Array:
    """Return the light of the retina without disc and vessels, (H, W, 3) 0 to 255."""
    x, y = frame.retina
    radius = np.hypot(x, y)
    mottle = _noise(rng, x, y, 1.3) * 0.6 + _noise(rng, x, y, 0.45) * 0.4
    base = _LIGHT + (_DARK - _LIGHT) * np.float32(eye.pigment)
    picture = base * (1 + np.float32(0.035) * mottle[..., None])
    ribbons = _ribbons(rng, x, y)
    outside = np.clip((radius - 1.6) / 2.6, 0, 1) * (0.35 + 0.65 * np.clip(0.6 + 0.7 * _noise(rng, x, y, 2.6), 0, 1))
    strength = np.float32(eye.tigroid) * outside
    between = _BETWEEN + (_LIGHT * np.float32(0.8) - _BETWEEN) * np.float32((1 - eye.pigment) * 0.55)
    picture = blend(picture, between, 0.55 * strength * (1 - ribbons))
    picture = blend(picture, _RIBBON * np.float32(1.08 - 0.25 * eye.pigment), 0.55 * strength * ribbons)
    wide = np.exp(-((radius / 1.6) ** 2)) * (0.12 + 0.12 * eye.pigment)
    spot = np.exp(-((radius / 0.62) ** 2)) * 0.26 * eye.macular_pigment
    dark = np.float32(1) - (wide + spot)[..., None] * np.array([0.75, 1.0, 0.9], np.float32)
    return _nerve_fibres(eye, (picture * dark).astype(np.float32), x, y, rng)


def _nerve_fibres(eye: Eye, picture: Array, x: Array, y: Array, rng: np.random.Generator) -> Array:
    """Add the silky sheen of the fibres, brightest near the disc above and below; wedges without fibres lack it."""
    angle = fibre_angle(eye.disc, x, y)
    distance = np.hypot(x - eye.disc.x, y - eye.disc.y)
    grid = rng.standard_normal((24, 240))
    silk = sample(grid, (angle + np.pi) * (240 / (2 * np.pi)), distance * 0.9)
    thick = (0.35 + 0.65 * np.exp(-(((np.abs(angle) - 1.75) / 0.7) ** 2))) * np.exp(-distance / 3.2)
    there = thick * (1 - fibre_loss(eye, x, y)) * np.clip(distance / 0.9, 0, 1)
    share = np.clip((0.26 + 0.10 * silk) * there * (0.35 + 0.65 * eye.sheen) * eye.nerve_fibre, 0, 0.5)
    return blend(picture, np.array([232, 176, 128], np.float32) * (1 - 0.25 * np.float32(eye.pigment)), share)


def _noise(rng: np.random.Generator, x: Array, y: Array, size_mm: float) -> Array:
    """Smooth noise with bumps of a size on the retina."""
    return sample(rng.standard_normal((32, 32)), x / np.float32(size_mm) + 16, y / np.float32(size_mm) + 16)


def _ribbons(rng: np.random.Generator, x: Array, y: Array) -> Array:
    """Vessels of the choroid: a net of ribbons drawn out away from the macula, (H, W) 0 to 1."""
    bent_x, bent_y = x + 0.35 * _noise(rng, x, y, 1.1), y + 0.35 * _noise(rng, x, y, 1.1)
    turn, radius = np.arctan2(bent_y, bent_x + 0.6), np.hypot(bent_x + 0.6, bent_y)
    total = np.zeros_like(x)
    for lines, stretch in ((56, 0.9), (96, 1.2)):
        grid = rng.standard_normal((16, lines))
        value = sample(grid, (turn + np.pi) * np.float32(lines / (2 * np.pi)), radius * np.float32(stretch))
        total = np.maximum(total, np.exp(-((value / 0.38) ** 2)))
    return total


def disc_radius(disc: Disc, x: Floats, y: Floats) -> Floats:
    """Return the radius of places against the edge of the disc; 1 on it."""
    radius: Floats = np.hypot((x - disc.x) / (disc.width / 2), (y - disc.y) / (disc.height / 2))
    return radius


def cup_edge(disc: Disc, x: Floats, y: Floats) -> Floats:
    """Return the radius of places against the edge of the cup, with its notch; 1 on it."""
    dx, dy = x - disc.cup_x, y - disc.cup_y
    radius = np.hypot(dx / (disc.cup_width / 2), dy / (disc.cup_height / 2))
    if disc.notch == 0:
        plain: Floats = radius
        return plain
    angle = np.arctan2(dy, dx)
    off = (angle - disc.notch_angle + np.pi) % (2 * np.pi) - np.pi
    room = 1 / disc.cup - 1
    wider: Floats = radius / (1 + disc.notch * room * np.exp(-((off / 0.38) ** 2)))
    return wider


def paint_disc(eye: Eye, frame: Frame, picture: Array, rng: np.random.Generator) -> Array:
    """Paint the disc with rim, cup and crescent."""
    disc, (x, y) = eye.disc, frame.retina
    radius, cup = disc_radius(disc, x, y), cup_edge(disc, x, y)
    unit = np.float32(disc.diameter / 2)
    halo = np.exp(-(((radius - 1.0) * unit / 0.30) ** 2)) * (radius > 1)
    picture = blend(picture, _SCLERA, 0.16 * halo)
    if disc.crescent_mm:
        picture = _paint_crescent(disc, frame, picture)
    temporal = np.clip(0.5 - (x - disc.x) / np.float32(disc.width), 0, 1)
    rim = _NASAL + (_RIM - _NASAL) * temporal[..., None]
    rim = rim * (1 + np.float32(0.03) * _noise(rng, x, y, 0.22)[..., None])
    edge = np.float32(0.035 + 0.5 * frame.pixel_mm)
    picture = blend(picture, rim * np.float32(1.0 - 0.08 * eye.pigment), _step((1 - radius) * unit / edge))
    depth = _step((1 - cup) * np.float32(disc.cup_height / 2) / np.float32(0.09 + 0.3 * frame.pixel_mm))
    pores = np.clip(_noise(rng, x, y, 0.09), 0, 2) * np.clip((disc.cup - 0.35) * 2, 0, 1)
    return blend(picture, _CUP * (1 - np.float32(0.07) * pores[..., None]), 0.88 * depth)


def _paint_crescent(disc: Disc, frame: Frame, picture: Array) -> Array:
    """Bare sclera beside the disc, on its temporal side, with a dark line of pigment at its edge."""
    x, y = frame.retina
    shifted = np.hypot(
        (x - disc.x + disc.crescent_mm / 2) / (disc.width / 2 + disc.crescent_mm / 2),
        (y - disc.y) / (disc.height / 2 + 0.25 * disc.crescent_mm),
    )
    inside = _step((1 - shifted) / 0.06)
    picture = blend(picture, np.array([90, 55, 40]), 0.4 * np.exp(-(((shifted - 1.04) / 0.05) ** 2)) * (x < disc.x))
    return blend(picture, _SCLERA, 0.8 * inside)


def _step(value: Floats) -> Floats:
    """Rise from 0 at -1 to 1 at 1."""
    share = np.clip(0.5 + 0.5 * value, 0, 1)
    smooth: Floats = share * share * (3 - 2 * share)
    return smooth
