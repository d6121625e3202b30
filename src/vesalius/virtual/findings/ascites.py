"""Free fluid in the peritoneal cavity: it fills the recesses round liver and spleen, the gutters and the pelvis."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import ClassVar, Self

import numpy as np

from vesalius.virtual.anatomy.abdomen_lesions import AbdomenDisease
from vesalius.virtual.anatomy.parts import Anatomy, Grid, Part, sample
from vesalius.virtual.anatomy.solids import Bounds, Cut, Ellipsoid, HalfSpace, Inset, Solid, Tube, Union
from vesalius.virtual.anatomy.tissues import tissues
from vesalius.virtual.course import Course
from vesalius.virtual.findings.base import Case, lognormal, severity_of

__all__ = ["FINDING", "Ascites"]

_STEP_MM = 6.0
_ROOM = ("visceral fat", "peritoneal fat")


@dataclass(frozen=True, kw_only=True)
class Ascites(AbdomenDisease):
    """Fluid of a volume; the layer is as thick as that takes."""

    concept: ClassVar[str] = "ascites"
    code: ClassVar[str] = "409615008"
    course: ClassVar[Course] = Course(clearing_days=(15, 60))

    volume_ml: float

    @classmethod
    def draw(cls, rng: np.random.Generator, case: Case) -> tuple[Self, ...]:
        volume = lognormal(rng, 700, 0.8, 120, 4000)
        return (cls(volume_ml=volume, anatomy="peritoneal cavity", severity=cls.grade(volume)),)

    @staticmethod
    def grade(volume_ml: float) -> str:
        """Return the word for a volume: pouches only, gutters too, or bowel afloat."""
        return severity_of(volume_ml, (400, 1500), ("small", "moderate", "large"))

    @property
    def attributes(self) -> Mapping[str, str]:
        return {"distribution": "free"}

    @property
    def visibility(self) -> float:
        return 2.5 + self.volume_ml / 70

    def scaled(self, factor: float) -> Self:
        volume = float(np.clip(self.volume_ml * factor**3, 20, 6000))
        return replace(self, volume_ml=volume, severity=self.grade(volume))

    def parts(self, anatomy: Anatomy, rng: np.random.Generator) -> tuple[Part, ...]:
        spaces = _spaces(anatomy)
        fluid = Inset(spaces, -_thickness(anatomy, spaces, self.volume_ml))
        return (Part(structure="visceral fat", solid=fluid, tissue="ascites", within=_ROOM, concept=self.concept,
                     component="fluid"),)  # fmt: skip


def _spaces(anatomy: Anatomy) -> Solid:
    """Where fluid gathers first, without what lies behind the peritoneum."""
    body = anatomy.body

    def at(x: float, y: float, z: float) -> tuple[float, float, float]:
        return (x * body.width, y * body.depth, z * body.stature)

    pelvis = Ellipsoid(at(0, 0, -258), (40, 26, 22))
    gutters = [
        Tube((at(s * 112, 24, 10), at(s * 118, 10, -60), at(s * 112, 5, -130), at(s * 60, 0, -205)), (3, 5, 5, 4))
        for s in (1, -1)
    ]
    morison = Ellipsoid(at(-78, 34, -40), (22, 16, 26))
    around = Union((anatomy.solid("liver"), anatomy.solid("spleen"), pelvis, morison, *gutters))
    behind = Ellipsoid(at(0, 42, -60), (82, 44, 150))
    return Cut(around, (behind, HalfSpace(at(0, 70, 0), (0.0, -1.0, 0.0))))


def _thickness(anatomy: Anatomy, spaces: Solid, volume_ml: float) -> float:
    """Thickness of the layer that holds the volume in what is fat now, counted on a coarse grid."""
    bounds = anatomy.solid("visceral fat").bounds
    low, high = np.maximum(bounds.low, -330), np.minimum(bounds.high, 130)
    shape = np.ceil((high - low) / _STEP_MM).astype(int)
    grid = Grid.around(Bounds(low, high), (int(shape[2]), int(shape[1]), int(shape[0])))
    flat = dict.fromkeys(tissues(), ((0.0,), (0.0,)))
    found = sample(anatomy, grid, flat)
    room = np.logical_or.reduce([found.mask(name) for name in _ROOM if name in found.structures])
    x, y, z = grid.axes
    lines = found.places or (x[None, None, :], y[None, :, None], z[:, None, None])
    distance = np.broadcast_to(spaces.distance(*lines), grid.shape)[room]
    order = np.sort(distance)
    count = min(len(order) - 1, int(volume_ml / grid.voxel_ml))
    return float(np.clip(order[count], -2.0, 60.0))


FINDING = Ascites
