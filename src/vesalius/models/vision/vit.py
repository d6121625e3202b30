"""A compact vision transformer for pictures, volumes and clips: one patch embedding for two and three axes.

Legend: B batch, C channels, P patches, F width; S input size by axis, G patches by axis.
"""

from __future__ import annotations

from math import prod

import torch
from torch import Tensor, nn
from torch.nn import functional

from vesalius.errors import DataError
from vesalius.models.pooling import Encoding
from vesalius.models.recompute import run
from vesalius.models.settings import DualEncoderConfig
from vesalius.models.transformer import Block, initialise_linear

__all__ = ["PatchEmbedding", "VisionTransformer"]


class PatchEmbedding(nn.Module):
    """Cut the input into patches and put each through one matrix."""

    def __init__(self, patch: tuple[int, ...], *, channels: int, width: int):
        super().__init__()
        self.patch = patch
        self.channels = channels
        self.project = nn.Linear(channels * prod(patch), width)

    def forward(self, image: Tensor) -> tuple[Tensor, tuple[int, ...]]:
        """Image (B, C, *S) to patches (B, P, F) in row-major order, and their grid G."""
        grid = self.grid(image)
        axes = len(grid)
        # (B, C, G1, p1, G2, p2, …) -> (B, G1, G2, …, C, p1, p2, …)
        split = [number for pair in zip(grid, self.patch, strict=True) for number in pair]
        cells = image.reshape(image.shape[0], self.channels, *split)
        order = [0, *range(2, 2 + 2 * axes, 2), 1, *range(3, 3 + 2 * axes, 2)]
        flat = cells.permute(order).reshape(image.shape[0], prod(grid), -1)
        return self.project(flat), grid

    def grid(self, image: Tensor) -> tuple[int, ...]:
        """Patches along each axis of the image; refuses what does not fit."""
        found = tuple(image.shape[1:])
        if len(found) != 1 + len(self.patch) or found[0] != self.channels:
            expected = ("B", str(self.channels), *("slices", "rows", "columns")[-len(self.patch) :])
            raise DataError(f"the encoder takes images ({', '.join(expected)}), found shape {tuple(image.shape)}")
        if any(size % patch for size, patch in zip(found[1:], self.patch, strict=True)):
            raise DataError(f"image of {found[1:]} is not a multiple of the patch {self.patch}: resize or pad it")
        return tuple(size // patch for size, patch in zip(found[1:], self.patch, strict=True))


class VisionTransformer(nn.Module):
    """Pre-norm ViT; the position embedding is interpolated to the grid of the input."""

    drops = True
    """Patches that are not kept do not reach the blocks."""
    recompute = False
    """Blocks keep their inputs alone while training; see `vesalius.models.recompute`."""

    def __init__(self, settings: DualEncoderConfig):
        super().__init__()
        self.width, depth, heads = settings.side("vision")
        self.embedding = PatchEmbedding(settings.patches, channels=settings.channels, width=self.width)
        grid = tuple(size // patch for size, patch in zip(settings.size, settings.patches, strict=True))
        self.position = nn.Parameter(torch.zeros(1, self.width, *grid))
        summarises = settings.vision_pool == "cls"
        self.summary = nn.Parameter(torch.zeros(1, 1, self.width)) if summarises else None
        self.before = nn.LayerNorm(self.width) if settings.embedding_norm else nn.Identity()
        self.blocks = nn.ModuleList(
            Block(self.width, heads=heads, depth=depth, quick=settings.quick_gelu) for _ in range(depth)
        )
        self.after = nn.LayerNorm(self.width)

    def forward(
        self, image: Tensor, *, local: bool = True, attention: bool = False, kept: Tensor | None = None
    ) -> Encoding:
        """Image (B, C, rows, columns) or (B, C, slices, rows, columns) to patch tokens (B, P, F).

        Without `local` an encoder with a class token leaves the patches out of its last block. Where numbers of
        patches are `kept`, (B, V), the others are dropped before the first block: tokens (B, V, F) in that order.
        """
        tokens, grid = self.embedded(image)
        if kept is not None:
            tokens = tokens.gather(1, kept[..., None].expand(-1, -1, tokens.shape[-1]))
        return self.read(tokens, grid=grid, local=local, attention=attention)

    def embedded(self, image: Tensor) -> tuple[Tensor, tuple[int, ...]]:
        """Image to patches with their positions, (B, P, F), as the blocks get them, and their grid."""
        tokens, grid = self.embedding(image)
        return tokens + self._positions(grid), grid

    def read(self, tokens: Tensor, *, grid: tuple[int, ...], local: bool = True, attention: bool = False) -> Encoding:
        """Embedded patches, or what stands for them, (B, P, F), through the blocks; the rest as in `forward`."""
        if self.summary is not None:
            tokens = torch.cat([self.summary.expand(len(tokens), -1, -1).to(tokens.dtype), tokens], dim=1)
        tokens = self.before(tokens)
        for block in self.blocks[:-1]:
            tokens = run(block, tokens, recompute=self.recompute)
        if self.summary is None:
            return Encoding(self.after(run(self.blocks[-1], tokens, recompute=self.recompute)), grid=grid)
        first = torch.zeros(len(tokens), dtype=torch.long, device=tokens.device)
        if attention:
            tokens, looks = self.blocks[-1](tokens, watched=(first, None))
            tokens = self.after(tokens)
            return Encoding(tokens[:, 1:], grid=grid, summary=tokens[:, 0], attention=looks[:, 1:])
        if not local:
            return Encoding(None, grid=grid, summary=self.after(self.blocks[-1](tokens, place=first))[:, 0])
        tokens = self.after(self.blocks[-1](tokens))
        return Encoding(tokens[:, 1:], grid=grid, summary=tokens[:, 0])

    def frozen_first(self) -> list[nn.Module | nn.Parameter]:
        """What is frozen below the first block."""
        parts: list[nn.Module | nn.Parameter] = [self.embedding, self.position, self.before]
        return parts if self.summary is None else [*parts, self.summary]

    def stages(self) -> list[nn.Module]:
        """Blocks from the input on, for freezing."""
        return list(self.blocks)

    @torch.no_grad()
    def initialise(self) -> None:
        """Draw what no block owns."""
        initialise_linear(self.embedding.project)
        nn.init.normal_(self.position, std=0.02)
        if self.summary is not None:
            nn.init.normal_(self.summary, std=0.02)

    def _positions(self, grid: tuple[int, ...]) -> Tensor:
        """Position embedding (1, P, F) on `grid`."""
        position: Tensor = self.position
        if position.shape[2:] != grid:
            mode = "bilinear" if len(grid) == 2 else "trilinear"
            position = functional.interpolate(position, size=grid, mode=mode, align_corners=False)
        return position.flatten(2).transpose(1, 2)
