"""Head and relation go through a convolution and meet the tail: ConvE (Dettmers et al. 2018), ConvR (Jiang et al.
2019), HypER (Balažević et al. 2019).

The width must be a product of `_ROWS` and a whole number, since vectors are laid out as small pictures.

Legend: N triples, D width, F filters.
"""

from __future__ import annotations

from abc import abstractmethod

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from vesalius.models.graph.base import GraphEmbedding, embedding

__all__ = ["ConvE", "ConvR", "HypER"]

_ROWS = 4
_FILTERS = 16
_SIDE = 3


class _Convolution(GraphEmbedding):
    """score = features(h, r) · t + bias of t."""

    def __init__(self, *, num_entities: int, num_relations: int, width: int):
        super().__init__(num_entities=num_entities, num_relations=num_relations, width=width)
        if width % _ROWS or width // _ROWS < _SIDE:
            raise ValueError(f"the width of a convolution must be a multiple of {_ROWS} from 12 on, found {width}")
        self.entity = embedding(num_entities, width)
        self.bias = nn.Parameter(torch.zeros(num_entities))

    def score(self, head: Tensor, relation: Tensor, tail: Tensor) -> Tensor:
        """See the base class."""
        shape = np.broadcast_shapes(head.shape, relation.shape)
        features = self._features(head.expand(shape).reshape(-1), relation.expand(shape).reshape(-1))
        score: Tensor = (features.view(*shape, self.width) * self.entity(tail)).sum(dim=-1) + self.bias[tail]
        return score

    @abstractmethod
    def _features(self, head: Tensor, relation: Tensor) -> Tensor:
        """Heads and relations (N,) to (N, D)."""

    def _picture(self, vector: Tensor) -> Tensor:
        return vector.view(len(vector), 1, _ROWS, -1)


class ConvE(_Convolution):
    """Head and relation stacked as one picture, convolved with filters of all relations."""

    def __init__(self, *, num_entities: int, num_relations: int, width: int):
        super().__init__(num_entities=num_entities, num_relations=num_relations, width=width)
        self.relation = embedding(num_relations, width)
        self.filters = nn.Conv2d(1, _FILTERS, _SIDE)
        self.out = nn.Linear(_FILTERS * (2 * _ROWS - 2) * (width // _ROWS - 2), width)

    def _features(self, head: Tensor, relation: Tensor) -> Tensor:
        stacked = torch.cat([self._picture(self.entity(head)), self._picture(self.relation(relation))], dim=2)
        return torch.relu(self.out(torch.relu(self.filters(stacked)).flatten(1)))


class ConvR(_Convolution):
    """The head as a picture, convolved with filters that are the relation."""

    def __init__(self, *, num_entities: int, num_relations: int, width: int):
        super().__init__(num_entities=num_entities, num_relations=num_relations, width=width)
        self.filters = embedding(num_relations, _FILTERS * _SIDE * _SIDE)
        self.out = nn.Linear(_FILTERS * (_ROWS - 2) * (width // _ROWS - 2), width)

    def _features(self, head: Tensor, relation: Tensor) -> Tensor:
        # One group a triple: each has filters of its own.
        pictures = self._picture(self.entity(head)).transpose(0, 1)
        filters = self.filters(relation).view(-1, 1, _SIDE, _SIDE)
        made = functional.conv2d(pictures, filters, groups=len(head)).view(len(head), -1)
        return torch.relu(self.out(torch.relu(made)))


class HypER(_Convolution):
    """The head as a row, convolved with filters that a small network makes of the relation."""

    def __init__(self, *, num_entities: int, num_relations: int, width: int):
        super().__init__(num_entities=num_entities, num_relations=num_relations, width=width)
        self.relation = embedding(num_relations, width)
        self.hyper = nn.Linear(width, _FILTERS * _SIDE)
        self.out = nn.Linear(_FILTERS * (width - _SIDE + 1), width)

    def _features(self, head: Tensor, relation: Tensor) -> Tensor:
        filters = self.hyper(self.relation(relation)).view(-1, 1, _SIDE)
        rows = self.entity(head)[None]
        made = functional.conv1d(rows, filters, groups=len(head)).view(len(head), -1)
        return torch.relu(self.out(made))
