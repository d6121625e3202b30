"""Zero-shot classification by a model that reads image and sentence together.

A concept's score is the mean matching logit of sentences that state it, minus (``pair``) that of sentences that
deny it; its probability is the logistic function of the score. ``auroc_template_mean`` shows how much hangs on the
wording.

Letters: N items.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from vesalius.errors import CapabilityError
from vesalius.tasks._prompted import PromptScores, Scorer, prompted_predictions, prompted_scores, sides
from vesalius.tasks.base import Score, TaskData
from vesalius.tasks.prompts import PromptSet, load_prompts

__all__ = ["TASK", "ZeroShotMatching"]


@dataclass(frozen=True, kw_only=True)
class ZeroShotMatching:
    """Is the concept in the image, told by whether sentences match it."""

    prompts: str = "convirt"
    """Name of the prompt set; see `vesalius.tasks.prompts.prompt_sets`."""
    name: str = "zero_shot_matching"
    needs: frozenset[str] = frozenset({"match"})
    splits: frozenset[str] = frozenset()

    def predict(self, data: TaskData) -> pa.Table:
        """Score every concept with all sentences and with each single template."""
        prompts = load_prompts(self.prompts)
        scorer = _scorer(prompts, data)
        return prompted_predictions(data, scorer, task=self.name, prompts=prompts, ensemble="logit", natural=0.0)

    def score(self, table: pa.Table, *, resamples: int, seed: int) -> list[Score]:
        """Score the ensemble; ``auroc_template_mean`` is the mean over single templates, with their range."""
        return prompted_scores(table, task=self.name, resamples=resamples, seed=seed)


TASK = ZeroShotMatching


def _scorer(prompts: PromptSet, data: TaskData) -> Scorer:
    match = data.match
    if match is None:
        raise CapabilityError("zero-shot classification by matching needs a model that reads image and text together")
    known: dict[tuple[str, str], NDArray[np.floating[Any]]] = {}

    def logits(split: str, texts: Sequence[str]) -> NDArray[np.float64]:
        """Mean logit of the sentences, (N,); each sentence is matched once."""
        count = len(getattr(data, split))
        for text in texts:
            if (split, text) not in known:
                known[split, text] = match(split, range(count), [text] * count)
        columns = np.stack([known[split, text] for text in texts]).astype(np.float64)
        # Finer than float32: equal images must be level whatever stood in their batch.
        return np.asarray(np.round(columns.mean(axis=0), 5))

    def score(split: str, concept: str, template: int | None) -> PromptScores:
        stated, denied = sides(prompts, concept, template)
        apart = logits(split, stated) - (logits(split, denied) if denied else 0.0)
        return PromptScores(apart, np.exp(-np.logaddexp(0.0, -apart)))

    return score
