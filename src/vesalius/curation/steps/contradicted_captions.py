"""Captions that say otherwise than the record: another examination, a finding that is not there, the other side.

Source: Lingshu 2025 (arXiv 2506.07044), captions made from metadata must agree with them.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from vesalius.curation.base import Dropped, Outcome, Stage, StudyStep
from vesalius.curation.facts import contains, read_findings
from vesalius.curation.terms import MODALITIES
from vesalius.data.records import Study, Text, TextRole

__all__ = ["STEP", "ContradictedCaptions", "contradictions"]

_SIDED = ("left", "right")


def contradictions(text: str, study: Study) -> Iterator[str]:
    """Yield what a text says otherwise than the record of its study.

    A finding counts where the record states it to be present or absent, a side where it states one side, and the
    examination where the text names one and it is none of the study's. What is doubted contradicts nothing.
    """
    named = {code for code, names in MODALITIES.items() if any(contains(text, name) for name in names)}
    own = {image.modality for image in study.images}
    kin = {
        code for code, names in MODALITIES.items() if any(set(names) & set(MODALITIES.get(one, ())) for one in own)
    }
    if named and own & set(MODALITIES) and not named & (own | kin):
        yield "another examination"
    sides = {one.concept: one.laterality for one in study.findings if one.status == "present"}
    for said in read_findings(text, {one.concept for one in study.findings} - {"no_finding"}):
        status = study.status(said.concept)
        if {said.status, status} == {"present", "absent"}:
            yield f"{said.concept} is {status}"
            continue
        side = sides.get(said.concept, "")
        if said.status == "present" and side in _SIDED and said.sides and side not in said.sides:
            yield f"{said.concept} is on the {side}"


@dataclass(frozen=True, kw_only=True)
class ContradictedCaptions(StudyStep):
    """Texts that contradict the record go; a study that is left without text and dialogue goes with them."""

    roles: tuple[TextRole, ...] = ("caption",)
    """Of the texts that are held against the record."""

    def apply(self, study: Study, stage: Stage) -> Outcome:
        """Leave out the texts that contradict the record."""
        faults = {text: next(contradictions(text.text, study), "") for text in study.texts if self._held(text)}
        kept = tuple(text for text in study.texts if not faults.get(text, ""))
        if len(kept) == len(study.texts):
            return study
        if not kept and not study.dialogues:
            return Dropped("contradicted caption", next(fault for fault in faults.values() if fault))
        return replace(study, texts=kept)

    def _held(self, text: Text) -> bool:
        return text.role in self.roles


STEP = ContradictedCaptions
