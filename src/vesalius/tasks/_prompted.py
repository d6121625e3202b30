"""From prompts to the scores of findings: shared by the tasks that are told by sentences what to look for.

A task gives the score of every item for one concept and one template, or for all sentences together; what is done
with it, thresholds, tables and the spread over templates, stands here.

Letters: N items, C concepts.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from vesalius.errors import DataError
from vesalius.metrics import resampled
from vesalius.metrics.bootstrap import PatientWeights, percentile
from vesalius.metrics.classification import auroc
from vesalius.metrics.sensitivity import flipped
from vesalius.tasks._labels import Rows, choose_thresholds, label_rows, scores_of_draws
from vesalius.tasks.base import Match, Score, TaskData, detail, predictions
from vesalius.tasks.prompts import PromptSet

__all__ = ["PromptScores", "Scorer", "matched", "prompted_predictions", "prompted_scores", "sides"]

Floats = NDArray[np.floating[Any]]
ENSEMBLE = "ensemble"
"""Name of the headline among the templates of a table."""
TEMPLATES = "auroc_template_mean"


class PromptScores(NamedTuple):
    """Scores of every item for one concept."""

    score: Floats
    """Cosine difference, cosine or mean probability, (N,)."""
    probability: Floats
    """Probability of the positive sentence; NaN for single scoring, (N,)."""


Scorer = Callable[[str, str, int | None], PromptScores]
"""``scorer(split, concept, template)``: scores of a split with one template, or all sentences where it is None."""


def prompted_predictions(
    data: TaskData, scorer: Scorer, *, task: str, prompts: PromptSet, ensemble: str, natural: float
) -> pa.Table:
    """Score every concept with the ensemble and with each single template.

    Args:
        data: what the task may use.
        scorer: of the task.
        task: its name.
        prompts: the sentences.
        ensemble: how sentences are put together, for the table's details.
        natural: threshold of the ensemble's score where validation gives none; NaN where there is no natural one.

    Raises:
        DataError: the test split states no finding.
    """
    if not data.test.concepts:
        raise DataError("zero-shot classification asks for findings, and the test split states none")
    templates = min((len(prompts.spread(concept)) for concept in data.test.concepts), default=0)
    told = {"prompts": prompts.name, "scoring": prompts.scoring, "ensemble": ensemble}
    tables = []
    for template in (None, *range(templates)):
        found = _columns(data.test.concepts, scorer, "test", template)
        thresholds = dict.fromkeys(data.test.concepts, np.nan)
        sources = dict.fromkeys(data.test.concepts, "none")
        if template is None:
            columns = None if data.val is None else _columns(data.test.concepts, scorer, "val", None)
            validation = None if data.val is None or columns is None else (data.val.labels, columns.score)
            thresholds, sources = choose_thresholds(validation, data.test.concepts, fallback=natural)
        name = ENSEMBLE if template is None else str(template)
        details = {
            concept: detail(**told, template=name, threshold_from=sources[concept]) for concept in data.test.concepts
        }
        columns_of = {"score": found.score, "probability": found.probability}
        rows = label_rows(data.test, columns_of, threshold=thresholds, detail=details)
        tables.append(predictions(task, rows))
    return pa.concat_tables(tables)


def prompted_scores(table: pa.Table, *, task: str, resamples: int, seed: int) -> list[Score]:
    """Score the ensemble; ``auroc_template_mean`` is the mean over single templates, with their range."""
    rows = Rows(table)
    weights = rows.weights(resamples=resamples, seed=seed)
    headline = rows.having("template", ENSEMBLE)
    scores = scores_of_draws(rows, headline, weights, task=task)
    return scores + _template_scores(rows, ~headline, weights, task=task)


def sides(prompts: PromptSet, concept: str, template: int | None) -> tuple[Sequence[str], Sequence[str]]:
    """Return the sentences that state and that deny a concept, of one template or all of the set."""
    if template is None:
        return prompts.positive(concept), prompts.negative(concept)
    stated, denied = prompts.spread(concept)[template]
    return [stated], [denied] if denied else []


def _columns(concepts: Sequence[str], scorer: Scorer, split: str, template: int | None) -> PromptScores:
    """Scores and probabilities of all concepts, (N, C) each."""
    found = [scorer(split, concept, template) for concept in concepts]
    return PromptScores(*(np.stack(column, axis=1) for column in zip(*found, strict=True)))


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
        extra["flip_rate"] = float(flipped(said).mean())
    return Score.of(interval, task=task, metric=TEMPLATES, label=label, extra=extra, draws=draws)


def matched(match: Match, split: str, count: int, texts: Sequence[str]) -> NDArray[np.float64]:
    """Match every image of a split with every text at once, so that an image is read once: logits (N, T).

    Rounded to five places, finer than float32: equal images must be level whatever stood in their batch.
    """
    rows = np.repeat(np.arange(count), len(texts)).tolist()
    logits = np.asarray(match(split, rows, [*texts] * count), dtype=np.float64)
    return np.asarray(np.round(logits.reshape(count, len(texts)), 5))
