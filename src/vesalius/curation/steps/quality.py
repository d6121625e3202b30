"""The quality gate: studies below a threshold on one of five axes are dropped, with the axis as the reason."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from vesalius.curation.base import Decision, Dropped, Outcome, Stage, Step
from vesalius.curation.columns import read_rows
from vesalius.curation.quality import AXES, Scores, gate, rule_scores
from vesalius.data.records import Study
from vesalius.errors import DataError, did_you_mean

__all__ = ["STEP", "Quality"]


@dataclass(frozen=True, kw_only=True)
class Quality(Step):
    """Keep a study if and only if every axis reaches its threshold, and the mean of all reaches `mean`."""

    least: dict[str, float] = field(default_factory=lambda: dict.fromkeys(AXES, 3.0))
    """Threshold by axis, 1 to 5; an axis that is not named is not judged."""
    mean: float = 0.0
    scores: str = ""
    """Table with `study_id` and the five axes, such as a language model's marks; the rules where none is given."""

    def __post_init__(self) -> None:
        for axis in self.least:
            if axis not in AXES:
                raise ValueError(f"unknown axis {axis!r}{did_you_mean(axis, AXES)}")

    def prepare(self, stage: Stage) -> Decision:
        """Read the table of scores where one is given."""
        table = read_rows(self.scores) if self.scores else None

        def decide(study: Study) -> Outcome:
            scores = rule_scores(study) if table is None else _from_table(table, study.id, where=self.scores)
            failed = gate(scores._asdict(), least=self.least, mean=self.mean)
            return Dropped(failed, _words(scores)) if failed else study

        return decide


def _from_table(table: Mapping[str, Mapping[str, Any]], study: str, *, where: str) -> Scores:
    if study not in table:
        raise DataError(f"{where} has no scores of study {study!r}")
    row = table[study]
    missing = [axis for axis in AXES if axis not in row]
    if missing:
        raise DataError(f"{where}: no column {missing[0]!r}{did_you_mean(missing[0], row)}")
    return Scores(*[float(row[axis]) for axis in AXES])


def _words(scores: Scores) -> str:
    return ", ".join(f"{axis} {value:g}" for axis, value in scores._asdict().items())


STEP = Quality
