"""F1 of report labels under each published convention, from sums over reports.

Papers differ in what they take as positive, in the labels, and in the average: the name of a `Convention` says which.
All of them come from the same counts a report, so that a resample of patients costs a weighted sum. 0/0 is 0, as in
scikit-learn; `LabelF1.unseen` says how many labels that touches.

Letters: n reports, L labels, B resamples.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from vesalius.data.chexpert_labels import COMPETITION, LABELS, NO_FINDING
from vesalius.errors import ConfigError, DataError, did_you_mean
from vesalius.metrics.bootstrap import PatientWeights
from vesalius.metrics.classification import Confusion, f1
from vesalius.metrics.observations import BLANK, NEGATED, OBSERVATIONS, PRESENT, UNCERTAIN

__all__ = [
    "CONVENTIONS", "FIVE", "THIRTEEN", "Convention", "LabelF1", "convention_statistics", "label_f1", "label_f1_draws",
    "label_statistics",
    "state_f1", "state_similarity",
]  # fmt: skip

Floats = NDArray[np.float64]
Average = Literal["micro", "macro", "weighted", "samples", "samples_honest"]

FIVE = tuple(name for name, concept in LABELS.items() if concept in COMPETITION)
"""Labels of the CheXpert competition."""
THIRTEEN = tuple(name for name in OBSERVATIONS if name != NO_FINDING)


@dataclass(frozen=True, kw_only=True)
class Convention:
    """What a published F1 of report labels is made of."""

    uncertain: Literal["positive", "negative"]
    """What an uncertain label counts as."""
    labels: tuple[str, ...] = OBSERVATIONS
    averages: tuple[Average, ...] = ("micro", "macro")


CONVENTIONS: Mapping[str, Convention] = {
    "f1chexbert14": Convention(uncertain="positive", averages=("micro", "macro", "weighted", "samples")),
    "f1chexbert5": Convention(uncertain="positive", labels=FIVE, averages=("micro", "macro", "weighted", "samples")),
    "maira14": Convention(uncertain="negative"),
    "maira5": Convention(uncertain="negative", labels=FIVE),
    "r2gen": Convention(uncertain="negative"),
    "rgrg5": Convention(uncertain="negative", labels=FIVE, averages=("micro",)),
    "rgrg14": Convention(uncertain="negative", averages=("samples",)),
}
"""vilmedic, RadEval and f1chexbert count an uncertain label as positive; MAIRA, Med-PaLM M, LLaVA-Rad, R2Gen and RGRG
do not. These are the averages each prints; R2Gen's papers print either of theirs. The labels may be of any labeller:
a score names it beside the convention."""


class LabelF1(NamedTuple):
    """F1 of labels in every resample, or of the sample; shapes (…)."""

    micro: Floats
    macro: Floats
    """Over all labels, 0 for one that nobody has: this choice moves it most."""
    weighted: Floats
    """By the positives of the reference."""
    samples: Floats
    """Mean over reports, 0 for one without any positive."""
    samples_honest: Floats
    """The same, with 1 for a report that rightly has none."""
    accuracy: Floats
    """Share of reports with all labels right."""
    each: Floats
    """Of every label, (…, L)."""
    unseen: NDArray[np.int64]
    """Labels without a positive in the reference."""


def label_statistics(
    reference: ArrayLike, written: ArrayLike, *, uncertain: Literal["positive", "negative"]
) -> Floats:
    """Count what every F1 of any selection of reports is made of: (n, 3 L + 4), a row a report.

    Columns: hits, false alarms and misses of each label; F1 of the report with 0/0 as 0 and as 1; whether all labels
    are right; 1.

    Args:
        reference: classes as of `observation_classes`, (n, L).
        written: likewise, of the report that is scored.
        uncertain: what class 3 counts as.

    Raises:
        DataError: the shapes differ.
    """
    theirs, ours = _binary(reference, uncertain), _binary(written, uncertain)
    if theirs.shape != ours.shape or theirs.ndim != 2:
        raise DataError(f"labels of shapes {theirs.shape} and {ours.shape}; expected (reports, labels) twice")
    hits, alarms, misses = theirs & ours, ~theirs & ours, theirs & ~ours
    said = (hits | alarms | misses).sum(axis=1)
    shares = np.divide(2 * hits.sum(axis=1), 2 * hits.sum(axis=1) + alarms.sum(axis=1) + misses.sum(axis=1),
                       out=np.zeros(len(theirs)), where=said > 0)  # fmt: skip
    own = np.stack([shares, np.where(said > 0, shares, 1.0), (theirs == ours).all(axis=1), np.ones(len(theirs))], 1)
    return np.concatenate([hits, alarms, misses, own], axis=1).astype(np.float64)


def convention_statistics(name: str, reference: ArrayLike, written: ArrayLike) -> Floats:
    """Count what the F1 of a published convention is made of: `label_statistics` of its labels.

    Args:
        name: a key of `CONVENTIONS`.
        reference: classes of all of `OBSERVATIONS`, (n, 14).
        written: likewise.
    """
    if name not in CONVENTIONS:
        raise ConfigError(f"unknown convention of label F1 {name!r}{did_you_mean(name, CONVENTIONS)}")
    convention = CONVENTIONS[name]
    columns = [OBSERVATIONS.index(label) for label in convention.labels]
    theirs, ours = np.asarray(reference), np.asarray(written)
    for table in (theirs, ours):
        if table.ndim != 2 or table.shape[1] != len(OBSERVATIONS):
            raise DataError(f"labels of shape {table.shape}; expected (reports, {len(OBSERVATIONS)})")
    return label_statistics(theirs[:, columns], ours[:, columns], uncertain=convention.uncertain)


def label_f1(sums: ArrayLike) -> LabelF1:
    """Return all averages from sums of `label_statistics` over reports, (…, 3 L + 4)."""
    table = np.asarray(sums, dtype=np.float64)
    num_labels = (table.shape[-1] - 4) // 3
    hits, alarms, misses = (table[..., place * num_labels : (place + 1) * num_labels] for place in range(3))
    each = _f1(hits, alarms, misses)
    positives = hits + misses
    share, honest, right, count = np.moveaxis(table[..., -4:], -1, 0)
    weighted = (each * positives).sum(-1) / np.maximum(positives.sum(-1), 1)
    micro = _f1(hits.sum(-1), alarms.sum(-1), misses.sum(-1))
    return LabelF1(
        micro,
        each.mean(-1),
        weighted,
        share / count,
        honest / count,
        right / count,
        each,
        np.asarray((positives == 0).sum(-1)),
    )


def label_f1_draws(statistics: Floats, weights: PatientWeights) -> LabelF1:
    """Return all averages in every resample of patients, each (B,)."""
    return label_f1(weights.sums(statistics))


def state_f1(reference: ArrayLike, written: ArrayLike) -> dict[str, float]:
    """Return micro F1 of each of the four classes of all labels, as the CheXbert paper has them; (n, L) twice."""
    theirs, ours = np.asarray(reference).reshape(-1), np.asarray(written).reshape(-1)
    classes = {"present": PRESENT, "negated": NEGATED, "uncertain": UNCERTAIN, "blank": BLANK}
    found = {}
    for name, one in classes.items():
        said, true = ours == one, theirs == one
        found[name] = float(_f1((said & true).sum(), (said & ~true).sum(), (~said & true).sum()))
    return found


def state_similarity(reference: ArrayLike, written: ArrayLike) -> Floats:
    """Return the cosine of what two reports state, (n,), in the place of CheXbert's vectors where these are not had.

    A report is a vector of present, negated and uncertain for each label; two empty ones are alike.

    Args:
        reference: classes, (n, L).
        written: likewise.
    """
    theirs, ours = (_one_hot(np.asarray(classes)) for classes in (reference, written))
    lengths = np.sqrt(theirs.sum(axis=1) * ours.sum(axis=1))
    both_empty = (theirs.sum(axis=1) == 0) & (ours.sum(axis=1) == 0)
    cosines = np.divide((theirs * ours).sum(axis=1), lengths, out=np.zeros(len(lengths)), where=lengths > 0)
    return np.where(both_empty, 1.0, cosines)


def _one_hot(classes: NDArray[np.generic]) -> Floats:
    parts = [classes == one for one in (PRESENT, NEGATED, UNCERTAIN)]
    return np.concatenate(parts, axis=1).astype(np.float64)


def _binary(classes: ArrayLike, uncertain: str) -> NDArray[np.bool_]:
    table = np.asarray(classes)
    unknown = set(np.unique(table)) - {BLANK, PRESENT, NEGATED, UNCERTAIN}
    if unknown:
        raise DataError(
            f"labels hold {sorted(map(int, unknown))}; expected 0 blank, 1 present, 2 negated, 3 uncertain"
        )
    return np.asarray((table == PRESENT) | ((table == UNCERTAIN) & (uncertain == "positive")))


def _f1(hits: ArrayLike, alarms: ArrayLike, misses: ArrayLike) -> Floats:
    true, false, missed = (np.asarray(part, dtype=np.float64) for part in (hits, alarms, misses))
    return np.asarray(f1(Confusion(true, false, missed, np.zeros_like(true))))
