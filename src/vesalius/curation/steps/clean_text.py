"""Clean captions and reports: marks of anonymisation, markup, addresses, list numbers, surplus space."""

from __future__ import annotations

import html
import re
from dataclasses import dataclass, replace

from vesalius.curation.base import Dropped, Outcome, Stage, StudyStep
from vesalius.curation.text_keys import words
from vesalius.data.records import Study, Text
from vesalius.data.sentences import sentences

__all__ = ["PLACEHOLDER", "STEP", "CleanText", "clean"]

PLACEHOLDER = re.compile(r"_{2,}|\b[Xx]{3,}\b|\[\*\*.*?\*\*\]|<(?:DATE|NAME|ID|AGE|PHONE|LOCATION)>", re.DOTALL)
"""What stands for a removed name, date or place: ___ (MIMIC-CXR), XXXX (Open-i), [**…**] (MIMIC-III), <NAME>."""
_TAG = re.compile(r"</?(?:p|br|b|i|em|strong|sub|sup|span|div|a|xref|italic|bold)\b[^>]*>", re.IGNORECASE)
_ADDRESS = re.compile(r"(?:https?://|www\.)\S+|\b\S+@\S+\.\S+")
_REFERENCE = re.compile(r"\s*\[\d+(?:\s*[,–-]\s*\d+)*\]")
_BEFORE_STOP = re.compile(r"\s+([.,;:!?])")
_FEW_LEFT = 3
"""Words that a sentence with a placeholder must have beside it to be kept."""


def clean(text: str, *, placeholders: str = "sentence") -> str:
    """Return a text without markup, web addresses, numbered references and surplus space.

    Args:
        text: a report section or caption.
        placeholders: what becomes of marks of anonymisation. sentence: the sentence with one goes, for what it says
            is not known; word: the mark goes, and the sentence too where fewer than 3 words are left; keep: all stay.
    """
    plain = html.unescape(_TAG.sub(" ", text))
    plain = _REFERENCE.sub("", _ADDRESS.sub(" ", plain))
    if placeholders != "keep" and PLACEHOLDER.search(plain):
        kept = []
        for sentence in sentences(plain):
            bare = PLACEHOLDER.sub(" ", sentence)
            if bare == sentence or (placeholders == "word" and len(words(bare)) >= _FEW_LEFT):
                kept.append(bare)
        plain = " ".join(kept)
    return _BEFORE_STOP.sub(r"\1", " ".join(plain.split()))


@dataclass(frozen=True, kw_only=True)
class CleanText(StudyStep):
    """Texts are cleaned; what has too few or too many words left is removed."""

    placeholders: str = "sentence"
    least_words: int = 1
    most_words: int = 2000
    drop_without_text: bool = False
    """A study that had a text and has none now is dropped."""

    def __post_init__(self) -> None:
        if self.placeholders not in ("sentence", "word", "keep"):
            raise ValueError("placeholders is sentence, word or keep")

    def apply(self, study: Study, stage: Stage) -> Outcome:
        """Clean every text."""
        texts: list[Text] = []
        for text in study.texts:
            kept = clean(text.text, placeholders=self.placeholders)
            if self.least_words <= len(words(kept)) <= self.most_words:
                texts.append(text if kept == text.text else replace(text, text=kept))
        if self.drop_without_text and study.texts and not texts:
            return Dropped("no text left")
        return replace(study, texts=tuple(texts))


STEP = CleanText
