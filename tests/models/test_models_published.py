"""MGCA's checkpoint beside the authors' code: their weights under our names give their features."""

from __future__ import annotations

import json
import re
from math import prod
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor
from transformers import BertConfig, BertModel

from vesalius.errors import CheckpointError
from vesalius.methods.mgca import MGCA, MGCAConfig, build
from vesalius.models.dual import DualEncoder
from vesalius.models.published import load_published
from vesalius.models.settings import DualEncoderConfig
from vesalius.training.recipe import load_recipe

GOLDEN = json.loads((Path(__file__).parents[1] / "golden" / "mgca_published.json").read_text(encoding="utf-8"))
WIDE: dict[str, Any] = {"hidden_size": 8, "num_hidden_layers": 2, "num_attention_heads": 2}
NORMS = ("norm1.weight", "norm2.weight", "norm.weight", "LayerNorm.weight", "head.1.weight", "running_var")
VIT: dict[str, Any] = {
    "vision": "hf:vit", "vision_pool": "cls",
    "vision_options": {**WIDE, "intermediate_size": 32, "patch_size": 8, "layer_norm_eps": 1e-6},
}  # fmt: skip
RESNET: dict[str, Any] = {"vision": "resnet", "vision_width": 32, "vision_depth": 50}


def wave(shape: tuple[int, ...], speed: float, start: float) -> Tensor:
    return torch.sin(speed * torch.arange(prod(shape), dtype=torch.float64) + start).reshape(shape)


def published() -> dict[str, Tensor]:
    """A checkpoint with the authors' names and shapes, with the weights of the golden numbers."""
    state = {}
    for number, name in enumerate(sorted(GOLDEN["names"])):
        made = float(name.endswith(NORMS)) + 0.3 * wave(GOLDEN["names"][name], 0.7 + 0.013 * number, 0.1 * number)
        state[name] = made.long() if name.endswith(("position_ids", "num_batches_tracked")) else made
    return state


def method(shape: dict[str, Any] = VIT, **settings: Any) -> MGCA:
    text = {**WIDE, "intermediate_size": 16}
    model = DualEncoderConfig(
        text="hf:bert", text_options=text, text_pool="cls", text_length=12, vocabulary=19, image_size=16, channels=3,
        projection="mlp", projection_norm=True, projection_hidden=12, projection_dim=4, **shape,
    )  # fmt: skip
    return build(MGCAConfig(num_prototypes=5, **settings), DualEncoder.build(model)).double().eval()


def torchvision(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """Our ResNet by the names that torchvision has for it, behind the authors' prefix."""
    rules = (
        (r"stem\.0\.0", "conv1"),
        (r"stem\.0\.1", "bn1"),
        (r"layers\.(\d)\.(\d+)\.shortcut\.(\d)", lambda at: f"layer{int(at[1]) + 1}.{at[2]}.downsample.{at[3]}"),
        (r"layers\.(\d)\.(\d+)\.steps\.(\d)\.0", lambda at: f"layer{int(at[1]) + 1}.{at[2]}.conv{int(at[3]) + 1}"),
        (r"layers\.(\d)\.(\d+)\.steps\.(\d)\.1", lambda at: f"layer{int(at[1]) + 1}.{at[2]}.bn{int(at[3]) + 1}"),
    )
    out = {}
    for key, value in state.items():
        name = key.removeprefix("model.vision.")
        for pattern, new in rules:
            name = re.sub(rf"^{pattern}", new, name)
        out[f"img_encoder_q.model.{name}"] = value
    return out


@torch.no_grad()
def test_features_are_the_authors() -> None:
    made = method()
    temperature = made.model.logit_scale.clone()
    load_published(made, published())
    ids = torch.tensor(GOLDEN["ids"])
    seen = made.model.encode_image(wave((2, 3, 16, 16), 0.37, 0.2))
    read = made.model.encode_text(ids, (ids > 0).long())
    normal = torch.nn.functional.normalize
    found = {
        "image": seen.joint,
        "patch": normal(made.patch_head(seen.tokens), dim=-1),
        "text": read.joint,
        "word": normal(made.word_head(read.tokens), dim=-1),
    }
    for name, values in found.items():
        wanted = torch.tensor(GOLDEN[name], dtype=torch.float64).reshape(values.shape)
        torch.testing.assert_close(values, wanted, rtol=1e-9, atol=1e-11)  # golden numbers have 13 digits
    assert torch.equal(made.prototypes, published()["prototype_layer.weight"])
    assert torch.equal(made.model.logit_scale, temperature)


def test_parts_that_the_method_lacks_are_left_out() -> None:
    less, whole = method(token_weight=0.0, prototype_weight=0.0), method()
    load_published(less, published())
    load_published(whole, published())
    assert not hasattr(less, "prototypes")
    pixels = wave((2, 3, 16, 16), 0.5, 0.1)
    assert torch.equal(less.model.encode_image(pixels).joint, whole.model.encode_image(pixels).joint)


@torch.no_grad()
def test_a_residual_network_comes_back() -> None:
    first, second = method(RESNET, token_weight=0.0), method(RESNET, token_weight=0.0)
    for weight in first.model.vision.parameters():
        weight.uniform_(0.1, 0.2)
    own = {key: value for key, value in first.state_dict().items() if key.startswith("model.vision.")}
    kept = {key: value for key, value in published().items() if not key.startswith("img_encoder_q.")}
    head = {
        key.replace("model.vision_head.layers", "img_encoder_q.global_embed.head"): value
        for key, value in first.state_dict().items()
        if key.startswith("model.vision_head.")
    }
    load_published(second, {**kept, **head, **torchvision(own)})
    pixels = wave((2, 3, 16, 16), 0.5, 0.1)
    assert len(own) > 300
    assert torch.equal(first.model.encode_image(pixels).joint, second.model.encode_image(pixels).joint)


def test_the_recipe_takes_the_first_layers_of_the_pretrained_bert(tmp_path: Path) -> None:
    recipe = load_recipe("mgca/paper")
    assert recipe.model.text_options == {"num_hidden_layers": 6, "layer_norm_eps": 1e-12}
    assert recipe.model.vision_options == {"layer_norm_eps": 1e-6}
    sizes = {**WIDE, "num_hidden_layers": 3, "intermediate_size": 16, "vocab_size": 19, "max_position_embeddings": 12}
    whole = BertModel(BertConfig(**sizes), add_pooling_layer=False)
    whole.save_pretrained(tmp_path)
    shape = DualEncoderConfig(
        text=f"hf:{tmp_path}", text_options={"num_hidden_layers": 1}, text_length=12, image_size=16, patch=8,
        width=16, depth=1,
    )  # fmt: skip
    model = DualEncoder.build(shape)
    taken, given = model.text.model.encoder.layer, whole.encoder.layer
    assert len(taken) == 1
    for name, weight in taken[0].state_dict().items():
        assert torch.equal(weight, given[0].state_dict()[name])


def test_keys_that_do_not_fit_are_named() -> None:
    made, state = method(), published()
    extra = {"img_encoder_q.model.head.weight": "head.weight", "text_encoder_q.cls.bias": "text_encoder_q.cls.bias"}
    for key, shown in extra.items():
        with pytest.raises(CheckpointError, match=rf"mgca\.ckpt: 1 of \d+ keys are unknown: {re.escape(shown)}"):
            load_published(made, {**state, key: torch.zeros(1)}, where="mgca.ckpt")
    less = {key: value for key, value in state.items() if key != "text_encoder_q.local_embed.head.3.bias"}
    with pytest.raises(CheckpointError, match=r"1 missing: word_head\.layers\.3\.bias"):
        load_published(made, less)
    with pytest.raises(CheckpointError, match=r"1 of another shape: prototypes \(9, 4\) for \(5, 4\)"):
        load_published(made, {**state, "prototype_layer.weight": torch.zeros(9, 4)})
    with pytest.raises(CheckpointError, match=r"img_encoder_q\.model\.cls_token and .* missing; no image encoder"):
        load_published(made, {"prototype_layer.weight": torch.zeros(5, 4)})
