"""A relation is a form of head and tail: RESCAL (Nickel et al. 2011), DistMult (Yang et al. 2015), ComplEx (Trouillon
et al. 2016), SimplE (Kazemi and Poole 2018), TuckER (Balažević et al. 2019), NTN (Socher et al. 2013).

Legend: D width, K slices of a tensor network.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from vesalius.models.graph.base import GraphEmbedding, embedding, table

__all__ = ["NTN", "RESCAL", "ComplEx", "DistMult", "SimplE", "TuckER"]

_SLICES = 4
"""K of the tensor network, as in its paper."""


class DistMult(GraphEmbedding):
    """Σ h r t: symmetric in head and tail."""

    def __init__(self, *, num_entities: int, num_relations: int, width: int):
        super().__init__(num_entities=num_entities, num_relations=num_relations, width=width)
        self.entity = embedding(num_entities, width)
        self.relation = embedding(num_relations, width)

    def score(self, head: Tensor, relation: Tensor, tail: Tensor) -> Tensor:
        """See the base class."""
        score: Tensor = (self.entity(head) * self.relation(relation) * self.entity(tail)).sum(dim=-1)
        return score


class ComplEx(GraphEmbedding):
    """Re Σ h r t̄ of D complex numbers."""

    def __init__(self, *, num_entities: int, num_relations: int, width: int):
        super().__init__(num_entities=num_entities, num_relations=num_relations, width=width)
        self.entity = table(num_entities, width, 2)
        self.relation = table(num_relations, width, 2)

    def score(self, head: Tensor, relation: Tensor, tail: Tensor) -> Tensor:
        """See the base class."""
        first, form, second = self.entity[head], self.relation[relation], self.entity[tail]
        real = first[..., 0] * form[..., 0] - first[..., 1] * form[..., 1]
        imaginary = first[..., 0] * form[..., 1] + first[..., 1] * form[..., 0]
        return (real * second[..., 0] + imaginary * second[..., 1]).sum(dim=-1)


class SimplE(GraphEmbedding):
    """Half of ⟨h as head, r, t as tail⟩ and half of ⟨t as head, r⁻¹, h as tail⟩."""

    def __init__(self, *, num_entities: int, num_relations: int, width: int):
        super().__init__(num_entities=num_entities, num_relations=num_relations, width=width)
        self.as_head = embedding(num_entities, width)
        self.as_tail = embedding(num_entities, width)
        self.relation = embedding(num_relations, width)
        self.inverse = embedding(num_relations, width)

    def score(self, head: Tensor, relation: Tensor, tail: Tensor) -> Tensor:
        """See the base class."""
        forth = self.as_head(head) * self.relation(relation) * self.as_tail(tail)
        back = self.as_head(tail) * self.inverse(relation) * self.as_tail(head)
        score: Tensor = (forth + back).sum(dim=-1) / 2
        return score


class RESCAL(GraphEmbedding):
    """hᵀ R t with a matrix for each relation."""

    def __init__(self, *, num_entities: int, num_relations: int, width: int):
        super().__init__(num_entities=num_entities, num_relations=num_relations, width=width)
        self.entity = embedding(num_entities, width)
        self.matrix = table(num_relations, width, width)

    def score(self, head: Tensor, relation: Tensor, tail: Tensor) -> Tensor:
        """See the base class."""
        moved = (self.entity(head)[..., None, :] @ self.matrix[relation]).squeeze(-2)
        score: Tensor = (moved * self.entity(tail)).sum(dim=-1)
        return score


class TuckER(GraphEmbedding):
    """One core tensor for all relations: W ×₁ r ×₂ h ×₃ t."""

    def __init__(self, *, num_entities: int, num_relations: int, width: int):
        super().__init__(num_entities=num_entities, num_relations=num_relations, width=width)
        self.entity = embedding(num_entities, width)
        self.relation = embedding(num_relations, width)
        self.core = table(width, width, width)

    def score(self, head: Tensor, relation: Tensor, tail: Tensor) -> Tensor:
        """See the base class."""
        matrix = torch.einsum("...r,rij->...ij", self.relation(relation), self.core)
        moved = (self.entity(head)[..., None, :] @ matrix).squeeze(-2)
        score: Tensor = (moved * self.entity(tail)).sum(dim=-1)
        return score


class NTN(GraphEmbedding):
    """uᵀ tanh(hᵀ W t + V [h; t] + b), K slices a relation."""

    def __init__(self, *, num_entities: int, num_relations: int, width: int):
        super().__init__(num_entities=num_entities, num_relations=num_relations, width=width)
        self.entity = embedding(num_entities, width)
        self.slices = table(num_relations, _SLICES, width, width)
        self.linear = table(num_relations, _SLICES, 2 * width)
        self.bias = table(num_relations, _SLICES)
        self.out = table(num_relations, _SLICES)

    def score(self, head: Tensor, relation: Tensor, tail: Tensor) -> Tensor:
        """See the base class."""
        shape = np.broadcast_shapes(head.shape, relation.shape, tail.shape)
        head, relation, tail = (part.expand(shape) for part in (head, relation, tail))
        first, second = self.entity(head), self.entity(tail)
        form = torch.einsum("...i,...kij,...j->...k", first, self.slices[relation], second)
        plain = (self.linear[relation] @ torch.cat([first, second], dim=-1)[..., None]).squeeze(-1)
        return (self.out[relation] * torch.tanh(form + plain + self.bias[relation])).sum(dim=-1)
