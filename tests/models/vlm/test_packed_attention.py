"""Conversations of a row attended one by one: as with a mask, at less cost, and only where that is known to be so."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from transformers import AutoConfig, AutoModelForCausalLM

from vesalius.models.vlm.packed import attend_apart, block_mask, positions_in

SEGMENTS = torch.tensor([[1] * 5 + [2] * 9 + [3] * 2, [1] * 3 + [2] * 10 + [0] * 3])
_ROUNDING = 1e-5


def language(kind: str = "llama", **options: Any) -> Any:
    torch.manual_seed(0)
    sizes = {
        "vocab_size": 50, "hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 2, "head_dim": 8,
        "num_attention_heads": 4, "num_key_value_heads": 2, "pad_token_id": 0, "attn_implementation": "sdpa",
    }  # fmt: skip
    return AutoModelForCausalLM.from_config(AutoConfig.for_model(kind, **{**sizes, **options}))


def told(model: Any, inputs: torch.Tensor) -> tuple[torch.Tensor, list[torch.Tensor]]:
    """Logits of all tokens but padding, and the gradient of their sum of squares."""
    model.zero_grad()
    made = model(inputs, attention_mask=block_mask(SEGMENTS, model), position_ids=positions_in(SEGMENTS))
    logits = made.logits[SEGMENTS > 0]
    logits.square().sum().backward()
    return logits.detach(), [weight.grad.clone() for weight in model.parameters()]


@pytest.mark.parametrize("kind", ["llama", "qwen3"])
def test_logits_and_gradients_are_those_of_a_mask(kind: str) -> None:
    model = language(kind)
    inputs = torch.randint(1, 50, SEGMENTS.shape)
    masked = told(model, inputs)
    attend_apart(model)
    apart = told(model, inputs)
    assert block_mask(SEGMENTS, model).shape == (2, 1, 1, 16)
    assert torch.allclose(masked[0], apart[0], atol=_ROUNDING)
    for one, other in zip(masked[1], apart[1], strict=True):
        assert torch.allclose(one, other, atol=_ROUNDING, rtol=1e-3)


def test_a_model_attends_to_plain_masks_as_before() -> None:
    model = language()
    inputs = torch.randint(1, 50, (2, 6))
    mask = torch.tensor([[1] * 6, [0] * 2 + [1] * 4])
    before = (
        model(inputs, attention_mask=mask).logits,
        model.generate(inputs, attention_mask=mask, max_new_tokens=4),
    )
    attend_apart(model)
    assert torch.allclose(before[0], model(inputs, attention_mask=mask).logits, atol=_ROUNDING)
    assert torch.equal(before[1], model.generate(inputs, attention_mask=mask, max_new_tokens=4))
    assert "vesalius" not in str(model.config.to_dict())


@pytest.mark.parametrize(
    "model",
    [
        lambda: language("mistral", sliding_window=8),
        lambda: language(attn_implementation="eager"),
    ],
)
def test_windows_and_other_ways_of_attending_stay(model: Any) -> None:
    one = model()
    before = one.config._attn_implementation
    attend_apart(one)
    assert one.config._attn_implementation == before
    assert block_mask(SEGMENTS, one).shape == (2, 1, 16, 16)
