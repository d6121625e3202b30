"""Three decoders from feature maps to masks: U-Net, UPerNet and the progressive upsampling of SETR.

Sources: Ronneberger et al. 2015, arXiv 1505.04597; Xiao et al. 2018, arXiv 1807.10221; Zheng et al. 2021,
arXiv 2012.15840 (SETR-PUP). Each takes the maps of `feature_maps` and gives one logit a class and pixel, so that
classes may overlap, as findings do.
Legend: B batch, F width of a map, h and w its rows and columns, K classes.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil, log2

import torch
from torch import Tensor, nn
from torch.nn import functional

from vesalius.models.dense.maps import pyramid

__all__ = ["DECODERS", "ProgressiveDecoder", "UNetDecoder", "UPerNetDecoder"]

_POOLS = (1, 2, 3, 6)
"""Sides of the pooled maps of UPerNet's pyramid pooling (paper, section 3.1)."""


class UNetDecoder(nn.Module):
    """From the deepest map upwards: enlarge, join the next shallower map, two convolutions."""

    def __init__(self, widths: Sequence[int], *, classes: int, width: int = 128):
        super().__init__()
        self.join = nn.ModuleList()
        below = widths[-1]
        for skip in reversed(widths[:-1]):
            self.join.append(nn.Sequential(_convolution(below + skip, width), _convolution(width, width)))
            below = width
        self.classify = nn.Conv2d(width, classes, 1)

    def forward(self, maps: Sequence[Tensor], size: tuple[int, int]) -> Tensor:
        """Maps, shallow ones first, to logits (B, K, *size)."""
        maps = pyramid(maps)
        below = maps[-1]
        for join, skip in zip(self.join, reversed(maps[:-1]), strict=True):
            below = join(torch.cat([_resized(below, skip.shape[-2:]), skip], dim=1))
        return _resized(self.classify(below), size)


class UPerNetDecoder(nn.Module):
    """Pyramid pooling of the deepest map, a feature pyramid over the others, all levels fused."""

    def __init__(self, widths: Sequence[int], *, classes: int, width: int = 128):
        super().__init__()
        self.pools = nn.ModuleList(_convolution(widths[-1], width, kernel=1) for _ in _POOLS)
        self.bottleneck = _convolution(widths[-1] + len(_POOLS) * width, width)
        self.laterals = nn.ModuleList(_convolution(inner, width, kernel=1) for inner in widths[:-1])
        self.smooth = nn.ModuleList(_convolution(width, width) for _ in widths[:-1])
        self.fuse = _convolution(len(widths) * width, width)
        self.classify = nn.Conv2d(width, classes, 1)

    def forward(self, maps: Sequence[Tensor], size: tuple[int, int]) -> Tensor:
        """Maps, shallow ones first, to logits (B, K, *size)."""
        maps = pyramid(maps)
        levels = [lateral(found) for lateral, found in zip(self.laterals, maps[:-1], strict=True)]
        levels.append(self._pooled(maps[-1]))
        for place in range(len(levels) - 2, -1, -1):
            levels[place] = levels[place] + _resized(levels[place + 1], levels[place].shape[-2:])
        smoothed = [smooth(level) for smooth, level in zip(self.smooth, levels[:-1], strict=True)]
        finest = smoothed[0].shape[-2:]
        joined = torch.cat([_resized(level, finest) for level in (*smoothed, levels[-1])], dim=1)
        return _resized(self.classify(self.fuse(joined)), size)

    def _pooled(self, deepest: Tensor) -> Tensor:
        parts = [deepest]
        for side, convolve in zip(_POOLS, self.pools, strict=True):
            parts.append(_resized(convolve(functional.adaptive_avg_pool2d(deepest, side)), deepest.shape[-2:]))
        out: Tensor = self.bottleneck(torch.cat(parts, dim=1))
        return out


class ProgressiveDecoder(nn.Module):
    """The deepest map alone, enlarged twofold by turns of convolution and interpolation."""

    def __init__(self, widths: Sequence[int], *, classes: int, width: int = 128):
        super().__init__()
        self.steps = nn.ModuleList([_convolution(widths[-1], width), *(_convolution(width, width) for _ in range(3))])
        self.classify = nn.Conv2d(width, classes, 1)

    def forward(self, maps: Sequence[Tensor], size: tuple[int, int]) -> Tensor:
        """Maps, of which the last is read, to logits (B, K, *size)."""
        below = maps[-1]
        doublings = min(len(self.steps), max(0, ceil(log2(max(size) / max(below.shape[-2:])))))
        for number, step in enumerate(self.steps):
            below = step(below)
            if number < doublings:
                below = functional.interpolate(below, scale_factor=2, mode="bilinear", align_corners=False)
        return _resized(self.classify(below), size)


DECODERS: dict[str, type[UNetDecoder | UPerNetDecoder | ProgressiveDecoder]] = {
    "unet": UNetDecoder,
    "upernet": UPerNetDecoder,
    "setr": ProgressiveDecoder,
}
"""Decoders by the name that a setting takes."""


def _convolution(inputs: int, outputs: int, *, kernel: int = 3) -> nn.Sequential:
    """Convolve, normalise by groups and rectify; groups, for batches of downstream sets are small."""
    groups = next(count for count in (32, 16, 8, 4, 2, 1) if outputs % count == 0)
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, kernel, padding=kernel // 2, bias=False),
        nn.GroupNorm(groups, outputs),
        nn.ReLU(inplace=True),
    )


def _resized(found: Tensor, size: Sequence[int]) -> Tensor:
    if tuple(found.shape[-2:]) == tuple(size):
        return found
    return functional.interpolate(found, size=tuple(size), mode="bilinear", align_corners=False)
