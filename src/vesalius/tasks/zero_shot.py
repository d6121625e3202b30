"""Zero-shot classification with prompt ensembles.

A concept's score is the cosine of the image to sentences that state it, minus (``pair``) the cosine to
sentences that deny it. The ensemble is the mean of unit text vectors, normalised again (``embedding``, as
CLIP does), the mean of cosines (``cosine``) or the mean of the pairs' probabilities (``probability``): three
different numbers. The headline is the ensemble; ``auroc_template_mean`` shows how much hangs on the wording.

Letters: N items, D joint width, C concepts, P prompts.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from vesalius.errors import CapabilityError, ConfigError, did_you_mean
from vesalius.tasks._prompted import PromptScores, Scorer, prompted_predictions, prompted_scores, sides
from vesalius.tasks.base import Score, TaskData
from vesalius.tasks.prompts import PromptSet, load_prompts

__all__ = ["TASK", "PromptScores", "ZeroShot", "pair_probability", "prompt_scores"]

Floats = NDArray[np.floating[Any]]
Ensemble = Literal["embedding", "cosine", "probability"]
_ENSEMBLES = ("embedding", "cosine", "probability")


@dataclass(frozen=True, kw_only=True)
class ZeroShot:
    """Is the concept in the image, told by sentences alone."""

    prompts: str = "convirt"
    """Name of the prompt set; see `vesalius.tasks.prompts.prompt_sets`."""
    ensemble: Ensemble = "embedding"
    name: str = "zero_shot"
    needs: frozenset[str] = frozenset({"embed_image", "embed_text"})
    splits: frozenset[str] = frozenset()

    def predict(self, data: TaskData) -> pa.Table:
        """Score every concept with the ensemble and with each single template."""
        if self.ensemble not in _ENSEMBLES:
            raise ConfigError(f"unknown ensemble {self.ensemble!r}{did_you_mean(self.ensemble, _ENSEMBLES)}")
        prompts = load_prompts(self.prompts)
        natural = np.nan if prompts.scoring == "single" else 0.5 if self.ensemble == "probability" else 0.0
        return prompted_predictions(
            data,
            self._scorer(prompts, data),
            task=self.name,
            prompts=prompts,
            ensemble=self.ensemble,
            natural=natural,
        )

    def score(self, table: pa.Table, *, resamples: int, seed: int) -> list[Score]:
        """Score the ensemble; ``auroc_template_mean`` is the mean over single templates, with their range."""
        return prompted_scores(table, task=self.name, resamples=resamples, seed=seed)

    def _scorer(self, prompts: PromptSet, data: TaskData) -> Scorer:
        vectors = _embedded(prompts, data)

        def score(split: str, concept: str, template: int | None) -> PromptScores:
            stated, denied = sides(prompts, concept, template)
            positive = np.stack([vectors[text] for text in stated])
            negative = [vectors[text] for text in denied]
            return prompt_scores(
                getattr(data, split).joint,
                positive,
                np.stack(negative) if negative else np.empty((0, positive.shape[1])),
                ensemble="embedding" if template is not None else self.ensemble,
                temperature=data.temperature,
            )

        return score


TASK = ZeroShot


def pair_probability(positive: Floats, negative: Floats, *, temperature: float) -> Floats:
    """Softmax of two cosines at a temperature, first entry: probability of the positive sentence."""
    apart = (np.asarray(positive, dtype=np.float64) - np.asarray(negative, dtype=np.float64)) / temperature
    return np.exp(-np.logaddexp(0.0, -apart))


def prompt_scores(
    image: Floats, positive: Floats, negative: Floats, *, ensemble: Ensemble, temperature: float
) -> PromptScores:
    """Score images against the sentences of one concept.

    Args:
        image: unit-norm image embeddings, (N, D).
        positive: unit-norm embeddings of stating sentences, (P, D).
        negative: the same of denying sentences, (P', D); empty for single scoring.
        ensemble: how sentences are put together; see the head of this module. ``probability`` pairs the
            sentences in order and repeats the shorter list.
        temperature: softmax temperature of the probabilities.
    """
    if not len(negative):
        return PromptScores(_together(image, positive, ensemble), np.full(len(image), np.nan))
    if ensemble == "probability":
        places = np.arange(max(len(positive), len(negative)))
        cosines = (image @ side[places % len(side)].T for side in (positive, negative))
        mean = np.round(pair_probability(*cosines, temperature=temperature).mean(axis=1), 9)
        return PromptScores(mean, mean)
    stated = _together(image, positive, ensemble)
    denied = _together(image, negative, ensemble)
    return PromptScores(stated - denied, pair_probability(stated, denied, temperature=temperature))


def _together(image: Floats, text: Floats, ensemble: Ensemble) -> Floats:
    """Cosine of each image to the sentences together, (N,).

    Rounded to 9 decimals, finer than float32: equal images must be level wherever they stand in the product.
    """
    if ensemble != "embedding":
        return np.asarray(np.round(np.mean(image @ text.T, axis=1), 9), dtype=np.float64)
    mean = np.asarray(text.mean(axis=0), dtype=np.float64)
    norm = float(np.linalg.norm(mean))
    return np.asarray(np.round(image @ (mean / norm if norm else mean), 9), dtype=np.float64)


def _embedded(prompts: PromptSet, data: TaskData) -> dict[str, Floats]:
    """Embed every sentence of the run once."""
    if data.embed_text is None:
        raise CapabilityError("zero-shot classification needs a model that embeds text; this one does not")
    sentences: dict[str, None] = {}
    for concept in data.test.concepts:
        spread = [text for pair in prompts.spread(concept) for text in pair if text]
        sentences |= dict.fromkeys([*prompts.positive(concept), *prompts.negative(concept), *spread])
    if not sentences:
        return {}
    found = np.asarray(data.embed_text(list(sentences)), dtype=np.float64)
    return dict(zip(sentences, found, strict=True))
