"""Several conversations in one row, none of which sees another.

Legend: R rows, L tokens of a row.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional
from transformers import AttentionInterface, AttentionMaskInterface
from transformers.integrations.sdpa_attention import repeat_kv, sdpa_attention_forward
from transformers.masking_utils import sdpa_mask

__all__ = ["attend_apart", "block_mask", "positions_in"]

_APART = "vesalius_apart"
"""Name of our attention among those of transformers."""
_BY_POSITION = ("flash_attention_2", "flash_attention_3")
"""Kernels that find the borders of packed conversations in their positions, which begin anew."""


def block_mask(segments: Tensor, language: Any) -> Tensor | None:
    """Return what is added to attention logits, (R, 1, L, L): a token sees itself and what is before it of its own.

    None where nothing but the order of the tokens is to be kept, or where the kernel finds the borders itself. Where
    `attend_apart` was called, on the CPU, it is the segments, (R, 1, 1, L). Padding sees nothing but padding, so that
    no row of logits is empty.

    Args:
        segments: number of the conversation in its row from 1, 0 for padding, (R, L).
        language: the language model, whose way of attending decides the form.
    """
    if language.config._attn_implementation in _BY_POSITION or bool((segments == 1).all()):
        return None
    if language.config._attn_implementation == _APART and segments.device.type == "cpu":
        return segments[:, None, None]
    length = segments.shape[1]
    same = segments[:, :, None] == segments[:, None, :]
    order = torch.ones(length, length, dtype=torch.bool, device=segments.device).tril()
    alone = torch.eye(length, dtype=torch.bool, device=segments.device)
    seen = (same & order & (segments > 0)[:, None, :]) | alone
    mask = torch.zeros(seen.shape, dtype=language.dtype, device=segments.device)
    return mask.masked_fill_(~seen, torch.finfo(mask.dtype).min)[:, None]


def positions_in(segments: Tensor) -> Tensor:
    """Return the place of every token in its own conversation, (R, L); of padding 0."""
    steps = torch.arange(segments.shape[1], device=segments.device).expand_as(segments)
    begins = torch.ones_like(segments, dtype=torch.bool)
    begins[:, 1:] = segments[:, 1:] != segments[:, :-1]
    first = torch.where(begins, steps, 0).cummax(dim=1).values
    return (steps - first) * (segments > 0)


def attend_apart(language: Any) -> None:
    """Let a language model attend within each packed conversation by itself, where it would fill a mask on the CPU.

    Of a row of L tokens with conversations of l tokens each, attention then costs L·l and not L². Models with
    windows, or with a way of attending of their own choice, stay as they are.
    """
    config = language.config
    if config._attn_implementation == "sdpa" and not getattr(config, "sliding_window", None):
        config._attn_implementation = _APART


def _attend(
    module: Any,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attention_mask: Tensor | None,
    dropout: float = 0.0,
    scaling: float | None = None,
    **options: Any,
) -> tuple[Tensor, None]:
    """Attention as models of transformers call it, query (R, H, L, D); a mask of whole numbers is segments."""
    if attention_mask is None or attention_mask.dtype.is_floating_point or attention_mask.dtype == torch.bool:
        found: tuple[Tensor, None] = sdpa_attention_forward(
            module, query, key, value, attention_mask, dropout=dropout, scaling=scaling, **options
        )
        return found
    rows, heads, length, width = query.shape
    lengths = _runs(attention_mask[:, 0, 0])
    groups = query.shape[1] // key.shape[1]
    apart = [
        one.transpose(0, 1).reshape(1, heads, rows * length, -1).split(lengths, dim=2)
        for one in (query, repeat_kv(key, groups), repeat_kv(value, groups))
    ]
    attended = torch.cat(
        [
            functional.scaled_dot_product_attention(
                asks, keys, values, dropout_p=dropout, is_causal=True, scale=scaling
            )
            for asks, keys, values in zip(*apart, strict=True)
        ],
        dim=2,
    )
    return attended.view(heads, rows, length, width).permute(1, 2, 0, 3), None


def _runs(segments: Tensor) -> list[int]:
    """Return the lengths of the conversations and paddings of (R, L), row by row."""
    changes = torch.ones_like(segments, dtype=torch.bool)
    changes[:, 1:] = segments[:, 1:] != segments[:, :-1]
    begins = changes.flatten().nonzero().flatten()
    lengths: list[int] = torch.diff(begins, append=begins.new_tensor([segments.numel()])).tolist()
    return lengths


AttentionInterface.register(_APART, _attend)
AttentionMaskInterface.register(_APART, sdpa_mask)
