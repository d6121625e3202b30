"""Acute leukaemia on a blood film: blasts among the white cells, few platelets."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import ClassVar, Self

import numpy as np

from vesalius.virtual.cells.film import Cell
from vesalius.virtual.cells.smear import BloodDisease, Recipe
from vesalius.virtual.course import Course
from vesalius.virtual.findings.base import Case, severity_of

__all__ = ["FINDING", "Leukaemia"]


@dataclass(frozen=True, kw_only=True)
class Leukaemia(BloodDisease):
    """Blasts are a fifth of the white cells or more."""

    concept: ClassVar[str] = "leukaemia"
    code: ClassVar[str] = "93143009"
    course: ClassVar[Course] = Course(doubling_days=(10, 40), clearing_days=(8, 30), response=0.6)

    blasts: float
    """Share of white cells."""
    white_cells: float
    """On a field."""

    @classmethod
    def draw(cls, rng: np.random.Generator, case: Case) -> tuple[Self, ...]:
        blasts = float(rng.uniform(0.28, 0.95))
        return (cls(anatomy="peripheral blood", blasts=blasts, white_cells=float(rng.uniform(3, 9)),
                    severity=_grade(blasts)),)  # fmt: skip

    @property
    def attributes(self) -> Mapping[str, str]:
        return {"count": "leukocytosis" if self.white_cells > 5 else "normal white count"}

    @property
    def visibility(self) -> float:
        return 3 + 1.1 * self.blasts * self.white_cells

    def scaled(self, factor: float) -> Self:
        blasts = float(np.clip(self.blasts * factor, 0.02, 0.97))
        return replace(self, blasts=blasts, severity=_grade(blasts))

    def change(self, recipe: Recipe) -> Recipe:
        white = {name: (1 - self.blasts) * weight for name, weight in recipe.white.items()}
        return replace(recipe, white={**white, "blast": self.blasts}, white_cells=self.white_cells,
                       platelets_per_litre=0.35 * recipe.platelets_per_litre)  # fmt: skip

    def shows(self, cell: Cell) -> bool:
        return cell.name == "blast"


def _grade(blasts: float) -> str:
    return severity_of(blasts, (0.5, 0.75))


FINDING = Leukaemia
