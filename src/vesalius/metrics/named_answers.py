"""Zero-shot classification by answers: the answer is a name of the list, letter for letter, or it is wrong.

Source: Dai et al. 2024 (PA-LLaVA, arXiv 2408.09530), whose release stops at an answer that is no name; here it is
counted, and is wrong. Precision, recall and F1 are those of scikit-learn with `labels` given.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from vesalius.errors import DataError

__all__ = ["NamedAnswers", "named_answers"]


class NamedAnswers(NamedTuple):
    """What answers by name are worth; a share of nothing is 0."""

    right: NDArray[np.bool_]
    """By item, (n,)."""
    unknown: int
    """Answers that are no name of the list."""
    accuracy: float
    micro_precision: float
    """Right answers of those that are names; recall and F1 count the others as missed."""
    micro_f1: float
    macro_precision: float
    macro_recall: float
    macro_f1: float


def named_answers(answers: Sequence[str], truth: Sequence[str], *, labels: Sequence[str]) -> NamedAnswers:
    """Score answers against names.

    Args:
        answers: what was said, spaces around it aside.
        truth: the right name of each item.
        labels: all names.

    Raises:
        DataError: no item, another number of answers, or a truth that is no name.
    """
    if not truth or len(answers) != len(truth):
        raise DataError(f"{len(answers)} answers for {len(truth)} items; expected one each and at least one")
    strange = sorted(set(truth) - set(labels))
    if strange:
        raise DataError(f"the truth {strange[0]!r} is not among the labels {', '.join(labels)}")
    said, true = np.array([answer.strip() for answer in answers]), np.array(truth)
    right = said == true
    named = int(np.isin(said, labels).sum())
    found = np.array(
        [[(right & (true == label)).sum(), (said == label).sum(), (true == label).sum()] for label in labels]
    )
    hits, told, there = found.astype(np.float64).T
    return NamedAnswers(
        right=right,
        unknown=len(said) - named,
        accuracy=float(right.mean()),
        micro_precision=float(right.sum() / named) if named else 0.0,
        micro_f1=float(2 * right.sum() / (named + len(true))),
        macro_precision=float(np.divide(hits, told, out=np.zeros_like(hits), where=told > 0).mean()),
        macro_recall=float(np.divide(hits, there, out=np.zeros_like(hits), where=there > 0).mean()),
        macro_f1=float(np.divide(2 * hits, told + there, out=np.zeros_like(hits), where=told + there > 0).mean()),
    )
