"""Training of an embedding of a graph, and its ranks in link prediction.

Each true triple is to score higher than one with another head or tail, by a margin (Bordes et al. 2013), as in
MedMKG: AdamW, one corruption each, at most 500 epochs, stopped where the validation's reciprocal rank stays.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Collection
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from vesalius.config import Config
from vesalius.metrics.ranking import link_ranks, link_scores
from vesalius.models.graph.base import GraphEmbedding
from vesalius.objectives.knowledge import TriplePass, triple_pass

__all__ = ["LinkSettings", "LinkTraining", "evaluate_links", "fit_links"]

_ROWS_AT_ONCE = 256


@dataclass(frozen=True, kw_only=True)
class LinkSettings(Config):
    """How an embedding is trained; the defaults are those of the paper of MedMKG."""

    batch: int = 2048
    lr: float = 1e-3
    epochs: int = 500
    patience: int = 5
    """Validations without gain after which training stops."""
    validate_every: int = 1
    """Epochs between validations."""
    margin: float = 1.0
    negatives: int = 1
    """Corrupted triples for each true one."""
    weight_decay: float = 0.0
    seed: int = 0


@dataclass(frozen=True, kw_only=True)
class LinkTraining:
    """What came of a training."""

    epochs: int
    best_mrr: float
    losses: tuple[float, ...]
    """Mean of every epoch."""


def fit_links(
    model: GraphEmbedding, train: NDArray[np.int64], validation: NDArray[np.int64], settings: LinkSettings,
    *, advance: Callable[[int], None] | None = None,
) -> LinkTraining:  # fmt: skip
    """Train a model on triples (T, 3) and leave the weights of the best validation in it."""
    generator = torch.Generator().manual_seed(settings.seed)
    triples = torch.from_numpy(train)
    model.know(triples)
    optimiser = torch.optim.AdamW(model.parameters(), lr=settings.lr, weight_decay=settings.weight_decay)
    way = TriplePass(
        batch=settings.batch, negatives=settings.negatives, margin=settings.margin, num_entities=model.num_entities,
        share=torch.full((model.num_relations,), 0.5, dtype=torch.float64),
    )  # fmt: skip
    best, kept, waited, losses = -1.0, copy.deepcopy(model.state_dict()), 0, []
    for epoch in range(settings.epochs):
        model.train()
        losses.append(triple_pass(model.score, triples, optimiser, settings=way, generator=generator))
        if advance:
            advance(1)
        if (epoch + 1) % settings.validate_every:
            continue
        mrr = evaluate_links(model, validation, known=(train, validation))["mrr"]
        if mrr > best:
            best, kept, waited = mrr, copy.deepcopy(model.state_dict()), 0
        elif (waited := waited + 1) >= settings.patience:
            break
    model.load_state_dict(kept)
    return LinkTraining(epochs=len(losses), best_mrr=best, losses=tuple(losses))


@torch.no_grad()
def evaluate_links(
    model: GraphEmbedding, triples: NDArray[np.int64], *, known: Collection[NDArray[np.int64]] = ()
) -> dict[str, float]:
    """Rank the right tail among all entities and the right head among all; both directions are averaged.

    Args:
        model: that is scored.
        triples: of the part that is tried, (T, 3).
        known: triples of all parts, which are right as well and are left out of the ranks (filtered).
    """
    model.eval()
    tails, heads = _answers(known, 2), _answers(known, 0)
    ranks = []
    for first in range(0, len(triples), _ROWS_AT_ONCE):
        rows = triples[first : first + _ROWS_AT_ONCE]
        head, relation, tail = torch.from_numpy(rows).unbind(dim=1)
        for scores, side, answers in (
            (model.scores_of_tails(head, relation), 2, tails), (model.scores_of_heads(relation, tail), 0, heads),
        ):  # fmt: skip
            others = {place: answers.get(_key(row, side), ()) for place, row in enumerate(rows)}
            ranks.append(link_ranks(scores.numpy(), rows[:, side], known=others))
    return link_scores(np.concatenate(ranks))


def _key(row: NDArray[np.int64], side: int) -> tuple[int, int]:
    return int(row[2 - side]), int(row[1])


def _answers(known: Collection[NDArray[np.int64]], side: int) -> dict[tuple[int, int], list[int]]:
    """Entities that are right on one side, by the other end and the relation."""
    found: dict[tuple[int, int], list[int]] = {}
    for part in known:
        for row in part:
            found.setdefault(_key(row, side), []).append(int(row[side]))
    return found
