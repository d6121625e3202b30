"""A narrow transformer that rebuilds the pixels of hidden patches.

Source: the decoder of He et al. 2021 (MAE, arXiv 2111.06377) with fixed sine and cosine positions, on pictures and
volumes; blocks as the vision encoder's.

Legend: B batch, V visible patches, P patches, D width of what comes in, E width of the decoder, W values of a patch.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import prod

import torch
from torch import Tensor, nn

from vesalius.models.fusion.streams import initialise_normal
from vesalius.models.recompute import run
from vesalius.models.transformer import Block

__all__ = ["Fill", "PixelDecoder", "grid_positions"]

Fill = Callable[[Tensor, Tensor], Tensor]
"""``fill(visible, hidden)``: visible patches (B, V, E) at their places and a token (E,) at all others, (B, P, E),
such as `vesalius.objectives.masked.restored` with its masking."""


class PixelDecoder(nn.Module):
    """Visible patches and a summary to the values of every patch."""

    recompute = False
    """Blocks keep their inputs alone while training; see `vesalius.models.recompute`."""

    def __init__(self, source_width: int, *, width: int, depth: int, heads: int, values: int, quick: bool = False):
        """Build.

        Args:
            source_width: D of the stream that is decoded.
            width: E.
            depth: blocks.
            heads: attention heads.
            values: W, pixels of a patch times channels.
            quick: blocks with CLIP's quick GELU.
        """
        super().__init__()
        self.width = width
        self.embed = nn.Linear(source_width, width)
        self.hidden_token = nn.Parameter(torch.randn(width) * 0.02)
        self.blocks = nn.ModuleList(Block(width, heads=heads, depth=depth, quick=quick) for _ in range(depth))
        self.norm = nn.LayerNorm(width)
        self.predict = nn.Linear(width, values)
        initialise_normal(self)

    def forward(self, stream: Tensor, fill: Fill, grid: Sequence[int]) -> Tensor:
        """Rebuild patches.

        Args:
            stream: summary and visible patches, (B, 1 + V, D).
            fill: puts these at their places.
            grid: patches along each axis, two or three, P in all.

        Returns:
            (B, P, W), in the layout of `vesalius.objectives.masked.patchify`.
        """
        tokens = self.embed(stream)
        patches = fill(tokens[:, 1:], self.hidden_token)
        patches = patches + grid_positions(grid, self.width).to(patches)
        tokens = torch.cat([tokens[:, :1], patches], dim=1)
        for block in self.blocks:
            tokens = run(block, tokens, recompute=self.recompute)
        out: Tensor = self.predict(self.norm(tokens))[:, 1:]
        return out


def grid_positions(grid: Sequence[int], width: int) -> Tensor:
    """Return fixed positions (P, E): an equal share of the width an axis, the last axis first, sines before cosines.

    The frequencies of a share of 2 m values are 10000^(-i / m), i = 0 to m - 1. With two axes these are MAE's; what a
    width leaves over is 0.

    Raises:
        ValueError: the width gives an axis no sine and cosine.
    """
    half = width // (2 * len(grid))
    if half < 1:
        raise ValueError(f"a width of {width} holds no sine and cosine for each of {len(grid)} axes")
    frequency = 10000.0 ** (-torch.arange(half, dtype=torch.float64) / half)
    places = torch.meshgrid(*(torch.arange(side, dtype=torch.float64) for side in grid), indexing="ij")
    parts = []
    for axis in reversed(range(len(grid))):
        angle = places[axis].reshape(-1, 1) * frequency
        parts += [angle.sin(), angle.cos()]
    rest = torch.zeros(prod(grid), width - 2 * half * len(grid), dtype=torch.float64)
    return torch.cat([*parts, rest], dim=1).float()
