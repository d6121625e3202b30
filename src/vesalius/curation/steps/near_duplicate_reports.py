"""Drop studies whose text is nearly another study's; short texts, which people share by habit, are left alone."""

from __future__ import annotations

from dataclasses import dataclass

from vesalius.curation.base import Decision, Dropped, Outcome, Stage, Step
from vesalius.curation.clusters import Keep, clusters, richness, survivor
from vesalius.curation.minhash import Shingles, near_texts, shingles
from vesalius.curation.text_keys import words
from vesalius.data.records import Study, TextRole

__all__ = ["STEP", "NearDuplicateReports"]


@dataclass(frozen=True, kw_only=True)
class NearDuplicateReports(Step):
    """Studies whose texts have a Jaccard similarity of word runs of at least `jaccard` are one."""

    jaccard: float = 0.8
    run: int = 4
    """Words in a run."""
    least_words: int = 20
    """A text with fewer is nobody's duplicate: normal reports are alike without being copies."""
    roles: tuple[TextRole, ...] = ()
    """Texts that count; all where none is named."""
    keep: Keep = "richest"

    def prepare(self, stage: Stage) -> Decision:
        """Cut all texts into runs and group the studies."""
        names: list[str] = []
        rich: list[tuple[int, int]] = []
        found: list[Shingles] = []
        for study in stage.studies:
            text = " ".join(part.text for part in study.texts if not self.roles or part.role in self.roles)
            names.append(study.id)
            rich.append(richness(study))
            long_enough = len(words(text)) >= self.least_words
            found.append(shingles(text if long_enough else "", size=self.run))
        repeats: dict[str, str] = {}
        pairs = [pair[:2] for pair in near_texts(found, threshold=self.jaccard)]
        for group in clusters(len(names), pairs):
            kept = names[group[survivor([names[i] for i in group], [rich[i] for i in group], keep=self.keep)]]
            repeats |= {names[number]: kept for number in group if names[number] != kept}

        def decide(study: Study) -> Outcome:
            if study.id in repeats:
                return Dropped("near-duplicate text", f"of {repeats[study.id]}")
            return study

        return decide


STEP = NearDuplicateReports
