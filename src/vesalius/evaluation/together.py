"""What comparisons on several data sets say together, where no two of them share a patient."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from vesalius.evaluation.paired import LOWER_IS_BETTER
from vesalius.metrics.over_tasks import over_tasks

__all__ = ["Together", "together", "together_words"]

_FEWEST = 3


@dataclass(frozen=True, kw_only=True)
class Together:
    """One pair of systems and one metric over data sets."""

    first: str
    second: str
    metric: str
    tasks: list[str]
    p_sign: float
    """Of wins against losses."""
    mean: float
    """First - second with random effects of the data sets; a smaller value being better, second - first."""
    low: float
    high: float
    least: float
    """Smallest mean when one data set is left out."""
    most: float
    decisive: str
    """Data set without which the sign turns."""


def together(rows: Sequence[Mapping[str, Any]], patients: Mapping[str, frozenset[str]]) -> list[dict[str, Any]]:
    """Put the primary rows of each pair and metric together.

    Only rows whose tasks share no patient are independent evidence; a pair and metric with a shared patient, or with
    fewer than three data sets, gives nothing.

    Args:
        rows: of a comparison, with "error" and the final verdict.
        patients: of each task.
    """
    groups: dict[tuple[str, str, str], list[Mapping[str, Any]]] = {}
    for row in rows:
        if row["primary"] and row["error"]:
            groups.setdefault((row["first"], row["second"], row["metric"]), []).append(row)
    found = []
    for (first, second, metric), own in groups.items():
        tasks = [row["task"] for row in own]
        sets = [patients.get(task, frozenset()) for task in tasks]
        if len(own) < _FEWEST or len(frozenset[str]().union(*sets)) < sum(len(one) for one in sets):
            continue
        sign = -1 if metric.startswith(LOWER_IS_BETTER) else 1
        said = over_tasks(
            tasks,
            [sign * row["difference"] for row in own],
            [row["error"] for row in own],
            [row["verdict"] for row in own],
        )
        one = Together(
            first=first, second=second, metric=metric, tasks=tasks, p_sign=said.p, mean=said.mean.value,
            low=said.mean.low, high=said.mean.high, least=said.least, most=said.most, decisive=said.decisive,
        )  # fmt: skip
        found.append(asdict(one))
    return found


def together_words(row: Mapping[str, Any]) -> str:
    """Say what the data sets show together."""
    words = (
        f"{row['first']} against {row['second']} over {len(row['tasks'])} data sets in {row['metric']}: mean "
        f"{row['mean']:+.3f} [{row['low']:+.3f}, {row['high']:+.3f}] (plus: the first is better), "
        f"{row['least']:+.3f} to {row['most']:+.3f} without one of them, sign test p {row['p_sign']:.3f}."
    )
    return f"{words} Without {row['decisive']} the sign turns." if row["decisive"] else words
