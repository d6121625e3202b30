"""Macular oedema: the retina at the fovea is thickened by fluid, in cysts and under it, with exudates beside it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import ClassVar, Self

import numpy as np

from vesalius.virtual.course import Course
from vesalius.virtual.eye.anatomy import Eye, examined_eye
from vesalius.virtual.eye.disease import EyeDisease, visible
from vesalius.virtual.eye.lesions import Group, Strands, branch, group, scatter
from vesalius.virtual.findings.base import Case, lognormal, severity_of

__all__ = ["FINDING", "MacularOedema"]


@dataclass(frozen=True, kw_only=True)
class MacularOedema(EyeDisease):
    """Fluid in one macula."""

    concept: ClassVar[str] = "macular_oedema"
    course: ClassVar[Course] = Course(doubling_days=(200, 900), clearing_days=(40, 200), response=0.6)

    swelling_um: float
    """Added thickness in the middle of the swelling."""
    offset_mm: float
    """Distance of that middle from the fovea: within 0.5 mm the centre is involved."""
    cysts: int
    fluid_um: float
    """Height of fluid under the retina, 0 where there is none."""
    exudates: int

    @classmethod
    def draw(cls, rng: np.random.Generator, case: Case) -> tuple[Self, ...]:
        swelling = lognormal(rng, 170, 0.5, 60, 420)
        centre = rng.random() < 0.75
        return (
            cls(laterality=examined_eye(case.body), anatomy="macula", severity=_grade(swelling), swelling_um=swelling,
                offset_mm=float(rng.uniform(0, 0.3) if centre else rng.uniform(1.1, 1.6)),
                cysts=int(rng.integers(6, 22)), exudates=int(rng.integers(4, 40)) if rng.random() < 0.8 else 0,
                fluid_um=float(rng.uniform(50, 220)) if centre and rng.random() < 0.35 else 0.0),
        )  # fmt: skip

    @property
    def attributes(self) -> Mapping[str, str]:
        return {
            "involvement": "centre-involved" if self.offset_mm < 0.5 else "not centre-involved",
            "subretinal_fluid": "present" if self.fluid_um else "absent",
            "exudate": "present" if self.exudates else "absent",
        }

    @property
    def visibility(self) -> float:
        """In a photograph by the exudates and the loss of the foveal reflex; a tomogram shows it always."""
        return float(np.hypot(visible(60, 0.012 * self.exudates), 1.2 + self.swelling_um / 60))

    def scaled(self, factor: float) -> Self:
        swelling = self.swelling_um * factor
        return replace(self, swelling_um=swelling, fluid_um=self.fluid_um * factor, severity=_grade(swelling))

    def _middle(self, eye: Eye) -> tuple[float, float]:
        """Middle of the swelling: towards the temple where it spares the centre."""
        del eye
        return -0.8 * self.offset_mm, 0.6 * self.offset_mm

    def alter(self, eye: Eye) -> Eye:
        x, y = self._middle(eye)
        return replace(eye, swelling=(*eye.swelling, (x, y, 0.95, self.swelling_um)))

    def lesions(self, eye: Eye, rng: np.random.Generator) -> tuple[Group | Strands, ...]:
        x, y = self._middle(eye)
        places = scatter(rng, self.cysts, (x, y), 0.0, 0.6)
        places[0] = (x, y)
        radius = branch(rng).uniform(0.07, 0.22, self.cysts)
        high = np.clip(self.swelling_um * branch(rng).uniform(0.35, 0.9, self.cysts), 50, 300)
        found = [group(self.concept, "intraretinal cyst", places, radius, rng, flat=0.7, soft=0.5, height_um=high,
                       level=0.42)]  # fmt: skip
        if self.exudates:
            ring = scatter(rng, self.exudates, (x, y), 0.75, 1.25)
            arc = np.abs((np.arctan2(ring[:, 1] - y, ring[:, 0] - x) - rng.uniform(-3, 3) + np.pi) % 6.2832 - np.pi)
            ring = ring[arc < 1.9]
            size = np.clip(0.045 * np.exp(0.5 * branch(rng).standard_normal(len(ring))), 0.025, 0.15)
            found.append(group(self.concept, "hard exudate", ring, size, rng, flat=0.6, wobble=0.15, level=0.55))
        if self.fluid_um:
            found.append(group(self.concept, "subretinal fluid", np.array([[x, y]]), np.array([0.75]), rng, flat=0.8,
                               wobble=0.08, soft=0.4, height_um=self.fluid_um, level=0.85))  # fmt: skip
        return tuple(found)


def _grade(swelling_um: float) -> str:
    return severity_of(swelling_um, (120, 240))


FINDING = MacularOedema
