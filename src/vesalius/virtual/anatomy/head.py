"""The head: skull, brain, ventricles, vessels, orbits and face, built for a patient from solids.

Its frame is that of the mean head (origin at the anterior commissure, LPS, mm); the warp holds the person's size, the
way the head lies in the scanner, and a small deformation. See `head_shape`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from vesalius.virtual.anatomy.head_brain import brain_parts, dura_parts, vessel_parts
from vesalius.virtual.anatomy.head_shape import HeadPose, HeadShape, draw_head
from vesalius.virtual.anatomy.head_skull import face_parts, skull_parts
from vesalius.virtual.anatomy.parts import Anatomy, Part
from vesalius.virtual.anatomy.scores import tissue_scores
from vesalius.virtual.anatomy.solids import Array, Point

if TYPE_CHECKING:
    from vesalius.virtual.body import Body
    from vesalius.virtual.patient import Patient

__all__ = ["LOBES", "Head", "build_head", "head_of", "lobe_numbers", "lobe_of"]

LOBES = (
    "left frontal lobe", "left parietal lobe", "left temporal lobe", "left occipital lobe", "left insula",
    "right frontal lobe", "right parietal lobe", "right temporal lobe", "right occipital lobe", "right insula",
)  # fmt: skip
"""Cuts of the cerebrum; `lobe_numbers` counts them from 1."""
_WARP_MM = 1.5
_SEPTUM: tuple[Point, ...] = ((0.0, -20.0, 8.0), (0.0, -8.0, 14.0), (0.0, 4.0, 18.0))
"""Front, middle and back of the septum pellucidum."""


@dataclass(frozen=True)
class Head(Anatomy):
    """Anatomy that remembers the shape that it was built from."""

    shape: HeadShape | None = None

    def reshaped(self, **changes: Any) -> Head:
        """Return the head with other values of its shape; lesions and pushes stay."""
        assert self.shape is not None
        shape = replace(self.shape, **changes)
        lesions = tuple(part for part in self.parts if part.concept)
        return replace(self, shape=shape, parts=(*_parts(shape), *lesions))

    def displaced(self, point: Point) -> NDArray[np.float64]:
        """Return where in the mean head a point is found after all pushes: by fixed-point iteration."""
        target = np.asarray(point, float)
        found = target
        for _ in range(80):
            place = tuple(np.array([value], np.float32) for value in found)
            for push in reversed(self.pushes):
                place = push.moved(place[0], place[1], place[2])
            found = found - 0.7 * (np.array([float(value[0]) for value in place]) - target)
        return found

    @property
    def midline_shift_mm(self) -> float:
        """How far the septum pellucidum lies from the plane of the falx at its largest; positive to the left."""
        assert self.shape is not None
        places = [float(self.displaced(point)[0]) for point in _SEPTUM]
        return max(places, key=abs) * self.shape.scale[0]


def head_of(shape: HeadShape, body: Body, *, seed: int = 0, patient: str = "", bent: bool = True) -> Head:
    """Build the head of a shape."""
    warp = HeadPose(seed, patient, _WARP_MM if bent else 0.0, scale=shape.scale, tilt_deg=shape.tilt_deg)
    return Head("head", body, _parts(shape), warp, shape=shape)


def build_head(patient: Patient) -> Head:
    """Build the healthy head of a patient."""
    shape = draw_head(patient.seed, patient.id, patient.body)
    head = head_of(shape, patient.body, seed=patient.seed, patient=patient.id)
    return replace(head, scores=tissue_scores(patient))


def _parts(shape: HeadShape) -> tuple[Part, ...]:
    """All normal parts. Skull, face and dura stand still when a mass pushes the brain."""
    still = [replace(part, fixed=True) for part in (*skull_parts(), *face_parts(), *dura_parts(shape))]
    return (*still, *brain_parts(shape), *vessel_parts(shape))


def lobe_numbers(x: Array, y: Array, z: Array) -> NDArray[np.uint8]:
    """Number of the lobe in `LOBES` plus 1 of places in the cerebrum of the mean head, of the broadcast shape.

    Deep white matter, nuclei and the corpus callosum fall to the lobe around them, by the same cuts.
    """
    aside = np.abs(x)
    rise = z - (np.float32(-9) + np.float32(0.32) * (y + 20))
    temporal = (aside > 13) & (rise < 4) & (y < 66)
    occipital = (y - 63 + 0.25 * (z - 20)) > 0
    central = y - 11 - 0.25 * (z - 12)
    insula = (np.abs(rise) < 10) & (aside < 40.5) & (aside > 31) & (np.abs(y - 6) < 26)
    number = np.where(central < 0, 1, 2)
    number = np.where(occipital, 4, number)
    number = np.where(temporal & ~occipital, 3, number)
    number = np.where(insula, 5, number)
    found: NDArray[np.uint8] = (number + 5 * (x < 0)).astype(np.uint8)
    return found


def lobe_of(point: Point) -> str:
    """Name of the lobe of a place of the mean head."""
    x, y, z = (np.array([value], np.float32) for value in point)
    return LOBES[int(lobe_numbers(x, y, z)[0]) - 1]
