"""Asthenozoospermia: less than 42 % of the sperm move."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import ClassVar, Self

import numpy as np

from vesalius.virtual.cells.sperm import CLASSES, Semen, SemenDisease
from vesalius.virtual.findings.base import Case, severity_of

__all__ = ["FINDING", "Asthenozoospermia"]


@dataclass(frozen=True, kw_only=True)
class Asthenozoospermia(SemenDisease):
    """Graded by total motility: mild from 30, moderate from 15 %, severe below."""

    concept: ClassVar[str] = "asthenozoospermia"

    motile: float
    """Share that moves at all."""
    progressive: float
    """Of those that move."""

    @classmethod
    def draw(cls, rng: np.random.Generator, case: Case) -> tuple[Self, ...]:
        motile = float(rng.uniform(0.02, 0.36))
        grade = severity_of(-motile, (-0.3, -0.15), ("mild", "moderate", "severe"))
        return (cls(anatomy="semen", motile=motile, progressive=float(rng.uniform(0.3, 0.75)), severity=grade),)

    @property
    def attributes(self) -> Mapping[str, str]:
        return {"motility": f"{100 * self.motile:.0f} %"}

    @property
    def visibility(self) -> float:
        return 8 - 9 * self.motile

    def change(self, semen: Semen) -> Semen:
        ahead = self.motile * self.progressive
        return replace(semen, motion={CLASSES[0]: 0.5 * ahead, CLASSES[1]: 0.5 * ahead,
                                      CLASSES[2]: self.motile - ahead, CLASSES[3]: 1 - self.motile})  # fmt: skip


FINDING = Asthenozoospermia
