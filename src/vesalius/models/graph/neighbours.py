"""Entities that take in their neighbours: R-GCN (Schlichtkrull et al. 2018, arXiv 1703.06103), DistMult behind it.

Legend: E entities, T edges, D width, N bases.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from vesalius.models.graph.base import GraphEmbedding, embedding, table

__all__ = ["RGCN"]

_BASES = 4


class RGCN(GraphEmbedding):
    """Two layers over the known edges: W₀ h + Σ over relations and neighbours of W_r h / c, in both directions.

    The matrix of a relation is a mixture of a few bases; c counts the neighbours by that relation.
    """

    edges: Tensor

    def __init__(self, *, num_entities: int, num_relations: int, width: int):
        super().__init__(num_entities=num_entities, num_relations=num_relations, width=width)
        self.entity = embedding(num_entities, width)
        self.relation = embedding(num_relations, width)
        self.layers = nn.ModuleList(_Layer(2 * num_relations, width) for _ in range(2))
        self.register_buffer("edges", torch.zeros(0, 3, dtype=torch.long))

    def know(self, triples: Tensor) -> None:
        """Send messages along these edges, in both directions."""
        back = torch.stack([triples[:, 2], triples[:, 1] + self.num_relations, triples[:, 0]], dim=1)
        self.edges = torch.cat([triples, back])

    def score(self, head: Tensor, relation: Tensor, tail: Tensor) -> Tensor:
        """See the base class."""
        states = self._states()
        score: Tensor = (states[head] * self.relation(relation) * states[tail]).sum(dim=-1)
        return score

    def _states(self) -> Tensor:
        """Entities after all layers, (E, D)."""
        states: Tensor = self.entity.weight
        for place, layer in enumerate(self.layers):
            states = layer(torch.relu(states) if place else states, self.edges)
        return states


class _Layer(nn.Module):
    def __init__(self, num_relations: int, width: int):
        super().__init__()
        self.own = nn.Linear(width, width)
        self.bases = table(_BASES, width, width)
        self.mixture = table(num_relations, _BASES, scale=1.0)

    def forward(self, states: Tensor, edges: Tensor) -> Tensor:
        """States (E, D) with edges (T, 3) to states (E, D)."""
        head, relation, tail = edges.unbind(dim=1)
        by_basis = torch.einsum("ed,bdf->bef", states, self.bases)
        # Neighbours of each entity by each relation, for the mean.
        _, place, count = torch.unique(relation * len(states) + tail, return_inverse=True, return_counts=True)
        share = self.mixture[relation] / count[place].unsqueeze(1)
        messages = torch.einsum("tb,btf->tf", share, by_basis[:, head])
        own: Tensor = self.own(states)
        return own.index_add(0, tail, messages)
