"""Two systems on the same items: aligned answers, paired differences and tests by swapping patients.

Letters: n rows of answers, B resamples.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property, partial

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from vesalius.errors import DataError
from vesalius.metrics.power import cases_needed, detectable, paired_power
from vesalius.metrics.significance import paired_difference, sign_flip, swap_test, swap_test_auroc, verdict
from vesalius.metrics.statistics import patient_weights
from vesalius.tasks.base import Score, column

__all__ = ["LOWER_IS_BETTER", "Pair", "PairedScore", "align", "compare_scores", "item_values", "permutation_p"]

LOWER_IS_BETTER = (
    "brier", "ece", "aurc", "median_rank", "unparsed", "refused", "empty", "failed", "unreadable", "confusion", "mae",
    "mre", "conformal_size", "order_sensitivity", "order_flips", "count_error", "point_error", "zero_case",
    "radial_error", "false_positive",
)  # fmt: skip
"""Starts of the metrics whose smaller value is better."""
_SWAPS = 2000
_NO_SHARE = ("median_rank", "mae", "cider")
"""Starts of the metrics of which two points mean nothing."""
_VARIANT = ("matching", "k", "template", "draw")
"""What tells several answers to one item and label apart."""

Floats = NDArray[np.float64]
Rows = NDArray[np.intp]


@dataclass(frozen=True)
class Pair:
    """Answers of two systems to the same questions, row by row."""

    first: pa.Table
    second: pa.Table
    left_out: int
    """Rows of either that the other does not have."""

    @cached_property
    def variants(self) -> list[dict[str, str]]:
        """Matching, cut-off, template and draw of each row."""
        return _variants(self.first)

    def values(self, name: str) -> tuple[Floats, Floats]:
        """Return a column of both systems, each (n,)."""
        return column(self.first, name), column(self.second, name)

    def rows_of(self, score: Score) -> Rows:
        """Return the rows behind a score: those it names, or of its task, label (all for a mean) and variant."""
        if score.rows is not None:
            return score.rows
        labels, tasks = column(self.first, "label"), column(self.first, "task")
        keep = tasks == score.task
        if score.label not in ("macro", "micro"):
            keep &= labels == score.label
        wanted = _wanted(score.metric)
        fits = [all(one.get(key, value) == value for key, value in wanted.items()) for one in self.variants]
        return np.flatnonzero(keep & np.array(fits, dtype=bool))


@dataclass(frozen=True, kw_only=True)
class PairedScore:
    """The difference first - second of one score of two systems."""

    task: str
    metric: str
    label: str
    first_value: float
    second_value: float
    difference: float
    low: float
    high: float
    n: int
    n_patients: int
    p_bootstrap: float
    p_permutation: float
    """NaN where the test was not made."""
    effect: float
    """Difference in standard deviations of one patient's contribution."""
    error: float
    """Standard deviation of the difference over the resamples."""
    detectable: float
    """Smallest difference that this many patients would show with a power of .8."""
    patients_needed: float
    """Patients that would show a difference of two points (.02); NaN for a metric that is no share."""
    design_effect: float
    """How many times more items it takes because patients have several; NaN for what is no mean of items."""
    verdict: str
    """win, tie, loss or undecided, seen from the first system."""

    @property
    def p(self) -> float:
        """The p value to adjust: of the permutation where it was made, else of the bootstrap."""
        return self.p_permutation if np.isfinite(self.p_permutation) else self.p_bootstrap


def align(first: pa.Table, second: pa.Table, *, marks: bool = False) -> Pair:
    """Bring the answers of two systems into the same order.

    Args:
        first: of the schema `PREDICTIONS`.
        second: of the other system.
        marks: targets are marks of the answers, as of questions with a confidence, and so differ between systems.

    Raises:
        DataError: they share no item, or state different truths for one.
    """
    places = [_places(first), _places(second)]
    shared = sorted(places[0].keys() & places[1].keys())
    if not shared:
        raise DataError("the two evaluations share no item, so nothing can be compared in pairs")
    one, other = (
        table.take(pa.array([place[key] for key in shared]))
        for table, place in zip((first, second), places, strict=True)
    )
    truth, other_truth = column(one, "target"), column(other, "target")
    unlike = np.flatnonzero(
        np.logical_not(marks) & ~((truth == other_truth) | (np.isnan(truth) & np.isnan(other_truth)))
    )
    if len(unlike):
        task, label, item, _ = shared[unlike[0]]
        raise DataError(f"item {item!r} has another truth for {label!r} in {task} of the two evaluations")
    return Pair(one, other, len(first) + len(second) - 2 * len(shared))


def compare_scores(
    scores: tuple[Score, Score], pair: Pair, *, margin: float, seed: int, tested: bool
) -> PairedScore | None:
    """Compare one score of two systems, scored on aligned answers with the same resamples.

    Args:
        scores: the score of both, with its draws.
        pair: aligned answers.
        margin: largest difference that does not matter, for a tie.
        seed: seed of the swaps.
        tested: also make the permutation test, where the metric has one.

    Returns:
        None where one of the two is not defined.
    """
    one, other = scores
    if one.draws is None or other.draws is None or not np.isfinite([one.value, other.value]).all():
        return None
    rows = pair.rows_of(one)
    weights = patient_weights(column(pair.first, "patient")[rows].tolist(), resamples=len(one.draws), seed=seed)
    found = paired_difference((one.value, other.value), (one.draws, other.draws), weights=weights)
    apart = one.draws - other.draws
    apart = apart[np.isfinite(apart)]
    error = float(apart.std(ddof=1)) if len(apart) > 1 else float("nan")
    gap = one.value - other.value
    return PairedScore(
        task=one.task,
        metric=one.metric,
        label=one.label,
        first_value=one.value,
        second_value=other.value,
        difference=gap,
        low=found.interval.low,
        high=found.interval.high,
        n=one.n,
        n_patients=one.n_patients,
        p_bootstrap=found.p,
        p_permutation=permutation_p(one, pair, seed=seed) if tested else float("nan"),
        effect=float(gap / (error * np.sqrt(one.n_patients))) if error > 0 else float("nan"),
        error=error,
        detectable=detectable(error),
        patients_needed=cases_needed(error, one.n_patients) if _is_share(one, other) else float("nan"),
        design_effect=_design_effect(one, pair),
        verdict=_verdict(one.metric, (found.interval.low, found.interval.high), apart, margin=margin),
    )


def permutation_p(score: Score, pair: Pair, *, seed: int) -> float:
    """Two-sided p of swapping the systems patient by patient; NaN for metrics without such a test."""
    if score.metric == "auroc":
        return _auroc_p(pair, pair.rows_of(score), seed=seed)
    found = _item_differences(score, pair)
    return sign_flip(*found, swaps=_SWAPS, seed=seed) if found else float("nan")


def _item_differences(score: Score, pair: Pair) -> tuple[Floats, NDArray[np.generic]] | None:
    """First - second and patient of each item, labels of unlike number weighing the same; None for other metrics."""
    rows = pair.rows_of(score)
    value = partial(column, name="score") if score.plain_mean else item_values(score.metric)
    if value is None or not len(rows):
        return None
    apart = (value(pair.first) - value(pair.second))[rows]
    known = np.isfinite(apart)
    if not known.any():
        return None
    labels = column(pair.first, "label")[rows][known].astype(str)
    names, codes, counts = np.unique(labels, return_inverse=True, return_counts=True)
    return apart[known] / counts[codes] * (len(codes) / len(names)), column(pair.first, "patient")[rows][known]


def _design_effect(score: Score, pair: Pair) -> float:
    found = _item_differences(score, pair)
    if found is None or len(np.unique(found[1])) < 2:
        return float("nan")
    return paired_power(found[0], np.zeros(len(found[0])), found[1]).design_effect


def _is_share(*scores: Score) -> bool:
    return all(0 <= one.value <= 1 and not one.metric.startswith(_NO_SHARE) for one in scores)


def _auroc_p(pair: Pair, rows: Rows, *, seed: int) -> float:
    """Swap the ranks of two systems; a mean over labels or draws swaps a patient in all of them at once."""
    from scipy.stats import rankdata

    target, patients = column(pair.first, "target"), column(pair.first, "patient")
    labels, scores = column(pair.first, "label"), pair.values("score")
    names: dict[tuple[str, str], list[int]] = {}
    for row in rows[np.isfinite(target[rows])]:
        names.setdefault((labels[row], pair.variants[row]["draw"]), []).append(int(row))
    groups = [np.array(group) for group in names.values() if len(set(target[group])) == 2]
    if not groups:
        return float("nan")
    if len(groups) == 1:
        group = groups[0]
        both = (scores[0][group], scores[1][group])
        return swap_test_auroc(target[group], both, patients[group], swaps=_SWAPS, seed=seed)
    kept = np.concatenate(groups)
    ranked = [_ranks(values, groups) for values in scores]
    share = np.concatenate([_share(target[group]) for group in groups]) / len(groups)

    def gap(swapped: NDArray[np.bool_]) -> float:
        one, other = np.where(swapped, ranked[1], ranked[0]), np.where(swapped, ranked[0], ranked[1])
        return float(share @ (rankdata(one) - rankdata(other)))

    return swap_test(gap, patients[kept], swaps=_SWAPS, seed=seed)


def _ranks(values: Floats, groups: list[Rows]) -> Floats:
    """Mid-ranks inside each group, since two systems' scales may be unlike; later groups lie above earlier ones.

    So ranks over all rows are ranks inside the group plus a constant, also after swaps.
    """
    from scipy.stats import rankdata

    sizes = np.cumsum([0, *(len(group) for group in groups)])
    return np.concatenate([rankdata(values[group]) + start for group, start in zip(groups, sizes[:-1], strict=True)])


def _share(target: Floats) -> Floats:
    """What the rank of each row adds to the AUROC, up to a constant: 1/(positives x negatives) for a positive."""
    positive = target == 1
    return np.asarray(positive / (positive.sum() * (~positive).sum()), dtype=np.float64)


def item_values(metric: str) -> Callable[[pa.Table], Floats] | None:
    """What each row adds to a metric that is a mean over items; None for other metrics."""
    name = metric.removesuffix("_identity")
    if found := re.fullmatch(r"r_at_(\d+)", name):
        k = int(found[1])
        return lambda table: (column(table, "rank") <= k).astype(np.float64)
    if name.startswith("p_at_"):
        return lambda table: column(table, "score")
    plain: Mapping[str, Callable[[pa.Table], Floats]] = {
        "mrr": lambda table: 1 / column(table, "rank"),
        "brier": lambda table: (column(table, "probability") - column(table, "target")) ** 2,
        "accuracy": _right,
    }
    return plain.get(name)


def _right(table: pa.Table) -> Floats:
    target = column(table, "target")
    said = column(table, "score") >= column(table, "threshold")
    return np.where(np.isnan(target), np.nan, (said == (target == 1)).astype(np.float64))


def _wanted(metric: str) -> dict[str, str]:
    """Variant of the rows behind a metric; a key that a row does not have does not count."""
    if found := re.fullmatch(r"p_at_(\d+)", metric):
        return {"k": found[1]}
    matching = "identity" if metric.endswith("_identity") else "duplicate-aware"
    return {"matching": matching, "template": "ensemble"}


def _variants(table: pa.Table) -> list[dict[str, str]]:
    encoded = table["detail"].combine_chunks().dictionary_encode()
    read = [json.loads(text) for text in encoded.dictionary.to_pylist()]
    told = [
        {key: str(one[key]) for key in _VARIANT if key in one} | {"draw": str(one.get("draw", ""))} for one in read
    ]
    return [told[number] for number in encoded.indices.to_pylist()]


def _places(table: pa.Table) -> dict[tuple[str, str, str, str], int]:
    """Row of each answer by task, label, item and variant."""
    names = (table[name].to_pylist() for name in ("task", "label", "item"))
    variants = _variants(table)
    keys = zip(*names, (json.dumps(one, sort_keys=True) for one in variants), strict=True)
    places = {key: row for row, key in enumerate(keys)}
    if len(places) != len(table):
        raise DataError("an evaluation answers one item twice in the same way; evaluate it again")
    return places


def _verdict(metric: str, interval: tuple[float, float], apart: Floats, *, margin: float) -> str:
    if not np.isfinite(interval).all():
        return "undecided"
    low, high = np.quantile(apart, (0.05, 0.95), method="inverted_cdf")
    if metric.startswith(LOWER_IS_BETTER):
        return verdict((-interval[1], -interval[0]), (-high, -low), margin=margin)
    return verdict(interval, (low, high), margin=margin)
