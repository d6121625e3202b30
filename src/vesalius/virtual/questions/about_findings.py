"""Questions about findings: whether, which, where, on which side, how severe, what they look like, how many."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import numpy as np

from vesalius.virtual.questions.items import Item, View, named

__all__ = [
    "all_findings", "any_abnormality", "appearance", "count", "in_place", "presence", "severity", "side", "site",
    "what", "where", "which_finding",
]  # fmt: skip

_YES_NO = ("yes", "no")
_RARE = 3
"""A site, grade or look that fewer studies have is not asked for."""


def presence(view: View) -> Iterator[Item]:
    """Ask whether a finding is there."""
    for concept in [*view.concepts, *view.absent]:
        yes = concept in view.concepts
        yield Item(
            family="presence", key=concept, kind="yes" if yes else "no", kinds=_YES_NO, answer="yes" if yes else "no",
            answer_type="closed", slots=(("finding", named(concept)),),
            evidence=view.evidence(concept) if yes else (),
            rationale=f"{named(concept)} is {'' if yes else 'not '}present",
        )  # fmt: skip


def any_abnormality(view: View) -> Iterator[Item]:
    """Ask whether anything is wrong."""
    if view.hidden:
        return
    yes = bool(view.concepts)
    found = ", ".join(named(concept) for concept in view.concepts)
    yield Item(
        family="any_abnormality", key="", kind="yes" if yes else "no", kinds=_YES_NO, answer="yes" if yes else "no",
        answer_type="closed", rationale=found or "nothing abnormal is present", steps=2,
    )  # fmt: skip


def in_place(view: View) -> Iterator[Item]:
    """Ask whether a finding that is there lies at a site: its own, or one where others have it."""
    for concept, sites in _sites(view).items():
        others = [name for name in _usual(view.pool.sites[concept]) if name not in sites]
        for place, yes in [*((name, True) for name in sites), *((name, False) for name in view.pick(others, 1))]:
            yield Item(
                family="in_place", key=f"{concept}/{place}", kind="yes" if yes else "no", kinds=_YES_NO,
                answer="yes" if yes else "no", answer_type="closed", evidence=view.evidence(concept),
                slots=(("finding", named(concept)), ("site", place)), steps=2,
                rationale=f"the {named(concept)} lies in: {', '.join(sorted(sites))}",
            )  # fmt: skip


def side(view: View) -> Iterator[Item]:
    """Ask for the patient's side of a finding."""
    for concept in view.concepts:
        sides = {finding.laterality for finding in view.seen if finding.concept == concept}
        both = "bilateral" in sides or {"left", "right"} <= sides
        answer = "both sides" if both else next(iter(sides))
        if answer in ("left", "right", "both sides"):
            yield Item(
                family="side", key=concept, kind=answer, kinds=("left", "right"), answer=answer, answer_type="choice",
                options=view.shuffled(("left", "right", "both sides")), slots=(("finding", named(concept)),),
                evidence=view.evidence(concept), rationale=f"the {named(concept)} is on the side: {answer}", steps=2,
            )  # fmt: skip


def site(view: View) -> Iterator[Item]:
    """Ask for the site of a finding that lies at one, among sites where others have it."""
    for concept, sites in _sites(view).items():
        usual = _usual(view.pool.sites[concept])
        own = next(iter(sites))
        others = [name for name in usual if name != own]
        if len(sites) == 1 and own in usual and others:
            yield _choice(view, "site", concept, own, others, steps=2)


def which_finding(view: View) -> Iterator[Item]:
    """Ask which one of some findings is there."""
    if len(view.concepts) != 1 or view.hidden or len(view.absent) < 2:
        return
    own = view.concepts[0]
    yield Item(
        family="which_finding", key="", kind=named(own), answer=named(own), answer_type="choice",
        distractors=tuple(map(named, view.absent)),
        evidence=view.evidence(own), rationale=f"only {named(own)} is present", steps=2,
    )  # fmt: skip


def all_findings(view: View) -> Iterator[Item]:
    """Ask which of five findings are there; every option is as likely to be there as not, whatever it is."""
    if view.hidden:
        return
    kept = [name for name in view.concepts if view.rng.random() < _evenness(view, name)]
    absent = [name for name in view.absent if view.rng.random() < view.pool.present[name] / _most(view)]
    chosen = [*view.pick(kept, 3), *view.pick(absent, 3)][:5]
    if kept and len(chosen) >= 4:
        options = view.shuffled(named(name) for name in chosen)
        right = [name for name in options if name in {named(own) for own in kept}]
        yield Item(
            family="all_findings", key="", kind="", answer="; ".join(right), answer_type="multi_choice",
            options=options, evidence=tuple(i for name in kept for i in view.evidence(name)), steps=3,
            rationale="present: " + ", ".join(named(name) for name in view.concepts),
        )  # fmt: skip


def severity(view: View) -> Iterator[Item]:
    """Ask for the grade of a finding that is there once."""
    for concept in view.concepts:
        grades = {finding.severity for finding in view.seen if finding.concept == concept}
        usual = _usual(view.pool.severities[concept])
        own = next(iter(grades))
        if len(grades) == 1 and own in usual and len(usual) > 1:
            yield _choice(view, "severity", concept, own, [name for name in usual if name != own], steps=3)


def appearance(view: View) -> Iterator[Item]:
    """Ask for the look of a finding that is there once: its margin, density, shape and so on."""
    alone = Counter(finding.concept for finding in view.seen)
    for finding in view.seen:
        if alone[finding.concept] > 1:
            continue
        for name, own in finding.attributes:
            usual = _usual(view.pool.attributes[finding.concept, name])
            if name != "visibility" and own in usual and len(usual) > 1:
                others = [value for value in usual if value != own]
                yield _choice(view, "appearance", finding.concept, own, others, steps=2, aspect=name)


def what(view: View) -> Iterator[Item]:
    """Ask openly what is wrong, where one thing is."""
    if len(view.concepts) == 1 and not view.hidden:
        own = view.concepts[0]
        yield Item(
            family="what", key="", kind=own, answer=named(own), answer_type="open", evidence=view.evidence(own),
            rationale=f"only {named(own)} is present", steps=2,
        )  # fmt: skip


def where(view: View) -> Iterator[Item]:
    """Ask openly where a finding is."""
    for concept, sites in _sites(view).items():
        if len(sites) == 1 and len(_usual(view.pool.sites[concept])) > 1:
            own = next(iter(sites))
            yield Item(
                family="where", key=concept, kind=own, answer=own, answer_type="open",
                slots=(("finding", named(concept)),), evidence=view.evidence(concept), steps=2,
                rationale=f"the {named(concept)} lies in the {own}",
            )  # fmt: skip


def count(view: View) -> Iterator[Item]:
    """Ask how many of a countable thing are marked: lesions of a finding, cells of a kind."""
    boxes = [region for region in view.study.regions if region.kind == "box" and region.instance is not None]
    kinds = Counter((region.image, region.concept, region.anatomy if not region.concept else "") for region in boxes)
    for (image, concept, anatomy), number in kinds.items():
        name = named(concept or anatomy)
        yield Item(
            family="count", key=f"{concept}/{anatomy}", kind=_about(number), answer=str(number), answer_type="number",
            slots=(("thing", name),), images=(image,), steps=2, rationale=f"{number} marked",
            evidence=tuple(i for i, r in view.regions(concept=concept, kind="box") if r.image == image),
        )  # fmt: skip


def _about(number: int) -> str:
    """Name a size class of a count, so that no class is asked for more often than another."""
    return next((f"up to {limit}" for limit in (1, 2, 4, 8, 16, 32, 64, 128) if number <= limit), "more")


def _choice(
    view: View, family: str, concept: str, own: str, others: list[str], *, steps: int, aspect: str = ""
) -> Item:
    """Ask for one of at most four values that occur with a finding."""
    slots = (("finding", named(concept)), ("aspect", named(aspect))) if aspect else (("finding", named(concept)),)
    return Item(
        family=family, key=f"{concept}/{aspect}" if aspect else concept, kind=own, answer=own, answer_type="choice",
        distractors=tuple(others), slots=slots, evidence=view.evidence(concept),
        steps=steps, rationale=f"{named(concept)}: {own}",
    )  # fmt: skip


def _sites(view: View) -> dict[str, set[str]]:
    """Sites of each seen concept of which all places are named."""
    found: dict[str, set[str]] = {}
    for concept in view.concepts:
        places = [finding.anatomy for finding in view.seen if finding.concept == concept]
        if all(places):
            found[concept] = set(places)
    return found


def _usual(counts: Counter[str]) -> list[str]:
    return sorted(name for name, number in counts.items() if name and number >= _RARE)


def _most(view: View) -> int:
    return max((view.pool.present[name] for name in view.absent), default=1) or 1


def _evenness(view: View, concept: str) -> float:
    least = min((number for number in view.pool.present.values() if number), default=1)
    return float(np.sqrt(least / max(view.pool.present[concept], 1)))
