"""Hydronephrosis: a wide renal pelvis, then wide calyces and a thin cortex."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import ClassVar, Self

import numpy as np

from vesalius.virtual.anatomy.abdomen_lesions import AbdomenDisease
from vesalius.virtual.anatomy.parts import Anatomy, Part
from vesalius.virtual.anatomy.solids import Ellipsoid, Tube, Union
from vesalius.virtual.body import SIDES
from vesalius.virtual.course import Course
from vesalius.virtual.findings.base import Case, lognormal, severity_of
from vesalius.virtual.findings.kidney_stone import KidneyStone

__all__ = ["FINDING", "Hydronephrosis"]


@dataclass(frozen=True, kw_only=True)
class Hydronephrosis(AbdomenDisease):
    """Dilatation of one side."""

    concept: ClassVar[str] = "hydronephrosis"
    code: ClassVar[str] = "25322007"
    course: ClassVar[Course] = Course(clearing_days=(10, 45))

    pelvis_mm: float
    """Antero-posterior diameter of the renal pelvis."""
    ureter_mm: float
    """Diameter of the ureter above the obstacle."""
    down_to: float
    """Share of the ureter's length down to which it is wide."""

    @classmethod
    def draw(cls, rng: np.random.Generator, case: Case) -> tuple[Self, ...]:
        stones = [stone for stone in case.diseases if isinstance(stone, KidneyStone) and stone.site != "calyx"]
        side = stones[0].laterality if stones else SIDES[int(rng.random() < 0.5)]
        place = stones[0].place if stones else float(rng.choice([0.05, 0.5, 0.98]))
        pelvis = lognormal(rng, 17, 0.32, 11, 40)
        return (
            cls(laterality=side, anatomy=f"{side} kidney", pelvis_mm=pelvis, ureter_mm=float(rng.uniform(7, 11)),
                down_to=place, severity=cls.grade(pelvis)),
        )  # fmt: skip

    @staticmethod
    def grade(pelvis_mm: float) -> str:
        """Return the grade by the width of the pelvis."""
        return severity_of(pelvis_mm, (16, 24))

    @property
    def attributes(self) -> Mapping[str, str]:
        extent = "hydroureter" if self.down_to > 0.2 else "pelvis only"
        return {"ureter": extent, "cortex": "thinned" if self.pelvis_mm >= 28 else "preserved"}

    @property
    def sizes_mm(self) -> Mapping[str, float]:
        return {"renal pelvis diameter": self.pelvis_mm}

    @property
    def visibility(self) -> float:
        return 0.7 * (self.pelvis_mm - 4)

    def scaled(self, factor: float) -> Self:
        size = float(np.clip(self.pelvis_mm * factor, 4, 60))
        return replace(self, pelvis_mm=size, severity=self.grade(size))

    def parts(self, anatomy: Anatomy, rng: np.random.Generator) -> tuple[Part, ...]:
        basin = anatomy.solid(f"{self.laterality} renal pelvis")
        bean = anatomy.solid(f"{self.laterality} kidney")
        assert isinstance(basin, Ellipsoid)
        assert isinstance(bean, Ellipsoid)
        radius = self.pelvis_mm / 2
        sinus = anatomy.solid(f"{self.laterality} renal sinus")
        assert isinstance(sinus, Ellipsoid)
        x, y, z = (float(v) for v in 0.6 * np.asarray(sinus.centre) + 0.4 * np.asarray(basin.centre))
        wide = Ellipsoid((x, y, z), (min(1.5 * radius, 0.5 * bean.axes[0]), radius, radius), basin.direction)
        solids: list[Ellipsoid | Tube] = [wide, *self._calyces(bean, wide)]
        ureter = anatomy.solid(f"{self.laterality} ureter")
        if self.down_to > 0.2 and isinstance(ureter, Tube):
            solids.append(self._ureter(ureter))
        whole = Union(tuple(solids), 3.0)
        return (Part(structure=f"{self.laterality} renal pelvis", solid=whole, tissue="renal_pelvis",
                concept=self.concept,
                     component="urine"),)  # fmt: skip

    def _calyces(self, bean: Ellipsoid, basin: Ellipsoid) -> list[Tube]:
        """Wide cups between the pelvis and the pyramids; they grow with the pelvis."""
        size = 1.5 + 0.22 * (self.pelvis_mm - 8)
        out = np.asarray(bean.centre) - np.asarray(basin.centre)
        found = []
        for height in (-0.55, -0.2, 0.2, 0.55):
            end = np.asarray(bean.centre) + height * bean.axes[0] * bean.rotation[0] + 0.25 * out
            start = np.asarray(basin.centre) + 0.3 * height * bean.axes[0] * bean.rotation[0]
            points = tuple((float(p[0]), float(p[1]), float(p[2])) for p in (start, end))
            found.append(Tube(points, (0.6 * size, size), 3))
        return found

    def _ureter(self, ureter: Tube) -> Tube:
        way = np.linspace(0.0, self.down_to, 16)
        return Tube(tuple(ureter.place(float(share)) for share in way), (self.ureter_mm / 2,) * len(way), 1)


FINDING = Hydronephrosis
