"""CRIMSON's score from counted findings: errors weigh by how urgent a finding is.

Weights: urgent 1, actionable .5, minor .25, benign 0. S = (credit − false) / weight of the reference, where a matched
finding of weight w has credit w² / (w + penalties of its attributes, .5 a significant one, 0 a negligible one). A
negative S becomes −d / (1 + d) with d = false − credit, above −1. Normal findings are left out; nothing on both sides
is 1. Who finds and weighs them is a language model or a reader: it is stated beside the score.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from vesalius.errors import DataError, did_you_mean

__all__ = ["WEIGHTS", "Matched", "crimson"]

WEIGHTS = {"urgent": 1.0, "actionable": 0.5, "minor": 0.25, "benign": 0.0}
_SIGNIFICANT = 0.5


class Matched(NamedTuple):
    """A finding of the reference that the report has, too."""

    urgency: str
    """A key of `WEIGHTS`."""
    significant_errors: int = 0
    """Attributes that are wrong in a way that matters."""


def crimson(*, matched: Sequence[Matched], missed: Sequence[str], false: Sequence[str]) -> float:
    """Return the score, above −1 to 1.

    Args:
        matched: findings of both reports.
        missed: urgency of each finding of the reference that the report lacks.
        false: urgency of each finding that the report invents.
    """
    reference = sum(_weight(one.urgency) for one in matched) + sum(map(_weight, missed))
    invented = sum(map(_weight, false))
    credit = sum(_credit(_weight(one.urgency), one.significant_errors) for one in matched)
    if not reference and not invented:
        return 1.0
    if reference and credit >= invented:
        return (credit - invented) / reference
    lacking = invented - credit
    return -lacking / (1 + lacking)


def _credit(weight: float, significant_errors: int) -> float:
    return weight**2 / (weight + _SIGNIFICANT * significant_errors) if weight else 0.0


def _weight(urgency: str) -> float:
    if urgency not in WEIGHTS:
        raise DataError(f"unknown urgency {urgency!r}{did_you_mean(urgency, WEIGHTS)}")
    return WEIGHTS[urgency]
