"""Answers of a head that learnt a list of them: accuracy over all, closed and open questions, and of each family.

The answer with the highest logit gets its soft score, which is 1 for the right one and else 0; the mean over all
questions is (sum of closed + sum of open) / questions. Beside every number stand the accuracy of a guess among the
answers of the question's own kind (`chance`) and the share of questions whose answer is in no list (`unlisted`).
An interval takes the questions of a patient together.

Source: the scoring of MEVF, QCR, PubMedCLIP and M3AE, by their code.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from vesalius.errors import DataError
from vesalius.tasks._labels import Rows
from vesalius.tasks._means import mean_score
from vesalius.tasks.base import Score, TaskData, detail, predictions

__all__ = ["TASK", "VQA"]

_CLOSED = ("closed", "choice")


@dataclass(frozen=True, kw_only=True)
class VQA:
    """What is asked of the picture, told by a head that learnt a list of answers."""

    draw: int = 0
    """Number of the part of the training questions that the head learnt from."""
    name: str = "vqa"
    needs: frozenset[str] = frozenset({"answer"})
    splits: frozenset[str] = frozenset()

    def predict(self, data: TaskData) -> pa.Table:
        """Lay out whether each answer is right as the score of every question, under its type of answer."""
        found = data.test.outputs
        if "correct" not in found:
            raise DataError(f"task {self.name}: no answers; fit a head first, by vesalius finetune --protocol vqa")
        columns: dict[str, Any] = {
            "item": list(data.test.ids),
            "patient": list(data.test.patients),
            "label": found["type"].tolist(),
            "score": found["correct"],
            "detail": [
                detail(draw=self.draw, said=said, family=family, listed=listed, chance=chance, route=route)
                for said, family, listed, chance, route in zip(
                    *(found[name].tolist() for name in ("said", "family", "listed", "chance", "route")), strict=True
                )
            ],
        }
        return predictions(self.name, columns)

    def score(self, table: pa.Table, *, resamples: int, seed: int) -> list[Score]:
        """Score all questions, closed and open ones, and each family, averaged over draws."""
        rows = Rows(table)
        weights = rows.weights(resamples=resamples, seed=seed)
        said = {name: np.array([one[name] for one in rows.variants]) for name in ("family", "listed", "chance")}
        said = {name: part[rows.variant] for name, part in said.items()}
        closed = np.isin(np.array(rows.labels, dtype=str), _CLOSED)[rows.label]
        parts = {"all": np.ones(len(closed), dtype=bool), "closed": closed, "open": ~closed}
        parts |= {str(name): said["family"] == name for name in np.unique(said["family"])}
        found = []
        for number, task in enumerate(rows.tasks):
            for label, part in parts.items():
                places = np.flatnonzero(part & (rows.task == number))
                if len(places):
                    beside = {"chance": said["chance"][places].mean(), "unlisted": 1 - said["listed"][places].mean()}
                    found.append(
                        mean_score(
                            places, rows.score, weights, task=task, metric="accuracy", label=label, extra=beside
                        )
                    )
        return found


TASK = VQA
