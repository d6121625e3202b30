"""Spots and strokes painted on a picture's grid with partial coverage, many at once.

Things smaller than a pixel keep their area: they are painted a pixel wide and as much fainter.

N things, H rows, W columns, P side of a patch. Lengths in mm; places are (x to the right, y downwards) from the
picture's middle, so that the same thing lies at the same share of the picture at every size.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["Array", "Sheet", "Spots", "paint_spots", "paint_strokes", "spot_masks"]

Array = NDArray[np.float32]
Floats = NDArray[np.floating]
_CHUNK = 1 << 19
"""Pixels of patches that are worked on at once."""


@dataclass(frozen=True)
class Sheet:
    """A picture's grid: `width_mm` across `columns`, square pixels, the middle at (0, 0)."""

    rows: int
    columns: int
    width_mm: float

    @property
    def pixel_mm(self) -> float:
        """Side of a pixel."""
        return self.width_mm / self.columns

    def places(self) -> tuple[Array, Array]:
        """Return x (1, W) and y (H, 1) of the pixels' centres, mm."""
        x = (np.arange(self.columns, dtype=np.float32) - (self.columns - 1) / 2) * np.float32(self.pixel_mm)
        y = (np.arange(self.rows, dtype=np.float32) - (self.rows - 1) / 2) * np.float32(self.pixel_mm)
        return x[None, :].astype(np.float32), y[:, None].astype(np.float32)

    def pixels(self, x: Floats, y: Floats) -> tuple[Floats, Floats]:
        """Return columns and rows of places, in pixels with the first pixel's centre at 0."""
        return x / self.pixel_mm + (self.columns - 1) / 2, y / self.pixel_mm + (self.rows - 1) / 2


@dataclass(frozen=True)
class Spots:
    """Ovals with a wavy outline; every field is (N,)."""

    x: Floats
    y: Floats
    long: Floats
    """Half of the longer axis."""
    wide: Floats
    """Half of the axis across."""
    angle: Floats
    """Radians from x towards y."""
    wobble: Floats
    """Amplitude of the outline's waves as a share of the radius."""
    phase: Floats
    """Radians; which waves."""
    soft: Floats
    """Width of the edge as a share of the radius."""

    def __len__(self) -> int:
        return len(self.x)

    def radius(self, index: NDArray[np.intp], x: Floats, y: Floats, least: float = 0.0) -> Floats:
        """Return the radius of places against the outline (below 1 inside) for the spots `index`, (n, …).

        Args:
            index: which spots, (n,).
            x: places, (n, …).
            y: places, (n, …).
            least: smallest half axis, mm.
        """
        shape = (len(index), *(1 for _ in range(np.broadcast(x, y).ndim - 1)))
        part = [np.asarray(field)[index].reshape(shape).astype(np.float32) for field in self._fields()]
        middle_x, middle_y, long, wide, angle, wobble, phase, _ = part
        along, across = x - middle_x, y - middle_y
        u = (along * np.cos(angle) + across * np.sin(angle)) / np.maximum(long, np.float32(least))
        v = (across * np.cos(angle) - along * np.sin(angle)) / np.maximum(wide, np.float32(least))
        radius = np.sqrt(u * u + v * v)
        if not wobble.any():
            return radius
        turn = np.arctan2(v, u)
        waves = 0.5 * np.cos(3 * turn + phase) + 0.3 * np.cos(5 * turn + 2.3 * phase) + 0.2 * np.cos(8 * turn - phase)
        wavy: Floats = radius / (1 + wobble * waves)
        return wavy

    def _fields(self) -> tuple[Floats, ...]:
        return (self.x, self.y, self.long, self.wide, self.angle, self.wobble, self.phase, self.soft)

    def coverage(self, sheet: Sheet, index: NDArray[np.intp], x: Floats, y: Floats) -> Floats:
        """Return the covered share of pixels at places (n, P, P) by the spots `index`."""
        half = sheet.pixel_mm / 2
        radius = self.radius(index, x, y, half)
        long, wide = self.long[index], self.wide[index]
        mean = np.sqrt(np.maximum(long, half) * np.maximum(wide, half))
        edge = np.maximum(self.soft[index] * mean, sheet.pixel_mm)
        steep = (mean / edge)[:, None, None].astype(np.float32)
        share = np.clip(np.float32(0.5) + (1 - radius) * steep, 0, 1)
        weight = np.minimum(long / half, 1) * np.minimum(wide / half, 1)
        covered: Floats = share * share * (3 - 2 * share) * weight[:, None, None].astype(np.float32)
        return covered


def paint_spots(sheet: Sheet, spots: Spots, weight: Floats | None = None) -> Array:
    """Return the largest coverage by any spot, times its weight, (H, W) 0 to 1."""
    canvas = np.zeros((sheet.rows, sheet.columns), np.float32)
    if len(spots) == 0:
        return canvas
    reach = np.maximum(spots.long, spots.wide) * (1 + spots.wobble + 0.5 * spots.soft) + 1.5 * sheet.pixel_mm

    def share(index: NDArray[np.intp], x: Floats, y: Floats) -> Floats:
        return spots.coverage(sheet, index, x, y)

    _stamp(canvas, sheet, (spots.x, spots.y, reach), share, weight)
    return canvas


def paint_strokes(sheet: Sheet, start: Floats, end: Floats, radius: Floats, weight: Floats | None = None) -> Array:
    """Return the largest coverage by any straight stroke with round ends, times its weight, (H, W) 0 to 1.

    Args:
        sheet: the grid.
        start: (N, 2) x and y, mm.
        end: (N, 2).
        radius: (N,) half width, mm.
        weight: (N,), 1 where not given.
    """
    canvas = np.zeros((sheet.rows, sheet.columns), np.float32)
    if len(start) == 0:
        return canvas
    step = (end - start).astype(np.float32)
    square = np.maximum((step * step).sum(axis=1), np.float32(1e-9))
    thick = np.maximum(radius, sheet.pixel_mm / 2).astype(np.float32)
    faint = (radius / thick).astype(np.float32)
    middle = (start + end) / 2
    reach = np.sqrt(square) / 2 + thick + 1.5 * sheet.pixel_mm

    def share(index: NDArray[np.intp], x: Floats, y: Floats) -> Floats:
        along, across = step[index, 0, None, None], step[index, 1, None, None]
        dx = x - start[index, 0, None, None].astype(np.float32)
        dy = y - start[index, 1, None, None].astype(np.float32)
        place = np.clip((dx * along + dy * across) / square[index, None, None], 0, 1)
        dx, dy = dx - place * along, dy - place * across
        distance = np.sqrt(dx * dx + dy * dy)
        inside = np.clip(0.5 + (thick[index, None, None] - distance) / np.float32(sheet.pixel_mm), 0, 1)
        covered: Floats = inside * faint[index, None, None]
        return covered

    _stamp(canvas, sheet, (middle[:, 0], middle[:, 1], reach), share, weight)
    return canvas


def spot_masks(sheet: Sheet, spots: Spots) -> tuple[NDArray[np.bool_], ...]:
    """Return where each spot shows, (H, W): half covered, or half of its best where it is below a pixel."""
    found = []
    reach = np.maximum(spots.long, spots.wide) * (1 + spots.wobble + 0.5 * spots.soft) + 1.5 * sheet.pixel_mm
    for number in range(len(spots)):
        index = np.array([number])
        one = (spots.x[index], spots.y[index], reach[index])
        mask = np.zeros((sheet.rows, sheet.columns), bool)
        for chosen, rows, columns in _patches(sheet, *one):
            x, y = _places(sheet, rows, columns)
            share = spots.coverage(sheet, index[chosen], x, y)[0]
            limit = min(0.5, 0.5 * float(share.max()))
            inside = (share >= max(limit, 1e-6)) & _within(sheet, rows, columns)[0]
            part = np.nonzero(inside)
            mask[rows[0, part[0], 0], columns[0, 0, part[1]]] = True
        found.append(mask)
    return tuple(found)


def _patches(
    sheet: Sheet, x: Floats, y: Floats, reach: Floats
) -> Iterator[tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.intp]]]:
    """Yield the numbers of things with patches of one size, and the patches' rows (n, P, 1) and columns (n, 1, P)."""
    column, row = sheet.pixels(x, y)
    half = np.ceil(reach / sheet.pixel_mm).astype(np.intp) + 1
    seen = (column > -half) & (column < sheet.columns + half) & (row > -half) & (row < sheet.rows + half)
    size = 2 ** np.ceil(np.log2(2 * half)).astype(np.intp)
    for side in np.unique(size[seen]):
        alike = np.flatnonzero(seen & (size == side))
        for first in range(0, len(alike), max(1, _CHUNK // int(side) ** 2)):
            index = alike[first : first + max(1, _CHUNK // int(side) ** 2)]
            offset = np.arange(side) - side // 2
            rows = np.round(row[index]).astype(np.intp)[:, None, None] + offset[None, :, None]
            columns = np.round(column[index]).astype(np.intp)[:, None, None] + offset[None, None, :]
            yield index, rows, columns


def _places(sheet: Sheet, rows: NDArray[np.intp], columns: NDArray[np.intp]) -> tuple[Array, Array]:
    x = (columns - (sheet.columns - 1) / 2) * sheet.pixel_mm
    y = (rows - (sheet.rows - 1) / 2) * sheet.pixel_mm
    return x.astype(np.float32), y.astype(np.float32)


def _within(sheet: Sheet, rows: NDArray[np.intp], columns: NDArray[np.intp]) -> NDArray[np.bool_]:
    inside: NDArray[np.bool_] = (rows >= 0) & (rows < sheet.rows) & (columns >= 0) & (columns < sheet.columns)
    return inside


def _stamp(
    canvas: Array, sheet: Sheet, bounds: tuple[Floats, Floats, Floats],
    share: Callable[[NDArray[np.intp], Floats, Floats], Floats], weight: Floats | None,
) -> None:  # fmt: skip
    """Raise the canvas (H, W) to the coverage of every thing."""
    flat = canvas.reshape(-1)
    for index, rows, columns in _patches(sheet, *bounds):
        covered = share(index, *_places(sheet, rows, columns))
        if weight is not None:
            covered = covered * weight[index, None, None].astype(np.float32)
        inside = _within(sheet, rows, columns) & (covered > 0)
        place = rows * sheet.columns + columns
        np.maximum.at(flat, place[inside], covered[inside].astype(np.float32))
