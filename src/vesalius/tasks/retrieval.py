"""Image to text and text to image retrieval within a split.

Two matchings: ``duplicate-aware`` (every study with the same normalised text is a right answer; the default)
and ``identity`` (only the study itself). Level cosines count half. Studies without a text are left out and
counted. Text alone has no control here: without the image there is no ranking but chance, which is printed.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from vesalius.errors import DataError
from vesalius.metrics import retrieval
from vesalius.tasks._labels import Rows
from vesalius.tasks._ranks import RankScores
from vesalius.tasks.base import Encoded, Score, TaskData, detail, predictions

__all__ = ["TASK", "Retrieval"]

DIRECTIONS = ("image_to_text", "text_to_image")
DUPLICATES = "duplicate-aware"
IDENTITY = "identity"


@dataclass(frozen=True, kw_only=True)
class Retrieval:
    """Find the text of an image and the image of a text among all of the split."""

    ks: tuple[int, ...] = (1, 5, 10)
    pools: tuple[int, ...] = (32, 64, 128)
    """Candidates among which the right one is to be first, for ``r_at_1_of_<n>`` (Merlin's, arXiv 2406.06512)."""
    shown: int = 5
    """How many of the nearest studies are kept in the table, for a report to show."""
    name: str = "retrieval"
    needs: frozenset[str] = frozenset({"embed_image", "embed_text"})
    splits: frozenset[str] = frozenset()

    def predict(self, data: TaskData) -> pa.Table:
        """Rank the right answer of every study with a text, in both directions and under both matchings."""
        test = data.test
        kept = np.flatnonzero([bool(retrieval.normalise_text(text)) for text in test.texts])
        if len(kept) < 2:
            raise DataError(f"retrieval needs at least two studies with a text; {len(kept)} of {len(test)} have one")
        groups = {
            DUPLICATES: retrieval.same_text([test.texts[place] for place in kept]),
            IDENTITY: np.arange(len(kept)),
        }
        tables = [
            self._table(test, kept, direction, matching, group)
            for direction in DIRECTIONS
            for matching, group in groups.items()
        ]
        return pa.concat_tables(tables)

    def score(self, table: pa.Table, *, resamples: int, seed: int) -> list[Score]:
        """R@k, R@1 in pools, MRR and median rank by direction; metrics of identity matching end in ``_identity``.

        The gallery stays whole in every resample; queries are drawn by patient.
        """
        rows = Rows(table)
        weights = rows.weights(resamples=resamples, seed=seed)
        scores = []
        for number, direction in enumerate(rows.labels):
            for matching in (DUPLICATES, IDENTITY):
                chosen = np.flatnonzero((rows.label == number) & rows.having("matching", matching))
                suffix = "_identity" if matching == IDENTITY else ""
                measured = RankScores(task=self.name, label=direction, ks=self.ks, suffix=suffix, pools=self.pools)
                scores += measured.of(rows, chosen, weights.select(chosen))
        return scores

    def _table(
        self, test: Encoded, kept: NDArray[np.intp], direction: str, matching: str, group: NDArray[np.intp]
    ) -> pa.Table:
        image, text = test.joint[kept], test.text_joint[kept]
        query, gallery = (image, text) if direction == "image_to_text" else (text, image)
        found = retrieval.ranks(query, gallery, query_group=group, gallery_group=group, top=self.shown)
        ids = [test.ids[place] for place in kept]
        details = [
            detail(
                matching=matching,
                gallery=len(kept),
                relevant=int(relevant),
                top=[ids[place] for place in nearest],
                without_text=len(test) - len(kept),
            )
            for relevant, nearest in zip(found.relevant, found.top, strict=True)
        ]
        columns = {
            "item": ids,
            "patient": [test.patients[place] for place in kept],
            "label": [direction] * len(kept),
            "score": np.einsum("nd,nd->n", image, text, dtype=np.float64),
            "rank": found.rank(),
            "detail": details,
        }
        return predictions(self.name, columns)


TASK = Retrieval
