"""Entities that look at their neighbours: graph attention, Veličković et al. 2018 (arXiv 1710.10903).

Legend: E entities, T edges, D width, H heads, F width of a head.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

__all__ = ["GraphAttention", "GraphEncoder"]

_SLOPE = 0.2
"""Of the leaky ReLU on the scores (paper, section 2.1)."""


class GraphAttention(nn.Module):
    """One layer: every entity takes in itself and the heads of the edges that end at it, weighed by attention."""

    def __init__(self, width: int, head_width: int, *, heads: int, join: bool = True, dropout: float = 0.0):
        """Build it.

        Args:
            width: D of what comes in.
            head_width: F.
            heads: H.
            join: heads side by side, (E, H·F); otherwise their mean, (E, F).
            dropout: of the weights of the edges.
        """
        super().__init__()
        self.heads, self.join, self.dropout = heads, join, dropout
        self.project = nn.Linear(width, heads * head_width, bias=False)
        self.as_source = nn.Parameter(torch.empty(heads, head_width))
        self.as_target = nn.Parameter(torch.empty(heads, head_width))
        self.bias = nn.Parameter(torch.zeros(heads * head_width if join else head_width))
        for weight in (self.project.weight, self.as_source, self.as_target):
            nn.init.xavier_uniform_(weight)

    def forward(self, entities: Tensor, edges: Tensor) -> Tensor:
        """Entities (E, D) and edges (2, T), from row 0 to row 1, to entities (E, H·F) or (E, F)."""
        seen = self.project(entities).view(len(entities), self.heads, -1)
        own = torch.arange(len(entities), device=edges.device)
        between = edges[:, edges[0] != edges[1]]
        source, target = torch.cat([between, own.expand(2, -1)], dim=1)
        # Rows by `index_select`: the gradient of indexing adds up in an order that several threads change.
        from_source, at_target = (seen * self.as_source).sum(dim=-1), (seen * self.as_target).sum(dim=-1)
        scores = from_source.index_select(0, source) + at_target.index_select(0, target)
        weights = functional.dropout(
            _softmax(functional.leaky_relu(scores, _SLOPE), target, count=len(entities)), self.dropout, self.training
        )
        taken = seen.index_select(0, source) * weights.unsqueeze(-1)
        out = torch.zeros_like(seen, dtype=taken.dtype).index_add(0, target, taken)
        mixed: Tensor = (out.flatten(1) if self.join else out.mean(dim=1)) + self.bias
        return mixed


class GraphEncoder(nn.Module):
    """Layer norm, dropout, a layer of several joined heads with ELU, dropout, and a layer of one head."""

    def __init__(self, width: int, *, heads: int, head_width: int, dropout: float):
        super().__init__()
        self.dropout = dropout
        self.norm = nn.LayerNorm(width)
        self.first = GraphAttention(width, head_width, heads=heads, dropout=dropout)
        self.second = GraphAttention(heads * head_width, width, heads=1, join=False, dropout=dropout)

    def forward(self, entities: Tensor, edges: Tensor) -> Tensor:
        """Entities (E, D) and edges (2, T) to entities (E, D)."""
        inner = functional.dropout(self.norm(entities), self.dropout, self.training)
        inner = functional.elu(self.first(inner, edges))
        out: Tensor = self.second(functional.dropout(inner, self.dropout, self.training), edges)
        return out


def _softmax(scores: Tensor, group: Tensor, *, count: int) -> Tensor:
    """Softmax of scores (T, H) over the rows of each group (T,), of which there are `count`, each with a row."""
    where = group.unsqueeze(1).expand_as(scores)
    highest = scores.detach().new_full((count, scores.shape[1]), -torch.inf)
    highest = highest.scatter_reduce(0, where, scores.detach(), reduce="amax")
    powers = (scores - highest[group]).exp()
    return powers / torch.zeros_like(highest, dtype=powers.dtype).index_add(0, group, powers).index_select(0, group)
