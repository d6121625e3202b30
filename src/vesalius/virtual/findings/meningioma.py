"""Meningioma: an even mass on the dura, with a tail along it and a cleft of CSF towards the brain."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Self

import numpy as np

from vesalius.virtual.anatomy.head_lesions import CEREBRUM, Crescent, wall_point
from vesalius.virtual.anatomy.head_shape import INNER_SKULL
from vesalius.virtual.anatomy.head_skull import CAVITY
from vesalius.virtual.anatomy.parts import Part
from vesalius.virtual.anatomy.solids import Ellipsoid, Inset, Intersection, Point, Solid
from vesalius.virtual.brain import Lump, size_in
from vesalius.virtual.course import Course
from vesalius.virtual.findings.base import Case, choose, lognormal

if TYPE_CHECKING:
    from vesalius.virtual.anatomy.parts import Anatomy

__all__ = ["FINDING", "Meningioma"]

_SITES = {"convexity": 0.55, "falx": 0.22, "sphenoid wing": 0.23}
_WITHIN = (*CEREBRUM, "subarachnoid space", "falx cerebri", "dura mater", "left middle cerebral artery",
           "right middle cerebral artery", "left anterior cerebral artery", "right anterior cerebral artery",
           "superior sagittal sinus")  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Meningioma(Lump):
    """One tumour."""

    concept: ClassVar[str] = "meningioma"
    code: ClassVar[str] = "108369006"
    course: ClassVar[Course] = Course(doubling_days=(900, 3000))
    waves: ClassVar[tuple[float, float]] = (0.0, 0.09)
    contrast: ClassVar[float] = 4.5

    outwards: Point
    """Unit vector to the dura that it grows from."""
    calcified: bool
    oedema_mm: float
    """0 where there is none."""

    @classmethod
    def draw(cls, rng: np.random.Generator, case: Case) -> tuple[Self, ...]:
        site, diameter = choose(rng, _SITES), lognormal(rng, 27, 0.4, 10, 62)
        sign = 1.0 if rng.random() < 0.5 else -1.0
        outwards, centre = _place(rng, site, sign, diameter)
        fields = {**cls.lump_fields(rng, centre, diameter), "direction": _across(outwards),
                  "laterality": "left" if sign > 0 else "right"}  # fmt: skip
        return (
            cls(**fields, anatomy=site, outwards=outwards, calcified=bool(rng.random() < 0.2),
                oedema_mm=float(rng.uniform(5, 16)) if rng.random() < 0.4 else 0.0),
        )  # fmt: skip

    @property
    def attributes(self) -> Mapping[str, str]:
        return {"margin": self.margin, "enhancement": "homogeneously enhancing",
                "calcification": "calcified" if self.calcified else "not calcified"}  # fmt: skip

    def reshape(self, anatomy: Anatomy) -> Anatomy:
        return self.pushed(anatomy, 0.7 * self.ellipsoid_ml)

    def parts(self, anatomy: Anatomy, rng: np.random.Generator) -> tuple[Part, ...]:
        shape = size_in(anatomy)
        body = self.body(shape)
        found = []
        if self.oedema_mm:
            wide = self.body(shape, share=1 + 2 * self.oedema_mm / self.diameter_mm, uneven=3.0)
            found.append(self.part(wide, "brain_oedema", "oedema", ("cerebral white matter",), soft=1.5))
        cleft = Intersection((CAVITY, Inset(body, -1.2)))
        found.append(Part(structure="subarachnoid space", solid=cleft, tissue="csf", within=_WITHIN, fixed=True))
        if self.anatomy == "convexity":
            tail = Crescent(self.outwards, 1.8, (0.9 * self.diameter_mm, 0.9 * self.diameter_mm))
            found.append(self.part(tail, "meningioma", "tail", _WITHIN))
        found.append(self.part(Intersection((CAVITY, body)), "meningioma", "tumour", _WITHIN))
        if self.calcified:
            found.append(self.part(self._grains(shape.size), "calcification", "calcification", _WITHIN, opacity=0.7))
        return tuple(found)

    def _grains(self, size: float) -> Solid:
        return Ellipsoid(self.centre, (0.16 * self.diameter_mm / size,) * 3)


def _place(rng: np.random.Generator, site: str, sign: float, diameter: float) -> tuple[Point, Point]:
    """Draw the direction to the dura and the centre, which lies half sunk into it."""
    sink = 0.36 * diameter
    if site == "falx":
        y, z = float(rng.uniform(-45, 70)), float(rng.uniform(42, 58))
        return (-sign, 0.0, 0.0), (sign * (sink + 1), y, z)
    if site == "sphenoid wing":
        place = np.array([sign * rng.uniform(28, 40), rng.uniform(-30, -18), rng.uniform(-16, -8)])
        return (float(sign * 0.7), -0.7, 0.0), (float(place[0]), float(place[1]), float(place[2]))
    way = np.array([sign * rng.uniform(0.45, 1.0), rng.uniform(-0.8, 0.8), rng.uniform(-0.05, 0.75)])
    way /= np.linalg.norm(way)
    outwards = (float(way[0]), float(way[1]), float(way[2]))
    wall = np.asarray(wall_point(outwards))
    normal = (wall - np.asarray(INNER_SKULL.centre)) / np.asarray(INNER_SKULL.axes) ** 2
    x, y, z = (float(value) for value in wall - sink * normal / np.linalg.norm(normal))
    return outwards, (x, y, z)


def _across(outwards: Point) -> Point:
    """Unit vector along the dura: its longest axis lies on its base."""
    x, y, z = np.cross(outwards, (0.3, 0.2, 0.93))
    return (float(x), float(y), float(z))


FINDING = Meningioma
