"""Questions with their answers become texts, so that pictures with questions alone can be paired with words."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from vesalius.curation.base import Dropped, Outcome, Stage, StudyStep
from vesalius.data.records import Dialogue, Study, Text

__all__ = ["STEP", "DialogueTexts"]


@dataclass(frozen=True, kw_only=True)
class DialogueTexts(StudyStep):
    """Every question that has an answer gives a text of both (role "note"), of the images that it is asked about.

    Nothing is reworded. Options that are wrong do not come along, and a text that is there is not made twice.
    """

    kinds: tuple[str, ...] = ()
    """Types of answers to take, such as open and closed; all where none is named."""

    def apply(self, study: Study, stage: Stage) -> Outcome:
        """Add the texts; a study that has neither a text nor an answered question does not go on."""
        known = {(text.text, text.images) for text in study.texts}
        made = [text for text in self._texts(study) if (text.text, text.images) not in known]
        if not made and not study.texts:
            return Dropped("no answered question")
        return replace(study, texts=(*study.texts, *dict.fromkeys(made)))

    def _texts(self, study: Study) -> Iterator[Text]:
        for dialogue in study.dialogues:
            if not self.kinds or dialogue.answer_type in self.kinds:
                yield from _told(dialogue, {image.id for image in study.images})


def _told(dialogue: Dialogue, known: set[str]) -> Iterator[Text]:
    """Yield the text, of those pictures that are there: a release may ask about one that it does not hold."""
    asked = " ".join(turn.text for turn in dialogue.turns if turn.role == "user")
    told = dialogue.answer or " ".join(turn.text for turn in dialogue.turns if turn.role == "assistant")
    images = tuple(dict.fromkeys(image for turn in dialogue.turns for image in turn.images if image in known))
    if asked and told:
        yield Text(text=f"{asked} {told}", role="note", language=dialogue.language, images=images)


STEP = DialogueTexts
