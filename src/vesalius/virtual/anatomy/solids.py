"""Implicit solids: signed distances to surfaces, in mm, negative inside.

Distances are exact at the surface and right in sign everywhere; further away they may be too small, never too large
by more than a factor of the solid's aspect. That is what partial volume at a surface needs. Coordinates are the
frame's (LPS, mm) and may be any arrays that broadcast against each other.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from math import gamma, prod
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from vesalius.virtual.seeds import stream

__all__ = [
    "Array", "Block", "Bounds", "Cut", "Ellipsoid", "HalfSpace", "Hollow", "Inset", "Intersection", "Lumpy", "Solid",
    "Tube", "Union", "rotation_to", "waves",
]  # fmt: skip

Array = NDArray[np.float32]
Point = tuple[float, float, float]
_FAR = np.float32(1e4)


class Bounds(NamedTuple):
    """Corners of a box that holds a solid, (x, y, z) mm."""

    low: NDArray[np.float64]
    high: NDArray[np.float64]

    def grown(self, margin: float) -> Bounds:
        """Move every face outwards."""
        return Bounds(self.low - margin, self.high + margin)


class Solid(ABC):
    """A body in space."""

    @property
    @abstractmethod
    def bounds(self) -> Bounds:
        """Box that holds it."""

    @abstractmethod
    def distance(self, x: Array, y: Array, z: Array) -> Array:
        """Signed distance to the surface of points, mm, of the broadcast shape; float32."""

    def pieces(self) -> tuple[Solid, ...]:
        """Return solids whose union it is, each with a small box of its own, so that long thin bodies cost little."""
        return (self,)

    def contains(self, point: Sequence[float] | NDArray[np.float64]) -> bool:
        """Say whether a point (x, y, z) lies inside."""
        return bool(self.distance(*(np.array([value], np.float32) for value in point))[0] < 0)


def rotation_to(direction: Sequence[float]) -> NDArray[np.float64]:
    """Rows are the axes of a frame whose first axis points along `direction`, the third as near to +z as it can."""
    first = np.asarray(direction, float) / np.linalg.norm(direction)
    helper = np.array([0.0, 0.0, 1.0]) if abs(first[2]) < 0.99 else np.array([0.0, 1.0, 0.0])
    third = helper - helper @ first * first
    third /= np.linalg.norm(third)
    return np.stack([first, np.cross(third, first), third])


@dataclass(frozen=True)
class Ellipsoid(Solid):
    """Ellipsoid, or superellipsoid where the exponent is not 2; fuller above 2."""

    centre: Point
    axes: Point
    """Semi-axes, mm."""
    direction: Point = (1.0, 0.0, 0.0)
    """Of the first semi-axis; see `rotation_to`."""
    exponent: float = 2.0

    @cached_property
    def rotation(self) -> NDArray[np.float64]:
        """Rows are the directions of the semi-axes."""
        return rotation_to(self.direction)

    @property
    def bounds(self) -> Bounds:
        grow = 1.0 if self.exponent == 2 else 3 ** (0.5 - 1 / self.exponent)
        reach = np.sqrt(((self.rotation.T * np.asarray(self.axes)) ** 2).sum(axis=1)) * grow
        centre = np.asarray(self.centre)
        return Bounds(centre - reach, centre + reach)

    def distance(self, x: Array, y: Array, z: Array) -> Array:
        offset = [part - np.float32(c) for part, c in zip((x, y, z), self.centre, strict=True)]
        power = np.float32(self.exponent)
        total: Array = np.zeros(1, np.float32)
        slope: Array = np.zeros(1, np.float32)
        for row, axis in zip(self.rotation.astype(np.float32), self.axes, strict=True):
            along = _combined(offset, row) * np.float32(1 / axis)
            if self.exponent == 2:
                square = along * along
                total = total + square
                slope = slope + (along * np.float32(1 / axis)) ** 2
            else:
                raised = np.abs(along) ** (power - 1)
                total = total + raised * np.abs(along)
                slope = slope + (raised * np.float32(1 / axis)) ** 2
        if self.exponent == 2:
            level = np.sqrt(total)
            gradient = np.sqrt(slope) / np.maximum(level, np.float32(1e-4))
        else:
            level = total ** np.float32(1 / self.exponent)
            gradient = np.sqrt(slope) * np.maximum(level, np.float32(1e-4)) ** (1 - power)
        found = (level - 1) / np.maximum(gradient, np.float32(1 / max(self.axes)))
        return found.astype(np.float32, copy=False)

    @property
    def volume_ml(self) -> float:
        """Volume of the ellipsoid of exponent 2, or of the superellipsoid by its closed form."""
        n = self.exponent
        return 8 * prod(self.axes) * gamma(1 + 1 / n) ** 3 / gamma(1 + 3 / n) / 1000


def _combined(offset: Sequence[Array], row: NDArray[np.float32]) -> Array:
    """Scalar product with a row, leaving out what is multiplied by 0."""
    used = [part * weight if weight != 1 else part for part, weight in zip(offset, row, strict=True) if weight]
    return sum(used[1:], start=used[0])


@dataclass(frozen=True)
class Block(Solid):
    """Box with rounded edges."""

    centre: Point
    half: Point
    direction: Point = (1.0, 0.0, 0.0)
    rounding_mm: float = 1.0

    @cached_property
    def rotation(self) -> NDArray[np.float64]:
        """Rows are the directions of the edges."""
        return rotation_to(self.direction)

    @property
    def bounds(self) -> Bounds:
        centre, reach = np.asarray(self.centre), np.abs(self.rotation.T) @ np.asarray(self.half)
        return Bounds(centre - reach, centre + reach)

    def distance(self, x: Array, y: Array, z: Array) -> Array:
        offset = [part - np.float32(c) for part, c in zip((x, y, z), self.centre, strict=True)]
        rounding = min(self.rounding_mm, *self.half)
        outside: Array = np.zeros(1, np.float32)
        inside: Array = np.full(1, -_FAR)
        for row, half in zip(self.rotation.astype(np.float32), self.half, strict=True):
            beyond = np.abs(_combined(offset, row)) - np.float32(half - rounding)
            outside = outside + np.maximum(beyond, 0) ** 2
            inside = np.maximum(inside, beyond)
        found: Array = np.sqrt(outside) + np.minimum(inside, 0) - np.float32(rounding)
        return found


@dataclass(frozen=True)
class Tube(Solid):
    """Tube of changing radius along a smooth line through points (Catmull-Rom), round at its ends."""

    points: tuple[Point, ...]
    radii: tuple[float, ...]
    """At the points, mm."""
    steps: int = 4
    """Straight pieces between two points."""

    @cached_property
    def samples(self) -> NDArray[np.float64]:
        """x, y, z and radius along the line, (N, 4)."""
        knots = np.column_stack([np.asarray(self.points, float), np.asarray(self.radii, float)])
        if len(knots) == 1:
            return np.repeat(knots, 2, axis=0)
        padded = np.vstack([2 * knots[0] - knots[1], knots, 2 * knots[-1] - knots[-2]])
        t = np.linspace(0, 1, self.steps, endpoint=False)[:, None]
        parts = [_spline(padded[i : i + 4], t) for i in range(len(knots) - 1)]
        line = np.vstack([*parts, knots[-1:]])
        line[:, 3] = np.maximum(line[:, 3], 0.2 * min(self.radii))
        return line

    @property
    def bounds(self) -> Bounds:
        line, radius = self.samples[:, :3], self.samples[:, 3:]
        return Bounds((line - radius).min(axis=0), (line + radius).max(axis=0))

    def pieces(self) -> tuple[Solid, ...]:
        return tuple(_Cone(a, b) for a, b in zip(self.samples[:-1], self.samples[1:], strict=True))

    def distance(self, x: Array, y: Array, z: Array) -> Array:
        parts = self.pieces()
        found = parts[0].distance(x, y, z)
        for part in parts[1:]:
            found = np.minimum(found, part.distance(x, y, z))
        return found

    def place(self, share: float) -> Point:
        """Return the point at a share of the way, 0 to 1."""
        step = np.linalg.norm(np.diff(self.samples[:, :3], axis=0), axis=1)
        way = np.concatenate([[0], np.cumsum(step)])
        x, y, z = (float(np.interp(share * way[-1], way, self.samples[:, axis])) for axis in range(3))
        return (x, y, z)


def _spline(knots: NDArray[np.float64], t: NDArray[np.float64]) -> NDArray[np.float64]:
    a, b, c, d = knots
    curve: NDArray[np.float64] = 0.5 * (
        2 * b + (c - a) * t + (2 * a - 5 * b + 4 * c - d) * t**2 + (3 * b - a - 3 * c + d) * t**3
    )
    return curve


@dataclass(frozen=True, eq=False)
class _Cone(Solid):
    """Straight piece of a tube between two samples (x, y, z, radius)."""

    start: NDArray[np.float64]
    end: NDArray[np.float64]

    @property
    def bounds(self) -> Bounds:
        ends = np.stack([self.start, self.end])
        line, radius = ends[:, :3], ends[:, 3:]
        return Bounds((line - radius).min(axis=0), (line + radius).max(axis=0))

    def distance(self, x: Array, y: Array, z: Array) -> Array:
        offset = [part - np.float32(c) for part, c in zip((x, y, z), self.start[:3], strict=True)]
        way = (self.end - self.start)[:3]
        square = float(way @ way)
        if square < 1e-9:
            share: Array | np.float32 = np.float32(0)
        else:
            share = np.clip(_combined(offset, (way / square).astype(np.float32)), 0, 1)
        total: Array = np.zeros(1, np.float32)
        for part, step in zip(offset, way.astype(np.float32), strict=True):
            total = total + (part - share * step) ** 2
        found: Array = np.sqrt(total) - (np.float32(self.start[3]) + share * np.float32(self.end[3] - self.start[3]))
        return found


@dataclass(frozen=True)
class HalfSpace(Solid):
    """All points behind a plane: those against the normal."""

    point: Point
    normal: Point

    @property
    def bounds(self) -> Bounds:
        return Bounds(np.full(3, -float(_FAR)), np.full(3, float(_FAR)))

    def distance(self, x: Array, y: Array, z: Array) -> Array:
        normal = np.asarray(self.normal, float) / np.linalg.norm(self.normal)
        offset = [part - np.float32(c) for part, c in zip((x, y, z), self.point, strict=True)]
        return _combined(offset, normal.astype(np.float32))


@dataclass(frozen=True)
class Union(Solid):
    """All points of several solids; with a radius their seams are filled smoothly."""

    solids: tuple[Solid, ...]
    radius_mm: float = 0.0

    @property
    def bounds(self) -> Bounds:
        parts = [solid.bounds for solid in self.solids]
        return Bounds(np.min([p.low for p in parts], axis=0), np.max([p.high for p in parts], axis=0))

    def pieces(self) -> tuple[Solid, ...]:
        return (self,) if self.radius_mm else tuple(piece for solid in self.solids for piece in solid.pieces())

    def distance(self, x: Array, y: Array, z: Array) -> Array:
        found = self.solids[0].distance(x, y, z)
        for solid in self.solids[1:]:
            other = solid.distance(x, y, z)
            nearer = np.minimum(found, other)
            if self.radius_mm:
                gap = np.maximum(1 - np.abs(found - other) * np.float32(1 / self.radius_mm), 0)
                nearer = nearer - gap * gap * np.float32(self.radius_mm / 4)
            found = nearer
        return found


@dataclass(frozen=True)
class Intersection(Solid):
    """The points that all solids share."""

    solids: tuple[Solid, ...]

    @property
    def bounds(self) -> Bounds:
        parts = [solid.bounds for solid in self.solids]
        return Bounds(np.max([p.low for p in parts], axis=0), np.min([p.high for p in parts], axis=0))

    def distance(self, x: Array, y: Array, z: Array) -> Array:
        found = self.solids[0].distance(x, y, z)
        for solid in self.solids[1:]:
            found = np.maximum(found, solid.distance(x, y, z))
        return found


@dataclass(frozen=True)
class Cut(Solid):
    """A solid without others."""

    solid: Solid
    without: tuple[Solid, ...]

    @property
    def bounds(self) -> Bounds:
        return self.solid.bounds

    def distance(self, x: Array, y: Array, z: Array) -> Array:
        found = self.solid.distance(x, y, z)
        for other in self.without:
            found = np.maximum(found, -other.distance(x, y, z))
        return found


@dataclass(frozen=True)
class Hollow(Solid):
    """The wall of a solid, inwards from its surface."""

    solid: Solid
    wall_mm: float

    @property
    def bounds(self) -> Bounds:
        return self.solid.bounds

    def distance(self, x: Array, y: Array, z: Array) -> Array:
        outer = self.solid.distance(x, y, z)
        found: Array = np.maximum(outer, -outer - np.float32(self.wall_mm))
        return found


@dataclass(frozen=True)
class Inset(Solid):
    """A solid whose surface lies deeper; a negative depth grows it."""

    solid: Solid
    depth_mm: float

    @property
    def bounds(self) -> Bounds:
        return self.solid.bounds.grown(max(0.0, -self.depth_mm))

    def pieces(self) -> tuple[Solid, ...]:
        parts = self.solid.pieces()
        return (self,) if len(parts) == 1 else tuple(Inset(part, self.depth_mm) for part in parts)

    def distance(self, x: Array, y: Array, z: Array) -> Array:
        found: Array = self.solid.distance(x, y, z) + np.float32(self.depth_mm)
        return found


@dataclass(frozen=True)
class Lumpy(Solid):
    """A solid whose surface waves in and out."""

    solid: Solid
    amplitude_mm: float
    wavelength_mm: float
    seed: int
    octaves: int = 1
    """Each adds waves of half the length and half the height."""

    @property
    def bounds(self) -> Bounds:
        return self.solid.bounds.grown(self.amplitude_mm * (2 - 0.5 ** (self.octaves - 1)))

    def distance(self, x: Array, y: Array, z: Array) -> Array:
        found = self.solid.distance(x, y, z)
        for octave in range(self.octaves):
            shape = waves(x, y, z, wavelength_mm=self.wavelength_mm / 2**octave, seed=self.seed + octave)
            found = found + np.float32(self.amplitude_mm / 2**octave) * shape
        return found


def waves(x: Array, y: Array, z: Array, *, wavelength_mm: float, seed: int, count: int = 7) -> Array:
    """Smooth noise of about one wavelength in space, mean 0, nearly always within -1 to 1."""
    rng = stream(seed, "waves", count)
    way = rng.standard_normal((count, 3))
    way /= np.linalg.norm(way, axis=1, keepdims=True)
    way *= 2 * np.pi / wavelength_mm * rng.uniform(0.7, 1.3, (count, 1))
    phase = rng.uniform(0, 2 * np.pi, count)
    total: Array = np.zeros(1, np.float32)
    for direction, start in zip(way.astype(np.float32), phase.astype(np.float32), strict=True):
        total = total + np.sin(direction[0] * x + (direction[1] * y + start) + direction[2] * z)
    found: Array = total * np.float32(1 / np.sqrt(2 * count))
    return found
