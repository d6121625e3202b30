"""A bank of entities that a model trains along: vectors seen through their neighbours, and who shows which.

Source: Chen et al. 2022 (ARL, section 3.2).

Legend: B batch, S entities of a sample, E entities, T triples, D width of an entity, F width of a feature.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from vesalius.models.graph.attention import GraphEncoder

__all__ = ["NO_ENTITY", "EntityBank", "chosen_entities", "graph_edges", "padded", "padded_spans", "several_hot"]

NO_ENTITY = -100
"""Number of an entity that is padding."""


class EntityBank(nn.Module):
    """Vectors of all entities, a graph encoder over their edges, and two heads that score entities."""

    edges: Tensor

    def __init__(
        self, vectors: Tensor, edges: Tensor, *, features: int, heads: int, head_width: int, dropout: float
    ) -> None:
        """Build it.

        Args:
            vectors: what they start from, (E, D).
            edges: heads and tails of the triples, kinds left out, (2, T).
            features: F of the images and texts that are scored.
            heads: of the graph encoder's first layer.
            head_width: of each.
            dropout: of the graph encoder.
        """
        super().__init__()
        width = vectors.shape[1]
        self.vectors = nn.Parameter(vectors.clone())
        self.register_buffer("edges", edges, persistent=False)
        self.encoder = GraphEncoder(width, heads=heads, head_width=head_width, dropout=dropout)
        self.image_head, self.text_head = (
            nn.Sequential(nn.Linear(features, features), nn.ReLU(), nn.Linear(features, width), nn.ReLU())
            for _ in range(2)
        )

    def forward(self) -> Tensor:
        """Return the entities as their neighbours make them, (E, D)."""
        out: Tensor = self.encoder(self.vectors, self.edges)
        return out

    def image_scores(self, features: Tensor, entities: Tensor) -> Tensor:
        """Logit (B, E) that each image (B, F) shows each of the entities (E, D)."""
        out: Tensor = self.image_head(features) @ entities.T
        return out

    def text_scores(self, features: Tensor, entities: Tensor) -> Tensor:
        """Logit (B, E) that each text (B, F) names each of the entities (E, D)."""
        out: Tensor = self.text_head(features) @ entities.T
        return out


def chosen_entities(entities: Tensor, numbers: Tensor) -> Tensor:
    """Return the entities (B, S, D) of numbers (B, S) among (E, D); `NO_ENTITY` gives 0."""
    there = (numbers != NO_ENTITY).unsqueeze(-1)
    chosen = entities.index_select(0, numbers.clamp(min=0).flatten()).view(*numbers.shape, -1)
    return torch.where(there, chosen, entities.new_zeros(()))


def several_hot(numbers: Tensor, count: int) -> Tensor:
    """Return 1 for the entities of each row of numbers (B, S), else 0, (B, E) float32."""
    out = torch.zeros(len(numbers), count + 1, device=numbers.device)
    places = torch.where(numbers == NO_ENTITY, count, numbers)
    return out.scatter(1, places, 1.0)[:, :count]


def graph_edges(triples: NDArray[np.int64], *, both_ways: bool) -> Tensor:
    """Heads and tails of triples, (2, T), kinds left out, each pair once in a direction."""
    pairs = torch.from_numpy(triples[:, [0, 2]])
    pairs = torch.cat([pairs, pairs.flip(1)]) if both_ways else pairs
    return torch.unique(pairs, dim=0).T.contiguous() if both_ways else pairs.T.contiguous()


def padded(rows: Sequence[Sequence[int]]) -> NDArray[np.int64]:
    """Return numbers of entities as (B, S), at least one column, padded by `NO_ENTITY`."""
    out = np.full((len(rows), max(1, *map(len, rows))), NO_ENTITY, dtype=np.int64)
    for row, numbers in enumerate(rows):
        out[row, : len(numbers)] = numbers
    return out


def padded_spans(rows: Sequence[Sequence[tuple[int, int]]]) -> NDArray[np.int64]:
    """Return spans as (B, S, 2), at least one, padded by (−1, −1)."""
    out = np.full((len(rows), max(1, *map(len, rows)), 2), -1, dtype=np.int64)
    for row, spans in enumerate(rows):
        if spans:
            out[row, : len(spans)] = spans
    return out
