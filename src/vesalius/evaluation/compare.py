"""Is one model better than another: paired differences on the same items, tests over patients, a page.

The family of a test is all pairs of systems on one score (Holm). Every score is compared; the headline scores
are primary, the others are exploratory and say so.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import combinations
from pathlib import Path
from typing import Any

from vesalius import __version__
from vesalius.errors import ConfigError, DataError
from vesalius.evaluation.paired import PairedScore, align, compare_scores
from vesalius.evaluation.results import PREDICTIONS_FILE, Evaluation, open_evaluation, write_json
from vesalius.evaluation.scoring import advancing
from vesalius.evaluation.summary import headline_names
from vesalius.evaluation.together import together
from vesalius.evaluation.why import differences
from vesalius.inference.predictor import Progress
from vesalius.metrics.over_tasks import counted
from vesalius.metrics.significance import adjust
from vesalius.tasks.base import PREDICTIONS, Score, column, make_task

__all__ = ["COMPARISON_FILE", "Comparison", "compare"]

COMPARISON_FILE = "comparison.json"
_LEVEL = 0.05
_MARKED = "questions"
"""Task whose rows hold marks instead of truths."""
DEFAULT_MARGIN = 0.01
"""A tie needs the difference to lie within this, an accuracy-type margin stated before the run."""

Key = tuple[str, str, str]
"""Task, metric and label of a score."""


@dataclass(frozen=True)
class Comparison:
    """A comparison of two systems or more; `folder` is None where nothing was written."""

    document: Mapping[str, Any]
    folder: Path | None = None

    @property
    def pairs(self) -> list[dict[str, Any]]:
        """One row a pair of systems and score: difference, interval, p values, effect, verdict."""
        return list(self.document["pairs"])

    def primary(self) -> list[dict[str, Any]]:
        """Rows of the headline scores."""
        return [row for row in self.pairs if row["primary"]]


def compare(
    evaluations: Sequence[str | Path | Evaluation],
    *,
    name: str = "",
    out: str | Path | None = None,
    allow_different: bool = False,
    margin: float = DEFAULT_MARGIN,
    resamples: int | None = None,
    progress: Progress | None = None,
) -> Comparison:
    """Compare evaluations of the same items in pairs.

    Args:
        evaluations: two or more evaluations or runs; the first of a pair is the one that wins or loses.
        name: which evaluation of a run, such as ``chest-test``, where it has several.
        out: folder for comparison.json and comparison.html; None writes nothing.
        allow_different: compare what two evaluations share although data, split or prompts differ.
        margin: largest difference that does not matter.
        resamples: bootstrap resamples; None for those of the first evaluation.
        progress: ``progress(title, total)``.

    Raises:
        ConfigError: fewer than two evaluations.
        DataError: data, split, items or prompts differ (says what), or nothing is shared.
    """
    opened = [one if isinstance(one, Evaluation) else open_evaluation(one, name=name) for one in evaluations]
    if len(opened) < 2:
        raise ConfigError(f"{len(opened)} evaluation to compare; give two or more runs or evaluations")
    names = _names(opened)
    settings = opened[0].document["settings"]
    draws = int(settings["resamples"] if resamples is None else resamples)
    if draws < 1:
        raise ConfigError("a comparison needs resamples; give resamples=1000")
    rows, told = _every_pair(
        opened, names, _Terms(resamples=draws, seed=int(settings["seed"]), margin=margin), allow_different, progress
    )
    document = {
        "schema_version": 1,
        "systems": [_system(name, one) for name, one in zip(names, opened, strict=True)],
        "settings": {"resamples": draws, "seed": settings["seed"], "margin": margin, "adjusted": "holm"},
        "pairs": rows,
        "tally": _tally(rows),
        "together": together(rows, _patients(opened[0])),
        "differences": told,
        "corpus": opened[0].document["corpus"],
        "code": {"vesalius": __version__},
    }
    folder = None if out is None else Path(out)
    comparison = Comparison(document, folder)
    if folder is not None:
        from vesalius.evaluation.report.comparison import write_comparison

        folder.mkdir(parents=True, exist_ok=True)
        write_json(folder / COMPARISON_FILE, document)
        write_comparison(comparison, folder, systems=list(zip(names, opened, strict=True)))
    return comparison


@dataclass(frozen=True, kw_only=True)
class _Terms:
    """How every pair is compared."""

    resamples: int
    seed: int
    margin: float

    def compare(self, first: Evaluation, second: Evaluation) -> list[dict[str, Any]]:
        """Compare every score of the tasks that both answered, headline scores first."""
        tables = [_by_family(one) for one in (first, second)]
        primary = {
            (task, metric, label): row for row, (task, metric, label, _) in enumerate(headline_names(first.document))
        }
        rows = [
            row
            for family in sorted(tables[0].keys() & tables[1].keys())
            for row in self._family(family, tables[0][family], tables[1][family], primary)
        ]
        return sorted(rows, key=lambda row: primary.get((row["task"], row["metric"], row["label"]), len(primary)))

    def _family(self, family: str, first: Any, second: Any, primary: Mapping[Key, int]) -> list[dict[str, Any]]:
        pair = align(first, second, marks=family == _MARKED)
        task = make_task(family)
        scored = [
            {_key(score): score for score in task.score(table, resamples=self.resamples, seed=self.seed)}
            for table in (pair.first, pair.second)
        ]
        rows = []
        for key, score in scored[0].items():
            other = scored[1].get(key)
            tested = key in primary or (key[:2] == ("zero_shot", "auroc"))
            found = other and compare_scores((score, other), pair, margin=self.margin, seed=self.seed, tested=tested)
            if found:
                rows.append({**_plain(found), "primary": key in primary, "left_out": pair.left_out})
        return rows


def _every_pair(
    opened: Sequence[Evaluation], names: Sequence[str], terms: _Terms, allowed: bool, progress: Progress | None
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Compare all pairs; return one row a pair and score, and what differs beside the models."""
    rows: list[dict[str, Any]] = []
    told: list[dict[str, Any]] = []
    pairs = list(combinations(range(len(opened)), 2))
    with advancing(progress, "Compare", len(pairs)) as advance:
        for a, b in pairs:
            told += _refused(opened[a], opened[b], f"{names[a]} and {names[b]}", allowed=allowed)
            found = terms.compare(opened[a], opened[b])
            rows += [{"first": names[a], "second": names[b], **row} for row in found]
            advance(1)
    if not rows:
        raise DataError("the evaluations share no score that is defined for both; evaluate the same tasks")
    return _with_holm(rows), told


def _by_family(evaluation: Evaluation) -> dict[str, Any]:
    import pyarrow.compute as pc

    table = evaluation.predictions()
    if not len(table):
        raise DataError(f"{evaluation.folder / PREDICTIONS_FILE} holds no answer of the model; evaluate again")
    families = pc.unique(table["family"]).to_pylist()
    return {name: table.filter(pc.equal(table["family"], name)).select(PREDICTIONS.names) for name in families}


def _patients(evaluation: Evaluation) -> dict[str, frozenset[str]]:
    """Patients of each task, as its scores name it."""
    table = evaluation.predictions()
    tasks, patients = column(table, "task"), column(table, "patient")
    return {str(task): frozenset(patients[tasks == task].tolist()) for task in dict.fromkeys(tasks.tolist())}


def _refused(first: Evaluation, second: Evaluation, between: str, *, allowed: bool) -> list[dict[str, Any]]:
    """Return what differs in the questions and items of two evaluations.

    Raises:
        DataError: something does, and it was not allowed.
    """
    one, other = (_passports(evaluation) for evaluation in (first, second))
    told: list[dict[str, Any]] = []
    for family in sorted(one.keys() & other.keys()):
        for difference in differences(one[family], other[family]):
            if difference.blocks:
                told.append({"between": between, "task": family, **difference.to_dict()})
    if told and not allowed:
        fields = dict.fromkeys((row["field"], row["effect"]) for row in told)
        listed = "\n".join(f"  {field}: {effect}" for field, effect in fields)
        raise DataError(
            f"{between} are not evaluations of the same questions on the same items:\n{listed}\n"
            "evaluate both in the same way, see the details with vesalius why, or give --allow-different"
        )
    return told


def _passports(evaluation: Evaluation) -> dict[str, Mapping[str, Any]]:
    found = evaluation.document["passports"].values()
    return {one["task"]["name"]: one for one in found if not one["control"]}


def _names(evaluations: Sequence[Evaluation]) -> list[str]:
    names = [str(one.document["model"]["name"]) for one in evaluations]
    if len(set(names)) < len(names):
        names = [_folder_name(one.folder) for one in evaluations]
    counts = Counter(names)
    return [f"{name} ({place + 1})" if counts[name] > 1 else name for place, name in enumerate(names)]


def _folder_name(folder: Path) -> str:
    parts = folder.resolve().parts
    return parts[-3] if len(parts) > 2 and parts[-2] == "evaluations" else parts[-1]


def _system(name: str, evaluation: Evaluation) -> dict[str, Any]:
    return {"name": name, "evaluation": str(evaluation.folder), "model": evaluation.document["model"]}


def _with_holm(rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Add Holm's p over all pairs of systems on the same score; pairs without a p are not counted.

    A win or loss by the interval whose adjusted p is not below .05 becomes undecided: both must agree.
    """
    families: dict[Key, list[int]] = {}
    for place, row in enumerate(rows):
        if row["p"] is not None:
            families.setdefault((row["task"], row["metric"], row["label"]), []).append(place)
    adjusted: dict[int, float] = {}
    for places in families.values():
        values = adjust([rows[place]["p"] for place in places], method="holm")
        adjusted |= {place: float(value) for place, value in zip(places, values, strict=True)}
    judged = []
    for place, row in enumerate(rows):
        p = adjusted.get(place)
        doubtful = row["verdict"] in ("win", "loss") and (p is None or p >= _LEVEL)
        judged.append({**row, "p_holm": p, "verdict": "undecided" if doubtful else row["verdict"]})
    return judged


def _tally(rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Count wins, ties, losses and undecided primary scores of each pair."""
    verdicts: dict[tuple[str, str], list[str]] = {}
    for row in rows:
        if row["primary"]:
            verdicts.setdefault((row["first"], row["second"]), []).append(row["verdict"])
    return [{"first": a, "second": b, **counted(found)} for (a, b), found in verdicts.items()]


def _plain(found: PairedScore) -> dict[str, Any]:
    values = {**asdict(found), "p": found.p}
    return {
        key: None if isinstance(value, float) and not math.isfinite(value) else value for key, value in values.items()
    }


def _key(score: Score) -> Key:
    return score.task, score.metric, score.label
