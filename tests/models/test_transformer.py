"""Attention in steps equals the fused kernel."""

from __future__ import annotations

import pytest
import torch

from vesalius.models.transformer import SelfAttention, _plain, attend


@pytest.mark.parametrize(("causal", "masked"), [(False, False), (True, False), (False, True)])
def test_attention_in_steps_is_the_fused_kernel(causal: bool, masked: bool) -> None:
    torch.manual_seed(0)
    sides = [torch.randn(2, 3, 7, 8, dtype=torch.float64, requires_grad=True) for _ in range(3)]
    keep = None
    if masked:
        keep = torch.rand(2, 1, 1, 7) > 0.3
        keep[..., 0] = True
    found = []
    for out in (attend(*sides, keep=keep, causal=causal), _plain(*sides, keep, causal)):
        found.append([out, *torch.autograd.grad((out**2).sum(), sides)])
    torch.testing.assert_close(found[1], found[0], rtol=1e-10, atol=1e-12)  # float64, another order of sums


def test_reduced_precision_stays_near() -> None:
    torch.manual_seed(0)
    layer = SelfAttention(32, heads=4)
    tokens = torch.randn(2, 9, 32)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        near = layer(tokens)
    assert near.dtype == torch.bfloat16
    # bfloat16 has 8 bits: steps of 2^-8 of values up to 1, a few of them in a row.
    torch.testing.assert_close(near.float(), layer(tokens), rtol=0.05, atol=0.02)
