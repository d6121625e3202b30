"""Encoders that read prompts where a picture or a text is missing, and what such prompts are asked for with.

Source: Chen et al. 2023 (PTUnifier, arXiv 2302.08958, section 3.2).

Legend: B batch, L tokens, P patches, K prompts, F width of the encoder.
"""

from __future__ import annotations

import torch
from torch import Tensor

from vesalius.errors import ConfigError
from vesalius.models.dual import DualEncoder
from vesalius.models.vision.resnet import ResNet

__all__ = ["image_query", "prompted_image", "prompted_text", "require_prompts", "text_query"]


def require_prompts(model: DualEncoder, *, least: int = 1) -> None:
    """Raise a ConfigError where prompts cannot stand for a picture, of which there are `least` or more.

    The vision encoder must be a plain transformer, and have a class token where there may be no prompt at all.
    """
    if isinstance(model.vision, ResNet) or not model.vision.drops:
        raise ConfigError(
            f"model.vision {model.settings.vision!r} reads no prompts in the place of patches: take vit, or a plain "
            "transformer such as hf:openai/clip-vit-base-patch16"
        )
    if least == 0 and model.settings.vision_pool != "cls":
        raise ConfigError("without prompts the class token alone stands for a picture: set model.vision_pool to cls")


def image_query(model: DualEncoder, pixel_values: Tensor) -> Tensor:
    """Mean of the patches as the first block gets them, (B, F)."""
    patches: Tensor = model.vision.embedded(pixel_values)[0]
    return patches.mean(dim=1)


def text_query(model: DualEncoder, input_ids: Tensor, attention_mask: Tensor) -> Tensor:
    """Mean of a text's real tokens but the first as the first block gets them, (B, F); 0 where there are none."""
    weights = attention_mask[:, 1:, None].to(torch.float32)
    tokens = model.text.embedded(input_ids)[:, 1:]
    weights = weights.to(tokens.dtype)
    query: Tensor = (tokens * weights).sum(dim=1) / weights.sum(dim=1).clamp(min=1)
    return query


def prompted_image(model: DualEncoder, prompts: Tensor) -> Tensor:
    """Summary and prompts (B, K, F) through the vision encoder, (B, 1 + K, F).

    Prompts carry no position. Without prompts the class token alone stands for the picture.
    """
    encoding = model.vision.read(prompts, grid=(prompts.shape[1],))
    pooled = model.pooled(encoding, side="vision")
    return torch.cat([pooled[:, None].to(encoding.tokens.dtype), encoding.tokens], dim=1)


def prompted_text(model: DualEncoder, prompts: Tensor, *, first: int, last: int) -> Tensor:
    """First token, prompts (B, K, F) and last token through the text encoder, (B, K + 2, F); for none the first.

    Both tokens have the first position, as in the authors' code, which embeds each by itself.

    Args:
        model: whose text encoder reads.
        prompts: rows in the place of words.
        first: number of the token before them, such as [CLS].
        last: number of the token after them, such as [SEP].
    """
    batch, device = len(prompts), prompts.device
    begin, end = (
        model.text.embedded(torch.full((batch, 1), number, dtype=torch.long, device=device))
        for number in (first, last)
    )
    tokens = torch.cat([begin, prompts.to(begin.dtype), end], dim=1) if prompts.shape[1] else begin
    encoding = model.text.read(tokens, torch.ones(tokens.shape[:2], dtype=torch.bool, device=device))
    out: Tensor = encoding.tokens
    return out
