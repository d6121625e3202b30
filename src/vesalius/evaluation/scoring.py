"""Ask every system every task, and score what they answered."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from vesalius.errors import DataError
from vesalius.evaluation.passport import Passport
from vesalius.evaluation.systems import System
from vesalius.inference.predictor import Progress
from vesalius.tasks.base import PREDICTIONS, Task, make_task

__all__ = ["METRICS_VERSION", "Answers", "ask", "score_answers", "scoring_facts"]

METRICS_VERSION = "1"
"""Raised when the definition of a metric changes a number."""

Key = tuple[str, str]
"""Control (empty for the model) and name of the task's file."""


@dataclass
class Answers:
    """What all systems answered, and the passport of each table."""

    tables: dict[Key, pa.Table] = field(default_factory=dict)
    passports: dict[Key, Passport] = field(default_factory=dict)
    skipped: list[dict[str, str]] = field(default_factory=list)


def ask(
    systems: Sequence[System],
    tasks: Sequence[Task],
    *,
    passport: Callable[[System, Task, Sequence[str]], Passport],
    required: bool,
    progress: Progress | None = None,
) -> Answers:
    """Let every system answer every task; what the data do not allow is skipped with its reason.

    Args:
        systems: the model first, then the controls.
        tasks: tasks that the model is capable of.
        passport: makes the passport from system, task and the prompts that the task embedded.
        required: the tasks were asked for by name, so that one that the data do not allow is an error.
        progress: ``progress(title, total)``.
    """
    answers = Answers()
    with advancing(progress, "Ask", len(systems) * len(tasks)) as advance:
        for task in tasks:
            for system in systems:
                try:
                    table, prompts = system.answer(task)
                except DataError as error:
                    if required and not system.control:
                        raise
                    who = {"control": system.control} if system.control else {}
                    answers.skipped.append({"task": task.name, **who, "reason": str(error)})
                    advance(1)
                    if not system.control:
                        break
                    continue
                answers.tables[system.control, task.name] = table
                answers.passports[system.control, task.name] = passport(system, task, prompts)
                advance(1)
    if not answers.tables:
        reasons = "; ".join(f"{row['task']}: {row['reason']}" for row in answers.skipped)
        raise DataError(f"no task could be answered: {reasons}")
    return answers


def score_answers(answers: Answers, *, resamples: int, seed: int, progress: Progress | None = None) -> dict[str, Any]:
    """Score every table.

    Returns:
        "scores" of the model, "controls" in the same form plus "control", and "passports" by id.
    """
    scores: list[dict[str, Any]] = []
    controls: list[dict[str, Any]] = []
    with advancing(progress, "Score", len(answers.tables)) as advance:
        for (control, family), table in answers.tables.items():
            name = answers.passports[control, family].id
            for score in make_task(family).score(table, resamples=resamples, seed=seed):
                row = {**score.to_dict(), "passport": name}
                if control:
                    controls.append({**row, "control": control})
                else:
                    scores.append(row)
            advance(1)
    passports = {passport.id: passport.document() for passport in answers.passports.values()}
    return {"scores": scores, "controls": controls, "passports": passports}


def scoring_facts(*, resamples: int) -> dict[str, Any]:
    """Return what a passport says of scoring."""
    return {
        "metrics": METRICS_VERSION,
        "interval": "95 % percentile bootstrap",
        "unit": "patient",
        "resamples": resamples,
    }


def stored_answers(table: pa.Table, passports: Mapping[str, Passport], *, where: str) -> Answers:
    """Take the stored predictions apart again, by system and task.

    Raises:
        DataError: a table has no passport.
    """
    by_key = {(one.control, str(one.task.get("name"))): one for one in passports.values()}
    answers = Answers()
    joined = pc.unique(pc.binary_join_element_wise(table["control"], table["family"], "/")).to_pylist()
    for name in joined:
        control, _, family = name.partition("/")
        key = (control, family)
        if key not in by_key:
            raise DataError(f"{where}: no passport for task {key[1]!r}, control {key[0]!r}; evaluate again")
        mask = pc.and_(pc.equal(table["control"], key[0]), pc.equal(table["family"], key[1]))
        answers.tables[key] = table.filter(mask).select(PREDICTIONS.names)
        answers.passports[key] = by_key[key]
    return answers


@contextmanager
def _silent() -> Iterator[Callable[[int], None]]:
    yield lambda count: None


def advancing(progress: Progress | None, title: str, total: int) -> AbstractContextManager[Callable[[int], None]]:
    """Return a bar, or one that shows nothing."""
    if progress is None:
        return _silent()
    shown: AbstractContextManager[Callable[[int], None]] = progress(title, total)
    return shown
