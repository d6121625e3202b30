"""Zero-shot classification with prompt ensembles.

A concept's score is the cosine of the image to sentences that state it, minus (``pair``) the cosine to
sentences that deny it. The ensemble is the mean of unit text vectors, normalised again (``embedding``, as
CLIP does), the mean of cosines (``cosine``) or the mean of the pairs' probabilities (``probability``): three
different numbers. The headline is the ensemble; ``auroc_template_mean`` shows how much hangs on the wording.

Letters: N items, D joint width, C concepts, P prompts.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from vesalius.errors import CapabilityError, ConfigError, DataError, did_you_mean
from vesalius.metrics import resampled
from vesalius.metrics.bootstrap import PatientWeights, percentile
from vesalius.metrics.classification import auroc
from vesalius.tasks._labels import Rows, choose_thresholds, label_rows, scores_of_draws
from vesalius.tasks.base import Encoded, Score, TaskData, detail, predictions
from vesalius.tasks.prompts import PromptSet, load_prompts

__all__ = ["TASK", "ZeroShot", "pair_probability", "prompt_scores"]

Floats = NDArray[np.floating[Any]]
Ensemble = Literal["embedding", "cosine", "probability"]
_ENSEMBLES = ("embedding", "cosine", "probability")
ENSEMBLE = "ensemble"
"""Name of the headline among the templates of a table."""
TEMPLATES = "auroc_template_mean"


class PromptScores(NamedTuple):
    """Scores of every item for one concept."""

    score: Floats
    """Cosine difference, cosine or mean probability, (N,)."""
    probability: Floats
    """Probability of the positive sentence; NaN for single scoring, (N,)."""


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
        if not data.test.concepts:
            raise DataError("zero-shot classification asks for findings, and the test split states none")
        prompts = load_prompts(self.prompts)
        vectors = _embedded(prompts, data)
        templates = min((len(prompts.spread(concept)) for concept in data.test.concepts), default=0)
        variants: list[int | None] = [None, *range(templates)]
        return pa.concat_tables([self._variant(prompts, vectors, data, variant) for variant in variants])

    def score(self, table: pa.Table, *, resamples: int, seed: int) -> list[Score]:
        """Score the ensemble; ``auroc_template_mean`` is the mean over single templates, with their range."""
        rows = Rows(table)
        weights = rows.weights(resamples=resamples, seed=seed)
        headline = rows.having("template", ENSEMBLE)
        scores = scores_of_draws(rows, headline, weights, task=self.name)
        return scores + _template_scores(rows, ~headline, weights, task=self.name)

    def _variant(
        self, prompts: PromptSet, vectors: Mapping[str, Floats], data: TaskData, template: int | None
    ) -> pa.Table:
        """Predict with one template, or with the ensemble where there is none; thresholds for the latter."""
        concepts = data.test.concepts

        def scored(encoded: Encoded) -> PromptScores:
            columns = [
                prompt_scores(
                    encoded.joint,
                    *_sides(prompts, vectors, concept, template),
                    ensemble="embedding" if template is not None else self.ensemble,
                    temperature=data.temperature,
                )
                for concept in concepts
            ]
            return PromptScores(*(np.stack(column, axis=1) for column in zip(*columns, strict=True)))

        found = scored(data.test)
        thresholds, sources = dict.fromkeys(concepts, np.nan), dict.fromkeys(concepts, "none")
        if template is None:
            natural = np.nan if prompts.scoring == "single" else 0.5 if self.ensemble == "probability" else 0.0
            validation = None if data.val is None else (data.val.labels, scored(data.val).score)
            thresholds, sources = choose_thresholds(validation, concepts, fallback=natural)
        details = {
            concept: detail(
                prompts=prompts.name,
                scoring=prompts.scoring,
                ensemble=self.ensemble,
                template=ENSEMBLE if template is None else str(template),
                threshold_from=sources[concept],
            )
            for concept in concepts
        }
        columns = {"score": found.score, "probability": found.probability}
        return predictions(self.name, label_rows(data.test, columns, threshold=thresholds, detail=details))


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
    found = np.asarray(data.embed_text(list(sentences)), dtype=np.float64)
    return dict(zip(sentences, found, strict=True))


def _sides(
    prompts: PromptSet, vectors: Mapping[str, Floats], concept: str, template: int | None
) -> tuple[Floats, Floats]:
    """Return the embeddings of the stating and of the denying sentences, (P, D) and (P', D)."""
    if template is None:
        sides: tuple[Sequence[str], Sequence[str]] = (prompts.positive(concept), prompts.negative(concept))
    else:
        stated, denied = prompts.spread(concept)[template]
        sides = ([stated], [denied] if denied else [])
    positive = np.stack([vectors[text] for text in sides[0]])
    negative = [vectors[text] for text in sides[1]]
    return positive, np.stack(negative) if negative else np.empty((0, positive.shape[1]))


def _template_scores(rows: Rows, selected: NDArray[np.bool_], weights: PatientWeights, *, task: str) -> list[Score]:
    """Mean AUROC over single templates of every label that has both classes, and its mean over labels."""
    kinds = [number for number, variant in enumerate(rows.variants) if variant["template"] != ENSEMBLE]
    known = selected & np.isfinite(rows.target)
    scores, items = [], []
    for number, label in enumerate(rows.labels):
        chosen = [np.flatnonzero(known & (rows.label == number) & (rows.variant == kind)) for kind in kinds]
        if not chosen or len(np.unique(rows.target[chosen[0]])) < 2:
            continue
        scores.append(_over_templates(rows, chosen, weights, task=task, label=label))
        items.append(chosen[0])
    if not scores:
        return []
    every = np.concatenate(items)
    distinct = every[np.unique(rows.item[every], return_index=True)[1]]
    draws = resampled.macro(np.stack([score.draws for score in scores if score.draws is not None], axis=1)).draws
    value = float(np.mean([score.value for score in scores]))
    interval = percentile(value, draws, weights=weights.select(distinct))
    low, high = (float(np.mean([score.extra[key] for score in scores])) for key in ("template_low", "template_high"))
    extra = {"labels": len(scores), "template_low": low, "template_high": high}
    return [*scores, Score.of(interval, task=task, metric=TEMPLATES, label="macro", extra=extra, draws=draws)]


def _over_templates(
    rows: Rows, chosen: Sequence[NDArray[np.intp]], weights: PatientWeights, *, task: str, label: str
) -> Score:
    """Mean over templates with the deviation and range, and how often a decision hangs on the template."""
    values = [auroc(rows.target[places], rows.score[places]) for places in chosen]
    each = [resampled.auroc(rows.target[places], rows.score[places], weights.select(places)) for places in chosen]
    draws = np.mean(each, axis=0)
    interval = percentile(float(np.mean(values)), draws, weights=weights.select(chosen[0]))
    extra: dict[str, Any] = {
        "templates": len(values),
        "template_low": min(values),
        "template_high": max(values),
        "template_sd": float(np.std(values, ddof=1)) if len(values) > 1 else float("nan"),
    }
    if np.isfinite(rows.probability[chosen[0]]).all():
        said = np.stack([rows.probability[places] >= 0.5 for places in chosen])
        extra["flip_rate"] = float(np.mean(said.any(axis=0) & ~said.all(axis=0)))
    return Score.of(interval, task=task, metric=TEMPLATES, label=label, extra=extra, draws=draws)
