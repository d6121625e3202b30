"""Several conversations in one row, none of which sees another.

Legend: R rows, L tokens of a row.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

__all__ = ["block_mask", "positions_in"]

_BY_POSITION = ("flash_attention_2", "flash_attention_3")
"""Kernels that find the borders of packed conversations in their positions, which begin anew."""


def block_mask(segments: Tensor, language: Any) -> Tensor | None:
    """Return what is added to attention logits, (R, 1, L, L): a token sees itself and what is before it of its own.

    None where nothing but the order of the tokens is to be kept, or where the kernel finds the borders itself.
    Padding sees itself alone, so that no row of logits is empty.

    Args:
        segments: number of the conversation in its row from 1, 0 for padding, (R, L).
        language: the language model, whose way of attending decides the form.
    """
    if language.config._attn_implementation in _BY_POSITION or bool((segments == 1).all()):
        return None
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
