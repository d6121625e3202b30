"""The stream of entities: sums by the places, padding that reaches nothing, and numbers of the authors' code."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from vesalius.models.fusion.entities import EntityStream
from vesalius.models.fusion.streams import CoAttentionLayer, Fusion, FusionConfig

GOLDEN = json.loads((Path(__file__).parents[2] / "golden" / "arl.json").read_text(encoding="utf-8"))["layers"]
SETTINGS = FusionConfig(width=8, layers=2, heads=2, hidden=12, middle=1)
MASK = torch.tensor([[1, 1, 1, 1, 1], [1, 1, 1, 0, 0]]).bool()
KEEP = torch.tensor([[1, 1, 0], [1, 0, 0]]).bool()
PLACES = torch.zeros(2, 3, 5, dtype=torch.bool)
PLACES[0, 0, 1:3] = PLACES[0, 1, 2:4] = PLACES[1, 0, 1] = True


def wave(*shape: int, a: float, b: float) -> Tensor:
    return torch.sin(a * torch.arange(torch.Size(shape).numel(), dtype=torch.float64) + b).view(shape)


def filled(module: nn.Module, *, shift: float) -> nn.Module:
    with torch.no_grad():
        for number, weight in enumerate(module.parameters()):
            weight.copy_(0.4 * wave(*weight.shape, a=0.7 + 0.03 * number, b=0.2 * number + shift))
    return module


def stream() -> EntityStream:
    made = EntityStream(SETTINGS, width=6, heads=2, hidden=10).double().eval()
    for number, layer in enumerate(made.layers):
        filled(layer, shift=0.5 + number)
    return made


@pytest.mark.evidence("arl", "L2", "two layers with entities are the authors', forward and gradients")
def test_golden_numbers_of_the_layers() -> None:
    layers = [filled(CoAttentionLayer(SETTINGS).double().eval(), shift=0.1 + number) for number in range(2)]
    text, image = wave(2, 5, 8, a=0.9, b=0.1).requires_grad_(), wave(2, 4, 8, a=1.1, b=0.4).requires_grad_()
    entities = wave(2, 3, 6, a=1.3, b=0.2).requires_grad_()
    third = stream().over(entities, PLACES, KEEP)
    out = text
    for number, layer in enumerate(layers):
        out = layer(out, image, MASK, None, lambda words, number=number: third(number, words, image))
    shown = out * MASK[..., None]
    (shown * wave(2, 5, 8, a=0.4, b=0.6)).sum().backward()
    torch.testing.assert_close(shown, torch.tensor(GOLDEN["text"], dtype=torch.float64), rtol=0, atol=1e-10)
    for name, given in (("text", text), ("image", image), ("entities", entities)):
        expected = torch.tensor(GOLDEN["gradients"][name], dtype=torch.float64)
        # Their mask of −1e12 leaves rows of padding a look at padding; where nothing is read, nothing is told.
        torch.testing.assert_close(given.grad, expected, rtol=0, atol=1e-9)


@pytest.mark.evidence("arl", "L2", "a token in two entities takes in their sum; padding entities give exactly 0")
def test_places_add_up_and_padding_is_nothing() -> None:
    layer = stream().layers[0]
    text, image, entities = wave(1, 4, 8, a=0.9, b=0.1), wave(1, 2, 8, a=1.1, b=0.4), wave(1, 3, 6, a=1.3, b=0.2)
    keep = torch.tensor([[True, True, False]])
    seen = layer.cross_attention(layer.self_attention(entities, keep=keep), layer.image_project(image))
    told = layer.text_project(seen)[0]
    places = torch.tensor([[[0, 1, 1, 0], [0, 0, 1, 0], [1, 1, 1, 1]]]).bool()
    made, _ = layer(text, image, entities, told=(places & keep[..., None]).double().transpose(1, 2), keep=keep)
    expected = torch.stack([torch.zeros(8).double(), told[0], told[0] + told[1], torch.zeros(8).double()])
    by_hand = layer.fuse_norm(text + layer.fuse(text + expected))
    torch.testing.assert_close(made, by_hand)


@pytest.mark.evidence("arl", "L2", "without an entity the words are those of the plain path, LN(dense(x) + x)")
def test_no_entities_is_the_plain_path() -> None:
    layer = stream().layers[0]
    text, image = wave(2, 4, 8, a=0.9, b=0.1), wave(2, 3, 8, a=1.1, b=0.4)
    plain = layer.fuse_norm(layer.fuse(text) + text)
    for count in (1, 2):
        keep = torch.zeros(2, count, dtype=torch.bool)
        made, _ = layer(
            text, image, wave(2, count, 6, a=1.3, b=0.2), told=torch.zeros(2, 4, count).double(), keep=keep
        )
        assert torch.isfinite(made).all()
        torch.testing.assert_close(made, plain)


def test_layers_that_are_computed_again_give_equal_gradients() -> None:
    gradients = []
    for recompute in (False, True):
        torch.manual_seed(0)
        fusion = Fusion(SETTINGS, text_width=5, image_width=7).double()
        entities = EntityStream(SETTINGS, width=6, heads=2).double()
        fusion.recompute = recompute
        vectors = wave(2, 3, 6, a=1.3, b=0.2).requires_grad_()
        torch.manual_seed(1)
        fused = fusion(
            wave(2, 5, 5, a=0.3, b=0.1),
            wave(2, 4, 7, a=0.7, b=0.2),
            text_keep=MASK,
            third=entities.over(vectors, PLACES, KEEP),
        )
        fusion.pooled(fused).square().sum().backward()
        gradients.append([vectors.grad, *(weight.grad for weight in entities.parameters())])
    for plain, again in zip(*gradients, strict=True):
        assert (plain is None) == (again is None)
        if plain is not None:
            torch.testing.assert_close(again, plain)


@pytest.mark.parametrize("tokens", [1, 5])
def test_the_first_tokens_alone_take_in_what_names_them(tokens: int) -> None:
    made = stream()
    text, image = wave(2, 5, 8, a=0.3, b=0.2), wave(2, 4, 8, a=0.5, b=0.1)
    entities = wave(2, 3, 6, a=0.7, b=0.4)
    whole = made.over(entities, PLACES, KEEP)(0, text, image)
    torch.testing.assert_close(made.over(entities, PLACES, KEEP)(0, text[:, :tokens], image), whole[:, :tokens])


@pytest.mark.parametrize("num_layers", [0, 1, 2])
def test_what_no_word_reads_is_frozen(num_layers: int) -> None:
    made = stream()
    made.freeze_unread(num_layers)
    third = made.over(wave(2, 3, 6, a=0.7, b=0.4), PLACES, KEEP)
    text = wave(2, 5, 8, a=0.3, b=0.2).requires_grad_()
    for layer in range(num_layers):
        text = third(layer, text, wave(2, 4, 8, a=0.5, b=0.1))
    text.square().sum().backward()
    assert {name for name, weight in made.named_parameters() if weight.grad is not None} == {
        name for name, weight in made.named_parameters() if weight.requires_grad
    }
