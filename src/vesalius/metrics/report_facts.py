"""Hallucinated, omitted and contradicted facts of a report, against the truth of a virtual patient or another report.

What a text says is read by the grammar of the virtual patients' reports, which understands their own sentences whole
and says which it does not; these are read by the vocabulary (concept, state, side). On reports of that grammar the
counts are exact: the facts are those that the sentences were made from. On other texts they are a reading by rules,
and the share of sentences read otherwise (`FactCounts.loose`) stands beside them.

Letters: n reports.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import astuple, dataclass, replace
from functools import cache
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from vesalius.data.records import Finding, Laterality
from vesalius.data.sections import parts
from vesalius.knowledge.triplets import report_triplets
from vesalius.virtual.text.agreement import compare_facts
from vesalius.virtual.text.extraction import read
from vesalius.virtual.text.grammar import Fact, common

__all__ = [
    "FactCounts", "FactRates", "fact_counts", "fact_rates", "fact_table", "read_facts", "recorded_facts",
]  # fmt: skip

Floats = NDArray[np.float64]

_WORD = re.compile(r"[a-z]+")
_DEGREES = frozenset(
    ("tiny", "trace", "small", "minimal", "mild", "moderate", "large", "marked", "severe", "massive")
)
_CHANGES = {
    "new": "new", "unchanged": "stable", "stable": "stable", "persistent": "stable", "increased": "increased",
    "larger": "increased", "decreased": "decreased", "smaller": "decreased", "worse": "worsened",
    "worsened": "worsened", "worsening": "worsened", "improved": "improved", "improving": "improved",
}  # fmt: skip
"""Words of change and what `Fact.change` calls it."""


@dataclass(frozen=True, kw_only=True)
class FactCounts:
    """What one report gets wrong; sums over reports are counts of a corpus."""

    stated: int
    """Statements that something is there, also with a hedge."""
    true: int
    """Findings that are there."""
    hallucinated: int
    """Stated where nothing of the kind is."""
    omitted: int
    """There, and told by no statement."""
    contradicted: int
    """Denied though there, or told with a side, site, grade, size or look that none of its kind has."""
    sentences: int
    loose: int
    """Sentences that the grammar does not know, read by the vocabulary."""


class FactRates(NamedTuple):
    """Rates from sums of counts; NaN where nothing is divided."""

    hallucinated: Floats
    """Of what is stated."""
    omitted: Floats
    """Of what is there."""
    contradicted: Floats
    """A report."""
    loose: Floats
    """Of sentences."""


class Reading(NamedTuple):
    """Facts of a text, each once, and how it was read."""

    facts: tuple[Fact, ...]
    sentences: int
    loose: int


def read_facts(report: str, *, region: str = "chest") -> Reading:
    """Read the facts of a report: both its sections where it has headings.

    Args:
        report: English.
        region: whose words the grammar takes.
    """
    texts = _sections(report)
    readings = [read(text, region) for text in texts]
    exact = [fact for reading in readings for fact in reading.facts]
    unread = [sentence for reading in readings for sentence in reading.unread]
    loose = [fact for sentence in unread for fact in _loose(sentence)]
    sentences = sum(1 for text in texts for part in text.replace("?", ".").split(". ") if part.strip(" .\n"))
    return Reading(tuple(dict.fromkeys((*exact, *loose))), max(sentences, len(unread)), len(unread))


def recorded_facts(findings: Iterable[Finding], *, seen: Sequence[str] = ()) -> tuple[Fact, ...]:
    """Return the facts of a study's findings that are present.

    Args:
        findings: of one study; "no_finding" is none.
        seen: how visible, of "plain", "subtle" and "hardly visible", as virtual studies state it; all where empty.
    """
    kept = []
    for finding in findings:
        attributes = dict(finding.attributes)
        visibility = attributes.pop("visibility", "plain")
        if finding.status == "present" and finding.concept != "no_finding" and (not seen or visibility in seen):
            kept.append(Fact(finding.concept, "present", finding.laterality, finding.anatomy, finding.severity,
                             attributes=tuple(sorted(attributes.items()))))  # fmt: skip
    return tuple(kept)


def fact_counts(
    report: str, truth: Sequence[Fact], *, spared: Sequence[Fact] = (), region: str = "chest"
) -> FactCounts:
    """Count what a report gets wrong.

    A size is compared where the truth has it: findings of a record have none, those of `true_facts` have.

    Args:
        report: what is scored.
        truth: all that is there, such as `true_facts` of a virtual patient or `recorded_facts` of a study.
        spared: those of them that may be left out, such as what can hardly be seen.
        region: whose words the grammar takes.
    """
    reading = read_facts(report, region=region)
    sized = any(fact.size_mm is not None for fact in truth)
    stated = [fact if sized else _without_size(fact) for fact in reading.facts]
    found = compare_facts(stated, truth)
    omitted = [fact for fact in found.omitted if fact not in spared]
    return FactCounts(
        stated=sum(1 for fact in stated if fact.status != "absent" and fact.concept != "no_finding"),
        true=sum(1 for fact in truth if fact.status != "absent" and fact not in spared),
        hallucinated=len(found.hallucinated), omitted=len(omitted), contradicted=len(found.contradicted),
        sentences=reading.sentences, loose=reading.loose,
    )  # fmt: skip


def fact_table(counts: Iterable[FactCounts]) -> Floats:
    """Lay counts out as a table (n, 8), a row a report, the last column 1, to be summed over any selection."""
    rows = [(*astuple(one), 1) for one in counts]
    return np.array(rows, dtype=np.float64).reshape(len(rows), 8)


def fact_rates(sums: ArrayLike) -> FactRates:
    """Return rates from sums of rows of `fact_table`, (…, 8)."""
    stated, true, hallucinated, omitted, contradicted, sentences, loose, reports = np.moveaxis(
        np.asarray(sums, dtype=np.float64), -1, 0
    )
    return FactRates(
        _share(hallucinated, stated), _share(omitted, true), _share(contradicted, reports), _share(loose, sentences)
    )


def _sections(report: str) -> list[str]:
    """Return findings and impression: by the headings of any report, then by those of the virtual institutions."""
    found = parts(report)
    if found.findings:
        return [text for text in (found.findings, found.impression) if text]
    headings = list(_headings().finditer(report))
    ends = [*(match.start() for match in headings[1:]), len(report)]
    texts = [report[match.end() : end] for match, end in zip(headings, ends, strict=True)] if headings else []
    return texts or [found.impression or report]


@cache
def _headings() -> re.Pattern[str]:
    names = "|".join(re.escape(name) for pair in common().sections for name in pair)
    return re.compile(rf"^(?:{names}):\s*", re.MULTILINE | re.IGNORECASE)


def _share(above: Floats, below: Floats) -> Floats:
    ratio = np.full(np.shape(above), np.nan)
    np.divide(above, below, out=ratio, where=np.asarray(below) != 0)
    return ratio


def _loose(sentence: str) -> list[Fact]:
    """Read concepts, states and sides; degree and change where the sentence speaks of one concept only."""
    triplets = report_triplets(sentence)
    words = _WORD.findall(sentence.lower()) if len({one.concept for one in triplets}) == 1 else []
    severity = next((word for word in words if word in _DEGREES), "")
    change = next((_CHANGES[word] for word in words if word in _CHANGES), "")
    found = []
    for concept, place, status in triplets:
        side: Laterality = "left" if "left" in place else "right" if "right" in place else ""
        told = ("", "") if status == "absent" else (severity, change)
        found.append(Fact(concept, status, side, severity=told[0], change=told[1]))
    return found


def _without_size(fact: Fact) -> Fact:
    looks = tuple((name, word) for name, word in fact.attributes if not word.endswith(" mm"))
    return replace(fact, size_mm=None, previous_mm=None, change_mm=None, change_percent=None, attributes=looks)
