"""A relation is a step from head to tail: TransE (Bordes et al. 2013), TransH (Wang et al. 2014), TransR (Lin et al.
2015), TransD (Ji et al. 2015), RotatE (Sun et al. 2019, arXiv 1902.10197).

Legend: D width.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

from vesalius.models.graph.base import GraphEmbedding, embedding, table

__all__ = ["RotatE", "TransD", "TransE", "TransH", "TransR"]


class TransE(GraphEmbedding):
    """−|h + r − t|₁."""

    norm = 1

    def __init__(self, *, num_entities: int, num_relations: int, width: int):
        super().__init__(num_entities=num_entities, num_relations=num_relations, width=width)
        self.entity = embedding(num_entities, width)
        self.relation = embedding(num_relations, width)

    def score(self, head: Tensor, relation: Tensor, tail: Tensor) -> Tensor:
        """See the base class."""
        step = self.relation(relation)
        return -self._distance(self._seen(head, relation) + step - self._seen(tail, relation))

    def _seen(self, entity: Tensor, relation: Tensor) -> Tensor:
        """An entity as the relation sees it."""
        del relation
        seen: Tensor = self.entity(entity)
        return seen

    def _distance(self, gap: Tensor) -> Tensor:
        distance: Tensor = torch.linalg.vector_norm(gap, ord=self.norm, dim=-1)
        return distance


class TransH(TransE):
    """As TransE, on the relation's hyperplane."""

    def __init__(self, *, num_entities: int, num_relations: int, width: int):
        super().__init__(num_entities=num_entities, num_relations=num_relations, width=width)
        self.normal = embedding(num_relations, width)

    def _seen(self, entity: Tensor, relation: Tensor) -> Tensor:
        vector = self.entity(entity)
        normal = functional.normalize(self.normal(relation), dim=-1)
        seen: Tensor = vector - (vector * normal).sum(dim=-1, keepdim=True) * normal
        return seen


class TransR(TransE):
    """As TransE, in a space of the relation."""

    def __init__(self, *, num_entities: int, num_relations: int, width: int):
        super().__init__(num_entities=num_entities, num_relations=num_relations, width=width)
        self.matrix = nn.Parameter(torch.eye(width).repeat(num_relations, 1, 1))

    def _seen(self, entity: Tensor, relation: Tensor) -> Tensor:
        seen: Tensor = (self.matrix[relation] @ self.entity(entity)[..., None]).squeeze(-1)
        return seen


class TransD(TransE):
    """As TransE, with a projection made of a vector of the entity and one of the relation."""

    def __init__(self, *, num_entities: int, num_relations: int, width: int):
        super().__init__(num_entities=num_entities, num_relations=num_relations, width=width)
        self.entity_projection = embedding(num_entities, width)
        self.relation_projection = embedding(num_relations, width)

    def _seen(self, entity: Tensor, relation: Tensor) -> Tensor:
        vector = self.entity(entity)
        along = (vector * self.entity_projection(entity)).sum(dim=-1, keepdim=True)
        seen: Tensor = vector + along * self.relation_projection(relation)
        return seen


class RotatE(GraphEmbedding):
    """−|h ∘ r − t| where r turns each complex number of h by an angle; D complex numbers an entity."""

    def __init__(self, *, num_entities: int, num_relations: int, width: int):
        super().__init__(num_entities=num_entities, num_relations=num_relations, width=width)
        self.entity = table(num_entities, width, 2)
        self.angle = nn.Parameter(math.pi * (2 * torch.rand(num_relations, width) - 1))

    def score(self, head: Tensor, relation: Tensor, tail: Tensor) -> Tensor:
        """See the base class."""
        first, second = torch.view_as_complex(self.entity[head]), torch.view_as_complex(self.entity[tail])
        turn = torch.polar(torch.ones_like(self.angle[relation]), self.angle[relation])
        return -(first * turn - second).abs().sum(dim=-1)
