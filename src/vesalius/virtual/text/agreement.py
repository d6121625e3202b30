"""Count what a text gets wrong: statements against the truth, fact by fact."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from vesalius.virtual.findings.base import Disease
from vesalius.virtual.text.grammar import Fact
from vesalius.virtual.text.wording import unsided

__all__ = ["Agreement", "compare_facts", "true_facts"]


class Agreement(NamedTuple):
    """What does not agree; each list may be empty."""

    hallucinated: tuple[Fact, ...]
    """Stated as there, also with a hedge, where nothing of the kind is."""
    omitted: tuple[Fact, ...]
    """True, and told by no statement."""
    contradicted: tuple[Fact, ...]
    """Denied though it is there, or stated with a side, site, grade, size or look that none of its kind has."""


def true_facts(diseases: Iterable[Disease]) -> tuple[Fact, ...]:
    """Return all that can be stated of diseases, one fact each."""
    return tuple(
        Fact(
            disease.concept, "present", disease.laterality, disease.anatomy, disease.severity,
            next((float(round(size)) for size in disease.sizes_mm.values()), None),
            attributes=tuple(sorted({
                **{name: f"{round(size)} mm" for name, size in disease.sizes_mm.items()}, **disease.attributes,
            }.items())),
        )
        for disease in diseases
    )  # fmt: skip


def compare_facts(stated: Sequence[Fact], truth: Sequence[Fact]) -> Agreement:
    """Compare what a text states with what is true.

    Silence on what is absent is no fault. A denial of something new ("no new nodule") denies nothing that is there.

    Args:
        stated: such as those of `extract`.
        truth: such as those of `true_facts`; absent facts among them count as nothing.
    """
    real = [fact for fact in truth if fact.status != "absent"]
    concepts = {fact.concept for fact in real}
    hallucinated, contradicted = [], []
    for fact in stated:
        if fact.concept == "no_finding":
            contradicted += [fact] if real else []
        elif fact.status == "absent":
            denied = fact.change != "new" and any(_matches(fact, other, real) for other in real)
            contradicted += [fact] if denied else []
        elif fact.concept not in concepts:
            hallucinated.append(fact)
        elif not any(_matches(fact, other, real) for other in real):
            contradicted.append(fact)
    said = [fact for fact in stated if fact.status != "absent"]
    omitted = [other for other in real if not any(_matches(fact, other, real) for fact in said)]
    return Agreement(tuple(hallucinated), tuple(omitted), tuple(contradicted))


def _matches(fact: Fact, other: Fact, real: Sequence[Fact]) -> bool:
    """Say whether all that `fact` states holds of `other`, a true fact."""
    if fact.concept != other.concept:
        return False
    both = fact.laterality == "bilateral" and fact.laterality != other.laterality
    if both:
        sides = {one.laterality for one in real if one.concept == fact.concept}
        if not {"left", "right"} <= sides:
            return not sides & {"left", "right"} and _look_matches(fact, other)
        return other.laterality in ("left", "right") and fact.anatomy in ("", other.anatomy, unsided(other.anatomy))
    return fact.laterality in ("", other.laterality) and _look_matches(fact, other)


def _look_matches(fact: Fact, other: Fact) -> bool:
    known = dict(other.attributes)
    return (
        fact.anatomy in ("", other.anatomy, unsided(other.anatomy))
        and fact.severity in ("", other.severity)
        and (fact.size_mm is None or fact.size_mm == other.size_mm)
        and all(known.get(name) == word for name, word in fact.attributes)
    )
