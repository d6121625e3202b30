"""A stretch of the large bowel: calibre, haustral folds, vessels, residue.

Distances along the scope are counted from the anal verge in mm; stations of the model from its own start.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from vesalius.virtual.scope.camera import Array
from vesalius.virtual.scope.texture import fractal, linear, mix, soft, vessels, wrapped_noise
from vesalius.virtual.scope.wall import STEP_MM, Wall, draw_bend

__all__ = ["ANCHOR_MM", "CAECUM_MM", "SEGMENTS", "build_colon", "segment_of"]

SEGMENTS = {"rectum": 150.0, "sigmoid colon": 400.0, "descending colon": 600.0, "transverse colon": 900.0,
            "ascending colon": 1140.0, "caecum": 1200.0}  # fmt: skip
"""Farther end of each segment, mm from the anal verge."""
CAECUM_MM = 1200.0
ANCHOR_MM = 150.0
"""Station of the model that lies at the distance the stretch is built for."""
_LENGTH_MM = 330.0
_ANGLES = 640
_CALIBRE = ((0, 100, 150, 280, 400, 600, 750, 900, 1100, 1200), (20, 25, 23, 15, 16, 18, 21, 22, 24, 29))
"""Distance and radius, mm: tube of 45 ± 10, caecum 60, sigmoid 30 across."""
_TRIANGLE = ((0, 400, 620, 900, 1100, 1200), (0.0, 0.03, 0.15, 0.13, 0.06, 0.02))
"""Distance and how far three bands flatten the lumen."""
_MUCOSA = (205, 120, 100)
_VESSEL = (165, 62, 58)
_RESIDUE = ((186, 150, 62), (128, 88, 44))


def segment_of(distance_mm: float) -> str:
    """Return the segment of the bowel at a distance from the anal verge."""
    return next((name for name, end in SEGMENTS.items() if distance_mm < end), "caecum")


def build_colon(rng: np.random.Generator, distance_mm: float) -> Wall:
    """Build the healthy stretch round a distance from the anal verge, which comes to lie at `ANCHOR_MM`."""
    z = np.arange(0, _LENGTH_MM, STEP_MM)
    angle = np.arange(_ANGLES) * (2 * np.pi / _ANGLES)
    along = distance_mm + z - ANCHOR_MM
    bend = draw_bend(rng, float(rng.uniform(9, 20)))
    calibre = np.interp(along, *_CALIBRE) * np.clip(rng.normal(1, 0.09), 0.8, 1.2)
    bands = np.interp(along, *_TRIANGLE)[:, None] * np.cos(3 * (angle[None, :] + rng.uniform(0, 6.3)))
    radius = calibre[:, None] * (1 - bands)
    radius = _fold(radius, z, angle, rng)
    end = ANCHOR_MM + CAECUM_MM - distance_mm
    radius = _closed(radius, z, min(end, _LENGTH_MM - 4))
    shape = radius.shape
    radius += 0.35 * fractal(rng, shape, (40, 24), 2)
    wall = Wall(bend=bend, radius=np.maximum(radius, 0.05).astype(np.float32), albedo=_mucosa(rng, shape, radius),
                label=np.zeros(shape, np.uint8), wet=_moist(rng, shape))  # fmt: skip
    _soil(wall, rng)
    if end < _LENGTH_MM - 4:
        _caecum(wall, rng, end)
    return wall


def _fold(
    radius: NDArray[np.floating], z: NDArray[np.floating], angle: NDArray[np.floating], rng: np.random.Generator
) -> NDArray[np.floating]:
    """Add semilunar folds every 25 to 40 mm, 8 to 15 high and 2 to 3 wide, and the pouches between them.

    At the anchor folds are low in every stretch, sick or not: what the examiner stops for is not behind a fold.
    """
    station = float(rng.uniform(-10, 20))
    low = 1 - 0.8 * np.exp(-(((z - ANCHOR_MM) / 13) ** 2))
    bulge = np.zeros_like(z)
    while station < z[-1]:
        pace = float(rng.uniform(25, 40))
        first = float(rng.uniform(0, 2 * np.pi))
        for number in range(3):
            middle = first + number * 2.1 + float(rng.normal(0, 0.2))
            half, height = float(rng.uniform(0.8, 1.35)), float(rng.uniform(8, 15))
            off = np.abs((angle - middle + np.pi) % (2 * np.pi) - np.pi)
            crescent = np.clip(1 - (off / half) ** 2, 0, 1) ** 0.8
            lean = station + 5.0 * rng.normal() * np.cos(angle - middle) + 1.5 * rng.normal()
            rows = np.flatnonzero(np.abs(z - station) < 26)
            depth = (z[rows, None] - lean[None, :]).astype(np.float32)
            ridge = 0.6 * np.exp(-((depth / 1.5) ** 2)) + 0.4 * np.exp(-((depth / 4.5) ** 2))
            tall = np.minimum(height, 0.42 * radius[rows])
            radius[rows] -= tall * ridge * crescent[None, :] * low[rows, None]
        bulge += np.clip(np.sin(np.pi * (z - station) / pace), 0, 1) * ((z >= station) & (z < station + pace))
        station += pace
    pouched: NDArray[np.floating] = radius * (1 + 0.10 * bulge[:, None])
    return pouched


def _closed(radius: NDArray[np.floating], z: NDArray[np.floating], end: float) -> NDArray[np.floating]:
    """Close the tube with a dome at station `end`."""
    reach = 24.0
    part = np.clip((z - (end - reach)) / reach, 0, 1)
    closed: NDArray[np.floating] = radius * np.sqrt(1 - part**2)[:, None]
    return closed


def _mucosa(rng: np.random.Generator, shape: tuple[int, int], radius: NDArray[np.floating]) -> Array:
    """Colour of the healthy lining with the vessels that shine through, linear light."""
    tint = np.asarray(_MUCOSA, np.float32) + rng.normal(0, 6, 3).astype(np.float32) + 5 * np.float32(rng.normal())
    base = np.broadcast_to(linear(np.clip(tint, 0, 255)), (*shape, 3)).astype(np.float32)
    cloud = fractal(rng, shape, (14, 10), 4)
    base = base * (1 + 0.10 * cloud[..., None]) * (1 + 0.05 * fractal(rng, shape, (160, 110), 2)[..., None])
    base[..., 1:] *= 1 - 0.06 * fractal(rng, shape, (20, 14), 2)[..., None]
    network = vessels(rng, shape, 46, 1.7, 120) + 0.55 * vessels(rng, shape, 120, 0.8, 50)
    shown = np.clip(0.52 + 0.3 * wrapped_noise(rng, shape, (10, 7)), 0.05, 0.9) * float(rng.uniform(0.5, 1.0))
    base = mix(base, linear(_VESSEL), np.clip(network, 0, 1) * shown)
    crest = soft((np.median(radius, axis=1, keepdims=True) - radius).astype(np.float32), 2, 9)
    return np.clip(mix(base, linear((230, 156, 118)), 0.45 * crest), 0.01, 1).astype(np.float32)


def _moist(rng: np.random.Generator, shape: tuple[int, int]) -> Array:
    """Height of the film of mucus, SD 1."""
    fine = 0.5 * fractal(rng, shape, (190, 80), 2) + 0.9 * fractal(rng, shape, (70, 30), 2)
    film: Array = (fine / fine.std()).astype(np.float32)
    return film


def _soil(wall: Wall, rng: np.random.Generator) -> None:
    """Leave residue on the lower side, and bubbles: how much is a matter of preparation, not of disease."""
    amount = float(rng.choice([0.0, 0.25, 0.6, 1.0], p=[0.4, 0.3, 0.2, 0.1]))
    shape = wall.radius.shape
    lower = np.cos(np.arange(shape[1]) * (2 * np.pi / shape[1]) - np.pi / 2).astype(np.float32)[None, :]
    patches = fractal(rng, shape, (22, 16), 4) + 0.9 * lower
    share = soft(patches, 2.5 - 0.75 * amount, 3.6 - 0.75 * amount) * np.float32(min(1.0, 0.5 + amount / 2))
    colour = linear(_RESIDUE[0]) * 0.7 + linear(_RESIDUE[1]) * 0.3
    wall.albedo[:] = mix(wall.albedo, colour, 0.85 * share * (amount > 0))
    for _ in range(int(rng.integers(0, 26))):
        patch = wall.patch(float(rng.uniform(60, 240)), float(rng.normal(np.pi / 2, 0.9)) % (2 * np.pi), 3.0)
        size = float(rng.uniform(0.3, 1.6))
        ring = np.exp(-(((patch.off - size) / 0.22) ** 2)) + 0.3 * (patch.off < size)
        wall.albedo[patch.where] = mix(wall.albedo[patch.where], linear((245, 235, 215)), 0.55 * np.clip(ring, 0, 1))


def _caecum(wall: Wall, rng: np.random.Generator, end: float) -> None:
    """Draw the orifice of the appendix in the pole and the ileocaecal valve before it."""
    angles = wall.radius.shape[1]
    row = int((end - 2.5) / STEP_MM)
    z = np.arange(-12, 7)[:, None] * STEP_MM
    middle = int(rng.integers(angles))
    turn = (np.arange(angles) - middle)[None, :] * (2 * np.pi / angles)
    turn = (turn + np.pi) % (2 * np.pi) - np.pi
    slit = np.exp(-((turn / 0.5) ** 2) - (z / 1.0) ** 2).astype(np.float32)
    rows = slice(row - 12, row + 7)
    wall.albedo[rows] = mix(wall.albedo[rows], linear((60, 20, 18)), np.clip(1.6 * slit, 0, 0.95))
    valve = wall.patch(end - float(rng.uniform(45, 60)), float(rng.uniform(0, 2 * np.pi)), 22)
    hump = np.exp(-((valve.across / 13) ** 4) - (valve.along / 5.5) ** 2)
    cleft = np.exp(-((valve.along / 1.3) ** 2) - (valve.across / 8) ** 2)
    wall.radius[valve.where] -= (7.5 * hump - 4.0 * cleft).astype(np.float32)
    wall.albedo[valve.where] = mix(wall.albedo[valve.where], linear((228, 175, 125)), 0.7 * hump.astype(np.float32))
