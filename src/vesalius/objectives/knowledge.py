"""Vectors of the entities of a graph: a relation is a step from its head to its tail.

Source: TransE, Bordes et al. 2013 (NeurIPS), with corrupted triples drawn by Wang et al. 2014 (TransH, "Bernoulli").

Legend: T triples, D width, S negatives a triple.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

__all__ = [
    "Corruption",
    "TriplePass",
    "bernoulli_share",
    "corrupted",
    "margin_loss",
    "translation_distance",
    "triple_pass",
]


def translation_distance(head: Tensor, relation: Tensor, tail: Tensor, *, norm: int = 1) -> Tensor:
    """Return |head + relation − tail| over the last axis; small for a true triple."""
    distance: Tensor = torch.linalg.vector_norm(head + relation - tail, ord=norm, dim=-1)
    return distance


def margin_loss(true: Tensor, false: Tensor, *, margin: float = 5.0) -> Tensor:
    """Ask that every false triple be farther than the true one by the margin; mean over all.

    Args:
        true: distances of true triples, (T,).
        false: distances of their corruptions, (T, S).
        margin: γ (ARL: 5).
    """
    return torch.relu(margin + true[:, None] - false).mean()


def bernoulli_share(triples: Tensor, num_relations: int) -> Tensor:
    """Return for each relation how often to replace the head: tails per head / (tails per head + heads per tail).

    Args:
        triples: head, relation, tail, (T, 3).
        num_relations: how many relations there are; one without a triple gets 0.5.
    """
    share = torch.full((num_relations,), 0.5, dtype=torch.float64)
    for relation in range(num_relations):
        pairs = torch.unique(triples[triples[:, 1] == relation][:, [0, 2]], dim=0)
        if len(pairs):
            tails_per_head = len(pairs) / len(pairs[:, 0].unique())
            heads_per_tail = len(pairs) / len(pairs[:, 1].unique())
            share[relation] = tails_per_head / (tails_per_head + heads_per_tail)
    return share


class Corruption(NamedTuple):
    """Heads and tails of false triples, (T, S) each; the relation stays."""

    head: Tensor
    tail: Tensor


def corrupted(
    triples: Tensor, *, num_entities: int, negatives: int, share: Tensor, generator: torch.Generator | None = None
) -> Corruption:
    """Replace the head or the tail of triples (T, 3) by another entity, `negatives` times each.

    Args:
        triples: head, relation, tail.
        num_entities: entities are numbered below it.
        negatives: S.
        share: how often the head is replaced, by relation.
        generator: of the draw.
    """
    shape = (len(triples), negatives)
    # Another entity than the one that stood there: a step of 1 to E − 1 around the circle of all.
    step = torch.randint(1, num_entities, shape, generator=generator)
    replace_head = torch.rand(shape, generator=generator, dtype=torch.float64) < share[triples[:, 1]][:, None]
    head, tail = triples[:, :1].expand(shape), triples[:, 2:].expand(shape)
    return Corruption(
        torch.where(replace_head, (head + step) % num_entities, head),
        torch.where(replace_head, tail, (tail + step) % num_entities),
    )


@dataclass(frozen=True, kw_only=True)
class TriplePass:
    """How one pass over the triples of a graph goes."""

    batch: int
    negatives: int
    """Corrupted triples for each true one."""
    margin: float
    share: Tensor
    """How often the head is replaced, by relation."""
    num_entities: int


def triple_pass(
    score: Callable[[Tensor, Tensor, Tensor], Tensor], triples: Tensor, optimiser: torch.optim.Optimizer,
    *, settings: TriplePass, generator: torch.Generator,
) -> float:  # fmt: skip
    """Show every triple once, in an order that is drawn, and return the mean loss.

    Args:
        score: of heads, relations and tails, higher for what is more likely true; it broadcasts.
        triples: head, relation, tail, (T, 3).
        optimiser: of the weights behind the score.
        settings: batch, margin, and how triples are corrupted.
        generator: of the order and the corruptions.
    """
    total = 0.0
    order = torch.randperm(len(triples), generator=generator)
    for first in range(0, len(order), settings.batch):
        batch = triples[order[first : first + settings.batch]]
        false = corrupted(
            batch, num_entities=settings.num_entities, negatives=settings.negatives, share=settings.share,
            generator=generator,
        )  # fmt: skip
        wrong = score(false.head, batch[:, 1:2], false.tail)
        # Distances are negative scores.
        loss = margin_loss(-score(*batch.unbind(dim=1)), -wrong, margin=settings.margin)
        optimiser.zero_grad()
        torch.autograd.backward(loss)
        optimiser.step()
        total += loss.item() * len(batch)
    return total / len(triples)
