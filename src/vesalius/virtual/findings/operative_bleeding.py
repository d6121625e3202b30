"""Operative bleeding: more blood in the field than the operation brings with it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import ClassVar, Self

import numpy as np

from vesalius.virtual.course import Course
from vesalius.virtual.findings.base import Case, Disease, severity_of

__all__ = ["FINDING", "OperativeBleeding"]


@dataclass(frozen=True, kw_only=True)
class OperativeBleeding(Disease):
    """Bleeding during one operation, seen on the clip of that operation."""

    concept: ClassVar[str] = "operative_bleeding"
    region: ClassVar[str] = "surgery"
    code: ClassVar[str] = "50960005"
    course: ClassVar[Course] = Course(clearing_days=(1.0, 3.0))

    amount: float
    """0 to 1: share of the field under blood at its worst."""

    @classmethod
    def draw(cls, rng: np.random.Generator, case: Case) -> tuple[Self, ...]:
        amount = float(rng.uniform(0.3, 1.0))
        return (cls(anatomy="operative field", severity=_grade(amount), amount=amount),)

    @property
    def attributes(self) -> Mapping[str, str]:
        return {"extent": "localised" if self.amount < 0.6 else "widespread"}

    @property
    def visibility(self) -> float:
        return 3.5 + 8 * self.amount

    def scaled(self, factor: float) -> Self:
        amount = float(np.clip(self.amount * factor, 0.05, 1.0))
        return replace(self, amount=amount, severity=_grade(amount))


def _grade(amount: float) -> str:
    return severity_of(amount, (0.5, 0.8))


FINDING = OperativeBleeding
