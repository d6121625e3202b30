"""Iron deficiency anaemia on a blood film: small pale red cells, pencil cells."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import ClassVar, Self

import numpy as np

from vesalius.virtual.cells.film import Cell
from vesalius.virtual.cells.smear import BloodDisease, Recipe
from vesalius.virtual.course import Course
from vesalius.virtual.findings.base import Case, severity_of

__all__ = ["FINDING", "IronDeficiencyAnaemia"]


@dataclass(frozen=True, kw_only=True)
class IronDeficiencyAnaemia(BloodDisease):
    """Graded by haemoglobin: mild from 110, moderate from 80 g/l, severe below."""

    concept: ClassVar[str] = "iron_deficiency_anaemia"
    course: ClassVar[Course] = Course(clearing_days=(20, 90))

    haemoglobin_g_per_l: float

    @classmethod
    def draw(cls, rng: np.random.Generator, case: Case) -> tuple[Self, ...]:
        return (cls(haemoglobin_g_per_l=float(rng.uniform(52, 116)), anatomy="peripheral blood").graded(),)

    def graded(self) -> Self:
        """Return it with the severity of its haemoglobin."""
        grade = severity_of(-self.haemoglobin_g_per_l, (-110, -80), ("mild", "moderate", "severe"))
        return replace(self, severity=grade)

    @property
    def share(self) -> float:
        """Of red cells that are small and pale."""
        return float(np.clip((135 - self.haemoglobin_g_per_l) / 90, 0.15, 0.92))

    @property
    def attributes(self) -> Mapping[str, str]:
        return {"cells": "microcytic hypochromic", "pencil_cells": "present" if self.share > 0.4 else "few"}

    @property
    def visibility(self) -> float:
        return 2 + 8 * self.share

    def scaled(self, factor: float) -> Self:
        return replace(self, haemoglobin_g_per_l=135 - (135 - self.haemoglobin_g_per_l) * factor).graded()

    def change(self, recipe: Recipe) -> Recipe:
        small = self.share
        rest = {form: (1 - small) * weight for form, weight in recipe.red.items()}
        rest["microcyte"] = rest.get("microcyte", 0) + 0.86 * small
        return replace(
            recipe, red={**rest, "pencil cell": 0.1 * small, "target": rest.get("target", 0) + 0.04 * small}
        )

    def shows(self, cell: Cell) -> bool:
        return cell.form in ("microcyte", "pencil cell")


FINDING = IronDeficiencyAnaemia
