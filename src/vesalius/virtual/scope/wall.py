"""The wall of a hollow organ as tables over the length and round the axis, and solids that stand on it.

A point of the organ has a station z (mm along the axis), an angle φ and a distance ρ from the axis
``(x, y) = bend(z)``. The wall is ρ = radius(z, φ). Fold, rugae, plaques and craters are in the radius; a polyp with
a neck is a solid of its own.

N stations, A angles, P points.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from vesalius.virtual.scope.camera import Array

__all__ = ["STEP_MM", "Bend", "Knob", "Patch", "Wall", "draw_bend"]

STEP_MM = 0.4
"""Distance of stations."""


class Bend(NamedTuple):
    """Axis of the organ: a sum of sines in x and y."""

    amplitude_mm: tuple[float, ...]
    wavelength_mm: tuple[float, ...]
    phase: tuple[float, ...]

    def at(self, z: NDArray[np.floating]) -> NDArray[np.float64]:
        """Return (x, y) of the axis, (…, 2)."""
        place = np.zeros((*np.shape(z), 2))
        for number, (size, length, phase) in enumerate(zip(*self, strict=True)):
            place[..., number % 2] += size * np.sin(2 * np.pi * np.asarray(z, float) / length + phase)
        return place


def draw_bend(rng: np.random.Generator, amplitude_mm: float) -> Bend:
    """Draw an axis that winds by about `amplitude_mm`."""
    size = tuple(float(value) for value in amplitude_mm * rng.uniform(0.5, 1.0, 4) * (1, 1, 0.25, 0.25))
    length = tuple(float(value) for value in rng.uniform((210, 210, 90, 90), (320, 320, 130, 130)))
    return Bend(size, length, tuple(float(value) for value in rng.uniform(0, 2 * np.pi, 4)))


class Knob(NamedTuple):
    """A solid on the wall: an ellipsoid, with a neck down to the wall where it has one."""

    centre_mm: tuple[float, float, float]
    radii_mm: tuple[float, float, float]
    """Along the normal, along the organ and across."""
    normal: tuple[float, float, float]
    along: tuple[float, float, float]
    neck_mm: float
    """Radius of the neck; 0 where there is none."""
    foot_mm: tuple[float, float, float]
    """Where the neck meets the wall."""
    lobes: float
    """Height of the bumps of its surface as a share of its radius."""
    label: int
    """Number of its lesion, from 1."""
    colours: Array
    """Linear light of the ground, the pits and the top, (3, 3)."""
    pit_mm: float
    """Distance of its pits."""

    def distance(self, points: Array) -> Array:
        """Return a distance to the surface that is never longer than the true one, negative inside; (P,)."""
        local = self.local(points)
        unit = local / np.asarray(self.radii_mm, np.float32)
        norm = np.sqrt(np.einsum("pi,pi->p", unit, unit))
        direction = unit / np.maximum(norm, 1e-6)[:, None]
        bumps = 1 + np.float32(self.lobes) * _bumps(direction)
        gap: Array = (norm - bumps) * np.float32(min(self.radii_mm) * 0.85)
        if not self.neck_mm:
            return gap
        foot = np.asarray(self.foot_mm, np.float32)
        stem = np.asarray(self.centre_mm, np.float32) - foot
        share = np.clip((points - foot) @ stem / np.float32(stem @ stem), 0, 1)
        off = points - foot - share[:, None] * stem
        stalk: Array = np.sqrt(np.einsum("pi,pi->p", off, off)) - np.float32(self.neck_mm)
        return np.minimum(gap, stalk)

    def local(self, points: Array) -> Array:
        """Return places (P, 3) along the normal, along the organ and across, from its centre."""
        normal, along = np.asarray(self.normal, np.float32), np.asarray(self.along, np.float32)
        axes = np.stack([normal, along, np.cross(normal, along)], axis=1).astype(np.float32)
        places: Array = (points - np.asarray(self.centre_mm, np.float32)) @ axes
        return places


def _bumps(direction: Array) -> Array:
    """Rounded lobes on the unit sphere, -1 to 1."""
    x, y, z = direction.T
    lobes: Array = np.sin(4.1 * x + 1.3) * np.sin(3.7 * y - 0.6) * np.cos(3.3 * z + 0.4)
    return lobes


class Patch(NamedTuple):
    """A window of the tables about a place: indices and distances from it."""

    where: tuple[NDArray[np.intp], NDArray[np.intp]]
    """Index of the window in the tables, broadcastable."""
    along: Array
    """mm along the organ, (n, 1)."""
    across: Array
    """mm round the wall, (1, a)."""

    @property
    def off(self) -> Array:
        """Distance from the place, (n, a)."""
        return np.hypot(self.along, self.across)


@dataclass(eq=False)
class Wall:
    """Tables of the wall while it is built; lesions change them."""

    bend: Bend
    radius: Array
    """mm, (N, A)."""
    albedo: Array
    """Linear light, (N, A, 3)."""
    label: NDArray[np.uint8]
    """Number of the lesion from 1, 0 for healthy wall, (N, A)."""
    wet: Array
    """Height of the bumps of the moist surface, SD 1, (N, A)."""
    knobs: list[Knob] = field(default_factory=list)

    @property
    def length_mm(self) -> float:
        """Length of the organ that is modelled."""
        return float((self.radius.shape[0] - 1) * STEP_MM)

    def patch(self, z: float, angle: float, reach_mm: float) -> Patch:
        """Return the window within `reach_mm` of a place of the wall."""
        stations, angles = self.radius.shape
        calibre = self.calibre(z, angle)
        rows = np.arange(max(0, int((z - reach_mm) / STEP_MM)), min(stations, int((z + reach_mm) / STEP_MM) + 2))
        turn = min(np.pi, reach_mm / calibre)
        middle, half = angle / (2 * np.pi) * angles, int(turn / (2 * np.pi) * angles) + 1
        columns = np.arange(int(middle) - half, int(middle) - half + min(2 * half + 1, angles))
        along = (rows * STEP_MM - z).astype(np.float32)[:, None]
        across = ((columns - middle) * (2 * np.pi / angles) * calibre).astype(np.float32)[None, :]
        return Patch((rows[:, None], columns[None, :] % angles), along, across)

    def calibre(self, z: float, angle: float) -> float:
        """Radius at a place of the wall without the folds near it: the 80th percentile of 20 mm along the organ."""
        stations, angles = self.radius.shape
        row = int(np.clip(z / STEP_MM, 0, stations - 1))
        near = self.radius[max(0, row - 25) : row + 26, int(angle / (2 * np.pi) * angles) % angles]
        return float(np.percentile(near.astype(float), 80))

    def place(self, z: float, angle: float) -> NDArray[np.float64]:
        """Return the point of the wall, (3,)."""
        angles = self.radius.shape[1]
        radius = self.radius[int(z / STEP_MM + 0.5), int(angle / (2 * np.pi) * angles + 0.5) % angles]
        x, y = self.bend.at(np.array(z))
        return np.array([x + radius * np.cos(angle), y + radius * np.sin(angle), z])

    def frame(self, z: float, angle: float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return the unit normal into the lumen and the unit direction along the organ, without folds."""
        slope = (self.bend.at(np.array(z + 1.0)) - self.bend.at(np.array(z - 1.0))) / 2
        along = np.array([*slope, 1.0]) / np.linalg.norm([*slope, 1.0])
        inward = np.array([-np.cos(angle), -np.sin(angle), 0.0])
        inward -= along * (inward @ along)
        return inward / np.linalg.norm(inward), along
