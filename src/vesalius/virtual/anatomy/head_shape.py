"""What varies between heads: size, age, ventricles, folds, and how the head lies in the scanner.

All solids of the head are written for one mean head in its frame (origin at the anterior commissure, LPS, mm). A
person's size is part of the warp that finds places of the picture in that head.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from vesalius.virtual.anatomy.parts import Warp
from vesalius.virtual.anatomy.solids import Array, Bounds, Ellipsoid, Point, Solid, Tube
from vesalius.virtual.body import Body, draw_clipped
from vesalius.virtual.seeds import stream

__all__ = ["INNER_SKULL", "PIVOT", "HeadPose", "HeadShape", "Knot", "ball", "draw_head", "mirrored", "tube"]

PIVOT: Point = (0.0, 15.0, 0.0)
"""What a head turns about in the scanner."""
INNER_SKULL = Ellipsoid((0.0, 15.0, 17.0), (65.0, 85.0, 63.0))
"""Cranial cavity of the mean head, without the posterior fossa."""
Knot = tuple[float, float, float, float]
"""x, y, z and radius."""


@dataclass(frozen=True, kw_only=True)
class HeadShape:
    """One head before any disease, or after one that changes shapes; mm of the mean head."""

    scale: tuple[float, float, float]
    """Size against the mean head from side to side, front to back and foot to head."""
    gap_mm: float
    """Width of the space between brain and dura over the convexity."""
    sulcus_mm: float
    """Width of the sulci."""
    cortex_mm: float
    fold_seed: int
    """Of the pattern of gyri."""
    ventricle_ml: float
    """Both lateral ventricles of the mean head, about: radii follow its root."""
    horn: tuple[float, float]
    """Radius factors of the right and left lateral ventricle; their asymmetry."""
    third_mm: float
    """Width of the third ventricle."""
    hippocampus: tuple[float, float]
    """Linear factor of the right and left hippocampus."""
    pituitary_mm: float
    """Height of the gland."""
    cavum: bool
    """True where the septum pellucidum holds a cavity."""
    pineal_calcified: bool
    tilt_deg: tuple[float, float, float]
    """How the head lies: turn about the x, y and z axis."""
    artery: float = 1.0
    """Radius factor of the arteries."""
    artery_seed: int = 0
    """Of the bends of the arteries."""

    @property
    def size(self) -> float:
        """Linear size against the mean head."""
        return float(np.prod(self.scale) ** (1 / 3))

    @property
    def volume(self) -> float:
        """Volume against the mean head."""
        return float(np.prod(self.scale))

    @property
    def ventricle_radius(self) -> float:
        """Factor of the radii of the lateral ventricles against those of 20 ml."""
        return float((self.ventricle_ml / 20) ** 0.5)


def draw_head(seed: int, patient: str, body: Body) -> HeadShape:
    """Draw the head of a healthy body. Age widens sulci, gap and ventricles; women's heads are 0.963 as long."""
    rng = stream(seed, patient, "head")
    age = body.age_years
    common = 1.02 * (0.963 if body.sex == "F" else 1.0) * (1 + draw_clipped(rng, 0, 0.026))
    own = [common * (1 + draw_clipped(rng, 0, 0.012)) for _ in range(3)]
    loss = max(0.0, age - 30) / 45
    ventricles = (20 + 18 * loss) * float(np.exp(draw_clipped(rng, 0, 0.26)))
    asymmetry = draw_clipped(rng, 0, 0.14 if rng.random() < 0.08 else 0.03)
    hippocampus = [(1 - 0.035 * loss) * (1 + draw_clipped(rng, 0, 0.02)) for _ in range(2)]
    return HeadShape(
        scale=(own[0], own[1], own[2]),
        gap_mm=1.9 + 1.1 * loss * float(np.exp(draw_clipped(rng, 0, 0.2))),
        sulcus_mm=0.85 + 0.5 * loss * float(np.exp(draw_clipped(rng, 0, 0.2))),
        cortex_mm=2.5 - 0.15 * loss, fold_seed=int(rng.integers(2**31)), ventricle_ml=ventricles,
        horn=(1 + asymmetry, 1 - asymmetry), third_mm=4 + 3 * loss + draw_clipped(rng, 0, 0.8),
        hippocampus=(hippocampus[0], hippocampus[1]),
        pituitary_mm=draw_clipped(rng, 5.2 if body.sex == "F" else 4.8, 0.7), cavum=bool(rng.random() < 0.1),
        pineal_calcified=bool(rng.random() < 0.65),
        tilt_deg=(draw_clipped(rng, 0, 3.5), draw_clipped(rng, 0, 2.5), draw_clipped(rng, 0, 3.0)),
        artery=draw_clipped(rng, 1.0, 0.08), artery_seed=int(rng.integers(2**31)),
    )  # fmt: skip


@dataclass(frozen=True)
class HeadPose(Warp):
    """The way from the picture into the mean head: turned, brought to size, and bent a little."""

    scale: tuple[float, float, float] = (1.0, 1.0, 1.0)
    tilt_deg: tuple[float, float, float] = (0.0, 0.0, 0.0)

    @cached_property
    def rotation(self) -> NDArray[np.float64]:
        """From directions of the picture to those of the head."""
        found = np.eye(3)
        for axis, angle in enumerate(np.radians(self.tilt_deg)):
            turn, (i, j) = np.eye(3), ((1, 2), (2, 0), (0, 1))[axis]
            turn[i, i] = turn[j, j] = np.cos(angle)
            turn[i, j], turn[j, i] = -np.sin(angle), np.sin(angle)
            found = turn @ found
        return found

    @property
    def _shift(self) -> NDArray[np.float64]:
        """What is added after turning, so that the pivot stays."""
        pivot = np.asarray(PIVOT)
        shift: NDArray[np.float64] = pivot - self.rotation @ pivot
        return shift

    @cached_property
    def waves(self) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
        height, way, phase = super().waves
        return height, way @ self.rotation, phase + way @ self._shift

    def seen(self, bounds: Bounds) -> Bounds:
        low, high = bounds.grown(self.reach_mm)
        corners = np.stack(np.meshgrid(*zip(low, high, strict=True), indexing="ij"), axis=-1).reshape(-1, 3)
        places = (corners * np.asarray(self.scale) - self._shift) @ self.rotation
        return Bounds(places.min(axis=0), places.max(axis=0))

    def place(self, point: Point) -> NDArray[np.float64]:
        """Return the place in the mean head of a point of the picture."""
        turned = self.rotation @ np.asarray(point) + self._shift
        found: NDArray[np.float64] = turned / np.asarray(self.scale) + self.at(point)
        return found

    def coordinates(self, x: Array, y: Array, z: Array) -> tuple[Array, Array, Array]:
        bent = super().coordinates(x, y, z)
        turn = ((self.rotation - np.diag(self.scale)) / np.asarray(self.scale)[:, None]).astype(np.float32)
        shift = (self._shift / np.asarray(self.scale)).astype(np.float32)
        found = []
        for axis, line in enumerate(bent):
            flat = (turn[axis, 0] * x)[None, :] + (turn[axis, 1] * y + shift[axis])[:, None]
            line += flat[None]
            line += (turn[axis, 2] * z)[:, None, None]
            found.append(line)
        return found[0], found[1], found[2]


def ball(centre: Point, axes: Point, direction: Point = (1.0, 0.0, 0.0)) -> Ellipsoid:
    """Short for an ellipsoid."""
    return Ellipsoid(centre, axes, direction)


def tube(*knots: Knot, steps: int = 4) -> Tube:
    """Return the tube through knots."""
    return Tube(tuple(knot[:3] for knot in knots), tuple(knot[3] for knot in knots), steps)


def mirrored(solid: Solid) -> Solid:
    """Return an ellipsoid or tube of the left on the right."""
    if isinstance(solid, Ellipsoid):
        x, y, z = solid.direction
        return Ellipsoid((-solid.centre[0], *solid.centre[1:]), solid.axes, (-x, y, z), solid.exponent)
    if isinstance(solid, Tube):
        return Tube(tuple((-x, y, z) for x, y, z in solid.points), solid.radii, solid.steps)
    raise TypeError(f"cannot mirror a {type(solid).__name__}")
