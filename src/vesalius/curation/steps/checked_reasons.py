"""Reasons that a model wrote for answers are kept only if they end at the right answer.

Source: Lingshu 2025 (arXiv 2506.07044), reasoning traces of another model, rejected by their final answer.
"""

from __future__ import annotations

import string
from dataclasses import dataclass, replace
from typing import Literal

from vesalius.curation.base import Dropped, Outcome, Stage, StudyStep
from vesalius.data.records import Dialogue, Study
from vesalius.metrics.answers import plain_answer
from vesalius.tasks.answers.parse import parse_choice, parse_closed
from vesalius.tasks.answers.reply import final_content

__all__ = ["STEP", "CheckedReasons", "ends_right"]


def ends_right(dialogue: Dialogue) -> bool | None:
    """Say whether what a dialogue's rationale ends with is its answer; None where it states none.

    A choice is read as the letter or the text of one option, yes and no as anywhere, an open answer word by word.
    """
    if dialogue.answer_type == "choice" and dialogue.options:
        letters = dict(zip(string.ascii_uppercase, dialogue.options, strict=False))
        said = parse_choice(dialogue.rationale, letters).value
        return None if said is None else plain_answer(letters.get(str(said), "")) == plain_answer(dialogue.answer)
    if dialogue.answer_type == "closed" and plain_answer(dialogue.answer) in ("yes", "no"):
        told = parse_closed(dialogue.rationale).value
        return None if told is None else told == plain_answer(dialogue.answer)
    found = final_content(dialogue.rationale)
    same = plain_answer(found.text) == plain_answer(dialogue.answer)
    return None if not same and found.mark == "whole" else same


@dataclass(frozen=True, kw_only=True)
class CheckedReasons(StudyStep):
    """Dialogues whose rationale ends at another answer go; those without a rationale stay."""

    silent: Literal["drop", "keep"] = "drop"
    """What becomes of rationales that state no answer at all; short reasons beside an answer do not."""
    sources: tuple[str, ...] = ()
    """Of the dialogues that are checked; all where none is given."""

    def apply(self, study: Study, stage: Stage) -> Outcome:
        """Leave out what ends wrong; a study that had nothing but such dialogues leaves the corpus."""
        kept = tuple(one for one in study.dialogues if not self._checked(one) or self._passes(one))
        if len(kept) == len(study.dialogues):
            return study
        if not kept and not study.texts:
            return Dropped("wrong reasons", f"{len(study.dialogues)} dialogues")
        return replace(study, dialogues=kept)

    def _passes(self, dialogue: Dialogue) -> bool:
        right = ends_right(dialogue)
        return self.silent == "keep" if right is None else right

    def _checked(self, dialogue: Dialogue) -> bool:
        return bool(dialogue.rationale) and (not self.sources or dialogue.source in self.sources)


STEP = CheckedReasons
