"""Spherocytosis on a blood film: small dense red cells without a pale centre."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import ClassVar, Self

import numpy as np

from vesalius.virtual.cells.film import Cell
from vesalius.virtual.cells.smear import BloodDisease, Recipe
from vesalius.virtual.findings.base import Case, severity_of

__all__ = ["FINDING", "Spherocytosis"]


@dataclass(frozen=True, kw_only=True)
class Spherocytosis(BloodDisease):
    """Graded by the share of spherocytes."""

    concept: ClassVar[str] = "spherocytosis"

    share: float

    @classmethod
    def draw(cls, rng: np.random.Generator, case: Case) -> tuple[Self, ...]:
        share = float(rng.uniform(0.14, 0.72))
        return (cls(anatomy="peripheral blood", share=share, severity=severity_of(share, (0.3, 0.5))),)

    @property
    def attributes(self) -> Mapping[str, str]:
        return {"cells": "dense without central pallor"}

    @property
    def visibility(self) -> float:
        return 2.5 + 9 * self.share

    def change(self, recipe: Recipe) -> Recipe:
        rest = {form: (1 - self.share) * weight for form, weight in recipe.red.items()}
        return replace(recipe, red={**rest, "spherocyte": rest.get("spherocyte", 0) + self.share})

    def shows(self, cell: Cell) -> bool:
        return cell.form == "spherocyte"


FINDING = Spherocytosis
