"""Find the language of every text and question, write it into the record, and keep those that are asked for."""

from __future__ import annotations

from dataclasses import dataclass, replace

from vesalius.curation.base import Dropped, Outcome, Stage, StudyStep
from vesalius.curation.languages import KNOWN, language_of
from vesalius.data.records import Dialogue, Study, Text
from vesalius.errors import did_you_mean

__all__ = ["STEP", "Language"]


@dataclass(frozen=True, kw_only=True)
class Language(StudyStep):
    """Texts get the language that is found; where none is, they keep what they state."""

    keep: tuple[str, ...] = ()
    """Languages that go on; all where none is named."""

    def __post_init__(self) -> None:
        for name in self.keep:
            if name not in KNOWN:
                raise ValueError(f"unknown language {name!r}{did_you_mean(name, KNOWN)}")

    def apply(self, study: Study, stage: Stage) -> Outcome:
        """Name the languages; a study none of whose texts and questions is in a kept one is dropped."""
        texts = tuple(map(_text, study.texts))
        dialogues = tuple(map(_dialogue, study.dialogues))
        if self.keep:
            kept_texts = tuple(text for text in texts if text.language in self.keep)
            kept_dialogues = tuple(dialogue for dialogue in dialogues if dialogue.language in self.keep)
            if (texts or dialogues) and not (kept_texts or kept_dialogues):
                found = sorted({text.language for text in texts} | {part.language for part in dialogues})
                return Dropped("other language", ", ".join(found))
            texts, dialogues = kept_texts, kept_dialogues
        return replace(study, texts=texts, dialogues=dialogues)


def _text(text: Text) -> Text:
    found = language_of(text.text).language
    return replace(text, language=found) if found and found != text.language else text


def _dialogue(dialogue: Dialogue) -> Dialogue:
    found = language_of(" ".join(turn.text for turn in dialogue.turns)).language
    return replace(dialogue, language=found) if found and found != dialogue.language else dialogue


STEP = Language
