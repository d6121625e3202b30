"""Cut texts into sentences, one text record each, for methods that read sentences."""

from __future__ import annotations

from dataclasses import dataclass, replace

from vesalius.curation.base import Outcome, Stage, StudyStep
from vesalius.curation.text_keys import words
from vesalius.data.records import Study, TextRole
from vesalius.data.sentences import sentences

__all__ = ["STEP", "SplitSentences"]


@dataclass(frozen=True, kw_only=True)
class SplitSentences(StudyStep):
    """Every text of the roles becomes one text for each of its sentences of at least `least_words` words."""

    roles: tuple[TextRole, ...] = ("findings", "impression", "report")
    least_words: int = 2

    def apply(self, study: Study, stage: Stage) -> Outcome:
        """Cut the texts."""
        texts = []
        for text in study.texts:
            if text.role not in self.roles:
                texts.append(text)
                continue
            for sentence in sentences(text.text):
                if len(words(sentence)) >= self.least_words:
                    texts.append(replace(text, text=sentence))
        return replace(study, texts=tuple(texts))


STEP = SplitSentences
