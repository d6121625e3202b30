"""A compact family of residual networks for pictures and volumes.

Source: He et al., 2015, arXiv 1512.03385; the stride stands on the 3×3 convolution, as everybody has it now.
Depth 18 with width 512 and depth 50 with width 2048 have the published layouts and numbers of weights. An inflated
3D one (see `vesalius.models.vision.inflation`) has a stem of 3 slices that keeps their number.
Legend: B batch, C channels, P places of the last map, F width.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from vesalius.errors import ConfigError, DataError
from vesalius.models.pooling import Encoding
from vesalius.models.recompute import run
from vesalius.models.settings import DualEncoderConfig

__all__ = ["ResNet", "Residual"]

_BLOCKS = {
    10: (1, 1, 1, 1),
    18: (2, 2, 2, 2),
    34: (3, 4, 6, 3),
    50: (3, 4, 6, 3),
    101: (3, 4, 23, 3),
    152: (3, 8, 36, 3),
}
_CONVOLUTION: dict[int, type[nn.Conv2d | nn.Conv3d]] = {2: nn.Conv2d, 3: nn.Conv3d}
_NORM: dict[int, type[nn.BatchNorm2d | nn.BatchNorm3d]] = {2: nn.BatchNorm2d, 3: nn.BatchNorm3d}
_POOL: dict[int, type[nn.MaxPool2d | nn.MaxPool3d]] = {2: nn.MaxPool2d, 3: nn.MaxPool3d}
_LAYOUT = {2: torch.channels_last, 3: torch.channels_last_3d}


class Residual(nn.Module):
    """Two 3×3 convolutions, or 1×1, 3×3, 1×1 with `expansion` 4, beside a shortcut."""

    def __init__(self, inputs: int, outputs: int, *, stride: int, expansion: int, dimensions: int):
        super().__init__()
        inner = outputs // expansion
        steps = [(inputs, inner, 3, stride), (inner, outputs, 3, 1)]
        if expansion > 1:
            steps = [(inputs, inner, 1, 1), (inner, inner, 3, stride), (inner, outputs, 1, 1)]
        self.steps = nn.ModuleList(_convolution(*step, dimensions=dimensions) for step in steps)
        self.shortcut: nn.Module = nn.Identity()
        if stride != 1 or inputs != outputs:
            self.shortcut = _convolution(inputs, outputs, 1, stride, dimensions=dimensions)

    def forward(self, image: Tensor) -> Tensor:
        """Map (B, inputs, …) to map (B, outputs, …)."""
        out = image
        for number, step in enumerate(self.steps, start=1):
            out = step(out)
            out = functional.relu(out, inplace=True) if number < len(self.steps) else out
        return functional.relu(out + self.shortcut(image), inplace=True)

    @torch.no_grad()
    def initialise(self) -> None:
        """Start each block as its shortcut: the last norm's scale is zero."""
        nn.init.zeros_(self.steps[-1][1].weight)  # type: ignore[index]


class ResNet(nn.Module):
    """Stem, stages, and the places of the last map as tokens."""

    drops = False
    """A convolution needs every pixel: places cannot be left out."""

    recompute = False
    """Stages keep their inputs alone while training; see `vesalius.models.recompute`."""

    def __init__(self, settings: DualEncoderConfig):
        super().__init__()
        width, depth, _ = settings.side("vision")
        self.width = width >> (4 - settings.vision_stages)
        self.channels, dimensions = settings.channels, settings.dimensions
        expansion = 4 if depth >= 50 else 1
        if width % (8 * expansion):
            raise ConfigError(f"model.vision_width {width}: a ResNet-{depth} needs a multiple of {8 * expansion}")
        self.dimensions = dimensions
        stem = width // (8 * expansion)
        self.stem = nn.Sequential(
            _convolution(self.channels, stem, 7, 2, dimensions=dimensions, slices=3 if settings.inflated else 0),
            nn.ReLU(inplace=True),
            _POOL[dimensions](3, stride=2, padding=1),
        )
        self.layers = nn.ModuleList()
        inputs = stem
        for stage, blocks in enumerate(_BLOCKS[depth][: settings.vision_stages]):
            outputs = stem * expansion * 2**stage
            self.layers.append(_stage(inputs, outputs, blocks, 1 + (stage > 0), expansion, dimensions))
            inputs = outputs

    def forward(self, image: Tensor, *, local: bool = True, attention: bool = False) -> Encoding:
        """Image (B, C, rows, columns), a volume with slices, to places (B, P, F) of the last map."""
        del local, attention  # the places are there anyway, and no token sums them up
        if image.dim() != 2 + self.dimensions or image.shape[1] != self.channels:
            raise DataError(
                f"the encoder takes {self.channels} channels and {self.dimensions} axes, "
                f"found shape {tuple(image.shape)}"
            )
        maps = self.stem(image.contiguous(memory_format=_LAYOUT[self.dimensions]))
        for stage in self.layers:
            maps = run(stage, maps, recompute=self.recompute)
        return Encoding(maps.flatten(2).transpose(1, 2), grid=tuple(maps.shape[2:]))

    def frozen_first(self) -> list[nn.Module | nn.Parameter]:
        """What is frozen below the first stage."""
        return [self.stem]

    def stages(self) -> list[nn.Module]:
        """Stages from the input on, for freezing."""
        return list(self.layers)


def _stage(inputs: int, outputs: int, blocks: int, stride: int, expansion: int, dimensions: int) -> nn.Sequential:
    first = Residual(inputs, outputs, stride=stride, expansion=expansion, dimensions=dimensions)
    rest = (
        Residual(outputs, outputs, stride=1, expansion=expansion, dimensions=dimensions) for _ in range(blocks - 1)
    )
    return nn.Sequential(first, *rest)


def _convolution(
    inputs: int, outputs: int, kernel: int, stride: int, *, dimensions: int, slices: int = 0
) -> nn.Sequential:
    """A convolution and its norm; with `slices` its kernel has so many of them, and their number stays."""
    kernels, strides = [kernel] * dimensions, [stride] * dimensions
    if slices:
        kernels[0], strides[0] = slices, 1
    shape: dict[str, Any] = {"stride": tuple(strides), "padding": tuple(size // 2 for size in kernels), "bias": False}
    convolution = _CONVOLUTION[dimensions](inputs, outputs, tuple(kernels), **shape)  # type: ignore[arg-type]
    return nn.Sequential(convolution, _NORM[dimensions](outputs))
