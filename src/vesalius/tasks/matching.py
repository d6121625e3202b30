"""Retrieval by matching: a model that reads image and text together finds the right one in a small gallery.

Each image is given its own text among `wrong` others and each text its own image among as many, as the fusion models
are measured (METER, M3AE: 15 wrong texts). Studies with the same normalised text are right answers of one another and
are never drawn as wrong ones. Where the model also embeds texts, the `reranked` nearest by cosine among all of the
split are put in the order of the match besides (metrics end in ``_reranked``).

Letters: N studies with a text, k candidates.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from vesalius.errors import CapabilityError, DataError
from vesalius.metrics import retrieval
from vesalius.tasks._labels import Rows
from vesalius.tasks._ranks import RankScores
from vesalius.tasks.base import Match, Score, TaskData, detail, predictions
from vesalius.tasks.retrieval import DIRECTIONS

__all__ = ["RERANKED", "TASK", "Matching"]

DRAWN = "drawn"
RERANKED = "reranked"
"""Kind of the answers, and end of the metrics, of the nearest in the order of the match."""
TIE_WIDTH = 1e-4
"""Logits nearer than this are level: one pair in two batches of another length differs by up to 1e-5 in float32."""


@dataclass(frozen=True, kw_only=True)
class Matching:
    """Find the text of an image and the image of a text among a few, by reading both together."""

    wrong: int = 15
    """Wrong answers in each gallery, drawn at random; all of the split where it has fewer."""
    reranked: int = 10
    """Nearest by cosine that are put in the order of the match; 0 leaves this out."""
    ks: tuple[int, ...] = (1, 5, 10)
    name: str = "matching"
    needs: frozenset[str] = frozenset({"match"})
    splits: frozenset[str] = frozenset()

    def predict(self, data: TaskData) -> pa.Table:
        """Rank the right answer of every study with a text in its gallery, in both directions."""
        if data.match is None:
            raise CapabilityError("retrieval by matching needs a model that reads image and text together")
        kept = np.flatnonzero([bool(retrieval.normalise_text(text)) for text in data.test.texts])
        group = retrieval.same_text([data.test.texts[place] for place in kept]) if len(kept) else kept
        if len(np.unique(group)) < 2:
            raise DataError(
                f"retrieval by matching needs at least two studies with different texts; {len(kept)} of "
                f"{len(data.test)} have a text"
            )
        tables = []
        for number, direction in enumerate(DIRECTIONS):
            ids = [data.test.ids[place] for place in kept]
            drawn = _drawn(group, ids, wrong=self.wrong, rng=np.random.default_rng([data.seed, number]))
            tables.append(self._of_candidates(data, data.match, kept, direction, drawn))
            if self.reranked and data.embed_text is not None:
                tables.append(self._of_nearest(data, data.match, kept, direction, group))
        return pa.concat_tables(tables)

    def score(self, table: pa.Table, *, resamples: int, seed: int) -> list[Score]:
        """R@k, MRR and median rank by direction; queries are drawn by patient, galleries stay."""
        rows = Rows(table)
        weights = rows.weights(resamples=resamples, seed=seed)
        scores = []
        for number, direction in enumerate(rows.labels):
            for kind, suffix in ((DRAWN, ""), (RERANKED, "_reranked")):
                chosen = np.flatnonzero((rows.label == number) & rows.having("matching", kind))
                if len(chosen):
                    measured = RankScores(task=self.name, label=direction, ks=self.ks, suffix=suffix)
                    scores += measured.of(rows, chosen, weights.select(chosen))
        return scores

    def _of_candidates(
        self, data: TaskData, match: Match, kept: NDArray[np.intp], direction: str, candidates: NDArray[np.intp]
    ) -> pa.Table:
        """Ranks among the study itself, which is the first candidate, and the drawn ones."""
        logits = _logits(data, match, kept, direction, candidates)
        right = np.zeros(candidates.shape, dtype=bool)
        right[:, 0] = True
        ranks = retrieval.rank_among(logits, right, tie_width=TIE_WIDTH)
        sizes = (candidates >= 0).sum(axis=1)
        beside = {"without_text": len(data.test) - len(kept), "relevant": 1, "gallery": int(sizes.min())}
        return self._table(data, kept, direction, ranks, logits[:, 0], detail(matching=DRAWN, **beside))

    def _of_nearest(
        self, data: TaskData, match: Match, kept: NDArray[np.intp], direction: str, group: NDArray[np.intp]
    ) -> pa.Table:
        """Ranks in the whole split: the nearest by cosine in the order of the match, then the others by cosine."""
        sides = [data.test.joint[kept], data.test.text_joint[kept]]
        query, gallery = sides if direction == DIRECTIONS[0] else sides[::-1]
        found = retrieval.ranks(query, gallery, query_group=group, gallery_group=group, top=self.reranked)
        logits = _logits(data, match, kept, direction, found.top)
        among = retrieval.rank_among(logits, group[found.top] == group[:, None], tie_width=TIE_WIDTH)
        ranks = np.where(np.isfinite(among), among, found.rank())
        beside = {"without_text": len(data.test) - len(kept), "gallery": len(kept)}
        details = [detail(matching=RERANKED, relevant=int(count), **beside) for count in found.relevant]
        return self._table(data, kept, direction, ranks, np.full(len(kept), np.nan), details)

    def _table(
        self,
        data: TaskData,
        kept: NDArray[np.intp],
        direction: str,
        ranks: NDArray[np.float64],
        scores: NDArray[np.float64],
        details: str | list[str],
    ) -> pa.Table:
        columns = {
            "item": [data.test.ids[place] for place in kept],
            "patient": [data.test.patients[place] for place in kept],
            "label": [direction] * len(kept),
            "score": scores,
            "rank": ranks,
            "detail": [details] * len(kept) if isinstance(details, str) else details,
        }
        return predictions(self.name, columns)


TASK = Matching


def _drawn(group: NDArray[np.intp], ids: Sequence[str], *, wrong: int, rng: np.random.Generator) -> NDArray[np.intp]:
    """Return for each study itself and wrong ones of other groups, (N, 1 + wrong); -1 where there are fewer.

    Studies are gone through by id, so that their order in the corpus changes nothing.
    """
    order = np.argsort(np.asarray(ids, dtype=str), kind="stable")
    candidates = np.full((len(group), 1 + wrong), -1, dtype=np.intp)
    for row in order:
        others = order[group[order] != group[row]]
        found = rng.choice(others, size=min(wrong, len(others)), replace=False)
        candidates[row, : 1 + len(found)] = row, *found
    return candidates


def _logits(
    data: TaskData, match: Match, kept: NDArray[np.intp], direction: str, candidates: NDArray[np.intp]
) -> NDArray[np.float64]:
    """Match every query with its candidates, (N, k); NaN where there is none."""
    queries, columns = np.nonzero(candidates >= 0)
    answers = candidates[queries, columns]
    images, texts = (queries, answers) if direction == DIRECTIONS[0] else (answers, queries)
    out = np.full(candidates.shape, np.nan)
    out[queries, columns] = match("test", kept[images].tolist(), [data.test.texts[place] for place in kept[texts]])
    return out
