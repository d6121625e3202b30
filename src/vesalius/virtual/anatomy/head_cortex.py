"""Folded surfaces: the cerebrum with its fissures and sulci, the cerebellum with its folia.

A sulcus is a thin sheet that reaches from the surface into the depth. All sheets are zero sets of smooth functions;
the distance to a sheet is the function over its mean slope. What lies within half a sulcus' width of a sheet is
outside.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from vesalius.virtual.anatomy.head_shape import INNER_SKULL
from vesalius.virtual.anatomy.solids import Array, Bounds, Solid, waves

__all__ = ["Cerebellum", "Cerebrum", "hull_depth"]

_TEMPORAL = ((41.0, 5.0, -17.0), (20.0, 41.0, 19.0))
_CALLOSUM = ((6.0, 1.0), (42.0, 28.0))
"""Centre (y, z) and half axes of the ellipse below which the hemispheres are one."""
_FLOOR_MM = -14.5
_GYRUS_MM = 22.0
"""Wavelength of the folds: two gyri."""


def _level(x: Array, y: Array, z: Array, centre: tuple[float, ...], axes: tuple[float, ...]) -> Array:
    """Root of the sum of squares of the shares of the half axes: 1 on the ellipsoid."""
    total: Array = np.zeros(1, np.float32)
    for part, middle, axis in zip((x, y, z), centre, axes, strict=True):
        total = total + ((part - np.float32(middle)) * np.float32(1 / axis)) ** 2
    found: Array = np.sqrt(total)
    return found


@dataclass(frozen=True)
class Cerebrum(Solid):
    """Both hemispheres with what joins them, inside the pia."""

    gap_mm: float
    sulcus_mm: float
    seed: int

    @property
    def bounds(self) -> Bounds:
        low, high = INNER_SKULL.bounds.grown(-self.gap_mm)
        return Bounds(np.array([low[0], low[1], -37.0]), high)

    def distance(self, x: Array, y: Array, z: Array) -> Array:
        aside = np.abs(x)
        level = _level(x, y, z, INNER_SKULL.centre, tuple(axis - self.gap_mm for axis in INNER_SKULL.axes))
        hull = self._hull(aside, y, z, level)
        middle = self._middle(aside, y, z)
        depth = np.minimum(-hull, middle)
        half = np.float32(self.sulcus_mm / 2)
        found = np.maximum(hull, np.float32(0.3) + half / 2 - middle)
        found = np.maximum(found, self._sylvian(aside, y, z))
        folded: Array = np.maximum(found, half - self._sulci(x, y, z, level, depth))
        return folded

    def _hull(self, aside: Array, y: Array, z: Array, level: Array) -> Array:
        """Signed distance to the smooth surface."""
        skull = (level - 1) * np.float32(60)
        floor = np.float32(_FLOOR_MM) - z
        corner = np.maximum(1 - np.abs(skull - floor) * np.float32(1 / 8), 0)
        vault = np.maximum(skull, floor) + corner * corner * np.float32(2)
        temporal = (_level(aside, y, z, *_TEMPORAL) - 1) * np.float32(22)
        found: Array = np.minimum(vault, np.maximum(temporal, skull))
        return found

    def _middle(self, aside: Array, y: Array, z: Array) -> Array:
        """Distance to the sheet between the hemispheres, which ends above the corpus callosum."""
        (middle_y, middle_z), (half_y, half_z) = _CALLOSUM
        level = _level(np.zeros(1, np.float32), y, z, (0, middle_y, middle_z), (1, half_y, half_z))
        below = np.maximum(1 - level, 0) * np.float32(half_z)
        found: Array = np.sqrt(aside * aside + below * below)
        return found

    def _sylvian(self, aside: Array, y: Array, z: Array) -> Array:
        """Signed distance to the fissure above the temporal lobe and to the cistern over the insula."""
        bend = waves(aside, y, z, wavelength_mm=34, seed=self.seed + 2, count=3)
        rise = z - (np.float32(-9) + np.float32(0.32) * (y + 20)) + np.float32(4) * bend
        length = np.maximum(np.abs(y - 10) - np.float32(32), 0)
        width = np.float32(0.45 + 0.45 * self.sulcus_mm)
        sheet = np.sqrt(rise * rise + np.maximum(np.float32(35) - aside, 0) ** 2 + length * length)
        over = np.maximum(np.abs(rise) - np.float32(9), 0)
        insula = np.sqrt(
            (aside - np.float32(38.5) - np.float32(2.5) * bend) ** 2 + over * over + np.maximum(length - 2, 0) ** 2
        )
        found: Array = width - np.minimum(sheet, insula + np.float32(0.3))
        return found

    def _sulci(self, x: Array, y: Array, z: Array, level: Array, depth: Array) -> Array:
        """Distance to the nearest sulcal sheet; the sheets stand on the surface, and end in the depth."""
        out = np.maximum(level, np.float32(0.25)) ** np.float32(-0.7)
        u, v, w = ((part - np.float32(c)) * out for part, c in zip((x, y, z), INNER_SKULL.centre, strict=True))
        shape = waves(u, v, w, wavelength_mm=_GYRUS_MM, seed=self.seed)
        reach = waves(u, v, w, wavelength_mm=2.2 * _GYRUS_MM, seed=self.seed + 1, count=4)
        # The mean slope of the waves at their zeros is 0.92 · 0.5 · 2π / wavelength.
        beside = shape * np.float32(_GYRUS_MM / (0.92 * np.pi))
        beyond = np.maximum(depth - (np.float32(12) + np.float32(8) * reach), 0)
        found: Array = np.sqrt(beside * beside + beyond * beyond)
        return found


def hull_depth(x: Array, y: Array, z: Array) -> Array:
    """Depth of places below the smooth surface of a middle-aged cerebrum, mm; negative outside."""
    brain = Cerebrum(2.5, 1.0, 0)
    axes = tuple(axis - brain.gap_mm for axis in INNER_SKULL.axes)
    found: Array = -brain._hull(np.abs(x), y, z, _level(x, y, z, INNER_SKULL.centre, axes))
    return found


@dataclass(frozen=True)
class Cerebellum(Solid):
    """Both hemispheres and the vermis."""

    fissure_mm: float
    seed: int
    gap_mm: float = 0.0
    """By how much its surface lies inside that of the reference."""

    @property
    def bounds(self) -> Bounds:
        return Bounds(np.array([-52.0, 30.0, -59.0]), np.array([52.0, 93.0, -6.0]))

    def distance(self, x: Array, y: Array, z: Array) -> Array:
        axes = tuple(axis - self.gap_mm for axis in (51.0, 29.5, 25.0))
        hull = (_level(x, y, z, (0, 62, -33), axes) - 1) * np.float32(30)
        tent = z + np.float32(9) + np.float32(0.1) * np.abs(x)
        vallecula = np.float32(2.5) - np.sqrt(x * x + np.maximum(np.float32(82) - y, 0) ** 2)
        hull = np.maximum(np.maximum(hull, tent), vallecula)
        radius = np.sqrt((x * np.float32(0.35)) ** 2 + (y - 36) ** 2 + (z + 27) ** 2)
        bent = radius + np.float32(1.5) * waves(x, y, z, wavelength_mm=30, seed=self.seed, count=4)
        pitch = 5.0
        beside = np.sin(bent * np.float32(np.pi / pitch)) * np.float32(pitch / np.pi)
        reach = waves(x, y, z, wavelength_mm=24, seed=self.seed + 1, count=4)
        beyond = np.maximum(-hull - (np.float32(7) + np.float32(4) * reach), 0)
        sheet = np.sqrt(beside * beside + beyond * beyond)
        found: Array = np.maximum(hull, np.float32(self.fissure_mm / 2) - sheet)
        return found
