"""The radiograph's shapes of the chest as solids: outlines of a table over z, upright columns, ellipsoids."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vesalius.virtual.anatomy.solids import Array, Bounds, Ellipsoid, Solid
from vesalius.virtual.radiograph import shapes
from vesalius.virtual.radiograph.chest import Outline

__all__ = ["Bounded", "Column", "Sleeve", "ellipsoid_of"]

_CLOSED_MM = 0.5
"""Half widths below this are the end of an outline."""


def ellipsoid_of(shape: shapes.Ellipsoid, grown_mm: float = 0.0) -> Ellipsoid:
    """Return an ellipsoid of the radiograph as a solid, its axes longer by `grown_mm`."""
    x, y, z = (float(value) for value in shape.centre)
    a, b, c = (float(value) + grown_mm for value in shape.axes)
    first = shape.rotation[0]
    return Ellipsoid((x, y, z), (a, b, c), (float(first[0]), float(first[1]), float(first[2])))


@dataclass(frozen=True, eq=False)
class Sleeve(Solid):
    """The body of an `Outline` from one height to another, whole or the half of one side."""

    outline: Outline
    low_mm: float
    high_mm: float
    sign: int = 0
    """+1 left half, -1 right half, 0 both."""

    @property
    def bounds(self) -> Bounds:
        z = np.linspace(self.low_mm, self.high_mm, 40)
        centre, width, depth, middle = self.outline.at(z)
        reach = float((centre + width).max())
        left = 0.0 if self.sign < 0 else reach
        right = 0.0 if self.sign > 0 else -reach
        low = (right, float((middle - depth).min()), self.low_mm)
        return Bounds(np.array(low), np.array((left, float((middle + depth).max()), self.high_mm)))

    def distance(self, x: Array, y: Array, z: Array) -> Array:
        rows = [part.astype(np.float32) for part in self.outline.at(z)]
        centre, width, depth, middle = rows
        if not self.sign:
            width = centre + width
        open_ = np.maximum(width, np.float32(0.1))
        across = np.abs(x * self.sign - centre if self.sign else x) / open_
        deep = np.abs(y - middle) / np.maximum(depth, np.float32(0.1))
        steep_x, steep_y = 3 * across * across / open_, 2 * deep / np.maximum(depth, np.float32(0.1))
        level = across * across * across + deep * deep - 1
        floor = 1 / np.maximum(np.minimum(width, depth), np.float32(1))
        found = level / np.maximum(np.sqrt(steep_x * steep_x + steep_y * steep_y), floor)
        found = np.maximum(found, np.maximum(np.float32(self.low_mm) - z, z - np.float32(self.high_mm)))
        found = np.maximum(found, np.where(width < _CLOSED_MM, np.float32(3), np.float32(-1e4)))
        if self.sign:
            found = np.maximum(found, x * np.float32(-self.sign))
        return np.asarray(found, np.float32)


@dataclass(frozen=True, eq=False)
class Column(Solid):
    """An upright body with an ellipse at every height, or with thin wedges to the front and the back."""

    rows: NDArray[np.float64]
    """Ascending z, x, y, half width, half depth in mm, (N, 5)."""
    wedged: bool = False

    @classmethod
    def of(cls, rows: Sequence[Sequence[float]], scale: NDArray[np.float64], *, wedged: bool = False) -> Column:
        """Return a column of the reference adult brought to the scale (x, y, z) of a body."""
        x, y, z = scale
        return cls(np.array(rows, float) * np.array([z, x, y, x, y]), wedged)

    @property
    def bounds(self) -> Bounds:
        z, x, y, wide, deep = self.rows.T
        low, high = (x - wide).min(), (x + wide).max()
        return Bounds(np.array([low, (y - deep).min(), z[0]]), np.array([high, (y + deep).max(), z[-1]]))

    def distance(self, x: Array, y: Array, z: Array) -> Array:
        height = np.asarray(z, np.float64)
        own = [np.interp(height, self.rows[:, 0], part).astype(np.float32) for part in self.rows[:, 1:].T]
        across, deep = (x - own[0]) / own[2], np.abs(y - own[1])
        if self.wedged:
            inside = np.maximum(1 - across * across, 0)
            slope = 4 * inside * np.abs(across) * own[3] / own[2]
            found = (deep - own[3] * inside * inside) / np.sqrt(1 + slope * slope)
            found = np.maximum(found, (np.abs(across) - 1) * own[2])
        else:
            deep = deep / own[3]
            level = across * across + deep * deep
            steep = 2 * np.sqrt((across / own[2]) ** 2 + (deep / own[3]) ** 2)
            found = (level - 1) / np.maximum(steep, 1 / np.minimum(own[2], own[3]))
        ends = np.maximum(np.float32(self.rows[0, 0]) - z, z - np.float32(self.rows[-1, 0]))
        result: Array = np.maximum(found, ends).astype(np.float32, copy=False)
        return result


@dataclass(frozen=True, eq=False)
class Bounded(Solid):
    """A solid without an end of its own that is asked for within the box of another."""

    solid: Solid
    room: Solid

    @property
    def bounds(self) -> Bounds:
        return self.room.bounds

    def distance(self, x: Array, y: Array, z: Array) -> Array:
        return self.solid.distance(x, y, z)
