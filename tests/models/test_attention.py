"""Attention of the summary: by hand, masked, and for every kind of encoder; asking for it changes no feature."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor
from transformers import AutoConfig, AutoModel

from vesalius.models import foreign
from vesalius.models.dual import DualEncoder, DualEncoderConfig
from vesalius.models.transformer import Block, SelfAttention

SMALL: dict[str, Any] = {
    "image_size": 32, "patch": 8, "width": 32, "depth": 2, "vocabulary": 50, "text_length": 10, "projection_dim": 8,
}  # fmt: skip
TOWER = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 64}
IDS = torch.tensor([[1, 7, 8, 9, 3], [1, 6, 3, 0, 0]])
MASK = (IDS > 0).long()


def dual(**settings: Any) -> DualEncoder:
    torch.manual_seed(0)
    return DualEncoder.build(DualEncoderConfig(**{**SMALL, **settings})).eval()


def pictures(size: int = 32) -> Tensor:
    return torch.randn(2, 1, size, size, generator=torch.Generator().manual_seed(1))


def test_by_hand() -> None:
    # One head of width 1: query 2, keys 0 and ln 3 / 2, so that the weights are 1/4 and 3/4.
    attention = SelfAttention(1, heads=1)
    with torch.no_grad():
        attention.qkv.weight.copy_(torch.tensor([[0.0], [1.0], [0.0]]))
        attention.qkv.bias.copy_(torch.tensor([2.0, 0.0, 0.0]))
    tokens = torch.tensor([[[0.0], [0.5493061443], [9.0]]])
    keep = torch.tensor([[True, True, False]])
    looks = attention.looks(tokens, place=torch.tensor([0]), keep=keep)
    torch.testing.assert_close(looks, torch.tensor([[0.25, 0.75, 0.0]]))


def test_it_is_what_the_block_mixes_with() -> None:
    """With unit values the mixed token is the attention's own average of the tokens' values."""
    torch.manual_seed(0)
    block, tokens = Block(8, heads=1, depth=1), torch.randn(2, 5, 8)
    place = torch.tensor([0, 3])
    _, looks = block(tokens, watched=(place, None))
    normal = block.attention_norm(tokens)
    value = block.attention.qkv(normal)[..., 16:]
    mixed = block.attention.out(torch.einsum("bl,blf->bf", looks, value))
    expected = block.attention(normal)[torch.arange(2), place]
    torch.testing.assert_close(mixed, expected)


@pytest.mark.parametrize("pool", ["cls", "mean"])
def test_compact_encoders(pool: Any) -> None:
    model = dual(vision_pool=pool, text_pool=pool)
    image, plain = (model.encode_image(pictures(), attention=asked) for asked in (True, False))
    torch.testing.assert_close(image.joint, plain.joint)
    torch.testing.assert_close(image.joint_tokens, plain.joint_tokens)
    assert plain.attention is None
    assert image.attention is not None
    assert image.attention.shape == (2, 16)
    assert not image.attention.requires_grad
    if pool == "cls":  # the class token keeps a share for itself
        assert (image.attention.sum(dim=1) < 1).all()
        assert image.attention.std() > 0
    else:
        torch.testing.assert_close(image.attention, torch.full((2, 16), 1 / 16))
    text = model.encode_text(IDS, MASK, local=False, attention=True)
    assert text.attention is not None
    torch.testing.assert_close(text.attention.sum(dim=1), torch.ones(2))
    assert text.attention[1, 3:].tolist() == [0, 0]
    torch.testing.assert_close(text.joint, model.encode_text(IDS, MASK, local=False).joint)


def test_a_causal_text_looks_from_its_last_token() -> None:
    model = dual(causal=True, text_pool="last")
    looks = model.encode_text(IDS, MASK, attention=True).attention
    assert looks is not None
    assert (looks[0] > 0).all()
    assert looks[1, 3:].tolist() == [0, 0]


def test_learned_pooling_gives_its_own_weights() -> None:
    model = dual(vision_pool="attention", text_pool="attention")
    with torch.no_grad():
        model.text_pool.query.normal_()
    looks = model.encode_text(IDS, MASK, attention=True).attention
    assert looks is not None
    torch.testing.assert_close(looks.sum(dim=1), torch.ones(2))
    assert looks[1, 3:].tolist() == [0, 0]
    assert looks[0].std() > 0


def test_places_of_a_resnet_are_all_alike() -> None:
    looks = dual(vision="resnet").encode_image(pictures(), attention=True).attention
    assert looks is not None
    torch.testing.assert_close(looks, torch.full_like(looks, 1 / looks.shape[1]))


@pytest.mark.parametrize(("kind", "sums_up"), [("vit", True), ("clip", True), ("siglip", False), ("swin", False)])
def test_vision_towers(kind: str, sums_up: bool) -> None:
    size = 32 if kind != "swin" else 64
    options = {**TOWER, "patch_size": 8}
    if kind == "swin":
        options = {"embed_dim": 12, "depths": [1, 1], "num_heads": [2, 2], "window_size": 4, "patch_size": 4}
    model = dual(vision=f"hf:{kind}", vision_options=options, image_size=size)
    plain = model.encode_image(pictures(size))
    asked = model.encode_image(pictures(size), attention=True)
    # Fused attention and attention in steps differ by float32 rounding.
    torch.testing.assert_close(asked.joint, plain.joint, rtol=1e-4, atol=1e-5)
    assert asked.attention is not None
    assert asked.tokens is not None
    assert asked.attention.shape == asked.tokens.shape[:2]
    assert bool(asked.attention.std() > 0) == sums_up


def test_a_volume_through_a_tower_of_pictures() -> None:
    options = {**TOWER, "patch_size": 16}
    model = dual(vision="hf:vit", vision_options=options, image_size=(3, 32, 32), patch=(1, 16, 16))
    looks = model.encode_image(torch.randn(2, 1, 3, 32, 32), attention=True).attention
    assert looks is not None
    assert looks.shape == (2, 12)
    assert (looks.sum(dim=1) < 1).all()


@pytest.mark.parametrize("kind", ["bert", "roberta", "clip"])
def test_text_towers(kind: str) -> None:
    model = dual(text=f"hf:{kind}", text_options=TOWER)
    plain = model.encode_text(IDS, MASK)
    asked = model.encode_text(IDS, MASK, attention=True)
    torch.testing.assert_close(asked.joint, plain.joint, rtol=1e-4, atol=1e-5)
    assert asked.attention is not None
    torch.testing.assert_close(asked.attention.sum(dim=1), torch.ones(2))
    assert asked.attention[1, 3:].tolist() == [0, 0]
    assert (asked.attention[0] > 0).all()


def test_parts_may_stay_outside_the_joint_space() -> None:
    model = dual()
    image = model.encode_image(pictures(), project=False)
    text = model.encode_text(IDS, MASK, project=False)
    assert image.tokens is not None
    assert text.tokens is not None
    assert image.joint_tokens is text.joint_tokens is None


@pytest.mark.parametrize("kind", ["bert", "roberta", "clip_text_model", "vit", "mpnet", "deberta-v2", "gpt2"])
def test_what_is_watched_is_the_attention_of_transformers(kind: str) -> None:
    torch.manual_seed(0)
    tower = AutoModel.from_config(AutoConfig.for_model(kind, **{**TOWER, "patch_size": 8, "image_size": 32})).eval()
    inputs = (
        {"pixel_values": torch.randn(2, 3, 32, 32)} if kind == "vit" else {"input_ids": IDS, "attention_mask": MASK}
    )
    with foreign.watched(tower, wanted=True) as found:
        seen = tower(**inputs, **found.options)
    with foreign.watched(tower, wanted=False) as nothing:
        blind = tower(**inputs)
    tower.set_attn_implementation("eager")
    plain = tower(**inputs, output_attentions=True)
    looks = found.looks(seen)
    assert nothing.looks(blind) is None
    assert looks is not None
    hidden = seen.last_hidden_state
    real = MASK.bool() if kind != "vit" else torch.ones(hidden.shape[:2], dtype=torch.bool)
    torch.testing.assert_close(looks[real], plain.attentions[-1].mean(dim=1)[real], rtol=1e-4, atol=1e-6)
    torch.testing.assert_close(hidden[real], plain.last_hidden_state[real], rtol=1e-4, atol=1e-5)
