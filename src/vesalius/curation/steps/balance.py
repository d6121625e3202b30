"""Balance a corpus: at most so many studies of each value, drawn by chance from the seed."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass
from typing import Literal

from vesalius.curation.base import Decision, Dropped, Outcome, Stage, Step, chance
from vesalius.data.records import Study

__all__ = ["STEP", "Balance", "By", "strata"]

By = Literal["finding", "modality", "body_part", "view", "site", "sex", "source", "language", "patient"]


def strata(study: Study, by: By) -> tuple[str, ...]:
    """Return the values of a study, sorted; a study may have several findings and none of anything ("")."""
    if by == "finding":
        found = {finding.concept for finding in study.findings if finding.status == "present"}
    elif by in ("modality", "body_part", "view"):
        found = {str(getattr(image, by)) for image in study.images}
    elif by == "language":
        found = {text.language for text in study.texts} | {dialogue.language for dialogue in study.dialogues}
    elif by == "source":
        found = {study.provenance.source}
    else:
        found = {str(getattr(study, by))}
    return tuple(sorted(found)) or ("",)


@dataclass(frozen=True, kw_only=True)
class Balance(Step):
    """Each value of `by` keeps at most `most` studies, or `ratio` times as many as the rarest value has.

    A study of several values is kept as long as its rarest value has room, so that rare findings are not lost with
    the common ones beside them; a common value may then exceed its limit by such studies.
    """

    by: By = "finding"
    most: int | None = None
    ratio: float | None = None

    def __post_init__(self) -> None:
        if (self.most is None) == (self.ratio is None):
            raise ValueError("give either most or ratio")
        if (self.most is not None and self.most < 1) or (self.ratio is not None and self.ratio < 1):
            raise ValueError("most and ratio are at least 1")

    def prepare(self, stage: Stage) -> Decision:
        """Count the values and draw who stays, in an order that chance and the ids alone decide."""
        values = {study.id: strata(study, self.by) for study in stage.studies}
        counts = Counter(value for found in values.values() for value in found)
        limit = self.most if self.most is not None else int(float(self.ratio or 1) * min(counts.values(), default=0))
        used: dict[str, int] = defaultdict(int)
        kept: set[str] = set()
        order = sorted(values, key=lambda name: (float(chance(stage.seed, name, "balance").random()), name))
        for name in sorted(order, key=lambda name: min(counts[value] for value in values[name])):
            rarest = min(values[name], key=lambda value: (counts[value], value))
            if used[rarest] < limit:
                kept.add(name)
                for value in values[name]:
                    used[value] += 1

        def decide(study: Study) -> Outcome:
            if study.id in kept:
                return study
            return Dropped(f"enough of this {self.by}", ", ".join(values[study.id]))

        return decide


STEP = Balance
