"""What every embedding of a graph offers: a score of triples, higher for what is more likely true.

Legend: T triples, E entities, R relations, D width.
"""

from __future__ import annotations

from abc import ABC, abstractmethod

import torch
from torch import Tensor, nn

__all__ = ["GraphEmbedding", "embedding", "table"]

_SCALE = 0.1


class GraphEmbedding(nn.Module, ABC):
    """A scorer of triples; entities and relations are numbers from 0."""

    def __init__(self, *, num_entities: int, num_relations: int, width: int):
        super().__init__()
        self.num_entities = num_entities
        self.num_relations = num_relations
        self.width = width

    def know(self, triples: Tensor) -> None:
        """Give the true triples (T, 3) of the training part; a model that looks at neighbours takes them along."""

    @abstractmethod
    def score(self, head: Tensor, relation: Tensor, tail: Tensor) -> Tensor:
        """Score triples given by numbers of one shape, which broadcast; the shape of the result is theirs."""

    def forward(self, triples: Tensor) -> Tensor:
        """Score triples (…, 3): head, relation, tail."""
        return self.score(*triples.unbind(dim=-1))

    @torch.no_grad()
    def scores_of_tails(self, head: Tensor, relation: Tensor) -> Tensor:
        """Score every entity as the tail of (T,) heads and relations: (T, E)."""
        everything = torch.arange(self.num_entities, device=head.device)
        return self.score(head[:, None], relation[:, None], everything[None])

    @torch.no_grad()
    def scores_of_heads(self, relation: Tensor, tail: Tensor) -> Tensor:
        """Score every entity as the head of (T,) relations and tails: (T, E)."""
        everything = torch.arange(self.num_entities, device=tail.device)
        return self.score(everything[None], relation[:, None], tail[:, None])


def table(rows: int, *shape: int, scale: float = _SCALE) -> nn.Parameter:
    """Return a table of vectors or matrices, (rows, *shape), drawn from a normal."""
    return nn.Parameter(scale * torch.randn(rows, *shape))


def embedding(rows: int, width: int) -> nn.Embedding:
    """Return an embedding drawn as by Glorot, (rows, width)."""
    made = nn.Embedding(rows, width)
    nn.init.xavier_uniform_(made.weight)
    return made
