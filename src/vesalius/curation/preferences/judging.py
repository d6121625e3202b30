"""Pairs from a judge: of several reports that a model wrote for one study, the best and the worst by a score.

Source: CheXalign (Hein et al. 2024, arXiv 2410.07025), judge GREEN; code StanfordMIMI/CheXalign, Apache-2.0. Any
function of what was written, the reference and the study may judge. `FactJudge` is one by rules, of the form of
GREEN and not GREEN: see `vesalius.metrics.finding_pairs`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple, Protocol

import numpy as np
from numpy.typing import ArrayLike

from vesalius.curation.base import Dropped
from vesalius.curation.preferences.base import NO_ANSWER, Outcome, pair_of
from vesalius.data.conversations.records import Conversation
from vesalius.data.records import Study
from vesalius.errors import ConfigError, DataError, did_you_mean
from vesalius.metrics.answers import answer_words, word_overlap
from vesalius.metrics.finding_pairs import pair_findings
from vesalius.metrics.report_facts import read_facts, recorded_facts
from vesalius.virtual.text.grammar import Fact

__all__ = [
    "JUDGES", "PROMPT", "TIE", "FactJudge", "Judge", "LabelJudge", "Ranked", "WordJudge", "cleaned", "judge_named",
    "judged_pair", "ranked",
]  # fmt: skip

PROMPT = 'Given the indication: "{indication}", write a structured findings section for the CXR.'
"""How CheXalign asks for a report."""
TIE = 1e-8
"""Best and worst that are no further apart are a tie (CheXalign's code)."""
TIED = "all candidates score the same"
FEW = "fewer than two candidates"
_BRACKETS, _SPACES = re.compile(r"\[.*?\]"), re.compile(r"\s+")


class Judge(Protocol):
    """Says how good a text is; more is better."""

    def __call__(self, candidate: str, reference: str, study: Study | None, /) -> float:
        """Score a text, cleaned, against the reference, cleaned, or the study's record."""
        ...


class Ranked(NamedTuple):
    """Places of the best and the worst, each the first of its equals, and their scores."""

    chosen: int
    rejected: int
    best: float
    worst: float


@dataclass(frozen=True, kw_only=True)
class FactJudge:
    """Matched findings over them and all errors, by rules that read both texts; 0 where nothing is matched."""

    region: str = "chest"
    """Whose words are read."""
    against: Literal["reference", "record"] = "reference"
    """What is true: what the reference says, or what the study's record says, denials included.

    A reference that is silent on a finding gives nothing for denying it; the record does, so it likes long lists.
    """

    def __call__(self, candidate: str, reference: str, study: Study | None, /) -> float:
        """Score a text."""
        written = read_facts(candidate, region=self.region).facts
        return pair_findings(written, self._truth(reference, study)).score

    def _truth(self, reference: str, study: Study | None) -> tuple[Fact, ...]:
        if self.against == "reference":
            return read_facts(reference, region=self.region).facts
        if study is None:
            raise DataError("a judge against the record needs the study; judge against the reference instead")
        denied = (Fact(one.concept, "absent") for one in study.findings if one.status == "absent")
        return (*recorded_facts(study.findings), *denied)


@dataclass(frozen=True, kw_only=True)
class LabelJudge:
    """F1 of the findings whose names a text holds, against those that the study's record says are present.

    Only findings that the record names at all are looked for; words of denial are not understood.
    """

    def __call__(self, candidate: str, reference: str, study: Study | None, /) -> float:
        """Score a text; 1 where neither has any."""
        if study is None:
            raise DataError("a judge by labels needs the study; judge by words instead")
        present = {one.concept for one in study.findings if one.status == "present"}
        said = {one.concept for one in study.findings if one.concept.replace("_", " ") in candidate}
        return 2 * len(said & present) / (len(said) + len(present)) if said or present else 1.0


@dataclass(frozen=True, kw_only=True)
class WordJudge:
    """F1 of words against the reference."""

    def __call__(self, candidate: str, reference: str, study: Study | None, /) -> float:
        """Score a text."""
        return word_overlap(answer_words(candidate), answer_words(reference)).f1


JUDGES: Mapping[str, Judge] = {
    "facts": FactJudge(), "facts_of_record": FactJudge(against="record"), "labels": LabelJudge(),
    "words": WordJudge(),
}  # fmt: skip
"""Judges by the names that recipes have for them."""


def judge_named(name: str) -> Judge:
    """Return a judge by its name.

    Raises:
        ConfigError: there is none; offers the nearest.
    """
    if name not in JUDGES:
        raise ConfigError(f"unknown judge {name!r}{did_you_mean(name, JUDGES)}")
    return JUDGES[name]


def cleaned(text: str) -> str:
    """Return a text as judges see it: without what stands in brackets and without ``**``, one space, lower case."""
    return _SPACES.sub(" ", _BRACKETS.sub("", text).replace("**", "")).strip().lower()


def ranked(scores: ArrayLike, *, tie: float = TIE) -> Ranked | None:
    """Return the best and the worst of some scores, or None where they are no further apart than `tie`.

    Raises:
        DataError: a score that is no number.
    """
    values = np.asarray(scores, dtype=np.float64)
    if not np.isfinite(values).all():
        raise DataError(f"the judge gave {values.tolist()}: scores must be finite numbers")
    best, worst = int(values.argmax()), int(values.argmin())
    if values[best] - values[worst] <= tie:
        return None
    return Ranked(best, worst, float(values[best]), float(values[worst]))


def judged_pair(
    conversation: Conversation, candidates: Sequence[str], judge: Judge, *, study: Study | None = None,
    tie: float = TIE,
) -> Outcome:  # fmt: skip
    """Return a pair of the best and the worst candidate, as they were written, or why there is none.

    Args:
        conversation: ends in the reference, which is compared with and stands in no pair.
        candidates: what the model wrote, N of them; 4 in the paper.
        judge: sees cleaned texts.
        study: that it is about, for judges that look at its record.
        tie: as in `ranked`.
    """
    reference = conversation.answers[-1] if conversation.answers else ""
    if not reference.strip():
        return Dropped(NO_ANSWER, conversation.id)
    if len(candidates) < 2:
        return Dropped(FEW, conversation.id)
    said = cleaned(reference)
    found = ranked([judge(cleaned(text), said, study) for text in candidates], tie=tie)
    if found is None:
        return Dropped(TIED, conversation.id)
    return pair_of(conversation, chosen=candidates[found.chosen], rejected=candidates[found.rejected])
