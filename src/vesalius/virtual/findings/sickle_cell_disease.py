"""Sickle cell disease on a blood film: long bowed red cells, target cells."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import ClassVar, Self

import numpy as np

from vesalius.virtual.cells.film import Cell
from vesalius.virtual.cells.smear import BloodDisease, Recipe
from vesalius.virtual.findings.base import Case, severity_of

__all__ = ["FINDING", "SickleCellDisease"]


@dataclass(frozen=True, kw_only=True)
class SickleCellDisease(BloodDisease):
    """Graded by the share of sickled cells."""

    concept: ClassVar[str] = "sickle_cell_disease"

    share: float

    @classmethod
    def draw(cls, rng: np.random.Generator, case: Case) -> tuple[Self, ...]:
        share = float(rng.uniform(0.06, 0.42))
        return (cls(anatomy="peripheral blood", share=share, severity=severity_of(share, (0.15, 0.28))),)

    @property
    def attributes(self) -> Mapping[str, str]:
        return {"cells": "sickled", "target_cells": "present"}

    @property
    def visibility(self) -> float:
        return 4 + 14 * self.share

    def change(self, recipe: Recipe) -> Recipe:
        rest = {form: (1 - self.share) * weight for form, weight in recipe.red.items()}
        return replace(recipe, red={**rest, "sickle": self.share, "target": rest.get("target", 0) + 0.08})

    def shows(self, cell: Cell) -> bool:
        return cell.form == "sickle"


FINDING = SickleCellDisease
