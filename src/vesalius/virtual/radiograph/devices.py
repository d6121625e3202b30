"""Tubes, lines and other devices on a radiograph: strands of radiopaque material along curves in the body.

N samples along a strand.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from vesalius.virtual.anatomy.parts import Anatomy, Part
from vesalius.virtual.anatomy.thorax_lesions import as_thorax
from vesalius.virtual.anatomy.thorax_marked import strand_parts
from vesalius.virtual.radiograph.canvas import Canvas
from vesalius.virtual.radiograph.chest import Chest
from vesalius.virtual.radiograph.disease import ChestDisease, Distance
from vesalius.virtual.radiograph.shapes import sweep
from vesalius.virtual.radiograph.skeleton import spline

__all__ = ["Device", "Strand", "cut", "length_to", "paint_strands"]

_STRIPE_MM = 0.7
"""Radius of the radiopaque stripe in a tube's wall."""
_STRIPE_DENSITY = 12.0
"""g/cm³ of compact bone that attenuates as the stripe does."""

_METAL_DENSITY = 9.0
"""Strands at or above this are wires."""


class Strand(NamedTuple):
    """One tube, wire or stripe."""

    knots: NDArray[np.float64]
    """Places of its axis, (n, 3), mm."""
    radius_mm: float
    density: float
    """g/cm³ of compact bone that attenuates as its material does."""
    wall_mm: float = 0.0
    """Thickness of a tube's wall; 0 for a solid strand."""
    stripe: bool = False
    """True with a radiopaque stripe."""
    holes: tuple[float, ...] = ()
    """Distances from the tip in mm where the stripe is interrupted by a side hole."""


@dataclass(frozen=True, kw_only=True)
class Device(ChestDisease):
    """Something put into the patient; its tip lies right or not."""

    @property
    @abstractmethod
    def position(self) -> str:
        """ "correct" or "malposed", by the place of its tip."""

    @property
    def attributes(self) -> Mapping[str, str]:
        return {"position": self.position}

    @property
    def visibility(self) -> float:
        return 9.0

    @abstractmethod
    def strands(self, chest: Chest) -> Sequence[Strand]:
        """Return what it is made of; the last knot of the first strand is its tip."""

    def distances(self, chest: Chest) -> Mapping[str, Distance]:
        """Return the distances that say whether it lies right."""
        del chest
        return {}

    def parts(self, anatomy: Anatomy, rng: np.random.Generator) -> tuple[Part, ...]:
        strands = self.strands(as_thorax(anatomy).chest)
        lines = [(strand.knots, strand.radius_mm, strand.wall_mm) for strand in strands]
        return strand_parts(self.concept, lines, metal=min(strand.density for strand in strands) >= _METAL_DENSITY)

    def paint(self, canvas: Canvas, rng: np.random.Generator, instance: int) -> None:
        mask = paint_strands(canvas, self.strands(canvas.chest))
        canvas.mark(self.concept, self.anatomy, mask, instance)


def paint_strands(canvas: Canvas, strands: Sequence[Strand]) -> NDArray[np.bool_]:
    """Add strands to the radiopaque material and return where they show, (H, W)."""
    camera = canvas.camera
    cover = np.zeros_like(canvas.soft)
    for strand in strands:
        curve = spline(strand.knots, max(0.4 * camera.spacing_mm, 0.3 * strand.radius_mm))
        step = np.linalg.norm(np.diff(curve, axis=0, append=curve[-1:]), axis=1)
        radius = np.full(len(curve), strand.radius_mm)
        core = (np.full(len(curve), strand.wall_mm), 1.0) if strand.wall_mm else None
        sweep(canvas.opaque, camera, curve, radius, 0.1 * strand.density * step, core=core)
        if strand.stripe:
            left = np.concatenate([np.cumsum(step[::-1])[::-1][1:], [0.0]])
            solid = np.ones(len(curve), bool)
            for hole in strand.holes:
                solid &= np.abs(left - hole) > 2.5
            wide = np.full(int(solid.sum()), _STRIPE_MM)
            sweep(canvas.opaque, camera, curve[solid], wide, 0.1 * _STRIPE_DENSITY * step[solid])
        sweep(cover, camera, curve, np.maximum(radius, camera.spacing_mm), np.maximum(step, 1e-3))
    mask: NDArray[np.bool_] = cover > 0
    return mask


def cut(knots: NDArray[np.float64], length_mm: float) -> NDArray[np.float64]:
    """Return the curve through `knots` (n, 3) up to `length_mm` from its start, as knots 8 mm apart, (m, 3)."""
    curve = spline(knots, 1.0)
    along = np.concatenate([[0.0], np.linalg.norm(np.diff(curve, axis=0), axis=1).cumsum()])
    stop = min(max(length_mm, 10.0), float(along[-1]))
    places = np.linspace(0.0, stop, max(3, int(stop / 8)))
    return np.stack([np.interp(places, along, curve[:, i]) for i in range(3)], axis=1)


def length_to(knots: NDArray[np.float64], height_mm: float) -> float:
    """Length of the curve through `knots` (n, 3) from its start to where it first falls below a height z, mm."""
    curve = spline(knots, 1.0)
    along = np.concatenate([[0.0], np.linalg.norm(np.diff(curve, axis=0), axis=1).cumsum()])
    return float(along[int(np.argmax(curve[:, 2] <= height_mm))])
