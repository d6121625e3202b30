"""Errors of a report against a reference report in the six kinds of GREEN, by facts that rules read: no GREEN.

Findings of one concept are paired one to one, the best agreeing first; what pairs have different is an error of
place, severity or comparison, what stays alone is false or missing. A denial that both make is matched; a denial that
one leaves out is no error. The score has GREEN's form, matched / (matched + errors), and the name ``green_rules``.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from vesalius.metrics.report_facts import read_facts
from vesalius.virtual.text.grammar import Fact

__all__ = ["PairCounts", "green_rules", "pair_findings"]


@dataclass(frozen=True, kw_only=True)
class PairCounts:
    """Matched findings and errors of one report."""

    matched: int
    """Findings and denials without an error."""
    false: int
    missing: int
    place: int
    severity: int
    comparison_added: int
    """A change told that the reference does not tell, or another one."""
    comparison_omitted: int

    @property
    def errors(self) -> int:
        """All errors; a pair may have several."""
        return (self.false + self.missing + self.place + self.severity + self.comparison_added
                + self.comparison_omitted)  # fmt: skip

    @property
    def score(self) -> float:
        """Matched findings over them and all errors; 0 where nothing is matched."""
        return self.matched / (self.matched + self.errors) if self.matched else 0.0


def green_rules(written: str, reference: str, *, region: str = "chest") -> PairCounts:
    """Read two reports and count what agrees.

    Args:
        written: the report that is scored.
        reference: the true one.
        region: whose words the reader's grammar takes.
    """
    return pair_findings(read_facts(written, region=region).facts, read_facts(reference, region=region).facts)


def pair_findings(written: Sequence[Fact], reference: Sequence[Fact]) -> PairCounts:
    """Pair the facts of two reports; one that a report tells twice counts once, with all that is said of it."""
    ours, theirs = _told(written), _told(reference)
    errors: Counter[str] = Counter()
    matched, left, open_ = 0, list(ours), list(theirs)
    pairs = sorted(
        ((len(_differences(one, other)), place, number)
         for place, one in enumerate(ours) for number, other in enumerate(theirs) if one.concept == other.concept)
    )  # fmt: skip
    taken: set[tuple[str, int]] = set()
    for _, place, number in pairs:
        if ("ours", place) in taken or ("theirs", number) in taken:
            continue
        taken |= {("ours", place), ("theirs", number)}
        left.remove(ours[place])
        open_.remove(theirs[number])
        found = _differences(ours[place], theirs[number])
        errors.update(found)
        matched += not found
    denied = _denied(written) & _denied(reference)
    return PairCounts(
        matched=matched + len(denied), false=len(left), missing=len(open_), place=errors["place"],
        severity=errors["severity"], comparison_added=errors["comparison_added"],
        comparison_omitted=errors["comparison_omitted"],
    )  # fmt: skip


def _told(facts: Sequence[Fact]) -> list[Fact]:
    """Return what is told as there, statements of one concept that do not exclude each other joined into one."""
    found: list[Fact] = []
    for fact in facts:
        if fact.status == "absent" or fact.concept == "no_finding":
            continue
        same = next((one for one in found if one.concept == fact.concept and _compatible(one, fact)), None)
        if same is None:
            found.append(fact)
        else:
            found[found.index(same)] = _joined(same, fact)
    return found


def _compatible(one: Fact, other: Fact) -> bool:
    pairs = ((one.laterality, other.laterality), (one.anatomy, other.anatomy), (one.severity, other.severity))
    return all(not first or not second or first == second for first, second in pairs)


def _joined(one: Fact, other: Fact) -> Fact:
    return Fact(
        one.concept, one.status, one.laterality or other.laterality, one.anatomy or other.anatomy,
        one.severity or other.severity, one.size_mm or other.size_mm, change=one.change or other.change,
    )  # fmt: skip


def _denied(facts: Sequence[Fact]) -> set[str]:
    told = {fact.concept for fact in _told(facts)}
    return {fact.concept for fact in facts if fact.status == "absent"} - told


def _differences(ours: Fact, theirs: Fact) -> list[str]:
    found = []
    places = ((ours.laterality, theirs.laterality), (ours.anatomy, theirs.anatomy))
    if any(first and second and first != second for first, second in places):
        found.append("place")
    sizes = ours.size_mm and theirs.size_mm and ours.size_mm != theirs.size_mm
    if sizes or (ours.severity and theirs.severity and ours.severity != theirs.severity):
        found.append("severity")
    if ours.change != theirs.change:
        found.append("comparison_added" if ours.change else "comparison_omitted")
    return found
