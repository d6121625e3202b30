"""Report generation: overlap of what was written with what was said.

BLEU-1 to BLEU-4 are of the texts taken together, ROUGE-L is a mean over them; tokens are those of `report_tokens`.
They say how alike the words are, not whether the findings are right.

Letters: N items.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from vesalius.errors import DataError
from vesalius.metrics import resampled
from vesalius.metrics.bootstrap import percentile
from vesalius.metrics.text import ORDERS, bleu, bleu_draws, bleu_statistics, report_tokens, rouge_l
from vesalius.tasks._labels import Rows
from vesalius.tasks.base import Score, TaskData, detail, predictions

__all__ = ["TASK", "Report"]


@dataclass(frozen=True, kw_only=True)
class Report:
    """What does the picture show, in words."""

    draw: int = 0
    """Number of the part of the training reports that the decoder learnt from."""
    name: str = "report"
    needs: frozenset[str] = frozenset({"report"})
    splits: frozenset[str] = frozenset()

    def predict(self, data: TaskData) -> pa.Table:
        """Lay out both texts of every item; the score is ROUGE-L."""
        if "written" not in data.test.outputs:
            raise DataError(
                f"task {self.name}: nothing is written; fit a decoder by vesalius finetune --protocol report"
            )
        written, said = (list(data.test.outputs[name]) for name in ("written", "reference"))
        scores = rouge_l(*([report_tokens(text) for text in texts] for texts in (written, said)))
        columns = {
            "item": list(data.test.ids),
            "patient": list(data.test.patients),
            "label": ["all"] * len(written),
            "score": scores,
            "detail": [
                detail(draw=self.draw, written=ours, reference=theirs)
                for ours, theirs in zip(written, said, strict=True)
            ],
        }
        return predictions(self.name, columns)

    def score(self, table: pa.Table, *, resamples: int, seed: int) -> list[Score]:
        """Score every share of the training reports, averaged over draws; label "macro" for the reports of all."""
        rows = Rows(table)
        weights = rows.weights(resamples=resamples, seed=seed)
        texts = [[report_tokens(variant[name]) for variant in rows.variants] for name in ("written", "reference")]
        counts, alike = bleu_statistics(*texts), rouge_l(*texts)
        draws = np.array([variant["draw"] for variant in rows.variants])[rows.variant]
        names = [*(f"bleu_{order}" for order in range(1, ORDERS + 1)), "rouge_l"]
        scores = []
        for number, task in enumerate(rows.tasks):
            values, resampled_values = [], []
            chosen = rows.task == number
            for draw in np.unique(draws[chosen]):
                places = np.flatnonzero(chosen & (draws == draw))
                seen = weights.select(places)
                parts = rows.variant[places]
                values.append([*bleu(counts[parts].sum(axis=0)), alike[parts].mean()])
                rouge = resampled.mean(alike[parts], seen)
                resampled_values.append(np.column_stack([bleu_draws(counts[parts], seen), rouge]))
            mean, spread = np.mean(values, axis=0), np.mean(resampled_values, axis=0)
            seen = weights.select(np.flatnonzero(chosen))
            for place, metric in enumerate(names):
                interval = percentile(float(mean[place]), spread[:, place], weights=seen)
                extra = {"draws": len(values)}
                scores.append(
                    Score.of(interval, task=task, metric=metric, label="macro", extra=extra, draws=spread[:, place])
                )
        return scores


TASK = Report
