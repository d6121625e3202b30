"""Wins, ties and losses of adapted models against their bases: one case a pair, data set and way of asking.

Source: Jeong et al. 2024, arXiv 2411.04118 and 2411.08870: a win is a 95 % interval of the paired difference (10,000
percentile resamples) above 0, a loss one below, all else a tie. Rates are over cases, so that small data sets weigh
as much as large ones; the view by items stands beside them. No correction for many cases is made.
`vesalius.evaluation.compare` tests harder: it wants a margin for a tie and adjusts for many systems.

Letters: n items, B resamples.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pyarrow.compute as pc
from numpy.typing import ArrayLike

from vesalius.errors import DataError
from vesalius.evaluation.paired import align
from vesalius.evaluation.results import Evaluation
from vesalius.metrics import resampled
from vesalius.metrics.bootstrap import patient_weights, percentile
from vesalius.tasks.base import PREDICTIONS, column

__all__ = ["RESAMPLES", "Case", "Rates", "Verdict", "ablation", "case_of", "cases", "rates", "table"]

Verdict = Literal["win", "tie", "loss"]
RESAMPLES = 10_000
_METRIC = "accuracy"
_BUDGET = ("trials_a_part", "arms", "draws", "validation", "rule")
"""What two searches of prompts must have in common; the arms that won may differ."""


@dataclass(frozen=True, kw_only=True)
class Case:
    """An adapted model against its base on one data set, asked in one way."""

    adapted: str
    base: str
    part: str
    way: str
    """Regime and decoding, such as ``grammar, 3 demonstrations``."""
    n: int
    n_clusters: int
    adapted_value: float
    base_value: float
    difference: float
    """adapted - base."""
    low: float
    high: float

    @property
    def verdict(self) -> Verdict:
        """Win, tie or loss by the interval."""
        return "win" if self.low > 0 else "loss" if self.high < 0 else "tie"

    @property
    def raw_verdict(self) -> Verdict:
        """The same by the difference alone, as a table without intervals would have it."""
        return "win" if self.difference > 0 else "loss" if self.difference < 0 else "tie"


@dataclass(frozen=True, kw_only=True)
class Rates:
    """Shares of wins, ties and losses, and how many there are in all."""

    wins: float
    ties: float
    losses: float
    n: float


def case_of(
    adapted: ArrayLike, base: ArrayLike, clusters: Sequence[str], *, names: Mapping[str, str],
    resamples: int = RESAMPLES, seed: int = 0,
) -> Case:  # fmt: skip
    """Compare two systems on the same items.

    Args:
        adapted: values of the adapted model, (n,).
        base: values of its base, (n,).
        clusters: unit of resampling of each item, n.
        names: ``adapted``, ``base``, ``part`` and ``way`` of the case.
        resamples: B.
        seed: of the resamples.

    Raises:
        DataError: no item, or another number of values.
    """
    first, second = (np.asarray(values, dtype=np.float64) for values in (adapted, base))
    if first.shape != second.shape or len(first) != len(clusters) or not len(first):
        raise DataError(
            f"{len(first)}, {len(second)} and {len(clusters)} items; a pair needs the same ones, and some"
        )
    weights = patient_weights(clusters, resamples=resamples, seed=seed)
    apart = first - second
    interval = percentile(float(apart.mean()), resampled.mean(apart, weights), weights=weights)
    return Case(
        **names, n=len(first), n_clusters=weights.num_patients, adapted_value=float(first.mean()),
        base_value=float(second.mean()), difference=interval.value, low=interval.low, high=interval.high,
    )  # fmt: skip


def cases(adapted: Evaluation, base: Evaluation, *, resamples: int = RESAMPLES, seed: int = 0) -> tuple[Case, ...]:
    """Compare two evaluations of a benchmark of questions, a case for each part that both answered.

    Raises:
        DataError: nothing is shared; or the prompts of one were searched otherwise than those of the other.
    """
    _same_budget(adapted, base)
    one, other = (evaluation.predictions() for evaluation in (adapted, base))
    tables = [table.filter(pc.equal(table["label"], _METRIC)).select(PREDICTIONS.names) for table in (one, other)]
    pair = align(*tables, marks=True)
    tasks, patients = column(pair.first, "task"), column(pair.first, "patient")
    values = pair.values("score")
    names = {"adapted": _model(adapted), "base": _model(base), "way": _way(adapted)}
    found = []
    for task in dict.fromkeys(tasks.tolist()):
        rows = np.flatnonzero((tasks == task) & np.isfinite(values[0]) & np.isfinite(values[1]))
        if "@" not in task and len(rows):
            named = names | {"part": str(task).partition(".")[2]}
            first, second = (side[rows] for side in values)
            clusters = patients[rows].tolist()
            found.append(case_of(first, second, clusters, names=named, resamples=resamples, seed=seed))
    return tuple(found)


def rates(found: Sequence[Case], *, raw: bool = False, by_items: bool = False) -> Rates:
    """Return the shares of verdicts over cases, or over their items.

    Args:
        found: cases.
        raw: by the difference alone, without its interval.
        by_items: each case weighs as much as it has items.

    Raises:
        DataError: there is no case.
    """
    if not found:
        raise DataError("no case of an adapted model and its base; evaluate both on the same parts")
    weights = np.array([case.n if by_items else 1 for case in found], dtype=np.float64)
    said = np.array([case.raw_verdict if raw else case.verdict for case in found])
    shares = {word: float(weights[said == word].sum() / weights.sum()) for word in ("win", "tie", "loss")}
    return Rates(wins=shares["win"], ties=shares["tie"], losses=shares["loss"], n=float(weights.sum()))


def ablation(own: Sequence[Case], adapted_prompt: Sequence[Case]) -> dict[tuple[str, str], Rates]:
    """Return the rates for each prompt and reading: what the study's two precautions are worth.

    Args:
        own: cases in which each model was asked in the prompt that suits it.
        adapted_prompt: cases in which both were asked in the adapted model's.
    """
    return {
        (prompt, "raw" if raw else "interval"): rates(found, raw=raw)
        for prompt, found in (("own prompt", own), ("adapted model's prompt", adapted_prompt))
        for raw in (True, False)
    }


def table(found: Sequence[Case]) -> str:
    """Return the cases and their rates as text."""
    lines = [f"{'part':<32}{'n':>6}  {'adapted':>7} {'base':>7}  {'difference':>10}  95 % interval     verdict"]
    for case in found:
        interval = f"[{case.low:+.3f}, {case.high:+.3f}]"
        lines.append(
            f"{case.part:<32}{case.n:>6}  {case.adapted_value:>7.3f} {case.base_value:>7.3f}  "
            f"{case.difference:>+10.3f}  {interval:<17} {case.verdict}"
        )
    for words, by_items in (("of cases", False), ("by items", True)):
        shares = rates(found, by_items=by_items)
        lines.append(
            f"{words}: win {shares.wins:.1%}, tie {shares.ties:.1%}, loss {shares.losses:.1%} of {shares.n:.0f}"
        )
    return "\n".join([*lines, "No correction for many cases is made."])


def _same_budget(adapted: Evaluation, base: Evaluation) -> None:
    """See that both models' prompts were searched with the same budget on the same validation items.

    Raises:
        DataError: they were not, or only one was.
    """
    one, other = (_task(evaluation).get("search", {}) for evaluation in (adapted, base))
    apart = [name for name in _BUDGET if one.get(name) != other.get(name)]
    if apart:
        raise DataError(
            f"the prompts of {_model(adapted)} and {_model(base)} were searched differently ({', '.join(apart)}): "
            "evaluate both with the same --prompt-search, --shots and --seed"
        )


def _task(evaluation: Evaluation) -> Mapping[str, Any]:
    found = [one for one in evaluation.document["passports"].values() if not one["control"]]
    return dict(found[0]["task"]) if found else {}


def _model(evaluation: Evaluation) -> str:
    return str(evaluation.document["model"]["name"])


def _way(evaluation: Evaluation) -> str:
    task = _task(evaluation)
    search = task.get("search", {})
    arm = f"best of {search['trials_a_part']} prompts" if search else str(task.get("arm", ""))
    return f"{arm}, {len(task.get('shots', ()))} demonstrations in all"
