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
_FINE_MM = 0.5
"""Step beside a fold; it grows with the distance as a pixel does."""
_BLEND_MM = 1.2
"""Width of the fillet between a solid and the wall."""
_STEPS = 110
_AXIS_MM = 0.05
"""Distance of the places at which the axis is tabled: a slope of 1 moves it by half of that."""
_BISECTIONS = 3


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


class _Span(NamedTuple):
    """The last place of rays in the lumen and the first beyond the surface, and the function there; each (R,)."""

    near: Array
    far: Array
    """NaN where a ray is lost."""
    inner: Array
    outer: Array


class _Sight(NamedTuple):
    """Points seen from the axis of the organ."""

    across: Array
    """From the axis, (P, 2)."""
    rho: Array
    row: Array
    column: Array


class _Envelope:
    """Least radius within reach of every place: how far a ray may go without meeting the wall."""

    def __init__(self, radius: Array, *, cell: int, reach_mm: float) -> None:
        rows, columns = radius.shape[0] // cell, radius.shape[1] // cell
        blocks = radius[: rows * cell, : columns * cell].reshape(rows, cell, columns, cell)
        low = blocks.min(axis=(1, 3))
        # An angle's width in mm is least near the axis; nearer than the least radius no ray is held up.
        nearest = max(float(low[low > 1].min()) if (low > 1).any() else 1.0, 4.0)
        around = int(reach_mm / nearest / (2 * np.pi) * columns) + 2
        for shift in _doubling(around):
            low = np.minimum(low, np.minimum(np.roll(low, shift, axis=1), np.roll(low, -shift, axis=1)))
        for shift in _doubling(int(reach_mm / STEP_MM / cell) + 2):
            tall = low.copy()
            tall[shift:] = np.minimum(tall[shift:], low[:-shift])
            tall[:-shift] = np.minimum(tall[:-shift], low[shift:])
            low = tall
        self._rows, self._columns = rows, columns
        self._table = low.ravel()
        self._cell, self._reach = np.float32(1 / cell), np.float32(reach_mm)

    def free(self, row: Array, column: Array, rho: Array) -> Array:
        """Return a length (P,) within which no wall is, from places in fractional indices and mm off the axis."""
        at = np.minimum((row * self._cell).astype(np.intp), self._rows - 1) * self._columns
        at += np.minimum((column * self._cell).astype(np.intp), self._columns - 1)
        clear: Array = np.clip(self._table[at] - rho, 0, self._reach)
        return clear

    def least_at(self, z: float) -> float:
        """Return the least radius within reach of a station in mm."""
        row = int(np.clip(z / STEP_MM * self._cell, 0, self._rows - 1))
        return float(self._table.reshape(self._rows, self._columns)[row].min())


def _doubling(reach: int) -> list[int]:
    """Return shifts whose sums reach every number up to `reach`, each at most one more than the sum before it."""
    shifts, total = [], 0
    while total < reach:
        step = min(total + 1, reach - total)
        shifts.append(step)
        total += step
    return shifts


class Tracer:
    """A finished wall, ready to be looked at."""

    def __init__(self, wall: Wall) -> None:
        self._wall = wall
        self._stations, self._angles = wall.radius.shape
        z = np.arange(0, wall.length_mm + _AXIS_MM, _AXIS_MM)
        self._axis = wall.bend.at(z).astype(np.float32)
        self._slope = np.gradient(wall.bend.at(np.arange(self._stations) * STEP_MM), STEP_MM, axis=0).astype(
            np.float32
        )
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
    def _wide(self) -> _Envelope:
        return _Envelope(self._wall.radius, cell=5, reach_mm=6.0)

    @cached_property
    def _close(self) -> _Envelope:
        return _Envelope(self._wall.radius, cell=3, reach_mm=2.0)

    def calibre(self, z: float) -> float:
        """Least radius within reach of a station."""
        return self._wide.least_at(z)

    def _sight(self, points: Array) -> _Sight:
        row = np.clip(points[:, 2] * np.float32(1 / STEP_MM), 0, self._stations - 1.001)
        near = (points[:, 2] * np.float32(1 / _AXIS_MM) + np.float32(0.5)).astype(np.intp)
        across = points[:, :2] - self._axis.take(near, axis=0, mode="clip")
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
        top = table.take(at, axis=0, mode="clip")
        top += (table.take(at + 1, axis=0, mode="clip") - top) * right
        at += width
        bottom = table.take(at, axis=0, mode="clip")
        bottom += (table.take(at + 1, axis=0, mode="clip") - bottom) * right
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

    def glance(self, origin: NDArray[np.floating], directions: Array) -> Array:
        """Return how far rays (R, 3) go at least before they meet the wall, solids left out, (R,)."""
        zero = np.zeros(len(directions), np.float32)
        span = self._march(np.asarray(origin, np.float32), directions, zero, False)
        return np.where(np.isfinite(span.far), span.near, np.float32(FAR_MM)).astype(np.float32)

    def trace(self, origin: NDArray[np.floating], directions: Array, known: Array | None = None) -> Hits:
        """Follow rays of unit length from one point to the surface.

        Args:
            origin: (3,), in the lumen.
            directions: (R, 3).
            known: how far each ray is known not to meet the wall, (R,).
        """
        start = np.asarray(origin, np.float32)
        free = np.zeros(len(directions), np.float32) if known is None else known
        distance = np.full(len(directions), np.nan, np.float32)
        towards = np.zeros(len(directions), bool)
        for knob in self._wall.knobs:
            towards |= _passes(knob, start, directions)
        if not towards.all():
            distance[~towards] = self._reach(start, directions[~towards], free[~towards], False)
        if towards.any():
            distance[towards] = self._reach(start, directions[towards], 0 * free[towards], True)
        return self._describe(start, directions, distance)

    def _reach(self, start: Array, directions: Array, free: Array, knobs: bool) -> Array:
        """Return the length of rays to the surface, NaN where they are lost, (R,)."""
        span = self._march(start, directions, free, knobs)
        found = np.flatnonzero(np.isfinite(span.far))
        near, far, inner, outer = (part[found] for part in span)
        rays = directions[found]
        for _ in range(_BISECTIONS):
            middle = ((near + far) / 2).astype(np.float32)
            points = (start + middle[:, None] * rays).astype(np.float32)
            gap = self._gap(points, self._sight(points), knobs)[0]
            inside = gap > 0
            near, far = np.where(inside, middle, near), np.where(inside, far, middle)
            inner, outer = np.where(inside, gap, inner), np.where(inside, outer, gap)
        share = inner / np.maximum(inner - outer, np.float32(1e-9))
        distance = np.full(len(directions), np.nan, np.float32)
        distance[found] = near + share * (far - near)
        return distance

    def _march(self, start: Array, directions: Array, free: Array, knobs: bool) -> _Span:
        """Step along rays until they are beyond the surface.

        Rays begin where they are known to be `free`, (R,).
        """
        count = len(directions)
        span = _Span(*np.zeros((4, count), np.float32))
        span.far[:] = np.nan
        last = np.ones(count, np.float32)
        active = np.arange(count)
        at, rays, step = free, directions, free
        for _ in range(_STEPS):
            points = start + at[:, None] * rays
            sight = self._sight(points)
            gap = self._gap(points, sight, knobs)[0]
            crossed = gap <= 0
            ended = active[crossed]
            span.near[ended], span.far[ended] = (at - step)[crossed], at[crossed]
            span.inner[ended], span.outer[ended] = last[crossed], gap[crossed]
            keep = np.flatnonzero(~(crossed | (points[:, 2] >= self._wall.length_mm) | (points[:, 2] <= 0)))
            places = sight.row[keep], sight.column[keep], sight.rho[keep]
            clear = np.maximum(self._wide.free(*places), self._close.free(*places))
            clear = np.minimum(clear * self._steepness, gap[keep])
            active, at, rays, last = active[keep], at[keep], rays[keep], gap[keep]
            step = np.maximum(clear, np.float32(_FINE_MM) + np.float32(0.006) * at)
            at = at + step
            if not len(active) or at.min() > FAR_MM:
                break
        return span

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
        unit: Array = normal / np.maximum(np.sqrt(np.einsum("pi,pi->p", normal, normal)), 1e-9)[:, None]
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
