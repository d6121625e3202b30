"""Feature maps of any vision encoder at several depths, and the pyramid that plain transformers lack.

Legend: B batch, F width of a map, h and w its rows and columns.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil, isqrt, prod
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from vesalius.errors import ConfigError, DataError

__all__ = ["LEVELS", "feature_maps", "map_widths", "pyramid"]

LEVELS = 4
"""Depths that are tapped: after each quarter of the blocks or stages."""

_MOST_EXTRA_TOKENS = 16
"""Class and register tokens that may stand before the patches."""
_FACTORS = (4.0, 2.0, 1.0, 0.5)
"""Sizes that equal maps are brought to, as UPerNet on a plain ViT has them (BenchX, MMSegmentation)."""


def feature_maps(vision: Any, image: Tensor) -> list[Tensor]:
    """Return the maps (B, F, h, w) after each quarter of the encoder, shallow ones first.

    Args:
        vision: an encoder of `vesalius.models.vision`, or any module with `stages()` and the same output.
        image: normalised pictures (B, C, rows, columns).

    Raises:
        DataError: an output that is no map of this picture.
    """
    stages = vision.stages()
    chosen = [stages[ceil((level + 1) * len(stages) / LEVELS) - 1] for level in range(LEVELS)]
    kept: dict[int, Tensor] = {}

    def keep(module: nn.Module, arguments: Any, output: Any) -> None:
        kept[id(module)] = output if isinstance(output, Tensor) else output[0]

    handles = [stage.register_forward_hook(keep) for stage in set(chosen)]
    try:
        grid = vision(image).grid
    finally:
        for handle in handles:
            handle.remove()
    return [_as_map(kept[id(stage)], grid) for stage in chosen]


def map_widths(vision: Any, *, channels: int, size: tuple[int, ...]) -> list[int]:
    """Return the width F of each map, by one black picture of (rows, columns).

    Raises:
        ConfigError: the encoder takes volumes or clips.
    """
    if len(size) != 2:
        raise ConfigError(f"dense heads are for pictures; this encoder takes inputs of {size}")
    device = next(vision.parameters()).device
    training = vision.training
    vision.eval()
    with torch.no_grad():
        maps = feature_maps(vision, torch.zeros(1, channels, *size, device=device))
    vision.train(training)
    return [found.shape[1] for found in maps]


def pyramid(maps: Sequence[Tensor]) -> list[Tensor]:
    """Bring maps of one size to 4, 2, 1 and ½ of it; a pyramid, which has several sizes, stays as it is."""
    if len({tuple(found.shape[-2:]) for found in maps}) > 1:
        return list(maps)
    return [
        found
        if factor == 1
        else functional.interpolate(found, scale_factor=factor, mode="bilinear", align_corners=False)
        if min(found.shape[-2:]) * factor >= 1
        else found
        for found, factor in zip(maps, _FACTORS, strict=True)
    ]


def _as_map(output: Tensor, grid: tuple[int, ...]) -> Tensor:
    if output.dim() == 4:
        return output
    finer = isqrt(output.shape[1] // prod(grid))
    if finer > 1 and output.shape[1] == finer**2 * prod(grid):  # an earlier stage of a network that halves its grid
        grid = tuple(side * finer for side in grid)
    extra = output.shape[1] - prod(grid)
    if not 0 <= extra <= _MOST_EXTRA_TOKENS:
        raise DataError(f"an encoder's stage gave {tuple(output.shape)}, which is no map on a grid of {grid}")
    patches = output[:, extra:].transpose(1, 2)
    return patches.reshape(*patches.shape[:2], *grid)
