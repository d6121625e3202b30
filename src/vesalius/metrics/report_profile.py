"""What must stand beside any score of reports: normal and abnormal apart, denials, length, invented comparisons.

Corpora are a third to a half normal, so that a constant normal report scores well, and long lists of denials raise
most metrics: means over all reports hide both.

Letters: n reports, B resamples.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from vesalius.errors import DataError
from vesalius.metrics.label_f1 import THIRTEEN
from vesalius.metrics.observations import BLANK, NEGATED, observation_classes, observed
from vesalius.metrics.temporal import temporal_words

__all__ = ["ReportProfile", "normal_reports", "profile", "profile_table"]

Floats = NDArray[np.float64]


class ReportProfile(NamedTuple):
    """Shares from sums of `profile_table`; NaN where nothing is divided."""

    normal: Floats
    """References with no finding."""
    denials: Floats
    """Labels of the written reports that are denials, of those they speak of."""
    denials_in_references: Floats
    length: Floats
    """Words written over words of the references."""
    invented_comparisons: Floats
    """Reports with a word of change where the reference has none."""


def normal_reports(references: Sequence[str]) -> NDArray[np.bool_]:
    """Say of each report whether the labeller has No Finding for it, (n,): score these and the others apart."""
    return np.array(["No Finding" in observed(report) for report in references], dtype=bool)


def profile_table(written: Sequence[str], references: Sequence[str]) -> Floats:
    """Count for each report what a `ReportProfile` is made of, (n, 9), to be summed over any selection.

    Raises:
        DataError: not one reference a report.
    """
    if len(written) != len(references):
        raise DataError(f"{len(written)} reports and {len(references)} references; each report needs one")
    ours, theirs = (observation_classes(texts, THIRTEEN) for texts in (written, references))
    lengths = [[len(text.split()) for text in texts] for texts in (written, references)]
    invented = [
        bool(temporal_words(said)) and not temporal_words(truth)
        for said, truth in zip(written, references, strict=True)
    ]
    columns = [
        normal_reports(references), (ours == NEGATED).sum(axis=1), (ours != BLANK).sum(axis=1),
        (theirs == NEGATED).sum(axis=1), (theirs != BLANK).sum(axis=1), *lengths, invented, np.ones(len(written)),
    ]  # fmt: skip
    return np.stack([np.asarray(column, dtype=np.float64) for column in columns], axis=1)


def profile(sums: ArrayLike) -> ReportProfile:
    """Return the shares from sums of rows of `profile_table`, (…, 9)."""
    parts = np.moveaxis(np.asarray(sums, dtype=np.float64), -1, 0)
    normal, denied, spoken, their_denied, their_spoken, words, their_words, invented, reports = parts
    pairs = ((normal, reports), (denied, spoken), (their_denied, their_spoken), (words, their_words),
             (invented, reports))  # fmt: skip
    with np.errstate(invalid="ignore", divide="ignore"):
        return ReportProfile(*(np.where(below > 0, above / below, np.nan) for above, below in pairs))
