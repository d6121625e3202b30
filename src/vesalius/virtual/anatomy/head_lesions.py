"""Shapes of lesions of the head: lumps, wedges of a vessel, crescents and lenses under the skull; and their places.

Coordinates are those of the mean head; sizes are the patient's true mm and are divided by the head's size here.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from vesalius.errors import ConfigError, did_you_mean
from vesalius.virtual.anatomy.head import LOBES, lobe_numbers
from vesalius.virtual.anatomy.head_cortex import hull_depth
from vesalius.virtual.anatomy.head_shape import INNER_SKULL
from vesalius.virtual.anatomy.head_skull import CAVITY
from vesalius.virtual.anatomy.pushes import Swelling
from vesalius.virtual.anatomy.solids import Array, Bounds, Ellipsoid, Lumpy, Point, Solid, rotation_to, waves

__all__ = [
    "CEREBRUM", "MASS", "POSTERIOR_FOSSA", "Crescent", "Sector", "draw_place", "lump", "radius_of", "swelling",
    "volume_ml", "wall_point",
]  # fmt: skip

CEREBRUM = (
    "cerebral cortex", "cerebral white matter", "corpus callosum", "left internal capsule", "right internal capsule",
    "left putamen", "right putamen", "left globus pallidus", "right globus pallidus", "left caudate nucleus",
    "right caudate nucleus", "left thalamus", "right thalamus", "left amygdala", "right amygdala", "left hippocampus",
    "right hippocampus", "septum pellucidum",
)  # fmt: skip
"""Structures that a lesion of the cerebrum takes room of."""
MASS = (
    *CEREBRUM, "left lateral ventricle", "right lateral ventricle", "third ventricle", "left choroid plexus",
    "right choroid plexus", "subarachnoid space", "falx cerebri",
)  # fmt: skip
"""Structures that a mass of the cerebrum takes room of: it fills what it has pushed away."""
POSTERIOR_FOSSA = (
    "cerebellar cortex", "cerebellar white matter", "left middle cerebellar peduncle",
    "right middle cerebellar peduncle", "pons", "midbrain", "medulla oblongata",
)  # fmt: skip
_FOSSA = Ellipsoid((0.0, 58.0, -30.0), (55.0, 33.0, 29.0))


@dataclass(frozen=True)
class Sector(Solid):
    """Cone from a deep point outwards with an uneven edge: the field of a vessel."""

    apex: Point
    outwards: Point
    half_angle_deg: float
    seed: int
    reach_mm: float = 110.0

    @property
    def bounds(self) -> Bounds:
        grown = np.asarray(self.apex), np.full(3, self.reach_mm)
        return Bounds(grown[0] - grown[1], grown[0] + grown[1])

    def distance(self, x: Array, y: Array, z: Array) -> Array:
        way = np.asarray(self.outwards, float) / np.linalg.norm(self.outwards)
        offset = [part - np.float32(c) for part, c in zip((x, y, z), self.apex, strict=True)]
        along = sum(part * np.float32(w) for part, w in zip(offset, way, strict=True))
        square = offset[0] ** 2 + offset[1] ** 2 + offset[2] ** 2
        beside = np.sqrt(np.maximum(square - along * along, 0))
        angle = np.radians(self.half_angle_deg)
        edge = beside * np.float32(np.cos(angle)) - along * np.float32(np.sin(angle))
        found: Array = edge + np.float32(3.0) * waves(x, y, z, wavelength_mm=20, seed=self.seed, count=5)
        return found


@dataclass(frozen=True)
class Crescent(Solid):
    """Layer between the skull and the brain, thickest in its middle, which does not cross the mid-line."""

    outwards: Point
    """Unit vector from the middle of the cranial cavity to the middle of the layer."""
    thickness_mm: float
    width_mm: tuple[float, float]
    """Half its extent from front to back and from foot to head, along chords."""

    @property
    def bounds(self) -> Bounds:
        low, high = INNER_SKULL.bounds
        cut = 0 if self.outwards[0] < 0 else 1
        ends = np.array([low, high])
        ends[1 - cut, 0] = 0.0
        return Bounds(ends[0], ends[1]).grown(2.0)

    def distance(self, x: Array, y: Array, z: Array) -> Array:
        depth = -CAVITY.distance(x, y, z)
        offset = [part - np.float32(c) for part, c in zip((x, y, z), INNER_SKULL.centre, strict=True)]
        rows = rotation_to(self.outwards).astype(np.float32)
        out, along, up = (offset[0] * row[0] + offset[1] * row[1] + offset[2] * row[2] for row in rows)
        share = np.sqrt((along / np.float32(self.width_mm[0])) ** 2 + (up / np.float32(self.width_mm[1])) ** 2)
        local = np.float32(self.thickness_mm) * np.cos(np.float32(np.pi / 2) * np.minimum(share, 1)) ** 2
        side = np.float32(3.0) - x * np.float32(np.sign(self.outwards[0]))
        found: Array = np.maximum(np.maximum(depth - local, -depth), np.maximum(side, -out))
        return found


def radius_of(volume_ml: float) -> float:
    """Radius in mm of a ball of a volume."""
    return float((3000 * volume_ml / (4 * np.pi)) ** (1 / 3))


def swelling(centre: Point, volume_ml: float) -> Swelling:
    """Return the push of a volume that was added at a place; below the tentorium it stays there."""
    below = centre[2] < -15 and centre[1] > 30
    return Swelling(centre, radius_of(volume_ml), _FOSSA if below else INNER_SKULL)


def lump(centre: Point, radius_mm: float, *, ratio: float, direction: Point, uneven: float, seed: int) -> Solid:
    """Return an ellipsoid with an uneven surface.

    Args:
        centre: in the mean head.
        radius_mm: of the first axis, in mm of the mean head.
        ratio: of the other two axes to the first; the third is the mean of both.
        direction: of the first axis.
        uneven: height of the waves against the radius, 0 to 0.2.
        seed: of the waves.
    """
    solid = Ellipsoid(centre, (radius_mm, radius_mm * ratio, radius_mm * (1 + ratio) / 2), direction)
    if uneven <= 0:
        return solid
    return Lumpy(solid, uneven * radius_mm, 1.1 * radius_mm, seed=seed, octaves=2)


def volume_ml(solid: Solid, *, step_mm: float = 1.0, inside: Solid | None = None) -> float:
    """Volume of a solid of the mean head, or of its share inside another, counted on cells of `step_mm`."""
    low, high = solid.bounds
    x, y, z = (
        np.arange(a - step_mm, b + 2 * step_mm, step_mm, dtype=np.float32) for a, b in zip(low, high, strict=True)
    )
    axes = x[None, None, :], y[None, :, None], z[:, None, None]
    filled = solid.distance(*axes) < 0
    if inside is not None:
        filled = filled & (inside.distance(*axes) < 0)
    return float(np.broadcast_to(filled, (len(z), len(y), len(x))).sum() * step_mm**3 / 1000)


@cache
def _cells() -> tuple[NDArray[np.float32], NDArray[np.uint8], NDArray[np.float32]]:
    """Places (N, 3) on a lattice of 2 mm in the cerebrum, their lobes and their depths."""
    x, y, z = (np.arange(a, b, 2.0, dtype=np.float32) for a, b in ((-66, 66), (-72, 102), (-38, 82)))
    grid = np.stack(np.meshgrid(x, y, z, indexing="ij"), axis=-1).reshape(-1, 3)
    depth = hull_depth(grid[:, 0], grid[:, 1], grid[:, 2])
    grid, depth = grid[depth > 0], depth[depth > 0]
    return grid, lobe_numbers(grid[:, 0], grid[:, 1], grid[:, 2]), depth


def draw_place(
    rng: np.random.Generator,
    lobes: Iterable[str],
    *,
    depth_mm: tuple[float, float] = (0.0, 60.0),
    aside_mm: float = 8.0,
) -> Point:
    """Draw a place in lobes, uniform in volume, within a range of depths and not nearer to the mid-line than asked.

    Raises:
        ConfigError: a lobe is not known.
    """
    chosen = []
    for name in lobes:
        if name not in LOBES:
            raise ConfigError(f"unknown lobe {name!r}{did_you_mean(name, LOBES)}")
        chosen.append(LOBES.index(name) + 1)
    grid, number, depth = _cells()
    fits = np.isin(number, chosen) & (depth >= depth_mm[0]) & (depth <= depth_mm[1]) & (abs(grid[:, 0]) >= aside_mm)
    places = grid[fits]
    picked = places[int(rng.random() * len(places))] + rng.uniform(-1, 1, 3)
    return (float(picked[0]), float(picked[1]), float(picked[2]))


def wall_point(outwards: Point) -> Point:
    """Place of the inner skull in a direction from the middle of the cranial cavity."""
    way = np.asarray(outwards, float)
    share = 1 / np.sqrt(((way / np.asarray(INNER_SKULL.axes)) ** 2).sum())
    x, y, z = np.asarray(INNER_SKULL.centre) + share * way
    return (float(x), float(y), float(z))
