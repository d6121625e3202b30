"""Steatosis in a section of the liver: round empty drops in the hepatocytes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from vesalius.virtual.cells.organs import liver
from vesalius.virtual.cells.section import Compartment, Section
from vesalius.virtual.cells.tissue import Field, TissueDisease
from vesalius.virtual.course import Course
from vesalius.virtual.findings.base import Case, severity_of

__all__ = ["FINDING", "SteatosisOfLiverTissue"]


@dataclass(frozen=True, kw_only=True)
class SteatosisOfLiverTissue(TissueDisease):
    """Graded by the share of hepatocytes with fat: 5 to 33 mild, to 66 moderate, above severe."""

    concept: ClassVar[str] = "steatosis_of_liver_tissue"
    course: ClassVar[Course] = Course(doubling_days=(700, 4000), clearing_days=(120, 500), response=0.4)

    share: float
    drop_um: float

    @classmethod
    def draw(cls, rng: np.random.Generator, case: Case) -> tuple[Self, ...]:
        share = float(rng.uniform(0.12, 0.9))
        return (cls(anatomy="liver", share=share, drop_um=float(rng.uniform(9, 17)), severity=_grade(share)),)

    @property
    def attributes(self) -> Mapping[str, str]:
        return {"pattern": "macrovesicular" if self.drop_um > 11 else "mixed"}

    @property
    def visibility(self) -> float:
        return 2.5 + 9 * self.share

    def scaled(self, factor: float) -> Self:
        share = float(np.clip(self.share * factor, 0.05, 0.95))
        return replace(self, share=share, severity=_grade(share))

    def lay(self, section: Section) -> bool:
        liver(section, vacuoles=self.share, vacuole_um=self.drop_um)
        return True

    def extent(self, field: Field) -> NDArray[np.bool_]:
        return np.asarray(field.compartment == Compartment.FAT, np.bool_)


def _grade(share: float) -> str:
    return severity_of(share, (0.33, 0.66))


FINDING = SteatosisOfLiverTissue
