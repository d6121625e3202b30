"""A SigLIP tower in the layout of timm comes back in that of transformers, with the same features."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from vesalius.errors import CheckpointError
from vesalius.models.dual import DualEncoder
from vesalius.models.settings import DualEncoderConfig
from vesalius.models.vision.published import siglip_tower

HF: dict[str, Any] = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 24}
OURS = "model.vision.model."


def encoder() -> DualEncoder:
    torch.manual_seed(0)
    return DualEncoder.build(
        DualEncoderConfig(
            vision="hf:siglip_vision_model", vision_options={**HF, "patch_size": 8}, image_size=32, channels=3,
            vision_pool="cls", width=16, depth=1, projection_dim=16,
        )
    )  # fmt: skip


def theirs(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """Write our tower by the names and shapes of timm."""
    ours = {key.removeprefix("vision.model."): value for key, value in state.items() if key.startswith("vision.")}
    out = {"pos_embed": ours["embeddings.position_embedding.weight"][None]}
    for kind in ("weight", "bias"):
        out[f"patch_embed.proj.{kind}"] = ours[f"embeddings.patch_embedding.{kind}"]
        out[f"norm.{kind}"] = ours[f"post_layernorm.{kind}"]
        fused = ours[f"head.attention.in_proj_{kind}"]
        out[f"attn_pool.q.{kind}"], out[f"attn_pool.kv.{kind}"] = fused[:16], fused[16:]
        out[f"attn_pool.proj.{kind}"] = ours[f"head.attention.out_proj.{kind}"]
        out[f"attn_pool.norm.{kind}"] = ours[f"head.layernorm.{kind}"]
        for layer in ("fc1", "fc2"):
            out[f"attn_pool.mlp.{layer}.{kind}"] = ours[f"head.mlp.{layer}.{kind}"]
        for block in range(2):
            at, to = f"encoder.layers.{block}.", f"blocks.{block}."
            parts = [ours[f"{at}self_attn.{letter}_proj.{kind}"] for letter in "qkv"]
            out[f"{to}attn.qkv.{kind}"] = torch.cat(parts)
            out[f"{to}attn.proj.{kind}"] = ours[f"{at}self_attn.out_proj.{kind}"]
            for number in (1, 2):
                out[f"{to}norm{number}.{kind}"] = ours[f"{at}layer_norm{number}.{kind}"]
                out[f"{to}mlp.fc{number}.{kind}"] = ours[f"{at}mlp.fc{number}.{kind}"]
    return {f"visual.trunk.{key}": value for key, value in {**out, "attn_pool.latent": ours["head.probe"]}.items()}


def test_names_come_back_and_features_are_the_same() -> None:
    first, second = encoder().eval(), encoder().eval()
    with torch.no_grad():
        for weight in second.parameters():
            weight.normal_()
    found = siglip_tower(theirs(first.state_dict()), prefix="visual.trunk.", where="here")
    wanted = {f"model.{key}": value for key, value in first.state_dict().items() if key.startswith("vision.")}
    assert set(found) == set(wanted)
    assert all(torch.equal(found[key], value) for key, value in wanted.items())
    second.load_state_dict({key.removeprefix("model."): value for key, value in found.items()}, strict=False)
    pixels = torch.rand(2, 3, 32, 32)
    assert torch.equal(first.encode_image(pixels).pooled, second.encode_image(pixels).pooled)


def test_other_parts_are_left_out_and_unknown_names_refused() -> None:
    state = theirs(encoder().state_dict())
    assert len(siglip_tower({**state, "text.x": torch.zeros(1)}, prefix="visual.trunk.", where="here")) > 30
    with pytest.raises(CheckpointError, match=r"here: 1 of \d+ keys are unknown: blocks\.0\.gamma"):
        siglip_tower({**state, "visual.trunk.blocks.0.gamma": torch.zeros(1)}, prefix="visual.trunk.", where="here")
