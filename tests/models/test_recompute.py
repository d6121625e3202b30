"""Activation checkpointing: equal loss, gradient and statistics, fewer kept activations, a clear refusal."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from vesalius.errors import ConfigError
from vesalius.models.dual import DualEncoder
from vesalius.models.settings import DualEncoderConfig

TINY: dict[str, Any] = {
    "image_size": 32, "patch": 8, "width": 32, "depth": 3, "vocabulary": 40, "text_length": 12, "projection_dim": 8,
}  # fmt: skip
FORMS: dict[str, dict[str, Any]] = {
    "vit": {},
    "class token": {"vision_pool": "cls", "text_pool": "cls"},
    "resnet": {"vision": "resnet", "vision_width": 64},
    "volume": {"vision": "resnet", "vision_width": 64, "image_size": (16, 32, 32)},
    "tower": {
        "vision": "hf:vit",
        "text": "hf:bert",
        "vision_options": {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "patch_size": 8},
        "text_options": {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2},
    },
}


def loss_of(model: DualEncoder, rows: int = 3) -> Tensor:
    generator = torch.Generator().manual_seed(1)
    image = torch.randn(rows, 1, *model.settings.size, generator=generator)
    tokens = torch.randint(5, 40, (rows, 12), generator=generator)
    out = model(image, tokens)
    assert out.logits is not None
    value: Tensor = torch.nn.functional.cross_entropy(out.logits, torch.arange(rows))
    return value


def step(form: dict[str, Any], *, recompute: bool) -> tuple[float, dict[str, Tensor], dict[str, Tensor], int]:
    """Loss, gradients, statistics, and the bytes that autograd kept."""
    torch.manual_seed(0)
    model = DualEncoder.build(DualEncoderConfig(**{**TINY, **form})).train()
    if recompute:
        model.recompute_activations()
    kept = 0

    def keep(tensor: Tensor) -> Tensor:
        nonlocal kept
        kept += tensor.nbytes
        return tensor

    torch.manual_seed(5)
    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        loss = loss_of(model)
    torch.autograd.backward(loss)
    gradients = {name: weight.grad for name, weight in model.named_parameters() if weight.grad is not None}
    return loss.item(), gradients, dict(model.named_buffers()), kept


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
def test_same_numbers_with_fewer_kept(form: dict[str, Any]) -> None:
    plain, recomputed = step(form, recompute=False), step(form, recompute=True)
    assert recomputed[0] == plain[0]
    for first, second in ((plain[1], recomputed[1]), (plain[2], recomputed[2])):
        assert set(first) == set(second)
        for name, value in first.items():
            assert torch.equal(second[name], value), name
    assert recomputed[3] < 0.6 * plain[3]


def test_without_gradient_nothing_is_kept() -> None:
    model = DualEncoder.build(DualEncoderConfig(**TINY))
    model.recompute_activations()
    with torch.no_grad():
        assert loss_of(model).isfinite()


def test_tower_that_cannot_says_so() -> None:
    model = DualEncoder.build(
        DualEncoderConfig(
            **{**TINY, "vision": "hf:resnet", "vision_options": {"hidden_sizes": [8, 16], "depths": [1, 1]}}
        )
    )
    with pytest.raises(ConfigError, match="resnet of transformers keeps all activations"):
        model.recompute_activations()
