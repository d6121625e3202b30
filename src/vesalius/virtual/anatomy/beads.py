"""Many small balls at once: vessels and ribs as strings of beads, bubbles, nets of fine lines.

A tube of a few cones is better a `Tube`; trees of thousands of branches are painted bead by bead in one go.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from vesalius.virtual.anatomy.solids import Array, Bounds, Solid

if TYPE_CHECKING:
    from vesalius.virtual.anatomy.parts import Grid

__all__ = ["Beads"]

_RUN = 48
"""Beads measured together."""
_CHUNK = 400_000
"""Voxels stamped at once; more would leave the processor's cache."""


@dataclass(frozen=True, eq=False)
class Beads(Solid):
    """Balls; those of one string should lie no further apart than their radius."""

    points: NDArray[np.float64]
    """(N, 3), mm."""
    radii: NDArray[np.float64]
    """(N,), mm."""
    strings: bool = True
    """True where they are strung to lines: what is thinner than a voxel then keeps its cross-section, else its
    volume."""

    @property
    def bounds(self) -> Bounds:
        if len(self.points) == 0:
            return Bounds(np.zeros(3), np.zeros(3))
        radius = self.radii[:, None]
        return Bounds((self.points - radius).min(axis=0), (self.points + radius).max(axis=0))

    @cached_property
    def _runs(self) -> tuple[Solid, ...]:
        cuts = range(0, len(self.points), _RUN)
        return tuple(Beads(self.points[i : i + _RUN], self.radii[i : i + _RUN], self.strings) for i in cuts)

    def pieces(self) -> tuple[Solid, ...]:
        return self._runs if len(self.points) > _RUN else (self,)

    def distance(self, x: Array, y: Array, z: Array) -> Array:
        shape = np.broadcast_shapes(np.shape(x), np.shape(y), np.shape(z))
        found = np.full(shape, np.float32(1e4))
        for (a, b, c), radius in zip(self.points.astype(np.float32), self.radii.astype(np.float32), strict=True):
            np.minimum(found, np.sqrt((x - a) ** 2 + (y - b) ** 2 + (z - c) ** 2) - radius, out=found)
        return found

    def grown(self, wall_mm: float) -> Beads:
        """Return beads with larger radii."""
        return Beads(self.points, self.radii + wall_mm, self.strings)

    def kept(self, chosen: NDArray[np.bool_]) -> Beads:
        """Return some of the beads, chosen by (N,)."""
        return Beads(self.points[chosen], self.radii[chosen], self.strings)

    def stamped(self, grid: Grid, window: tuple[slice, slice, slice]) -> Array:
        """Share of each voxel of a window of the grid that is covered."""
        step = np.asarray(grid.spacing_mm)
        width = float(np.prod(step) ** (1 / 3))
        first = np.array([part.start for part in window])
        shape = np.array([part.stop - part.start for part in window])
        place = (self.points - np.asarray(grid.origin_mm))[:, ::-1] / step - first
        reach = np.ceil((self.radii + width / 2)[:, None] / step).astype(np.int64)
        near = ((place > -reach - 1) & (place < shape + reach)).all(axis=1)
        margin = 2 * reach[near].max(axis=0, initial=0) + 1
        size = shape + 2 * margin
        target = np.zeros(int(size.prod()), np.float32)
        keys = reach @ np.array([1 << 40, 1 << 20, 1])
        for key in np.unique(keys[near]):
            chosen = np.flatnonzero(near & (keys == key))
            kind = reach[chosen[0]]
            count = max(1, _CHUNK // int((2 * kind + 1).prod()))
            for start in range(0, len(chosen), count):
                part = chosen[start : start + count]
                index, cover = self._stamps(place[part] + margin, self.radii[part], (kind, step, size, width))
                np.maximum.at(target, index, cover)
        a, b, c = margin
        box = target.reshape(tuple(size))[a : a + shape[0], b : b + shape[1], c : c + shape[2]]
        return np.ascontiguousarray(box)

    def _stamps(
        self,
        place: NDArray[np.float64],
        radius: NDArray[np.float64],
        frame: tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.int64], float],
    ) -> tuple[NDArray[np.int64], Array]:
        """Flat places and covers of balls about `place` (N, 3) in voxels."""
        reach, step, size, width = frame
        centre = np.rint(place).astype(np.int64)
        squares, indices = [], []
        for axis, factor in enumerate((size[1] * size[2], size[2], 1)):
            voxel = centre[:, axis, None] + np.arange(-reach[axis], reach[axis] + 1)
            squares.append((((voxel - place[:, axis, None]) * step[axis]) ** 2).astype(np.float32))
            indices.append(voxel * factor)
        away = squares[0][:, :, None, None] + squares[1][:, None, :, None] + squares[2][:, None, None, :]
        index = indices[0][:, :, None, None] + indices[1][:, None, :, None] + indices[2][:, None, None, :]
        radius, share = _exact(radius, width, self.strings)
        outer = (radius + width / 2).astype(np.float32)[:, None, None, None]
        cover = np.clip((outer - np.sqrt(away)) * np.float32(1 / width), 0, 1)
        cover *= share.astype(np.float32)[:, None, None, None]
        seen = cover > 0
        return index[seen], cover[seen]


def _exact(
    radius: NDArray[np.float64], width: float, strings: bool
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:  # fmt: skip
    """Radii and factors of the cover with which a ramp of one voxel `width` holds the true cross-section or volume.

    Below w/2 the ramp holds π (r + w/2)³ / 3w of cross-section, or π (r + w/2)⁴ / 3w of volume; above it
    π (r² + w²/12), or 4/3 π (r³ + r w²/4). Thin beads become fainter, thick ones a little narrower.
    """
    outer = radius + width / 2
    if strings:
        thin, middle = 3 * width * radius**2 / outer**3, radius**2 / (radius**2 + width**2 / 12)
        inner = np.sqrt(np.maximum(radius**2 - width**2 / 12, 0))
    else:
        thin, middle = 4 * width * radius**3 / outer**4, radius**2 / (radius**2 + width**2 / 4)
        inner = np.sqrt(np.maximum(radius**2 - width**2 / 6, 0))
    thick = radius >= 0.75 * width
    share = np.where(radius < width / 2, thin, np.where(thick, 1.0, middle))
    return np.where(thick, inner, radius), share
