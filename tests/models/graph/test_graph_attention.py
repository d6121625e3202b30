"""Graph attention: by hand, self-loops, edges of no weight, and numbers of a public implementation."""

from __future__ import annotations

import json
from math import exp
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from vesalius.models.graph.attention import GraphAttention, GraphEncoder

GOLDEN = json.loads((Path(__file__).parents[2] / "golden" / "arl.json").read_text(encoding="utf-8"))["graph"]


def wave(*shape: int, a: float, b: float) -> Tensor:
    return torch.sin(a * torch.arange(torch.Size(shape).numel(), dtype=torch.float64) + b).view(shape)


def filled(module: nn.Module) -> nn.Module:
    """Parameter i of a module as 0.5 · wave(0.7 + 0.1 i, 0.2 i)."""
    with torch.no_grad():
        for number, weight in enumerate(module.parameters()):
            weight.copy_(0.5 * wave(*weight.shape, a=0.7 + 0.1 * number, b=0.2 * number))
    return module


def test_attention_by_hand() -> None:
    layer = GraphAttention(1, 1, heads=1).double()
    with torch.no_grad():
        layer.project.weight.fill_(2.0)
        layer.as_source.fill_(1.0)
        layer.as_target.fill_(-1.0)
        layer.bias.fill_(0.5)
    out = layer(torch.tensor([[1.0], [2.0], [-1.0]]).double(), torch.tensor([[0, 2], [1, 1]]))
    # Seen: 2, 4, −2. At entity 1: from 0: 2 − 4 = −2 → −0.4; from 2: −2 − 4 = −6 → −1.2; from itself: 0.
    weights = [exp(-0.4), exp(-1.2), 1.0]
    mixed = (2 * weights[0] - 2 * weights[1] + 4 * weights[2]) / sum(weights)
    # The others look at themselves alone.
    torch.testing.assert_close(out.flatten(), torch.tensor([2.5, mixed + 0.5, -1.5]).double())


def test_an_entity_without_edges_keeps_itself_and_a_loop_counts_once() -> None:
    encoder = GraphEncoder(6, heads=2, head_width=3, dropout=0.0).double()
    entities = wave(4, 6, a=1.3, b=0.2)
    alone = encoder(entities, torch.tensor([[0], [1]]))
    looped = encoder(entities, torch.tensor([[0, 3, 3], [1, 3, 3]]))
    torch.testing.assert_close(alone, looped)
    assert torch.isfinite(alone).all()
    none = encoder(entities, torch.zeros(2, 0, dtype=torch.long))
    torch.testing.assert_close(none[2:], alone[2:])
    assert not torch.allclose(none[1], alone[1])


def test_the_order_of_edges_is_nothing_and_their_direction_is_something() -> None:
    encoder = GraphEncoder(6, heads=2, head_width=3, dropout=0.0).double()
    entities, edges = wave(4, 6, a=1.3, b=0.2), torch.tensor([[0, 1, 3], [1, 2, 2]])
    out = encoder(entities, edges)
    torch.testing.assert_close(encoder(entities, edges[:, [2, 0, 1]]), out)
    assert not torch.allclose(encoder(entities, edges.flip(0)), out)


def test_gradients_of_the_layer() -> None:
    layer = GraphAttention(3, 2, heads=2).double()
    edges = torch.tensor([[0, 1, 3, 0], [1, 2, 2, 2]])
    entities = wave(4, 3, a=1.3, b=0.2).requires_grad_()
    assert torch.autograd.gradcheck(lambda given: layer(given, edges), (entities,))


@pytest.mark.evidence("arl", "L2", "the graph encoder is the authors', forward and gradient")
def test_golden_numbers_of_the_graph_encoder() -> None:
    encoder = filled(GraphEncoder(6, heads=2, head_width=3, dropout=0.2).double()).eval()
    entities = wave(5, 6, a=1.3, b=0.2).requires_grad_()
    out = encoder(entities, torch.tensor(GOLDEN["edges"]))
    (out * wave(5, 6, a=0.4, b=0.6)).sum().backward()
    torch.testing.assert_close(out, torch.tensor(GOLDEN["output"], dtype=torch.float64), rtol=0, atol=1e-9)
    torch.testing.assert_close(
        entities.grad, torch.tensor(GOLDEN["gradient"], dtype=torch.float64), rtol=0, atol=1e-9
    )
