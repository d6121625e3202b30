"""Textures that are wrapped round a hollow organ or spread over a surface: noise, vessels, colours.

N stations along the organ, A angles round it (periodic), C channels.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from vesalius.virtual.scope.camera import Array

__all__ = ["fractal", "linear", "mix", "soft", "vessels", "wrapped_noise"]


def linear(colour: Sequence[float] | NDArray[np.floating]) -> Array:
    """Turn an sRGB colour (0-255) into linear light."""
    return ((np.asarray(colour, np.float32) / 255) ** 2.2).astype(np.float32)


def mix(base: Array, other: Array | Sequence[float], share: NDArray[np.floating] | float) -> Array:
    """Blend colours (…, 3) by a share (…)."""
    weight = np.asarray(share, np.float32)[..., None]
    mixed: Array = (base * (1 - weight) + np.asarray(other, np.float32) * weight).astype(np.float32)
    return mixed


def soft(value: NDArray[np.floating], low: NDArray[np.floating] | float, high: NDArray[np.floating] | float) -> Array:
    """Rise smoothly from 0 at `low` to 1 at `high` (falls where `low` is above `high`)."""
    part = np.clip((value - low) / (high - low), 0, 1)
    rise: Array = (part * part * (3 - 2 * part)).astype(np.float32)
    return rise


def wrapped_noise(rng: np.random.Generator, shape: tuple[int, int], cells: tuple[int, int]) -> Array:
    """Return smooth noise (N, A) of about `cells` bumps, SD 1, that closes round the second axis."""
    rows, columns = max(2, cells[0]), max(2, cells[1])
    grid = rng.standard_normal((rows, columns), dtype=np.float32)
    margin = max(1, columns // 4)
    wide = np.concatenate([grid[:, -margin:], grid, grid[:, :margin]], axis=1)
    scale = shape[1] / columns
    extent = round(wide.shape[1] * scale)
    picture = Image.fromarray(wide, "F").resize((extent, shape[0]), Image.Resampling.BICUBIC)
    start = round(margin * scale)
    field = np.asarray(picture, np.float32)[:, start : start + shape[1]]
    return field / np.float32(field.std() + 1e-9)


def fractal(rng: np.random.Generator, shape: tuple[int, int], cells: tuple[int, int], octaves: int) -> Array:
    """Return a sum of octaves of `wrapped_noise`, each half as strong, SD 1."""
    total = np.zeros(shape, np.float32)
    for octave in range(octaves):
        total += wrapped_noise(rng, shape, (cells[0] << octave, cells[1] << octave)) / (1 << octave)
    return total / np.float32(total.std() + 1e-9)


def vessels(rng: np.random.Generator, shape: tuple[int, int], count: int, width_px: float, length_px: float) -> Array:
    """Draw branching vessels (0 none, 1 vessel) on an (N, A) sheet that closes round the second axis.

    Args:
        rng: stream of this sheet.
        shape: stations and angles.
        count: trunks.
        width_px: width of a trunk; branches are 0.7 times as wide as their parent.
        length_px: length of a trunk.
    """
    rows, columns = shape
    image = Image.new("L", (2 * columns, 2 * rows))
    draw = ImageDraw.Draw(image)
    for _ in range(count):
        start = (float(rng.uniform(0, columns)), float(rng.uniform(0, rows)))
        _branch(draw, rng, (start, float(rng.uniform(0, 2 * np.pi)), width_px, length_px), columns, 4)
    small = image.resize((columns, rows), Image.Resampling.BOX)
    return np.asarray(small, np.float32) / np.float32(255)


def _branch(
    draw: ImageDraw.ImageDraw, rng: np.random.Generator, stem: tuple[tuple[float, float], float, float, float],
    columns: int, generations: int,
) -> None:  # fmt: skip
    (x, y), heading, width, length = stem
    steps = max(4, int(length / 9))
    turns = np.cumsum(rng.normal(0, 0.22, steps)) + heading
    xs, ys = x + np.cumsum(np.cos(turns)) * length / steps, y + np.cumsum(np.sin(turns)) * length / steps
    low, high = float(xs.min()), float(xs.max())
    for shift in (-columns, 0, columns):
        if high + shift < -width or low + shift > columns + width:
            continue
        points = (2 * np.stack([xs + shift, ys], axis=1)).ravel().tolist()
        draw.line(points, fill=int(np.clip(110 + 60 * width, 60, 255)), width=max(1, round(2 * width)), joint="curve")
    if generations == 0:
        return
    for side in (-1.0, 1.0):
        at = int(rng.integers(steps // 2, steps))
        angle = float(turns[at] + side * rng.uniform(0.4, 1.0))
        _branch(draw, rng, ((float(xs[at]), float(ys[at])), angle, 0.7 * width, 0.75 * length), columns,
                generations - 1)  # fmt: skip
