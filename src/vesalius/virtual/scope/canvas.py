"""A surgical field painted layer by layer as colour and height, lit from the camera.

Coordinates are mm on the plane of the field, x to the right and y down, the origin where the camera first looked.
H rows, W columns.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from vesalius.virtual.scope.camera import Array
from vesalius.virtual.scope.texture import linear

__all__ = ["Canvas", "Grain", "View", "capsule", "dome", "ellipse"]

_TILE = 512
_STEEPEST = 1.1
"""Slope of an edge beyond which it is no darker: tissue is soft, and light comes from both sides."""


@dataclass(frozen=True)
class View:
    """What part of the field the camera sees."""

    size: int
    centre_mm: tuple[float, float]
    half_mm: float
    """Half the width of the picture."""
    roll: float = 0.0
    """Radians."""

    @property
    def pixel_mm(self) -> float:
        """Width of a pixel."""
        return 2 * self.half_mm / self.size

    def pixel(self, x: float, y: float) -> tuple[float, float]:
        """Return the pixel (x, y) of a place of the field."""
        dx, dy = x - self.centre_mm[0], y - self.centre_mm[1]
        cos, sin = float(np.cos(self.roll)), float(np.sin(self.roll))
        u, v = cos * dx + sin * dy, cos * dy - sin * dx
        return u / self.pixel_mm + self.size / 2, v / self.pixel_mm + self.size / 2

    @cached_property
    def grid(self) -> tuple[Array, Array]:
        """Places (x, y) of all pixels, both (H, W)."""
        step = (np.arange(self.size, dtype=np.float32) + 0.5 - self.size / 2) * np.float32(self.pixel_mm)
        u, v = np.meshgrid(step, step)
        cos, sin = np.float32(np.cos(self.roll)), np.float32(np.sin(self.roll))
        x, y = cos * u - sin * v + self.centre_mm[0], sin * u + cos * v + self.centre_mm[1]
        return x.astype(np.float32), y.astype(np.float32)


class Grain:
    """Noise that stays with the tissue: one tile, looked up at any scale."""

    def __init__(self, rng: np.random.Generator) -> None:
        octaves = [_periodic(rng, 8 << octave) / np.float32(1.7**octave) for octave in range(5)]
        self._rough, self._smooth = _scaled(np.sum(octaves, axis=0)), _scaled(octaves[0] + 0.5 * octaves[1])

    def at(self, x: Array, y: Array, scale_mm: float, turn: float = 0.0, *, smooth: bool = False) -> Array:
        """Return noise of SD 1 whose largest bumps are about `scale_mm` wide; another `turn` gives other noise.

        `smooth` noise has no fine grain.
        """
        step = np.float32(_TILE / 8 / scale_mm)
        column, row = x * step + np.float32(171.0 * turn + 4096), y * step + np.float32(97.0 * turn + 4096)
        left, top = column.astype(np.int32), row.astype(np.int32)
        if not smooth:
            return _looked_up(self._rough, top, left)
        right, down = column - left, row - top
        corners = [_looked_up(self._smooth, top + i, left + j) for i in (0, 1) for j in (0, 1)]
        upper = corners[0] + (corners[1] - corners[0]) * right
        lower = corners[2] + (corners[3] - corners[2]) * right
        value: Array = upper + (lower - upper) * down
        return value


def _looked_up(tile: Array, row: NDArray[np.int32], column: NDArray[np.int32]) -> Array:
    """Read a tile that repeats itself; its side is a power of two."""
    found: Array = tile.ravel().take((row & (_TILE - 1)) * _TILE + (column & (_TILE - 1)), mode="clip")
    return found


def _scaled(tile: Array) -> Array:
    scaled: Array = (tile / tile.std()).astype(np.float32)
    return scaled


def _periodic(rng: np.random.Generator, cells: int) -> Array:
    """Noise of `cells` bumps across that closes at all four sides, SD 1."""
    grid = rng.standard_normal((cells, cells), dtype=np.float32)
    wide = np.pad(grid, cells // 4, mode="wrap")
    extent = _TILE * 3 // 2
    picture = Image.fromarray(wide, "F").resize((extent, extent), Image.Resampling.BICUBIC)
    start = _TILE // 4
    tile = np.asarray(picture, np.float32)[start : start + _TILE, start : start + _TILE]
    return tile / np.float32(tile.std())


class Canvas:
    """The field of one frame while it is painted."""

    def __init__(self, view: View, grain: Grain, colour: Sequence[float]) -> None:
        self.view, self.grain = view, grain
        self.x, self.y = view.grid
        shape = self.x.shape
        self.albedo: Array = np.broadcast_to(linear(colour), (*shape, 3)).astype(np.float32)
        self.height: Array = np.zeros(shape, np.float32)
        self.gloss: Array = np.full(shape, 0.6, np.float32)
        self.label: NDArray[np.uint8] = np.zeros(shape, np.uint8)
        self.names: list[str] = [""]

    def noise(self, scale_mm: float, turn: float = 0.0) -> Array:
        """Return noise of SD 1 on the field, fine grain and all."""
        return self.grain.at(self.x, self.y, scale_mm, turn)

    def lumps(self, scale_mm: float, turn: float = 0.0) -> Array:
        """Return smooth noise of SD 1 on the field."""
        return self.grain.at(self.x, self.y, scale_mm, turn, smooth=True)

    def lay(
        self, share: NDArray[np.floating], colour: Sequence[float] | Array, *,
        height: NDArray[np.floating] | float | None = None,
        gloss: float | None = None, name: str = "",
    ) -> None:  # fmt: skip
        """Lay a layer over what is there.

        Args:
            share: how much it covers, (H, W).
            colour: sRGB, or linear light as (H, W, 3).
            height: mm towards the camera; that of what is below where not given.
            gloss: strength of reflections.
            name: structure; it owns the pixels that it covers by half.
        """
        rows, columns = np.flatnonzero(share.any(axis=1)), np.flatnonzero(share.any(axis=0))
        if not len(rows):
            return
        at = slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)
        part = np.clip(share[at], 0, 1).astype(np.float32)
        paint = colour[at] if isinstance(colour, np.ndarray) else linear(colour)
        self.albedo[at] += (paint - self.albedo[at]) * part[..., None]
        if height is not None:
            top = height[at] if isinstance(height, np.ndarray) else np.float32(height)
            self.height[at] += (top - self.height[at]) * part
        if gloss is not None:
            self.gloss[at] += (np.float32(gloss) - self.gloss[at]) * part
        if name:
            if name not in self.names:
                self.names.append(name)
            self.label[at][part > 0.5] = self.names.index(name)

    def mask(self, name: str) -> NDArray[np.bool_]:
        """Return where a structure is seen, (H, W)."""
        seen: NDArray[np.bool_] = self.label == (self.names.index(name) if name in self.names else 255)
        return seen

    def lit(self, distance_mm: float, wetness: float) -> Array:
        """Return linear light (H, W, 3) with lamps at the camera, `distance_mm` above height 0."""
        step = np.float32(self.view.pixel_mm)
        down, right = (np.clip(slope, -_STEEPEST, _STEEPEST) for slope in np.gradient(self.height, step))
        normal = 1 / np.sqrt(1 + down * down + right * right)
        half = self.view.half_mm
        off_x, off_y = self.x - self.view.centre_mm[0], self.y - self.view.centre_mm[1]
        reach = np.maximum(np.float32(distance_mm) - self.height, np.float32(0.2 * distance_mm))
        lean_x, lean_y = (-off_x - 0.10 * half) / reach, (-off_y - 0.22 * half) / reach
        square = 1 + lean_x * lean_x + lean_y * lean_y
        cosine = np.maximum((1 - right * lean_x - down * lean_y) * normal / np.sqrt(square), 0)
        light = (0.12 + 0.88 * cosine) * (distance_mm / reach) ** 2 / square
        bump = self.lumps(0.06 * half, 3.0)
        bump_down, bump_right = np.gradient(bump)
        tilt_x = right + np.float32(wetness) * bump_right - lean_x / 2
        tilt_y = down + np.float32(wetness) * bump_down - lean_y / 2
        shine = np.exp(-(tilt_x * tilt_x + tilt_y * tilt_y) * np.float32(90.0)) * self.gloss
        lit: Array = (self.albedo * light[..., None] + (1.6 * shine * light)[..., None]).astype(np.float32)
        return lit


def ellipse(x: Array, y: Array, centre: tuple[float, float], radii: tuple[float, float], turn: float = 0.0) -> Array:
    """Return the squared distance from the centre against that of the edge: 1 on the edge."""
    cos, sin = np.float32(np.cos(turn)), np.float32(np.sin(turn))
    dx, dy = x - np.float32(centre[0]), y - np.float32(centre[1])
    along, across = cos * dx + sin * dy, cos * dy - sin * dx
    return ((along / radii[0]) ** 2 + (across / radii[1]) ** 2).astype(np.float32)


def dome(square: Array, height_mm: float) -> Array:
    """Return the height of a rounded body over an `ellipse`."""
    return (np.float32(height_mm) * np.sqrt(np.maximum(1 - square, 0))).astype(np.float32)


def capsule(x: Array, y: Array, start: tuple[float, float], end: tuple[float, float]) -> tuple[Array, Array]:
    """Return the distance from a line in mm and the place along it, 0 to 1."""
    dx, dy = end[0] - start[0], end[1] - start[1]
    square = max(dx * dx + dy * dy, 1e-9)
    along = np.clip(((x - start[0]) * dx + (y - start[1]) * dy) / square, 0, 1).astype(np.float32)
    off = np.hypot(x - start[0] - along * dx, y - start[1] - along * dy)
    return off.astype(np.float32), along
