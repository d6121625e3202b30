"""Pooling by hand, and heads."""

from __future__ import annotations

import pytest
import torch

from vesalius.models.pooling import AttentionPool, Encoding, ProjectionHead, pool
from vesalius.models.settings import DualEncoderConfig

TOKENS = torch.tensor([[[1.0, -4.0], [3.0, -2.0], [9.0, 9.0]]])
KEEP = torch.tensor([[True, True, False]])


@pytest.mark.parametrize(
    ("kind", "masked", "plain"),
    [
        ("mean", [2.0, -3.0], [13 / 3, 1.0]),  # (1 + 3) / 2, (-4 - 2) / 2; thirds of the whole sums
        ("max", [3.0, -2.0], [9.0, 9.0]),  # the padded 9 does not count
        ("last", [3.0, -2.0], [9.0, 9.0]),
    ],
)
def test_pooling_by_hand(kind: str, masked: list[float], plain: list[float]) -> None:
    with_mask = pool(Encoding(TOKENS, grid=(3,), keep=KEEP), kind=kind)  # type: ignore[arg-type]
    without = pool(Encoding(TOKENS, grid=(3,)), kind=kind)  # type: ignore[arg-type]
    torch.testing.assert_close(with_mask, torch.tensor([masked]))
    torch.testing.assert_close(without, torch.tensor([plain]))


def test_attention_pool_starts_as_the_mean_and_ignores_padding() -> None:
    attention = AttentionPool(2)
    normed = torch.nn.functional.layer_norm(TOKENS, (2,))
    torch.testing.assert_close(attention(TOKENS, KEEP), normed[:, :2].mean(dim=1))
    with torch.no_grad():
        attention.query.copy_(torch.tensor([50.0, -50.0]))
    # Both normed tokens are (1, -1): equal weights again; the padded one, (0, 0), has none.
    torch.testing.assert_close(attention(TOKENS, KEEP), normed[:, 0])


def test_the_head_of_the_mgca_variant_ends_in_a_norm_without_scale() -> None:
    settings = DualEncoderConfig(projection="mlp", projection_norm=True, projection_hidden=16, projection_dim=8)
    head = ProjectionHead(4, settings=settings)
    names = [name for name, _ in head.named_parameters()]
    assert not any(name.startswith("layers.4") for name in names)
    out = head(torch.randn(64, 4))
    torch.testing.assert_close(out.mean(dim=0), torch.zeros(8), rtol=0, atol=1e-5)
    torch.testing.assert_close(out.var(dim=0, unbiased=False), torch.ones(8), rtol=1e-2, atol=1e-2)


def test_the_head_takes_tokens_too() -> None:
    for settings in (
        DualEncoderConfig(projection_dim=8),
        DualEncoderConfig(projection="mlp", projection_dim=8),
        DualEncoderConfig(projection="mlp", projection_norm=True, projection_dim=8),
    ):
        head = ProjectionHead(4, settings=settings).eval()
        tokens = torch.randn(2, 3, 4)
        torch.testing.assert_close(head(tokens)[1, 2], head(tokens[1, 2:])[0])
