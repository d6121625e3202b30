"""Many small outlines painted at once: ellipses with wavy edges, antialiased, as patches of equal size.

N outlines, K side of a patch in pixels.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields
from typing import NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

__all__ = ["Array", "Outlines", "Patches", "make_outlines", "paint_labels", "patches", "stamped"]

Array = NDArray[np.floating]
_SIDES = (12, 20, 32, 48, 72, 112, 176, 272, 416)


@dataclass(frozen=True, eq=False)
class Outlines:
    """N closed lines, ρ(φ) = 1 + Σ amplitude_k cos(kφ + phase_k) in axes scaled by a and b; all in one unit."""

    x: Array
    y: Array
    a: Array
    """Half axis along `angle`, (N,)."""
    b: Array
    """Half axis across, (N,)."""
    angle: Array
    """Radians from the x axis towards y, (N,)."""
    amplitude: Array
    """(N, 3), of the orders 2, 3 and 5."""
    phase: Array
    """(N, 3)."""
    bend: Array
    """How far the ends are bowed to one side, as a share of `a`; 0 is straight, (N,)."""

    def __len__(self) -> int:
        return len(self.x)

    def __getitem__(self, chosen: NDArray[np.intp] | NDArray[np.bool_] | slice) -> Self:
        return type(self)(*(getattr(self, part.name)[chosen] for part in fields(self)))

    @property
    def reach(self) -> Array:
        """Largest distance of the line from the centre, (N,)."""
        waves = 1 + np.abs(self.amplitude).sum(axis=1)
        return np.asarray(np.hypot(self.a, np.maximum(self.b, np.abs(self.bend) * self.a)) * waves, np.float32)

    @property
    def area(self) -> Array:
        """Area inside, (N,): π a b (1 + Σ amplitude² / 2), exact for these lines; bowing keeps it."""
        return np.asarray(np.pi * self.a * self.b * (1 + (self.amplitude**2).sum(axis=1) / 2), np.float32)

    def scaled(self, factor: float) -> Self:
        """Return the outlines in another unit, `factor` of it to one of this."""
        return type(self)(self.x * factor, self.y * factor, self.a * factor, self.b * factor, self.angle,
                          self.amplitude, self.phase, self.bend)  # fmt: skip


class Patches(NamedTuple):
    """Some outlines as patches of pixels, (n, K, K) each."""

    chosen: NDArray[np.intp]
    """Which outlines, (n,)."""
    pixel: NDArray[np.intp]
    """Flat index into the picture."""
    inside: NDArray[np.bool_]
    """False where the patch leaves the picture."""
    cover: Array
    """Share of the pixel that is covered, 0 to 1."""
    radius: Array
    """0 at the centre, 1 on the line."""
    u: Array
    """Along the long axis, in pixels."""
    v: Array
    """Across it, in pixels."""


def make_outlines(
    rng: np.random.Generator, places: Array, *, area: float, cv: float, ratio: float, rough: float,
    angle: Array | None = None, bend: float = 0.0,
) -> Outlines:  # fmt: skip
    """Draw outlines at `places` (N, 2).

    Args:
        rng: stream of this purpose.
        places: x, y of the centres, (N, 2).
        area: mean area in the unit of `places`.
        cv: standard deviation of the area over its mean; the areas are log-normal.
        ratio: mean of long over short axis.
        rough: standard deviation of the waves of the line.
        angle: of the long axis, (N,); uniform where not given.
        bend: how far the ends are bowed, see `Outlines`.
    """
    count = len(places)
    spread = float(np.sqrt(np.log1p(cv**2)))
    areas = area * np.exp(spread * rng.standard_normal(count).clip(-2.5, 2.5) - spread**2 / 2)
    longer = 1 + (ratio - 1) * np.exp(0.25 * rng.standard_normal(count).clip(-2, 2))
    turn = rng.random(count) * np.pi
    waves = rough * rng.standard_normal((count, 3)).clip(-2, 2) * (1.0, 0.8, 0.45)
    short = np.sqrt(areas / np.pi / longer)
    return Outlines(
        *(np.asarray(part, np.float32) for part in (
            places[:, 0], places[:, 1], short * longer, short, turn if angle is None else angle, waves,
            rng.random((count, 3)) * 2 * np.pi, np.full(count, bend)))
    )  # fmt: skip


def patches(outlines: Outlines, size: int) -> Iterator[Patches]:
    """Cut the outlines, in pixels, into patches of few sides. Pixel (0, 0) reaches from 0 to 1."""
    need = 2 * np.ceil(outlines.reach + 1.5).astype(int) + 1
    rank = np.searchsorted(_SIDES, need).clip(max=len(_SIDES) - 1)
    for number in np.unique(rank):
        yield _cut(outlines, np.flatnonzero(rank == number), _SIDES[number], size)


def _cut(outlines: Outlines, chosen: NDArray[np.intp], side: int, size: int) -> Patches:
    part = outlines[chosen]
    step = np.arange(side) - side // 2
    column = np.floor(part.x).astype(int)[:, None, None] + step[None, None, :]
    row = np.floor(part.y).astype(int)[:, None, None] + step[None, :, None]
    dx = (column + 0.5 - part.x[:, None, None]).astype(np.float32)
    dy = (row + 0.5 - part.y[:, None, None]).astype(np.float32)
    cos, sin = np.cos(part.angle)[:, None, None], np.sin(part.angle)[:, None, None]
    u, v = dx * cos + dy * sin, dy * cos - dx * sin
    if part.bend.any():
        half = part.a[:, None, None]
        v = v - part.bend[:, None, None] * (u * u / half - 0.25 * half)
    p, q = u / part.a[:, None, None], v / part.b[:, None, None]
    radius = np.sqrt(p * p + q * q) + np.float32(1e-6)
    line = _line(p / radius, q / radius, part)
    # Distance to the line: the level divided by the length of its gradient, leaving the waves out of the gradient.
    slope = np.sqrt((p / part.a[:, None, None]) ** 2 + (q / part.b[:, None, None]) ** 2) / radius
    cover = np.clip(0.5 + (line - radius) / np.maximum(slope, 1e-6), 0, 1)
    inside = (column >= 0) & (column < size) & (row >= 0) & (row < size)
    index = np.where(inside, row * size + column, 0)
    return Patches(chosen, index, inside, cover * inside, radius / np.maximum(line, 0.1), u, v)


def _line(cos: Array, sin: Array, part: Outlines) -> Array:
    """ρ(φ) from the cosine and sine of φ, by the angle sums of the orders 2, 3 and 5."""
    first = cos + 1j * sin
    second = first * first
    third = second * first
    line = np.ones_like(cos)
    for k, power in enumerate((second, third, third * second)):
        turn = np.exp(1j * part.phase[:, k])[:, None, None].astype(np.complex64)
        line += part.amplitude[:, k][:, None, None] * (power * turn).real
    return line


def stamped(outlines: Outlines, size: int) -> Array:
    """Return the share of every pixel that any outline covers, (size, size)."""
    cover = np.zeros(size * size, np.float32)
    for part in patches(outlines, size):
        np.maximum.at(cover, part.pixel.ravel(), part.cover.ravel())
    return cover.reshape(size, size)


def paint_labels(outlines: Outlines, size: int, *, first: int = 1) -> NDArray[np.int32]:
    """Number the pixels of each outline from `first`; where two overlap the later one wins. (size, size)."""
    labels = np.zeros(size * size, np.int32)
    numbers = np.arange(first, first + len(outlines), dtype=np.int32)
    for part in patches(outlines, size):
        hit = part.cover > 0.5
        owner = np.broadcast_to(numbers[part.chosen][:, None, None], part.cover.shape)
        np.maximum.at(labels, part.pixel[hit], owner[hit])
    return labels.reshape(size, size)
