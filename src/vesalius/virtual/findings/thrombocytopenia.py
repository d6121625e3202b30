"""Thrombocytopenia on a blood film: few platelets, nothing else need be wrong."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import ClassVar, Self

import numpy as np

from vesalius.virtual.cells.film import Cell
from vesalius.virtual.cells.smear import BloodDisease, Recipe
from vesalius.virtual.findings.base import Case, severity_of

__all__ = ["FINDING", "Thrombocytopenia"]


@dataclass(frozen=True, kw_only=True)
class Thrombocytopenia(BloodDisease):
    """Below 150 × 10⁹/l; one field shows a count's expectation, not the count."""

    concept: ClassVar[str] = "thrombocytopenia"

    platelets_per_litre: float

    @classmethod
    def draw(cls, rng: np.random.Generator, case: Case) -> tuple[Self, ...]:
        count = float(np.exp(rng.uniform(np.log(4e9), np.log(110e9))))
        grade = severity_of(-count, (-100e9, -50e9), ("mild", "moderate", "severe"))
        return (cls(anatomy="peripheral blood", platelets_per_litre=count, severity=grade),)

    @property
    def attributes(self) -> Mapping[str, str]:
        return {"platelets": "hardly any" if self.platelets_per_litre < 20e9 else "reduced"}

    @property
    def visibility(self) -> float:
        return float(np.clip(6.5 - self.platelets_per_litre / 30e9, 1.5, 8))

    def change(self, recipe: Recipe) -> Recipe:
        return replace(recipe, platelets_per_litre=min(self.platelets_per_litre, recipe.platelets_per_litre))

    def shows(self, cell: Cell) -> bool:
        return False


FINDING = Thrombocytopenia
