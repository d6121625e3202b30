"""Drop studies whose embedding is nearly another study's; the embeddings are handed in as a file."""

from __future__ import annotations

from dataclasses import dataclass

from vesalius.curation.base import Decision, Dropped, Outcome, Stage, Step
from vesalius.curation.clusters import Keep, clusters, richness, survivor
from vesalius.curation.columns import read_embeddings
from vesalius.curation.vectors import near_vectors
from vesalius.data.records import Study
from vesalius.errors import DataError

__all__ = ["STEP", "NearDuplicateEmbeddings"]


@dataclass(frozen=True, kw_only=True)
class NearDuplicateEmbeddings(Step):
    """Studies whose vectors have a cosine of at least `cosine` are one; which stays is the rule `keep`."""

    vectors: str
    """A .npz with `ids` and `vectors`, or a table with `study_id` and `vector`."""
    cosine: float = 0.98
    keep: Keep = "richest"

    def prepare(self, stage: Stage) -> Decision:
        """Read the vectors of the stage's studies and group them."""
        embeddings = read_embeddings(self.vectors)
        row_of = {name: row for row, name in enumerate(embeddings.ids)}
        names: list[str] = []
        rich: list[tuple[int, int]] = []
        for study in stage.studies:
            if study.id not in row_of:
                raise DataError(f"{self.vectors} has no vector of study {study.id!r}: embed the corpus as it is now")
            names.append(study.id)
            rich.append(richness(study))
        repeats: dict[str, str] = {}
        if len(names) > 1:
            near = near_vectors(embeddings.vectors[[row_of[name] for name in names]], cosine=self.cosine)
            for group in clusters(len(names), near.pairs.tolist()):
                kept = names[group[survivor([names[i] for i in group], [rich[i] for i in group], keep=self.keep)]]
                repeats |= {names[number]: kept for number in group if names[number] != kept}

        def decide(study: Study) -> Outcome:
            if study.id in repeats:
                return Dropped("near-duplicate embedding", f"of {repeats[study.id]}")
            return study

        return decide


STEP = NearDuplicateEmbeddings
