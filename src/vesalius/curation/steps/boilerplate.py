"""Remove sentences that so many reports share that they tell nothing of the picture."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, replace

from vesalius.curation.base import Decision, Dropped, Outcome, Stage, Step
from vesalius.curation.text_keys import normalised
from vesalius.data.records import Study, Text, TextRole
from vesalius.data.sentences import sentences

__all__ = ["STEP", "Boilerplate"]

_NUMBER = re.compile(r"\d+(?:[.,]\d+)*")


@dataclass(frozen=True, kw_only=True)
class Boilerplate(Step):
    """A sentence (numbers as #) that stands in more than `share` of the texts of its role is removed."""

    share: float = 0.2
    least_texts: int = 20
    """Roles with fewer texts are left alone: a share of few is chance."""
    roles: tuple[TextRole, ...] = ("findings", "impression", "report", "caption")
    drop_without_text: bool = False
    """A study of which nothing else is said is dropped."""

    def prepare(self, stage: Stage) -> Decision:
        """Count in how many texts of each role every sentence stands."""
        seen: Counter[tuple[TextRole, str]] = Counter()
        texts: Counter[TextRole] = Counter()
        for study in stage.studies:
            for text in study.texts:
                if text.role in self.roles:
                    texts[text.role] += 1
                    seen.update({(text.role, _key(sentence)) for sentence in sentences(text.text)})
        common = {
            key
            for key, count in seen.items()
            if texts[key[0]] >= self.least_texts and count > self.share * texts[key[0]]
        }

        def decide(study: Study) -> Outcome:
            kept = tuple(text for text in (self._stripped(text, common) for text in study.texts) if text.text)
            if self.drop_without_text and study.texts and not kept:
                return Dropped("only boilerplate")
            return replace(study, texts=kept)

        return decide

    def _stripped(self, text: Text, common: set[tuple[TextRole, str]]) -> Text:
        if text.role not in self.roles:
            return text
        found = sentences(text.text)
        kept = [sentence for sentence in found if (text.role, _key(sentence)) not in common]
        return text if len(kept) == len(found) else replace(text, text=" ".join(kept))


def _key(sentence: str) -> str:
    return _NUMBER.sub("#", normalised(sentence))


STEP = Boilerplate
