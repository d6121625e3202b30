"""Distances in curved and flat space: MurP and MurE (Balažević et al. 2019, arXiv 1905.09791), AttH (Chami et al.
2020, arXiv 2005.00545).

The Poincaré ball of curvature −c: `exp0` takes a tangent vector at the origin into the ball, `log0` back, and
`mobius_add` is its addition.

Legend: D width.
"""

from __future__ import annotations

from abc import abstractmethod

import torch
from torch import Tensor, nn
from torch.nn import functional

from vesalius.models.graph.base import GraphEmbedding, table

__all__ = ["AttH", "MurE", "MurP", "ball_distance", "exp0", "log0", "mobius_add"]

_EDGE = 1e-5
"""Points stay so far inside the ball, relative to its radius."""
_TINY = 1e-15


def exp0(vector: Tensor, curvature: Tensor | float = 1.0) -> Tensor:
    """Take a tangent vector at the origin into the ball."""
    root = torch.as_tensor(curvature).sqrt()
    length = _length(vector)
    return _inside(torch.tanh(root * length) * vector / (root * length), root)


def log0(point: Tensor, curvature: Tensor | float = 1.0) -> Tensor:
    """Take a point of the ball to the tangent space at the origin."""
    root = torch.as_tensor(curvature).sqrt()
    length = _length(point)
    return torch.atanh((root * length).clamp(max=1 - _EDGE)) * point / (root * length)


def mobius_add(one: Tensor, other: Tensor, curvature: Tensor | float = 1.0) -> Tensor:
    """Add two points of the ball."""
    c = torch.as_tensor(curvature)
    dot = (one * other).sum(dim=-1, keepdim=True)
    left, right = one.square().sum(dim=-1, keepdim=True), other.square().sum(dim=-1, keepdim=True)
    over = (1 + 2 * c * dot + c * right) * one + (1 - c * left) * other
    return _inside(over / (1 + 2 * c * dot + c * c * left * right).clamp(min=_TINY), c.sqrt())


def ball_distance(one: Tensor, other: Tensor, curvature: Tensor | float = 1.0) -> Tensor:
    """Distance of two points of the ball."""
    root = torch.as_tensor(curvature).sqrt()
    gap = _length(mobius_add(-one, other, curvature)).squeeze(-1)
    root = root.squeeze(-1) if root.ndim else root
    return 2 / root * torch.atanh((root * gap).clamp(max=1 - _EDGE))


def _length(vector: Tensor) -> Tensor:
    return vector.square().sum(dim=-1, keepdim=True).clamp(min=_TINY).sqrt()


def _inside(point: Tensor, root: Tensor) -> Tensor:
    limit = (1 - _EDGE) / root
    length = _length(point)
    return torch.where(length > limit, point / length * limit, point)


class _Biased(GraphEmbedding):
    def __init__(self, *, num_entities: int, num_relations: int, width: int):
        super().__init__(num_entities=num_entities, num_relations=num_relations, width=width)
        self.entity = table(num_entities, width, scale=1e-3)
        self.relation = table(num_relations, width, scale=1e-3)
        self.head_bias = nn.Parameter(torch.zeros(num_entities))
        self.tail_bias = nn.Parameter(torch.zeros(num_entities))

    def score(self, head: Tensor, relation: Tensor, tail: Tensor) -> Tensor:
        """See the base class."""
        return -self._distance(head, relation, tail).square() + self.head_bias[head] + self.tail_bias[tail]

    @abstractmethod
    def _distance(self, head: Tensor, relation: Tensor, tail: Tensor) -> Tensor:
        """Distance of the moved head and tail."""


class MurE(_Biased):
    """−|R h − (t + r)|² + bₕ + bₜ with a diagonal R."""

    def __init__(self, *, num_entities: int, num_relations: int, width: int):
        super().__init__(num_entities=num_entities, num_relations=num_relations, width=width)
        self.diagonal = nn.Parameter(2 * torch.rand(num_relations, width) - 1)

    def _distance(self, head: Tensor, relation: Tensor, tail: Tensor) -> Tensor:
        gap = self.diagonal[relation] * self.entity[head] - (self.entity[tail] + self.relation[relation])
        return _length(gap).squeeze(-1)


class MurP(MurE):
    """As MurE, in the Poincaré ball."""

    def _distance(self, head: Tensor, relation: Tensor, tail: Tensor) -> Tensor:
        stretched = exp0(self.diagonal[relation] * log0(exp0(self.entity[head])))
        moved = mobius_add(exp0(self.entity[tail]), exp0(self.relation[relation]))
        return ball_distance(stretched, moved)


class AttH(_Biased):
    """The head turned and mirrored by the relation, mixed by attention, moved, in a ball of the relation's curvature.

    Turns and mirrors act on pairs of numbers: an even width.
    """

    def __init__(self, *, num_entities: int, num_relations: int, width: int):
        super().__init__(num_entities=num_entities, num_relations=num_relations, width=width)
        if width % 2:
            raise ValueError(f"AttH turns pairs of numbers: an even width, found {width}")
        self.turn = nn.Parameter(2 * torch.rand(num_relations, width) - 1)
        self.mirror = nn.Parameter(2 * torch.rand(num_relations, width) - 1)
        self.context = table(num_relations, width, scale=1e-3)
        self.curvature = nn.Parameter(torch.ones(num_relations, 1))

    def _distance(self, head: Tensor, relation: Tensor, tail: Tensor) -> Tensor:
        curvature = functional.softplus(self.curvature[relation])
        vector = self.entity[head]
        ways = torch.stack([_turned(vector, self.turn[relation]), _mirrored(vector, self.mirror[relation])], dim=-2)
        context = self.context[relation][..., None, :]
        weights = ((context * ways).sum(dim=-1, keepdim=True) / self.width**0.5).softmax(dim=-2)
        mixed = exp0((weights * ways).sum(dim=-2), curvature)
        moved = mobius_add(mixed, exp0(self.relation[relation], curvature), curvature)
        return ball_distance(moved, exp0(self.entity[tail], curvature), curvature)


def _pairs(vector: Tensor, form: Tensor) -> tuple[Tensor, Tensor]:
    """Pairs of numbers of a vector, and unit pairs of a form: (…, D/2, 2)."""
    given = functional.normalize(form.view(*form.shape[:-1], -1, 2), dim=-1)
    return vector.view(*vector.shape[:-1], -1, 2), given


def _turned(vector: Tensor, form: Tensor) -> Tensor:
    pair, given = _pairs(vector, form)
    (first, second), (cosine, sine) = pair.unbind(-1), given.unbind(-1)
    return torch.stack([cosine * first - sine * second, sine * first + cosine * second], dim=-1).flatten(-2)


def _mirrored(vector: Tensor, form: Tensor) -> Tensor:
    pair, given = _pairs(vector, form)
    (first, second), (cosine, sine) = pair.unbind(-1), given.unbind(-1)
    return torch.stack([cosine * first + sine * second, sine * first - cosine * second], dim=-1).flatten(-2)
