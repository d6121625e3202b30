"""Malaria on a blood film: parasites in red cells."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import ClassVar, Self

import numpy as np

from vesalius.virtual.cells.film import Cell
from vesalius.virtual.cells.smear import BloodDisease, Recipe
from vesalius.virtual.course import Course
from vesalius.virtual.findings.base import Case, severity_of

__all__ = ["FINDING", "Malaria"]

_STAGES = {
    "falciparum": {"ring": 0.93, "gametocyte": 0.07},
    "vivax": {"ring": 0.4, "trophozoite": 0.42, "schizont": 0.18},
}


@dataclass(frozen=True, kw_only=True)
class Malaria(BloodDisease):
    """Graded by the share of infected red cells: below 1, 1 to 5, above 5 %."""

    concept: ClassVar[str] = "malaria"
    course: ClassVar[Course] = Course(clearing_days=(1, 4))

    species: str
    parasitaemia: float
    """Share of red cells."""

    @classmethod
    def draw(cls, rng: np.random.Generator, case: Case) -> tuple[Self, ...]:
        species = "falciparum" if rng.random() < 0.6 else "vivax"
        high = 0.16 if species == "falciparum" else 0.05
        share = float(np.exp(rng.uniform(np.log(0.006), np.log(high))))
        return (cls(anatomy="peripheral blood", species=species, parasitaemia=share, severity=_grade(share)),)

    @property
    def attributes(self) -> Mapping[str, str]:
        return {"species": f"Plasmodium {self.species}"}

    @property
    def visibility(self) -> float:
        return 3.2 + 45 * self.parasitaemia

    def scaled(self, factor: float) -> Self:
        share = float(np.clip(self.parasitaemia * factor, 0.0005, 0.4))
        return replace(self, parasitaemia=share, severity=_grade(share))

    def change(self, recipe: Recipe) -> Recipe:
        return replace(recipe, parasitaemia=self.parasitaemia, stages=_STAGES[self.species],
                       platelets_per_litre=0.75 * recipe.platelets_per_litre)  # fmt: skip

    def shows(self, cell: Cell) -> bool:
        return cell.name == "infected red blood cell"


def _grade(share: float) -> str:
    return severity_of(share, (0.01, 0.05))


FINDING = Malaria
