"""A SigLIP tower in the layout of timm comes back in that of transformers, with the same features."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from timm_names import theirs
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
