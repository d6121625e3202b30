"""Answers of a model to the questions of a benchmark, as the benchmark's rules marked them.

A row is a value of one item under one rule: the task is ``benchmark.part``, with ``@rule`` after it where the rule is
a published scorer's, and the label is the metric. Every metric is a mean over items, over each value of each field of
the items, and over these means; metrics of whole texts are taken from what each text adds to them. An interval takes
all items of a cluster (a patient, a picture, the permutations of a problem) together.

Letters: N rows, K columns of sums, B resamples.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from vesalius.errors import DataError
from vesalius.metrics import resampled
from vesalius.metrics.bootstrap import PatientWeights, percentile
from vesalius.metrics.calibration import equal_width_bins, expected_calibration_error
from vesalius.metrics.classification import auroc
from vesalius.metrics.lexical import lexical_scores
from vesalius.metrics.selective import aurc, aurc_draws
from vesalius.tasks._labels import Rows
from vesalius.tasks._question_scores import evidence_scores
from vesalius.tasks.answers.evidence import evidence_of, is_evidence
from vesalius.tasks.base import Score, TaskData

__all__ = ["BY_RULE", "RATIO_SIDES", "TASK", "TEXT", "Questions", "text_detail"]

Floats = NDArray[np.float64]

TEXT = "text"
"""Label of a row that holds a written text and what it is compared with, in its detail."""
BY_RULE = "accuracy_by_rule"
"""Label of a row that says what the rule made of an answer that a judge has read."""
RATIO_SIDES = ("over", "under")
"""What the detail of a row says of each ratio that its value is part of."""
_BINS = 10
"""Of equal width, for the calibration error of stated confidence."""
_COLUMNS = 64
"""Sums that are resampled at once."""
_MOST_VALUES = 40
"""A field with more values is no subgroup but an id."""


@dataclass(frozen=True, kw_only=True)
class _Part:
    """Some rows of one task and metric, and what they are called."""

    task: str
    metric: str
    label: str
    rows: NDArray[np.intp]


@dataclass(frozen=True, kw_only=True)
class Questions:
    """Means of what a benchmark's rules gave each answer."""

    name: str = "questions"
    needs: frozenset[str] = frozenset({"generate"})
    splits: frozenset[str] = frozenset()

    def predict(self, data: TaskData) -> pa.Table:
        """Refuse: questions are put by a benchmark.

        Raises:
            DataError: always; names the benchmarks.
        """
        raise DataError("questions are asked by a benchmark: vesalius evaluate MODEL --on BENCHMARK")

    def score(self, table: pa.Table, *, resamples: int, seed: int) -> list[Score]:
        """Score every part and metric: all items ("all"), each value of a field, and the means over them."""
        rows = Rows(table)
        weights = rows.weights(resamples=resamples, seed=seed)
        scores = _means(list(_parts(rows)), rows.score, weights)
        scores += _macros(scores, weights)
        scores += _ratios(rows, weights) + _confidence(rows, weights) + _judges(rows, weights)
        return scores + _evidence(rows, weights) + _texts(rows, weights)


TASK = Questions


def _parts(rows: Rows) -> Iterable[_Part]:
    fields: list[Mapping[str, str]] = [one.get("fields", {}) for one in rows.variants]
    names = sorted({name for one in fields for name in one})
    for task_number, task in enumerate(rows.tasks):
        of_task = rows.task == task_number
        for label_number, metric in enumerate(rows.labels):
            found = np.flatnonzero(of_task & (rows.label == label_number) & np.isfinite(rows.score))
            if not len(found) or metric == TEXT:
                continue
            yield _Part(task=task, metric=metric, label="all", rows=found)
            for name in names:
                values = np.array([fields[number].get(name, "") for number in rows.variant[found]], dtype=str)
                known = [str(value) for value in np.unique(values) if value]
                if 1 < len(known) <= _MOST_VALUES:
                    for value in known:
                        yield _Part(task=task, metric=metric, label=f"{name}={value}", rows=found[values == value])


def _means(parts: list[_Part], values: Floats, weights: PatientWeights) -> list[Score]:
    """Score the mean of each part; sums of many parts, a cluster a row, are resampled in one pass."""
    scores = []
    clusters = replace(weights, codes=np.arange(weights.num_groups))
    for start in range(0, len(parts), _COLUMNS):
        block = parts[start : start + _COLUMNS]
        sums = np.zeros((weights.num_groups, 2 * len(block)))
        for place, part in enumerate(block):
            codes = weights.codes[part.rows]
            sums[:, 2 * place] = np.bincount(codes, values[part.rows], weights.num_groups)
            sums[:, 2 * place + 1] = np.bincount(codes, minlength=weights.num_groups)
        drawn = clusters.sums(sums)
        with np.errstate(invalid="ignore", divide="ignore"):
            draws = drawn[:, ::2] / drawn[:, 1::2]
        for place, part in enumerate(block):
            interval = percentile(float(values[part.rows].mean()), draws[:, place], weights=weights.select(part.rows))
            scores.append(
                Score.of(
                    interval, task=part.task, metric=part.metric, label=part.label, draws=draws[:, place],
                    rows=part.rows, plain_mean=True,
                )
            )  # fmt: skip
    return scores


def _macros(scores: list[Score], weights: PatientWeights) -> list[Score]:
    """Score the plain mean over the values of each field, and over the parts of a benchmark under one rule."""
    groups: dict[tuple[str, str, str], list[Score]] = {}
    for score in scores:
        field, mark, _ = score.label.partition("=")
        if mark:
            groups.setdefault((score.task, score.metric, f"mean over {field}"), []).append(score)
        if score.label == "all":
            name, _, part = score.task.partition(".")
            rule = part.partition("@")[2]
            whole = f"{name}@{rule}" if rule else name
            groups.setdefault((whole, score.metric, "mean over parts"), []).append(score)
    return [_macro(key, members, weights) for key, members in groups.items() if len(members) > 1]


def _macro(key: tuple[str, str, str], members: list[Score], weights: PatientWeights) -> Score:
    task, metric, label = key
    drawn = resampled.macro(np.stack([one.draws for one in members if one.draws is not None], axis=1))
    value = float(np.mean([one.value for one in members]))
    extra = {"over": len(members), "left_out_in_resamples": drawn.left_out}
    rows = np.unique(np.concatenate([one.rows for one in members if one.rows is not None]))
    interval = percentile(value, drawn.draws, weights=weights.select(rows))
    return Score.of(interval, task=task, metric=metric, label=label, extra=extra, draws=drawn.draws, rows=rows)


def _ratios(rows: Rows, weights: PatientWeights) -> list[Score]:
    """Score the mean of a metric in one part over that in another, as the rows of both say; NaN over 0.

    A resample draws the clusters of both parts at once, so that those which they share are paired.
    """
    sides: dict[tuple[str, str, str], dict[str, list[int]]] = {}
    held = np.array([bool(one.get("ratios")) for one in rows.variants], dtype=bool)
    for row in np.flatnonzero(held[rows.variant] & np.isfinite(rows.score)).tolist():
        for name, side in rows.variants[rows.variant[row]].get("ratios", {}).items():
            bench, _, part = rows.tasks[rows.task[row]].partition(".")
            rule = part.partition("@")[2]
            key = (f"{bench}.{name}" + (f"@{rule}" if rule else ""), rows.labels[rows.label[row]], name)
            sides.setdefault(key, {}).setdefault(side, []).append(row)
    return [
        _ratio(rows, weights, task=task, metric=metric, sides=found)
        for (task, metric, _), found in sides.items()
        if len(found) == 2
    ]


def _ratio(
    rows: Rows, weights: PatientWeights, *, task: str, metric: str, sides: Mapping[str, Sequence[int]]
) -> Score:
    over, under = (np.array(sides[side]) for side in RATIO_SIDES)
    places = np.sort(np.concatenate([over, under]))
    above = np.isin(places, over).astype(np.float64)
    value = rows.score[places]
    seen = weights.select(places)
    drawn = seen.sums(np.column_stack([value * above, above, value * (1 - above), 1 - above]))
    with np.errstate(invalid="ignore", divide="ignore"):
        shares = drawn[:, ::2] / drawn[:, 1::2]
        draws = np.where(shares[:, 1] > 0, shares[:, 0] / shares[:, 1], np.nan)
    means = {side: float(rows.score[list(sides[side])].mean()) for side in RATIO_SIDES}
    whole = means["over"] / means["under"] if means["under"] else float("nan")
    interval = percentile(whole, draws, weights=seen)
    return Score.of(interval, task=task, metric=f"{metric}_ratio", label="all", extra=means, draws=draws, rows=places)


def _evidence(rows: Rows, weights: PatientWeights) -> list[Score]:
    """Score what is made of all answers of a part at once."""
    scores = []
    for number, label in enumerate(rows.labels):
        for task_number, task in enumerate(rows.tasks if is_evidence(label) else ()):
            places = np.flatnonzero((rows.label == number) & (rows.task == task_number))
            if len(places):
                found = [evidence_of(rows.variants[row]) for row in rows.variant[places]]
                scores += evidence_scores(found, weights.select(places), task=task, rows=places)
    return scores


def _confidence(rows: Rows, weights: PatientWeights) -> list[Score]:
    """Score how well confidence tells right from wrong: Brier, calibration error, risk under abstention, AUROC."""
    scores = []
    for number, task in enumerate(rows.tasks):
        places = np.flatnonzero((rows.task == number) & np.isfinite(rows.probability) & np.isfinite(rows.target))
        right, sure = rows.target[places], rows.probability[places]
        if not len(places) or not np.isin(right, (0, 1)).all():
            continue
        seen, codes = weights.select(places), equal_width_bins(sure, _BINS)
        measured = {
            "brier": (float(np.mean((sure - right) ** 2)), resampled.mean((sure - right) ** 2, seen)),
            "ece": (
                expected_calibration_error(right, sure, bins=_BINS),
                resampled.calibration_error(right, sure, codes, seen),
            ),
            "aurc": (aurc(sure, right), aurc_draws(sure, right, seen)),
        }
        if len(np.unique(right)) == 2:
            measured["confidence_auroc"] = (auroc(right, sure), resampled.auroc(right, sure, seen))
        for metric, (value, draws) in measured.items():
            interval = percentile(value, draws, weights=seen)
            scores.append(Score.of(interval, task=task, metric=metric, label="all", draws=draws, rows=places))
    return scores


def _judges(rows: Rows, weights: PatientWeights) -> list[Score]:
    """Score the agreement of the judge with the rule, Cohen's kappa, on the answers that both have read."""
    if BY_RULE not in rows.labels or "accuracy" not in rows.labels:
        return []
    scores = []
    judge, rule = rows.labels.index("accuracy"), rows.labels.index(BY_RULE)
    for number, task in enumerate(rows.tasks):
        places = np.flatnonzero((rows.task == number) & (rows.label == rule))
        of_item = {rows.item[row]: row for row in np.flatnonzero((rows.task == number) & (rows.label == judge))}
        if not len(places):
            continue
        both = np.array([[rows.score[row], rows.score[of_item[rows.item[row]]]] for row in places]) > 0
        cells = np.column_stack([both[:, 0] & both[:, 1], both[:, 0], both[:, 1], np.ones(len(both))]).astype(float)
        seen = weights.select(places)
        draws = _kappa(seen.sums(cells))
        interval = percentile(float(_kappa(cells.sum(axis=0)[None])[0]), draws, weights=seen)
        scores.append(Score.of(interval, task=task, metric="judge_kappa", label="all", draws=draws, rows=places))
    return scores


def _kappa(sums: Floats) -> Floats:
    """Return Cohen's kappa from sums of: both right, right by the first, right by the second, all; (B, 4) to (B,)."""
    both, first, second, count = sums.T
    with np.errstate(invalid="ignore", divide="ignore"):
        agree = (2 * both - first - second + count) / count
        chance = (first * second + (count - first) * (count - second)) / count**2
        kappa: Floats = (agree - chance) / (1 - chance)
    return kappa


def _texts(rows: Rows, weights: PatientWeights) -> list[Score]:
    """Score what is taken over all texts of a task, such as BLEU."""
    if TEXT not in rows.labels:
        return []
    scores = []
    of_text = rows.label == rows.labels.index(TEXT)
    for number, task in enumerate(rows.tasks):
        places = np.flatnonzero(of_text & (rows.task == number))
        if not len(places):
            continue
        details: list[Mapping[str, Any]] = [rows.variants[row] for row in rows.variant[places]]
        found = lexical_scores(
            [one["written"] for one in details],
            [one["references"] for one in details],
            names=details[0]["metrics"],
            language=details[0]["language"],
        )
        seen = weights.select(places)
        draws = found.draws(seen)
        for name, value in found.values().items():
            interval = percentile(value, draws[name], weights=seen)
            scores.append(Score.of(interval, task=task, metric=name, label="all", draws=draws[name], rows=places))
    return scores


def text_detail(written: str, references: Sequence[str], *, metrics: Sequence[str], language: str) -> str:
    """Write the detail of a row of texts."""
    return json.dumps({"language": language, "metrics": metrics, "references": references, "written": written})
