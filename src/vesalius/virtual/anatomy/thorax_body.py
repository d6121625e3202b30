"""The thorax as an anatomy that bends with the radiograph's chest."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from vesalius.virtual.anatomy import thorax_heart, thorax_organs, thorax_wall
from vesalius.virtual.anatomy.beads import Beads
from vesalius.virtual.anatomy.parts import Anatomy, Part
from vesalius.virtual.anatomy.solids import Point, Solid
from vesalius.virtual.body import SIDES, Body, Side
from vesalius.virtual.findings.base import LOBES
from vesalius.virtual.radiograph.camera import Camera
from vesalius.virtual.radiograph.chest import Chest
from vesalius.virtual.radiograph.lungs import HILUM, air_tree, vessel_tree
from vesalius.virtual.radiograph.vessels import Branches, grow, sample
from vesalius.virtual.seeds import stream

__all__ = ["Thorax", "thorax_of"]

_STEP_MM = 0.7
"""Distance of the beads of fine vessels."""
_TWIG_MM = 0.55
"""Radius of the finest vessels."""
_TWIGS = 1024
"""Ends of the finest vessels of a lung, a power of 2."""
_FINEST_MM = 0.9
"""Bronchi narrower than this radius do not show."""


@dataclass(frozen=True)
class Thorax(Anatomy):
    """A thorax with the chest of the radiograph that it was made from: both show one heart, one diaphragm, one lung.

    It has no smooth warp: what varies between people is in the chest's own parameters, so that places and measures
    of the radiograph hold for the volume.
    """

    chest: Chest = field(kw_only=True)
    camera: Camera = field(kw_only=True)
    """Of the patient's upright PA film, whose cardiothoracic ratio the heart is made to."""
    seed: int = field(kw_only=True)
    patient: str = field(kw_only=True)
    replaced: tuple[tuple[str, Solid], ...] = field(default=(), kw_only=True)
    """Structures that were given another shape."""

    def bent(self, chest: Chest) -> Thorax:
        """Return the thorax of another chest; shapes given to structures, and lesions, are kept."""
        if chest is self.chest:
            return self
        made = replace(self, chest=chest, parts=_parts(chest, self.seed, self.patient), replaced=())
        for structure, solid in self.replaced:
            made = made.changed(structure, solid)
        return replace(made, parts=(*made.parts, *(part for part in self.parts if part.concept)))

    def changed(self, structure: str, solid: Solid) -> Thorax:
        """Return the thorax with another shape of a structure."""
        made = super().changed(structure, solid)
        assert isinstance(made, Thorax)
        return replace(made, replaced=(*self.replaced, (structure, solid)))

    @cached_property
    def lobes(self) -> Mapping[str, Solid]:
        """Lobes as they are, without what takes room of them."""
        return {lobe: thorax_organs.lobe_solid(self.chest, lobe) for lobe in LOBES}

    def solid(self, structure: str) -> Solid:
        """Return the solid of a normal structure; a lobe without mediastinum and diaphragm."""
        return self.lobes[structure] if structure in self.lobes else super().solid(structure)

    def lung_place(self, side: Side, shares: Point, margin_mm: float = 0.0) -> Point:
        """Return the place of a lung by shares (see `Chest.lung_point`), moved outwards until it lies in the lung.

        The mediastinum may reach where the shares point to; 24 steps of 4 mm to the side are tried.
        """
        lobes = [self.lobes[lobe] for lobe in thorax_organs.lobes_of(side)]
        x, y, z = (float(value) for value in self.chest.lung_point(side, *shares))
        sign = 1 if side == "left" else -1
        tries = np.array([(x + sign * 4 * step, y, z) for step in range(25)], np.float32)
        depth = -np.min([lobe.distance(*tries.T) for lobe in lobes], axis=0)
        inside = np.flatnonzero(depth >= margin_mm)
        best = tries[inside[0] if len(inside) else int(depth.argmax())]
        return (float(best[0]), float(best[1]), float(best[2]))


def thorax_of(body: Body, chest: Chest, camera: Camera, *, seed: int, patient: str) -> Thorax:
    """Return the thorax of a chest."""
    parts = _parts(chest, seed, patient)
    return Thorax("thorax", body, parts, chest=chest, camera=camera, seed=seed, patient=patient)


def _parts(chest: Chest, seed: int, patient: str) -> tuple[Part, ...]:
    """All normal structures in order of painting."""
    vessels, bronchi = {}, {}
    for side in SIDES:
        points, radii, _ = vessel_tree(chest, side, stream(seed, patient, "vessels", side), _STEP_MM)
        fine, thin = _twigs(chest, side, stream(seed, patient, "twigs", side))
        vessels[side] = (np.concatenate([points, fine]), np.concatenate([np.maximum(radii, _TWIG_MM), thin]))
        points, radii, _ = air_tree(chest, side, stream(seed, patient, "bronchi", side), _STEP_MM)
        beside = np.array([-4.0 if side == "left" else 4.0, 6.0, 2.0])
        bronchi[side] = Beads(points + beside, 0.75 * radii).kept(0.75 * radii > _FINEST_MM)
    return (
        *thorax_wall.soft_parts(chest), *thorax_wall.bone_parts(chest), *thorax_organs.lung_parts(chest),
        *thorax_organs.mediastinum_parts(chest), *thorax_organs.upper_abdomen_parts(chest),
        *thorax_heart.heart_parts(chest), *thorax_wall.back_parts(chest), *thorax_wall.spine_parts(chest),
        *thorax_heart.lung_vessel_parts(vessels), *thorax_heart.vessel_parts(chest),
        *thorax_heart.gullet_parts(chest), *thorax_organs.airway_parts(chest, bronchi),
    )  # fmt: skip


def _twigs(
    chest: Chest, side: Side, rng: np.random.Generator
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:  # fmt: skip
    """Beads of the vessels that are too fine for a film: points (N, 3) and radii (N,)."""
    solid = thorax_organs.lung_solid(chest, side)
    low, high = solid.bounds
    low[2], high[2] = chest.dome_top(side) - 70, 275 * chest.body.stature
    points = rng.uniform(low, high, (4 * _TWIGS, 3))
    x, y, z = points.astype(np.float32).T
    chosen = np.flatnonzero(solid.distance(x, y, z) < -2.0)
    ends = points[np.resize(chosen, _TWIGS)]
    root = np.array([HILUM[side]]) * chest.scale
    branches = grow(rng, root, ends[None], radius_mm=_TWIG_MM * _TWIGS ** (1 / 2.6))
    fine = branches.order >= 5
    kept = Branches(
        branches.start[fine], branches.middle[fine], branches.stop[fine], branches.radius[fine], branches.order[fine]
    )
    places, radii, _, _ = sample(kept, _STEP_MM)
    return places, np.minimum(radii, 1.4)
