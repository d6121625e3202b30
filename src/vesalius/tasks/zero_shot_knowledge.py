"""Zero-shot classification by explanations: each finding is asked by its name, what it is and how it looks.

The protocol of the query decoders (MedKLIP, KAD, MeDSLIP, DeViDe): the score is the logit that the image shows what
the explanation says. Beside the usual scores it gives theirs, ``max_f1_test`` and ``accuracy_max_f1_test``, whose
threshold is chosen on the test items themselves: they are optimistic.

Letters: N items.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from vesalius.errors import CapabilityError
from vesalius.knowledge.vocabulary import explanation
from vesalius.metrics import resampled
from vesalius.metrics.bootstrap import PatientWeights, percentile
from vesalius.metrics.classification import best_threshold
from vesalius.tasks._labels import Rows
from vesalius.tasks._prompted import PromptScores, matched, prompted_predictions, prompted_scores
from vesalius.tasks.base import Score, TaskData
from vesalius.tasks.prompts import PromptSet

__all__ = ["TASK", "ZeroShotKnowledge"]

MAX_F1, ACCURACY = "max_f1_test", "accuracy_max_f1_test"


@dataclass(frozen=True, kw_only=True)
class ZeroShotKnowledge:
    """Is the concept in the image, told by whether its explanation matches."""

    name: str = "zero_shot_knowledge"
    needs: frozenset[str] = frozenset({"match"})
    splits: frozenset[str] = frozenset()

    def predict(self, data: TaskData) -> pa.Table:
        """Score every concept by the logit of its explanation."""
        match = data.match
        if match is None:
            raise CapabilityError("zero-shot by explanations needs a model that reads image and text together")

        explained = [explanation(concept) for concept in data.test.concepts]
        known: dict[str, NDArray[np.float64]] = {}

        def score(split: str, concept: str, template: int | None) -> PromptScores:
            del template
            if split not in known:
                known[split] = matched(match, split, len(getattr(data, split)), explained)
            logits = known[split][:, data.test.concepts.index(concept)]
            return PromptScores(logits, np.exp(-np.logaddexp(0.0, -logits)))

        prompts = _explanations(data.test.concepts)
        return prompted_predictions(data, score, task=self.name, prompts=prompts, ensemble="logit", natural=0.0)

    def score(self, table: pa.Table, *, resamples: int, seed: int) -> list[Score]:
        """Score the decisions, and the best F1 that any threshold has on the test items."""
        scores = prompted_scores(table, task=self.name, resamples=resamples, seed=seed)
        rows = Rows(table)
        return scores + _best_f1(rows, rows.weights(resamples=resamples, seed=seed), task=self.name)


TASK = ZeroShotKnowledge


def _explanations(concepts: Sequence[str]) -> PromptSet:
    return PromptSet(
        name="knowledge",
        about="name, definition and looks of each finding",
        scoring="single",
        positive_templates=("{}",),
        negative_templates=(),
        spread_templates=(),
        concepts={concept: {"positive": (explanation(concept),)} for concept in concepts},
    )


def _best_f1(rows: Rows, weights: PatientWeights, *, task: str) -> list[Score]:
    """Best F1 and the accuracy at its threshold, of every label with both classes and their mean."""
    known = rows.having("template", "ensemble") & np.isfinite(rows.target)
    found: dict[str, list[Score]] = {MAX_F1: [], ACCURACY: []}
    for number, label in enumerate(rows.labels):
        places = np.flatnonzero(known & (rows.label == number))
        target, score = rows.target[places], rows.score[places]
        if len(np.unique(target)) < 2:
            continue
        threshold, value = best_threshold(target, score)
        accuracy = float(np.mean((score >= threshold) == (target == 1)))
        seen = weights.select(places)
        share = float(target.mean())
        beside = {MAX_F1: {"chance": 2 * share / (1 + share)}, ACCURACY: {"majority": max(share, 1 - share)}}
        draws = resampled.best_f1(target, score, seen)
        for metric, sample, each in ((MAX_F1, value, draws.f1), (ACCURACY, accuracy, draws.accuracy)):
            extra = {"threshold": threshold, "prevalence": share, **beside[metric]}
            interval = percentile(sample, each, weights=seen)
            found[metric].append(Score.of(interval, task=task, metric=metric, label=label, extra=extra, draws=each))
    return [score for scores in found.values() for score in (*scores, *_macro(scores, rows, weights, task=task))]


def _macro(scores: Sequence[Score], rows: Rows, weights: PatientWeights, *, task: str) -> list[Score]:
    if not scores:
        return []
    draws = resampled.macro(np.stack([score.draws for score in scores if score.draws is not None], axis=1)).draws
    first = np.unique(rows.item, return_index=True)[1]
    interval = percentile(float(np.mean([score.value for score in scores])), draws, weights=weights.select(first))
    extra = {"labels": [score.label for score in scores]}
    return [Score.of(interval, task=task, metric=scores[0].metric, label="macro", extra=extra, draws=draws)]
