"""Zero-shot classification by a model that reads image and sentence together.

A concept's score is the mean matching logit of sentences that state it, minus (``pair``) that of sentences that
deny it; its probability is the logistic function of the score. ``auroc_template_mean`` shows how much hangs on the
wording.

Letters: N items.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from vesalius.errors import CapabilityError
from vesalius.tasks._prompted import PromptScores, Scorer, matched, prompted_predictions, prompted_scores, sides
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
    sentences = _sentences(prompts, data.test.concepts)
    known: dict[str, NDArray[np.float64]] = {}

    def logits(split: str, texts: Sequence[str]) -> NDArray[np.float64]:
        """Mean logit of the sentences, (N,)."""
        if split not in known:
            known[split] = matched(match, split, len(getattr(data, split)), [*sentences])
        return np.asarray(known[split][:, [sentences[text] for text in texts]].mean(axis=1))

    def score(split: str, concept: str, template: int | None) -> PromptScores:
        stated, denied = sides(prompts, concept, template)
        apart = logits(split, stated) - (logits(split, denied) if denied else 0.0)
        return PromptScores(apart, np.exp(-np.logaddexp(0.0, -apart)))

    return score


def _sentences(prompts: PromptSet, concepts: Sequence[str]) -> dict[str, int]:
    """Number every sentence that states or denies a concept, of the ensemble and of the single templates."""
    every: list[str] = []
    for concept in concepts:
        every += [*prompts.positive(concept), *prompts.negative(concept)]
        every += [text for pair in prompts.spread(concept) for text in pair if text]
    return {text: number for number, text in enumerate(dict.fromkeys(every))}
