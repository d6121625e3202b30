"""Co-attention: equal to transformers' BERT parts, bound to its masks, and cut short where that is asked."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from transformers import BertConfig
from transformers.models.bert.modeling_bert import BertIntermediate, BertOutput, BertSelfOutput

from vesalius.models.dual import DualEncoder
from vesalius.models.fusion.streams import (
    Attended,
    Attention,
    CoAttentionLayer,
    Fusion,
    FusionConfig,
    image_stream,
    initialise_normal,
    text_stream,
)
from vesalius.models.settings import DualEncoderConfig

SMALL = FusionConfig(width=16, layers=3, heads=2, dropout=0.0, middle=2)


def fusion(settings: FusionConfig = SMALL, *, seed: int = 0) -> Fusion:
    torch.manual_seed(seed)
    return Fusion(settings, text_width=12, image_width=20).eval()


def streams(batch: int = 2) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(1)
    return torch.randn(batch, 5, 12, generator=generator), torch.randn(batch, 7, 20, generator=generator)


def test_an_attention_is_worked_out_step_by_step() -> None:
    """Softmax of query · key over √d by loops over heads, then matrix, shortcut and norm."""
    torch.manual_seed(0)
    layer = Attention(8, heads=2, dropout=0.0).double()
    tokens, source = torch.randn(1, 3, 8, dtype=torch.float64), torch.randn(1, 4, 8, dtype=torch.float64)
    query, key, value = layer.query(tokens)[0], layer.key(source)[0], layer.value(source)[0]
    found = torch.zeros(3, 8, dtype=torch.float64)
    for head in (slice(0, 4), slice(4, 8)):
        for row in range(3):
            weights = torch.softmax(key[:, head] @ query[row, head] / 2.0, dim=0)
            found[row, head] = weights @ value[:, head]
    expected = layer.norm(tokens[0] + layer.out(found))
    torch.testing.assert_close(layer(tokens, source)[0], expected, rtol=1e-12, atol=1e-12)


def test_a_layer_is_what_berts_parts_make_of_equal_weights() -> None:
    config = BertConfig(hidden_size=16, num_attention_heads=2, intermediate_size=64, hidden_dropout_prob=0.0)
    torch.manual_seed(0)
    layer = CoAttentionLayer(SMALL).eval()
    expand, contract, out = BertIntermediate(config), BertOutput(config), BertSelfOutput(config)
    expand.dense, contract.dense, contract.LayerNorm = layer.expand, layer.contract, layer.norm
    out.dense, out.LayerNorm = layer.cross_attention.out, layer.cross_attention.norm
    tokens, other = torch.randn(2, 5, 16), torch.randn(2, 7, 16)
    cross = layer.cross_attention
    seen = layer.self_attention(tokens)
    mixed = torch.nn.functional.scaled_dot_product_attention(
        *(cross._split(part) for part in (cross.query(seen), cross.key(other), cross.value(other)))
    )
    crossed = out(mixed.transpose(1, 2).flatten(2), seen)
    expected = contract(expand(crossed), crossed)
    torch.testing.assert_close(layer(tokens, other), expected, rtol=1e-5, atol=1e-6)  # float32


def test_both_streams_look_at_the_values_that_the_other_came_in_with() -> None:
    model = fusion()
    text, image = streams()
    words = model.text_project(text) + model.modality[0]
    patches = model.image_project(image) + model.modality[1]
    for text_layer, image_layer in zip(model.text_layers, model.image_layers, strict=True):
        words, patches = text_layer(words, patches), image_layer(patches, words)
    fused = model(text, image)
    torch.testing.assert_close(fused.text, words)
    torch.testing.assert_close(fused.image, patches)


def test_padding_and_hidden_patches_change_nothing() -> None:
    model = fusion()
    text, image = streams()
    keep = torch.tensor([[True] * 3 + [False] * 2] * 2)
    seen = torch.tensor([[True] * 6 + [False]] * 2)
    base = model(text, image, text_keep=keep, image_keep=seen)
    moved_text, moved_image = text.clone(), image.clone()
    moved_text[:, 3:] += 9
    moved_image[:, 6:] -= 9
    moved = model(moved_text, moved_image, text_keep=keep, image_keep=seen)
    torch.testing.assert_close(moved.text[:, :3], base.text[:, :3])
    torch.testing.assert_close(moved.image[:, :6], base.image[:, :6])
    short = model(text[:, :3], image[:, :6])
    torch.testing.assert_close(model.pooled(base), model.pooled(short), rtol=1e-5, atol=1e-6)  # float32


def test_samples_do_not_meet() -> None:
    model = fusion()
    text, image = streams(3)
    whole = model(text, image)
    alone = model(text[1:2], image[1:2])
    torch.testing.assert_close(whole.text[1:2], alone.text, rtol=1e-5, atol=1e-6)  # float32, another batch


def test_a_row_that_may_look_at_nothing_keeps_its_tokens_finite() -> None:
    layer = Attention(8, heads=2, dropout=0.0)
    with torch.no_grad():
        layer.out.bias.zero_()
    tokens, source = torch.randn(2, 3, 8), torch.randn(2, 4, 8)
    keep = torch.tensor([[True] * 4, [False] * 4])
    out = layer(tokens, source, keep=keep)
    torch.testing.assert_close(out[1], layer.norm(tokens[1]))
    assert torch.isfinite(out).all()


@pytest.mark.parametrize("upto", [1, 2, 3])
def test_the_first_layers_alone_are_the_first_layers(upto: int) -> None:
    model = fusion()
    text, image = streams()
    shallow = fusion(FusionConfig(width=16, layers=upto, heads=2, dropout=0.0, middle=0))
    shallow.load_state_dict(
        {name: value for name, value in model.state_dict().items() if name in shallow.state_dict()}
    )
    whole = shallow(text, image)
    cut = model(text, image, upto=upto)
    torch.testing.assert_close(cut.image, whole.image)
    for side in ("text", "image"):
        one = model(text, image, upto=upto, sides=side)
        torch.testing.assert_close(getattr(one, side), getattr(whole, side))
        assert getattr(one, "image" if side == "text" else "text") is None
    if upto >= 2:
        middle = model(text, image, upto=2)
        torch.testing.assert_close(cut.middle[1], middle.image)


@pytest.mark.parametrize("told", [False, True])
def test_first_tokens_alone_are_those_of_the_whole(told: bool) -> None:
    model, (text, image) = fusion(), streams()
    keep = torch.tensor([[True] * 5, [True] * 3 + [False] * 2])
    third = Attended(SMALL, source_width=6).eval().over(torch.ones(2, 4, 6)) if told else None
    whole, first = (model(text, image, text_keep=keep, third=third, first=alone) for alone in (False, True))
    assert first.text.shape == first.image.shape == (2, 1, 16)
    torch.testing.assert_close(model.pooled(first), model.pooled(whole))


def test_what_is_not_run_gets_no_gradient() -> None:
    model = fusion()
    model(*streams(), upto=2, sides="image").image.sum().backward()
    reached = {name for name, weight in model.named_parameters() if weight.grad is not None}
    assert any(name.startswith("image_layers.1.") for name in reached)
    assert any(name.startswith("text_layers.0.") for name in reached)
    assert not [name for name in reached if name.startswith(("text_layers.1.", "text_layers.2.", "image_layers.2."))]


def test_a_third_stream_changes_words_and_not_patches_of_its_layer() -> None:
    model = fusion()
    text, image = streams()
    plain = model(text, image, upto=1)
    knowledge = Attended(SMALL, source_width=6).eval()
    vectors = torch.randn(2, 4, 6, requires_grad=True)
    told = model(text, image, upto=1, third=knowledge.over(vectors))
    assert not torch.allclose(told.text, plain.text)
    torch.testing.assert_close(told.image, plain.image)
    model(text, image, third=knowledge.over(vectors)).image.square().sum().backward()
    assert vectors.grad.abs().sum() > 0  # by the words of a layer before
    hidden = knowledge.over(vectors, torch.tensor([[True, True, False, False]] * 2))
    with torch.no_grad():
        vectors[:, 2:] += 5
        first = model(text, image, third=hidden).text
        vectors[:, 2:] -= 50
        torch.testing.assert_close(model(text, image, third=hidden).text, first)


def test_gradients_are_those_of_differences() -> None:
    model = Fusion(FusionConfig(width=4, layers=1, heads=2, dropout=0.0, middle=1), text_width=3, image_width=3)
    model = model.double().eval()
    text, image = (torch.randn(1, size, 3, dtype=torch.float64, requires_grad=True) for size in (2, 3))
    keep = torch.tensor([[True, True]])
    assert torch.autograd.gradcheck(lambda a, b: model.pooled(model(a, b, text_keep=keep)), (text, image))


@pytest.mark.parametrize(
    ("vision", "text", "more"),
    [
        ("vit", "transformer", {"vision_pool": "cls", "text_pool": "cls"}),
        ("vit", "transformer", {}),
        ("resnet", "transformer", {"vision_width": 64}),
        ("vit", "transformer", {"image_size": (8, 16, 16), "patch": (4, 8, 8)}),
    ],
)
def test_any_encoders_can_be_fused(vision: str, text: str, more: dict[str, object]) -> None:
    base: dict[str, object] = {"image_size": 32, "patch": 8, "width": 32, "depth": 1, "vocabulary": 20}
    model = DualEncoder.build(DualEncoderConfig(vision=vision, text=text, **{**base, **more}))
    fused = Fusion(SMALL, text_width=model.text.width, image_width=model.vision.width)
    pixels = torch.randn(2, 1, *model.settings.size)
    words, mask = torch.randint(0, 20, (2, 4)), torch.ones(2, 4, dtype=torch.long)
    image, said = model.encode_image(pixels), model.encode_text(words, mask)
    out = fused(text_stream(said), image_stream(image), text_keep=mask.bool())
    assert out.image.shape == (2, 1 + image.tokens.shape[1], 16)
    assert fused.pooled(out).shape == (2, 32)


@pytest.mark.parametrize(
    ("settings", "words"),
    [({"width": 10, "heads": 3}, "cannot be shared"), ({"middle": 7}, "from 0 to 6"), ({"dropout": 1.0}, "dropout")],
)
def test_settings_that_make_no_sense_are_refused(settings: dict[str, object], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        FusionConfig(**settings)


@pytest.mark.parametrize(
    ("inputs", "deviation"),
    # 0.02 · √(768 / 48) = 0.08; BERT's width and what is wider start as BERT does
    [(48, 0.08), (768, 0.02), (3072, 0.02)],
)
def test_narrow_matrices_start_as_loud_as_berts(inputs: int, deviation: float) -> None:
    torch.manual_seed(0)
    matrix = nn.Linear(inputs, 500)
    initialise_normal(matrix)
    # 24 000 draws or more: the deviation of a deviation is 0.5 % of it
    assert matrix.weight.std().item() == pytest.approx(deviation, rel=0.03)
    assert not matrix.bias.any()
