"""Keep studies by a number that was computed elsewhere: difficulty, influence, a judge's mark."""

from __future__ import annotations

from dataclasses import dataclass

from vesalius.curation.base import Decision, Dropped, Outcome, Stage, Step
from vesalius.curation.columns import read_column
from vesalius.data.records import Study
from vesalius.errors import ConfigError

__all__ = ["STEP", "ByScore"]


@dataclass(frozen=True, kw_only=True)
class ByScore(Step):
    """Studies whose score is between `least` and `most`, and of these a share of the highest or lowest."""

    file: str
    """Table with `study_id` and the column."""
    column: str
    least: float | None = None
    most: float | None = None
    highest: float | None = None
    """Share of the studies in range that is kept from the top."""
    lowest: float | None = None
    """Share that is kept from the bottom."""
    missing: str = "drop"
    """What becomes of a study without a score: drop or keep."""

    def __post_init__(self) -> None:
        if self.missing not in ("drop", "keep"):
            raise ValueError("missing is drop or keep")
        if self.highest is not None and self.lowest is not None:
            raise ValueError("give highest or lowest, not both")
        if all(value is None for value in (self.least, self.most, self.highest, self.lowest)):
            raise ValueError("give least, most, highest or lowest: without one nothing is chosen")

    def prepare(self, stage: Stage) -> Decision:
        """Read the column and find the bounds; equal scores at a bound are told apart by the study's id."""
        scores = read_column(self.file, self.column)
        present = [study.id for study in stage.studies]
        if present and not any(name in scores for name in present):
            raise ConfigError(f"{self.file} has no score of any study, such as {present[0]!r}: is it of this corpus?")
        ranked = sorted((name for name in present if self._in_range(scores.get(name))), key=lambda i: (scores[i], i))
        chosen = set(ranked)
        if self.highest is not None:
            chosen = set(ranked[len(ranked) - round(self.highest * len(ranked)) :])
        if self.lowest is not None:
            chosen = set(ranked[: round(self.lowest * len(ranked))])

        def decide(study: Study) -> Outcome:
            if study.id not in scores:
                return study if self.missing == "keep" else Dropped(f"no {self.column}")
            return study if study.id in chosen else Dropped(f"{self.column} not chosen", f"{scores[study.id]:g}")

        return decide

    def _in_range(self, score: float | None) -> bool:
        low = self.least is None or (score is not None and score >= self.least)
        high = self.most is None or (score is not None and score <= self.most)
        return score is not None and low and high


STEP = ByScore
