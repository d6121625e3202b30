"""Oligozoospermia: fewer than 16 million sperm a millilitre."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import ClassVar, Self

import numpy as np

from vesalius.virtual.cells.sperm import Semen, SemenDisease
from vesalius.virtual.findings.base import Case, severity_of

__all__ = ["FINDING", "Oligozoospermia"]


@dataclass(frozen=True, kw_only=True)
class Oligozoospermia(SemenDisease):
    """Graded by the concentration: mild from 10, moderate from 5, severe below 5 million a millilitre."""

    concept: ClassVar[str] = "oligozoospermia"

    per_ml: float

    @classmethod
    def draw(cls, rng: np.random.Generator, case: Case) -> tuple[Self, ...]:
        count = float(np.exp(rng.uniform(np.log(2e6), np.log(13e6))))
        grade = severity_of(-count, (-10e6, -5e6), ("mild", "moderate", "severe"))
        return (cls(anatomy="semen", per_ml=count, severity=grade),)

    @property
    def attributes(self) -> Mapping[str, str]:
        return {"concentration": f"{self.per_ml / 1e6:.0f} million/ml"}

    @property
    def visibility(self) -> float:
        return float(np.clip(7.5 - self.per_ml / 3e6, 3, 8))

    def change(self, semen: Semen) -> Semen:
        return replace(semen, per_ml=self.per_ml)


FINDING = Oligozoospermia
