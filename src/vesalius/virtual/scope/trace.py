"""Rays from a camera to the wall of a hollow organ and to the solids on it.

The distance function is positive in the lumen. Rays go in steps that cannot jump over the wall (a table holds the
least radius within reach) and are then closed in by bisection.

R rays, P points, N stations, A angles.
"""

from __future__ import annotations

from functools import cached_property
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from vesalius.virtual.scope.camera import Array
from vesalius.virtual.scope.wall import STEP_MM, Knob, Wall

__all__ = ["FAR_MM", "Hits", "Tracer"]

FAR_MM = 240.0
"""Rays that go farther are lost."""
_REACH_MM = 6.0
"""Window of the table of least radii, and the longest step."""
_CELL = 5
"""Stations and angles of one cell of that table."""
_BLEND_MM = 1.2
"""Width of the fillet between a solid and the wall."""
_STEPS = 70
_BISECTIONS = 5


class Hits(NamedTuple):
    """Where rays end."""

    distance: Array
    """mm along the ray, (R,); NaN where it is lost."""
    station: Array
    """Fractional index of the tables, (R,)."""
    angle: Array
    """Fractional index of the tables, (R,)."""
    normal: Array
    """Unit normal into the lumen, (R, 3)."""
    label: NDArray[np.uint8]
    """Number of the lesion, (R,)."""
    knob: NDArray[np.int8]
    """Index of the solid that was hit, -1 for the wall, (R,)."""


class _Sight(NamedTuple):
    """Points seen from the axis of the organ."""

    across: Array
    """From the axis, (P, 2)."""
    rho: Array
    row: Array
    column: Array


class Tracer:
    """A finished wall, ready to be looked at."""

    def __init__(self, wall: Wall) -> None:
        self._wall = wall
        self._stations, self._angles = wall.radius.shape
        z = np.arange(self._stations) * STEP_MM
        self._axis = wall.bend.at(z).astype(np.float32)
        self._slope = np.gradient(self._axis, STEP_MM, axis=0).astype(np.float32)
        self._steepness = np.float32(1 / np.sqrt(1 + (self._slope**2).sum(axis=1).max()))

    @cached_property
    def _radius(self) -> Array:
        """Radii with one more angle, the first again, and one more station, flat."""
        closed = np.concatenate([self._wall.radius, self._wall.radius[:, :1]], axis=1)
        return np.concatenate([closed, closed[-1:]]).ravel()

    @cached_property
    def _rise(self) -> Array:
        """Derivatives of the radius along the organ and by the angle (mm a radian), flat, (·, 2)."""
        along = np.gradient(self._wall.radius, STEP_MM, axis=0)
        closed = np.concatenate([self._wall.radius[:, -1:], self._wall.radius, self._wall.radius[:, :1]], axis=1)
        round_ = (closed[:, 2:] - closed[:, :-2]) * np.float32(self._angles / (4 * np.pi))
        both = np.stack([along, round_], axis=-1).astype(np.float32)
        both = np.concatenate([both, both[:, :1]], axis=1)
        return np.concatenate([both, both[-1:]]).reshape(-1, 2)

    @cached_property
    def _least(self) -> tuple[Array, int]:
        """Least radius within reach of every cell, flat, and its number of columns."""
        rows, columns = self._stations // _CELL, self._angles // _CELL
        cells = self._wall.radius[: rows * _CELL, : columns * _CELL]
        low = cells.reshape(rows, _CELL, columns, _CELL).min(axis=(1, 3))
        around = int(0.7 / (2 * np.pi) * columns) + 1
        wide = low.copy()
        for shift in range(1, around + 1):
            wide = np.minimum(wide, np.minimum(np.roll(low, shift, axis=1), np.roll(low, -shift, axis=1)))
        tall = wide.copy()
        for shift in range(1, int(_REACH_MM / STEP_MM / _CELL) + 2):
            tall[shift:] = np.minimum(tall[shift:], wide[:-shift])
            tall[:-shift] = np.minimum(tall[:-shift], wide[shift:])
        return np.concatenate([tall, tall[:, -1:]], axis=1).ravel(), columns + 1

    def calibre(self, z: float) -> float:
        """Least radius within reach of a station."""
        table, columns = self._least
        row = int(np.clip(z / STEP_MM / _CELL, 0, len(table) // columns - 1))
        return float(table[row * columns : (row + 1) * columns].min())

    def _sight(self, points: Array) -> _Sight:
        row = np.clip(points[:, 2] * np.float32(1 / STEP_MM), 0, self._stations - 1.001)
        low = row.astype(np.intp)
        part = (row - low)[:, None]
        across = points[:, :2] - (self._axis[low] * (1 - part) + self._axis[low + 1] * part)
        rho = np.sqrt(across[:, 0] ** 2 + across[:, 1] ** 2)
        column = np.arctan2(across[:, 1], across[:, 0]) * np.float32(self._angles / (2 * np.pi))
        column += (column < 0) * np.float32(self._angles)
        return _Sight(across, rho, row, np.minimum(column, np.float32(self._angles - 0.001)))

    def interpolate(self, table: Array, row: Array, column: Array) -> Array:
        """Look a flat table (· , …) of one more column up between its entries."""
        width = self._angles + 1
        low, left = row.astype(np.intp), column.astype(np.intp)
        down, right = row - low, column - left
        if table.ndim > 1:
            down, right = down[:, None], right[:, None]
        at = low * width + left
        top = table[at] + (table[at + 1] - table[at]) * right
        at = at + width
        bottom = table[at] + (table[at + 1] - table[at]) * right
        value: Array = top + (bottom - top) * down
        return value

    def _gap(self, points: Array, sight: _Sight, knobs: bool = True) -> tuple[Array, Array, NDArray[np.int8]]:
        """Return the function whose zero is the surface, that of the wall alone, and the nearest solid.

        Without `knobs` the solids are left out.
        """
        wall = self.interpolate(self._radius, sight.row, sight.column) - sight.rho
        total, nearest = wall, np.full(len(points), -1, np.int8)
        for number, knob in enumerate(self._wall.knobs if knobs else ()):
            solid, close = _bounded(knob, points)
            solid[close] = knob.distance(points[close])
            nearest[solid < wall] = number
            mixed = np.maximum(np.float32(_BLEND_MM) - np.abs(total - solid), 0)
            total = np.minimum(total, solid) - mixed * mixed * np.float32(0.25 / _BLEND_MM)
        return total, wall, nearest

    def trace(self, origin: NDArray[np.floating], directions: Array) -> Hits:
        """Follow rays (R, 3) of unit length from one point to the surface."""
        start = np.asarray(origin, np.float32)
        distance = np.full(len(directions), np.nan, np.float32)
        towards = np.zeros(len(directions), bool)
        for knob in self._wall.knobs:
            towards |= _passes(knob, start, directions)
        for part, knobs in ((~towards, False), (towards, True)):
            if part.any():
                distance[part] = self._reach(start, directions[part], knobs)
        return self._describe(start, directions, distance)

    def _reach(self, start: Array, directions: Array, knobs: bool) -> Array:
        """Return the length of rays to the surface, NaN where they are lost, (R,)."""
        near, far = self._march(start, directions, knobs)
        found = np.flatnonzero(np.isfinite(far))
        near, far, rays = near[found], far[found], directions[found]
        inner, outer = np.zeros(len(found), np.float32), np.zeros(len(found), np.float32)
        for _ in range(_BISECTIONS):
            middle = ((near + far) / 2).astype(np.float32)
            points = (start + middle[:, None] * rays).astype(np.float32)
            gap = self._gap(points, self._sight(points), knobs)[0]
            free = gap > 0
            near, far = np.where(free, middle, near), np.where(free, far, middle)
            inner, outer = np.where(free, gap, inner), np.where(free, outer, gap)
        share = np.where((inner > 0) & (outer < 0), inner / np.maximum(inner - outer, 1e-9), 0.5)
        distance = np.full(len(directions), np.nan, np.float32)
        distance[found] = near + share * (far - near)
        return distance

    def _march(self, start: Array, directions: Array, knobs: bool) -> tuple[Array, Array]:
        """Return the last distance in the lumen and the first beyond the surface (NaN: never), both (R,)."""
        count = len(directions)
        near, far = np.zeros(count, np.float32), np.full(count, np.nan, np.float32)
        active = np.arange(count)
        least, columns = self._least
        at, rays, step = np.zeros(count, np.float32), directions, np.zeros(count, np.float32)
        for _ in range(_STEPS):
            points = start + at[:, None] * rays
            sight = self._sight(points)
            gap = self._gap(points, sight, knobs)[0]
            crossed = gap <= 0
            far[active[crossed]] = at[crossed]
            near[active[crossed]] = (at - step)[crossed]
            keep = np.flatnonzero(~(crossed | (points[:, 2] >= self._wall.length_mm) | (points[:, 2] <= 0)))
            cell = (sight.row[keep] * np.float32(1 / _CELL)).astype(np.intp) * columns
            cell += (sight.column[keep] * np.float32(1 / _CELL)).astype(np.intp)
            free = np.clip(least[np.minimum(cell, len(least) - 1)] - sight.rho[keep], 0, _REACH_MM)
            free = np.minimum(free * self._steepness, gap[keep])
            active, at, rays = active[keep], at[keep], rays[keep]
            step = np.maximum(free, np.float32(0.7) + np.float32(0.02) * at)
            at = at + step
            if not len(active) or at.min() > FAR_MM:
                break
        return near, far

    def _describe(self, start: Array, directions: Array, distance: Array) -> Hits:
        """Gather what is at the ends of rays; entries of lost rays mean nothing."""
        points = start + np.nan_to_num(distance)[:, None] * directions
        sight = self._sight(points)
        gap, wall, nearest = self._gap(points, sight)
        normal = self._normals(sight)
        label = self._wall.label[
            (sight.row + 0.5).astype(np.intp), (sight.column + 0.5).astype(np.intp) % self._angles
        ].copy()
        for number, knob in enumerate(self._wall.knobs):
            hit = nearest == number
            label[hit] = knob.label
            blended = np.flatnonzero(_bounded(knob, points)[1] & (np.abs(gap - wall) > 1e-3))
            normal[blended] = self._numeric(points[blended])
        label[~np.isfinite(distance)] = 0
        return Hits(distance, sight.row, sight.column, normal, label, nearest)

    def _normals(self, sight: _Sight) -> Array:
        """Gradient of radius − ρ, unit length, (P, 3)."""
        rise = self.interpolate(self._rise, sight.row, sight.column)
        rho = np.maximum(sight.rho, np.float32(1e-3))
        radial = sight.across / rho[:, None]
        round_ = np.stack([-radial[:, 1], radial[:, 0]], axis=1)
        flat = round_ * (rise[:, 1] / rho)[:, None] - radial
        slope = self._slope[sight.row.astype(np.intp)]
        along = rise[:, 0] - np.einsum("pi,pi->p", flat, slope)
        normal = np.concatenate([flat, along[:, None]], axis=1)
        unit: Array = normal / np.sqrt(np.einsum("pi,pi->p", normal, normal))[:, None]
        return unit

    def _numeric(self, points: Array) -> Array:
        """Gradient of the blended surface by differences, unit length, (P, 3)."""
        parts = []
        for axis in range(3):
            shift = np.zeros(3, np.float32)
            shift[axis] = 0.15
            ends = [points + shift, points - shift]
            low_high = [self._gap(end, self._sight(end))[0] for end in ends]
            parts.append(low_high[0] - low_high[1])
        normal = np.stack(parts, axis=1)
        unit: Array = normal / np.maximum(np.sqrt(np.einsum("pi,pi->p", normal, normal)), 1e-9)[:, None]
        return unit


def _bounded(knob: Knob, points: Array) -> tuple[Array, NDArray[np.bool_]]:
    """Return a distance never longer than the true one, and which points may touch the solid or its fillet."""
    centre, foot = np.asarray(knob.centre_mm, np.float32), np.asarray(knob.foot_mm, np.float32)
    reach = float(np.linalg.norm(centre - foot)) / 2 + max(knob.radii_mm) * (1 + knob.lobes)
    off = points - (centre + foot) / 2
    outside = np.sqrt(np.einsum("pi,pi->p", off, off)) - np.float32(reach)
    return outside, outside < 3 * _BLEND_MM


def _passes(knob: Knob, start: Array, directions: Array) -> NDArray[np.bool_]:
    """Say which rays (R, 3) come so close to the solid that they may touch it or its fillet."""
    centre, foot = np.asarray(knob.centre_mm, np.float32), np.asarray(knob.foot_mm, np.float32)
    reach = float(np.linalg.norm(centre - foot)) / 2 + max(knob.radii_mm) * (1 + knob.lobes) + 3 * _BLEND_MM
    to_middle = (centre + foot) / 2 - start
    ahead = directions @ to_middle
    return (float(to_middle @ to_middle) - ahead * np.abs(ahead)) < reach * reach
