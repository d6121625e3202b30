"""Conversations: from whether to where to how severe, and staged reading by a criterion.

Earlier answers are wanted too; a model that is tested goes on from its own.
"""

from __future__ import annotations

from collections.abc import Iterator

from vesalius.virtual.questions.items import Item, View, named

__all__ = ["staged_ratio", "work_up"]


def work_up(view: View) -> Iterator[Item]:
    """Ask whether a finding is there, then on which side, and at last how severe it is."""
    for concept in view.concepts:
        own = [finding for finding in view.seen if finding.concept == concept]
        grades = sorted({finding.severity for finding in own if finding.severity})
        sides = {finding.laterality for finding in own}
        usual = sorted(name for name, count in view.pool.severities[concept].items() if name and count >= 3)
        if (
            len(own) == 1
            and len(grades) == 1
            and grades[0] in usual
            and len(usual) > 1
            and sides <= {"left", "right"}
        ):
            name = named(concept)
            yield Item(
                family="work_up", key=concept, kind=grades[0], answer=grades[0], answer_type="choice",
                options=view.shuffled(usual), slots=(("finding", name),), evidence=view.evidence(concept), steps=4,
                before=((f"Is there {name} in this picture?", "yes"), ("On which side is it?", next(iter(sides)))),
                rationale=f"{name}, {next(iter(sides))}, {grades[0]}",
            )  # fmt: skip


def staged_ratio(view: View) -> Iterator[Item]:
    """Judge the heart's size in stages: criterion, the two widths, their ratio, the verdict."""
    found = {part.name: part for part in view.study.measurements}
    if not {"cardiothoracic_ratio", "cardiac_width", "thoracic_width"} <= found.keys():
        return
    ratio = found["cardiothoracic_ratio"].value
    if abs(ratio / 0.5 - 1) < 0.05:
        return
    heart, thorax = found["cardiac_width"].value, found["thoracic_width"].value
    answer = "yes" if ratio > 0.5 else "no"
    yield Item(
        family="staged_ratio", key="", kind=answer, kinds=("yes", "no"), answer=answer, answer_type="closed", steps=5,
        images=(found["cardiothoracic_ratio"].image,),
        before=(
            ("Which index tells whether the heart is enlarged?", "the cardiothoracic ratio"),
            ("How wide is the heart on the film?", f"{heart:.0f} mm"),
            ("How wide is the thorax inside the ribs?", f"{thorax:.0f} mm"),
        ),
        rationale=f"{heart:.0f} mm / {thorax:.0f} mm = {ratio:.2f}",
    )  # fmt: skip
