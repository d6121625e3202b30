"""ConceptCLIP's published checkpoint under our names: names and shapes as its code has them, numbers made here."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from timm_names import theirs
from vesalius.errors import CheckpointError
from vesalius.methods.conceptclip import ConceptCLIP, ConceptCLIPConfig, build, load_published
from vesalius.models.dual import DualEncoder
from vesalius.models.settings import DualEncoderConfig

HF: dict[str, Any] = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 24}


def method() -> ConceptCLIP:
    torch.manual_seed(0)
    shape = DualEncoderConfig(
        vision="hf:siglip_vision_model", vision_options={**HF, "patch_size": 8}, text="hf:bert", text_options=HF,
        vision_pool="cls", text_pool="cls", image_size=32, channels=3, vocabulary=40, text_length=12,
        projection_dim=16, logit_bias=-2.0,
    )  # fmt: skip
    return build(ConceptCLIPConfig(), DualEncoder.build(shape)).eval()


def test_published_checkpoint_by_its_names() -> None:
    """State dict of the published names and shapes, made here; the round changes no number."""
    first, second = method(), method()
    with torch.no_grad():
        first.model.vision_head.layers[0].weight.copy_(torch.eye(16))
        for weight in second.parameters():
            weight.normal_()
    state = theirs(first.model.state_dict())
    names = {
        "model.text.model.": "text.transformer.", "model.text_head.layers.0.": "text.proj.",
        "patch_head.": "image_proj.", "concept_head.": "text_proj.", "concept_": "concept_logit_",
        "model.logit_": "logit_",
    }  # fmt: skip
    for key, value in first.state_dict().items():
        start = next((ours for ours in names if key.startswith(ours)), None)
        if start is not None:
            state[names[start] + key.removeprefix(start)] = value
    load_published(second, state)
    ids = torch.tensor([[1, 8, 9, 3], [1, 12, 3, 0]])
    given = {
        "pixel_values": torch.rand(2, 3, 32, 32), "input_ids": ids, "attention_mask": (ids > 0).long(),
        "concept_spans": torch.tensor([[[1, 3]], [[1, 2]]]), "concept_names": torch.tensor([[5], [6]]),
    }  # fmt: skip
    with torch.no_grad():
        assert torch.equal(first(**given)["loss"], second(**given)["loss"])
    with pytest.raises(CheckpointError, match="1 missing: concept_bias"):
        load_published(second, {key: value for key, value in state.items() if key != "concept_logit_bias"})
    with pytest.raises(CheckpointError, match=r"1 of .* keys are unknown: odd"):
        load_published(second, {**state, "odd": torch.zeros(1)})
