"""A bank of entities: scores by hand, padding, and numbers of the authors' code."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from vesalius.models.graph.bank import NO_ENTITY, EntityBank, chosen_entities, several_hot

GOLDEN = json.loads((Path(__file__).parents[2] / "golden" / "arl.json").read_text(encoding="utf-8"))
EDGES = torch.tensor(GOLDEN["graph"]["edges"])


def wave(*shape: int, a: float, b: float) -> Tensor:
    return torch.sin(a * torch.arange(torch.Size(shape).numel(), dtype=torch.float64) + b).view(shape)


def bank() -> EntityBank:
    made = EntityBank(torch.zeros(5, 6), EDGES, features=4, heads=2, head_width=3, dropout=0.2).double().eval()
    with torch.no_grad():
        for number, weight in enumerate(made.parameters()):
            weight.copy_(0.5 * wave(*weight.shape, a=0.7 + 0.1 * number, b=0.2 * number))
    return made


@pytest.mark.evidence("arl", "L2", "alignment of images and texts with entities is the authors', loss and gradients")
def test_golden_numbers_of_the_alignment() -> None:
    golden, made = GOLDEN["align"], bank()
    image, text = wave(3, 4, a=0.9, b=0.1).requires_grad_(), wave(3, 4, a=1.1, b=0.4).requires_grad_()
    shown = several_hot(torch.tensor([[0, 3, NO_ENTITY], [NO_ENTITY] * 3, [1, 2, 4]]), 5).double()
    named = several_hot(torch.tensor([[2, 3], [0, NO_ENTITY], [NO_ENTITY] * 2]), 5).double()
    entities = made()
    scores = made.image_scores(image, entities)
    loss = functional.binary_cross_entropy_with_logits(scores, shown)
    loss = loss + functional.binary_cross_entropy_with_logits(made.text_scores(text, entities), named)
    loss.backward()
    assert loss.item() == pytest.approx(golden["loss"], rel=1e-11)
    found = {"logits": scores, "image": image.grad, "text": text.grad, "vectors": made.vectors.grad}
    for name, value in found.items():
        torch.testing.assert_close(value, torch.tensor(golden[name], dtype=torch.float64), rtol=0, atol=1e-10)


@pytest.mark.evidence("arl", "L2", "padding entities are exactly 0; the others are those of the authors' code")
def test_golden_numbers_of_chosen_entities() -> None:
    golden = GOLDEN["align"]
    chosen = chosen_entities(bank()(), torch.tensor(golden["numbers"]))
    torch.testing.assert_close(chosen, torch.tensor(golden["chosen"], dtype=torch.float64), rtol=0, atol=1e-10)
    assert not chosen[0, 2].any()
    assert not chosen[1, 1:].any()


@pytest.mark.evidence(
    "arl", "L2", "logits are linear in what the graph gives; no entity at all is all zeros, and finite"
)
def test_scores_are_linear_in_the_entities() -> None:
    made, image = bank(), wave(2, 4, a=0.3, b=0.2)
    one, other = wave(5, 6, a=0.2, b=0.1), wave(5, 6, a=0.8, b=0.9)
    both = made.image_scores(image, 2 * one - 3 * other)
    torch.testing.assert_close(both, 2 * made.image_scores(image, one) - 3 * made.image_scores(image, other))
    none = several_hot(torch.full((2, 4), NO_ENTITY), 5)
    assert not none.any()
    assert several_hot(torch.zeros(2, 0, dtype=torch.long), 5).shape == (2, 5)
    loss = functional.binary_cross_entropy_with_logits(both, none.double())
    assert torch.isfinite(loss)
    assert several_hot(torch.tensor([[1, 1, NO_ENTITY]]), 3).tolist() == [[0, 1, 0]]
