"""Chronic inflammation in a tissue section: lymphocytes and plasma cells crowd the stroma."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from vesalius.virtual.cells.organs import ORGANS, colon, scatter
from vesalius.virtual.cells.section import Compartment, Section
from vesalius.virtual.cells.tissue import Field, TissueDisease
from vesalius.virtual.course import Course
from vesalius.virtual.findings.base import Case, choose, severity_of

__all__ = ["FINDING", "ChronicInflammation"]

_ORGANS = {
    "F": {"colon": 0.45, "breast": 0.3, "oesophagus": 0.25},
    "M": {"colon": 0.45, "prostate": 0.3, "oesophagus": 0.25},
}  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class ChronicInflammation(TissueDisease):
    """Graded by the cells that it adds to each mm² of stroma."""

    concept: ClassVar[str] = "chronic_inflammation"
    code: ClassVar[str] = "409774005"
    course: ClassVar[Course] = Course(clearing_days=(30, 300))

    cells_per_mm2: float
    plasma: float
    """Share of plasma cells."""

    @classmethod
    def draw(cls, rng: np.random.Generator, case: Case) -> tuple[Self, ...]:
        density = float(np.exp(rng.uniform(np.log(2600), np.log(11000))))
        organ = choose(rng, _ORGANS[case.body.sex])
        return (
            cls(anatomy=organ, cells_per_mm2=density, plasma=float(rng.uniform(0.2, 0.6)), severity=_grade(density)),
        )

    @property
    def attributes(self) -> Mapping[str, str]:
        return {"infiltrate": "plasma cell rich" if self.plasma > 0.45 else "lymphocytic"}

    @property
    def visibility(self) -> float:
        return 2.0 + self.cells_per_mm2 / 1100

    def scaled(self, factor: float) -> Self:
        return replace(self, cells_per_mm2=self.cells_per_mm2 * factor, severity=_grade(self.cells_per_mm2 * factor))

    def lay(self, section: Section) -> bool:
        if self.anatomy != "colon":
            ORGANS[self.anatomy](section)
            return True
        strength = float(np.clip(self.cells_per_mm2 / 11000, 0, 1))
        colon(section, distortion=strength, goblets=0.8 - 0.4 * strength)
        return True

    def overlay(self, section: Section) -> None:
        scatter(section, "lymphocyte", (1 - self.plasma) * self.cells_per_mm2, clustered=0.45)
        scatter(section, "plasma cell", self.plasma * self.cells_per_mm2, clustered=0.45)

    def extent(self, field: Field) -> NDArray[np.bool_]:
        return np.asarray(field.compartment == Compartment.STROMA, np.bool_)


def _grade(density: float) -> str:
    return severity_of(density, (4200, 7000))


FINDING = ChronicInflammation
