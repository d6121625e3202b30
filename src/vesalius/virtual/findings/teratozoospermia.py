"""Teratozoospermia: fewer than 4 % of the sperm have a normal form."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import ClassVar, Self

import numpy as np

from vesalius.virtual.cells.sperm import Semen, SemenDisease
from vesalius.virtual.findings.base import Case

__all__ = ["FINDING", "Teratozoospermia"]


@dataclass(frozen=True, kw_only=True)
class Teratozoospermia(SemenDisease):
    """One field holds few sperm, so that it is seen for certain on many fields only."""

    concept: ClassVar[str] = "teratozoospermia"

    normal_forms: float

    @classmethod
    def draw(cls, rng: np.random.Generator, case: Case) -> tuple[Self, ...]:
        share = float(rng.uniform(0.0, 0.034))
        return (cls(anatomy="semen", normal_forms=share, severity="severe" if share < 0.01 else "moderate"),)

    @property
    def attributes(self) -> Mapping[str, str]:
        return {"normal_forms": f"{100 * self.normal_forms:.0f} %"}

    @property
    def visibility(self) -> float:
        return 4.0

    def change(self, semen: Semen) -> Semen:
        return replace(semen, normal_forms=self.normal_forms)


FINDING = Teratozoospermia
