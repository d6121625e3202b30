"""The transformer block that the compact vision and text encoders share.

Legend: B batch, L tokens, F width, H heads.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

__all__ = ["Block", "SelfAttention", "attend", "initialise_linear"]


_MOST_IN_STEPS = 1024
"""Tokens up to which attention may hold all its weights at once."""


class SelfAttention(nn.Module):
    """Multi-head self-attention through torch's fused kernel, or in steps where that is faster."""

    def __init__(self, width: int, *, heads: int):
        super().__init__()
        self.heads = heads
        self.qkv = nn.Linear(width, 3 * width)
        self.out = nn.Linear(width, width)

    def forward(
        self, tokens: Tensor, *, keep: Tensor | None = None, causal: bool = False, place: Tensor | None = None
    ) -> Tensor:
        """Mix the tokens.

        Args:
            tokens: (B, L, F).
            keep: True where a key may be looked at, broadcastable to (B, H, L, L).
            causal: look backwards only; with neither `keep` nor `place`.
            place: the only token of each row that is wanted, (B,); `keep` is then for that one query.

        Returns:
            (B, L, F), or (B, 1, F) where a place is given.
        """
        batch, length, width = tokens.shape
        query, key, value = (
            self.qkv(tokens).view(batch, length, 3, self.heads, width // self.heads).permute(2, 0, 3, 1, 4).unbind(0)
        )
        if place is not None:
            query = query[torch.arange(batch, device=place.device), :, place].unsqueeze(2)
        mixed = attend(query, key, value, keep=keep, causal=causal)
        out: Tensor = self.out(mixed.transpose(1, 2).reshape(batch, -1, width))
        return out

    @torch.no_grad()
    def looks(self, tokens: Tensor, *, place: Tensor, keep: Tensor | None = None) -> Tensor:
        """Say how much one token of each row looks at every token, averaged over heads.

        Args:
            tokens: (B, L, F), as in `forward`.
            place: which token, (B,).
            keep: True where it may look, (B, L).

        Returns:
            (B, L), rows that sum to 1, without gradient.
        """
        batch, length, width = tokens.shape
        rows = torch.arange(batch, device=tokens.device)
        weight, bias = self.qkv.weight, self.qkv.bias
        query = functional.linear(tokens[rows, place], weight[:width], bias[:width]).view(batch, self.heads, -1)
        key = functional.linear(tokens, weight[width : 2 * width], bias[width : 2 * width])
        key = key.view(batch, length, self.heads, -1)
        scores = torch.einsum("bhd,blhd->bhl", query, key).float() * query.shape[-1] ** -0.5
        if keep is not None:
            scores = scores.masked_fill(~keep[:, None], float("-inf"))
        out: Tensor = scores.softmax(dim=-1).mean(dim=1)
        return out


def attend(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    *,
    keep: Tensor | None = None,
    causal: bool = False,
    dropout: float = 0.0,
) -> Tensor:
    """Mix values by softmax(query · key / √d): by torch's fused kernel, or in steps where that is faster.

    Args:
        query: (B, H, L, d).
        key: (B, H, K, d).
        value: (B, H, K, d).
        keep: True where a key may be looked at, broadcastable to (B, H, L, K).
        causal: look backwards only; not with `keep`.
        dropout: share of the weights that is dropped.

    Returns:
        (B, H, L, d).
    """
    reduced = query.device.type == "cpu" and query.dtype == torch.bfloat16
    if reduced and not dropout and key.shape[2] <= _MOST_IN_STEPS:
        return _plain(query, key, value, keep, causal)
    return functional.scaled_dot_product_attention(
        query, key, value, attn_mask=keep, is_causal=causal, dropout_p=dropout
    )


def _plain(query: Tensor, key: Tensor, value: Tensor, keep: Tensor | None, causal: bool) -> Tensor:
    """Do the same in steps: two to six times as fast in bfloat16 on the CPU, where the fused backward is slow."""
    scores = (query * query.shape[-1] ** -0.5) @ key.transpose(-1, -2)
    if causal:
        keep = torch.ones(scores.shape[-2:], dtype=torch.bool, device=scores.device).tril()
    if keep is not None:
        scores = scores.masked_fill(~keep, float("-inf"))
    out: Tensor = scores.softmax(dim=-1).to(value.dtype) @ value
    return out


class Block(nn.Module):
    """Attention and a two-layer perceptron, each behind a layer norm and beside a shortcut (pre-norm)."""

    def __init__(self, width: int, *, heads: int, depth: int, quick: bool = False):
        """Build; `depth` blocks share the growth of the shortcut, `quick` takes x · σ(1.702 x) for GELU, as CLIP."""
        super().__init__()
        self.depth, self.quick = depth, quick
        self.attention_norm = nn.LayerNorm(width)
        self.attention = SelfAttention(width, heads=heads)
        self.perceptron_norm = nn.LayerNorm(width)
        self.expand = nn.Linear(width, 4 * width)
        self.contract = nn.Linear(4 * width, width)

    def forward(
        self,
        tokens: Tensor,
        *,
        keep: Tensor | None = None,
        causal: bool = False,
        place: Tensor | None = None,
        watched: tuple[Tensor, Tensor | None] | None = None,
    ) -> Tensor | tuple[Tensor, Tensor]:
        """Tokens (B, L, F) to tokens, all or the one at `place`; arguments as in `SelfAttention`.

        Where `watched` is given, `place` and `keep` of `SelfAttention.looks`, what that returns comes beside them.
        """
        normal = self.attention_norm(tokens)
        looks = None if watched is None else self.attention.looks(normal, place=watched[0], keep=watched[1])
        mixed = self.attention(normal, keep=keep, causal=causal, place=place)
        if place is not None:
            tokens = tokens[torch.arange(len(tokens), device=place.device), place].unsqueeze(1)
        tokens = tokens + mixed
        inner = self.expand(self.perceptron_norm(tokens))
        inner = inner * torch.sigmoid(1.702 * inner) if self.quick else functional.gelu(inner)
        out: Tensor = tokens + self.contract(inner)
        return out if looks is None else (out, looks)

    @torch.no_grad()
    def initialise(self) -> None:
        """Draw the weights; what adds to the shortcut starts smaller in a deeper stack, as in CLIP."""
        for layer in (self.attention.qkv, self.expand):
            initialise_linear(layer)
        for layer in (self.attention.out, self.contract):
            initialise_linear(layer, gain=(2 * self.depth) ** -0.5)


def initialise_linear(layer: nn.Linear, *, gain: float = 1.0) -> None:
    """Draw the weights from a normal with deviation gain / √inputs; zero the bias."""
    nn.init.normal_(layer.weight, std=gain * layer.in_features**-0.5)
    if layer.bias is not None:
        nn.init.zeros_(layer.bias)
