"""Turn what a study holds into dialogues in many wordings: reports, impressions, descriptions, presence, choice."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Literal

from vesalius.curation.base import Decision, Outcome, Stage, Step, chance
from vesalius.curation.terms import concept_names, modality_name
from vesalius.curation.text_keys import words
from vesalius.curation.wordings import wording
from vesalius.data.records import Dialogue, Study, TextRole, Turn

__all__ = ["STEP", "Instructions"]

Task = Literal["report", "impression", "describe", "present", "choose"]
_BRIEF_BELOW = 30
"""Words of a caption up to which a brief description is asked for, as LLaVA-Med does."""
_TEXTS: dict[str, tuple[TextRole, ...]] = {"report": ("findings", "report"), "impression": ("impression",)}


@dataclass(frozen=True, kw_only=True)
class Instructions(Step):
    """Add dialogues for the tasks that a study has the material for."""

    tasks: tuple[Task, ...] = ("report", "impression", "describe", "present", "choose")
    options: int = 4
    """Of a choice, at most; wrong ones are findings that other studies of the corpus have and this one lacks."""
    language: str = "en"
    """Of the texts that are asked for; the wordings are English."""

    def prepare(self, stage: Stage) -> Decision:
        """Gather the findings of the corpus, the wrong answers of its choices."""
        present = {
            finding.concept
            for study in stage.studies
            for finding in study.findings
            if finding.status == "present" and finding.concept != "no_finding"
        }

        def decide(study: Study) -> Outcome:
            made = list(self._made(study, tuple(sorted(present)), stage.seed)) if study.images else []
            numbered = (replace(dialogue, id=f"instruction-{number}") for number, dialogue in enumerate(made))
            return replace(study, dialogues=(*study.dialogues, *numbered)) if made else study

        return decide

    def _made(self, study: Study, present: tuple[str, ...], seed: int) -> Iterator[Dialogue]:
        picture = modality_name(study.images[0])
        for task in self.tasks:
            rng = chance(seed, study.id, f"instructions/{task}")
            if task in _TEXTS:
                text = study.text(*_TEXTS[task], language=self.language)
                if text:
                    yield _dialogue(study, wording(task, rng, picture=picture), text, task)
            elif task == "describe":
                caption = study.text("caption", language=self.language)
                kind = "describe_briefly" if len(words(caption)) < _BRIEF_BELOW else "describe_in_detail"
                if caption:
                    yield _dialogue(study, wording(kind, rng, picture=picture), caption, task)
            else:
                yield from self._of_findings(study, task, present, seed)

    def _of_findings(self, study: Study, task: str, present: tuple[str, ...], seed: int) -> Iterator[Dialogue]:
        picture = modality_name(study.images[0])
        rng = chance(seed, study.id, f"instructions/{task}")
        has = [concept for concept in present if study.status(concept) == "present"]
        lacks = [concept for concept in present if study.status(concept) == "absent"]
        if task == "present" and has and lacks:
            # One of either, so that the corpus has as many yes as no.
            for concepts, answer in ((has, "yes"), (lacks, "no")):
                concept = concepts[int(rng.integers(len(concepts)))]
                question = wording(task, rng, picture=picture, name=concept_names(concept)[0])
                yield _dialogue(study, question, answer, task, kind="closed")
        if task == "choose" and has and lacks:
            right = concept_names(has[int(rng.integers(len(has)))])[0]
            wrong = [concept_names(lacks[place])[0] for place in rng.permutation(len(lacks))[: self.options - 1]]
            options = [right, *wrong]
            options = [options[place] for place in rng.permutation(len(options))]
            yield replace(
                _dialogue(study, wording(task, rng, picture=picture), right, task, kind="choice"),
                options=tuple(options),
            )


def _dialogue(study: Study, question: str, answer: str, task: str, *, kind: str = "open") -> Dialogue:
    images = tuple(image.id for image in study.images)
    turns = (Turn(role="user", text=question, images=images), Turn(role="assistant", text=answer))
    return Dialogue(id=task, turns=turns, answer=answer, answer_type=kind, source=f"curation/instructions/{task}")


STEP = Instructions
