"""Any vision model of `transformers` as an encoder; a volume or clip goes through a 2D model slice by slice.

Legend: B batch, C channels, T slices or frames, P patches, F width.
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from math import isqrt, prod
from typing import Any

import torch
from torch import Tensor, nn

from vesalius.errors import DataError
from vesalius.models import foreign
from vesalius.models.pooling import Encoding

__all__ = ["ForeignVision"]

_DROPPING = ("vit", "deit", "clip_vision_model", "siglip_vision_model", "dinov2", "dinov2_with_registers")
"""Plain transformers that hold positions in their embeddings: patches can be left out before the first layer."""


class ForeignVision(nn.Module):
    """A vision tower of transformers: tokens without class or register tokens, and its own pooled output."""

    def __init__(self, values: Mapping[str, Any], *, pooled: bool):
        super().__init__()
        self.model = foreign.build(values)
        self.pooled = pooled
        config = self.model.config
        self.width = int(getattr(config, "hidden_size", None) or config.hidden_sizes[-1])
        self.channels = int(getattr(config, "num_channels", 3))
        accepted = inspect.signature(self.model.forward).parameters
        self.drops = config.model_type in _DROPPING
        """Patches of a picture that are not kept do not reach the layers."""
        self.interpolates = "interpolate_pos_encoding" in accepted or hasattr(config, "interpolate_pos_encoding")

    def forward(
        self, image: Tensor, *, local: bool = True, attention: bool = False, kept: Tensor | None = None
    ) -> Encoding:
        """Image (B, C, rows, columns) or (B, C, T, rows, columns) to patch tokens (B, P, F).

        One channel is repeated for a model that wants three. Slices become tokens beside each other, and the
        summary is their mean. Of a picture only the patches `kept` are read, (B, V), where the model `drops`.
        """
        del local  # the tokens are there anyway
        if image.dim() == 4:
            return self._pictures(image, attention=attention, kept=kept)
        batch, channels, frames, rows, columns = image.shape
        pictures = image.transpose(1, 2).reshape(batch * frames, channels, rows, columns)
        encoding = self._pictures(pictures, attention=attention)
        assert encoding.tokens is not None
        tokens = encoding.tokens.reshape(batch, -1, self.width)
        summary = None if encoding.summary is None else encoding.summary.view(batch, frames, -1).mean(dim=1)
        looks = None if encoding.attention is None else encoding.attention.reshape(batch, -1) / frames
        return Encoding(tokens, grid=(frames, *encoding.grid), summary=summary, attention=looks)

    def embedded(self, image: Tensor) -> tuple[Tensor, tuple[int, ...]]:
        """Picture to patches with their positions, (B, P, F), as the layers get them, and their grid."""
        if image.shape[1] == 1 and self.channels > 1:
            image = image.expand(-1, self.channels, -1, -1)
        options = {"interpolate_pos_encoding": True} if self.interpolates else {}
        tokens: Tensor = self.model.get_submodule("embeddings")(image, **options)
        grid, extra = self._grid(image, tokens.shape[1])
        return tokens[:, extra:], grid

    def read(self, tokens: Tensor, *, grid: tuple[int, ...]) -> Encoding:
        """Embedded patches, or what stands for them, (B, P, F), through the layers of a model that `drops`."""
        side = self.model.config.patch_size
        blank = tokens.new_zeros(len(tokens), self.channels, side, side)
        options = {"interpolate_pos_encoding": True} if self.interpolates else {}

        def change(own: Tensor) -> Tensor:
            return torch.cat([own[:, :-1], tokens.to(own.dtype)], dim=1)  # of the blank picture's one patch

        with foreign.changed_embeddings(self.model, change):
            output = self.model(pixel_values=blank, **options)
        read = output.last_hidden_state
        extra = read.shape[1] - tokens.shape[1]
        summary = getattr(output, "pooler_output", None)
        if summary is None:
            summary = read[:, 0] if extra else read.mean(dim=1)
        return Encoding(read[:, extra:], grid=grid, summary=summary)

    def unused(self) -> list[nn.Module | nn.Parameter]:
        """What never learns here."""
        return foreign.unused(self.model, pooled=self.pooled)

    def frozen_first(self) -> list[nn.Module | nn.Parameter]:
        """What is frozen below the first layer."""
        return list(foreign.stages(self.model)[0])

    def stages(self) -> list[nn.Module]:
        """Layers, or stages of a staged network, from the input on."""
        return foreign.stages(self.model)[1]

    def _pictures(self, image: Tensor, *, attention: bool, kept: Tensor | None = None) -> Encoding:
        if image.shape[1] == 1 and self.channels > 1:
            image = image.expand(-1, self.channels, -1, -1)
        if image.shape[1] != self.channels:
            raise DataError(f"the encoder takes {self.channels} channels, found shape {tuple(image.shape)}")
        options = {"interpolate_pos_encoding": True} if self.interpolates else {}
        with foreign.watched(self.model, wanted=attention) as found:
            options |= found.options
            if kept is not None:
                return self._dropped(image, kept, options, found)
            output = self.model(pixel_values=image, **options)
        tokens = output.last_hidden_state
        summary = getattr(output, "pooler_output", None)
        if tokens.dim() == 4:  # a map (B, F, rows, columns) of a convolutional network
            summary = tokens.mean(dim=(2, 3)) if summary is None else summary.flatten(1)
            return Encoding(tokens.flatten(2).transpose(1, 2), grid=tuple(tokens.shape[2:]), summary=summary)
        grid, extra = self._grid(image, tokens.shape[1])
        if summary is None:
            summary = tokens[:, 0] if extra else tokens.mean(dim=1)
        looks = found.looks(output)
        looks = None if looks is None or not extra else looks[:, 0, extra:]
        return Encoding(tokens[:, extra:], grid=grid, summary=summary, attention=looks)

    def _dropped(self, image: Tensor, kept: Tensor, options: Mapping[str, Any], found: foreign.Watched) -> Encoding:
        """Read the patches that are kept, and the class and register tokens."""
        patch = self.model.config.patch_size
        grid = (image.shape[-2] // patch, image.shape[-1] // patch)

        def drop(tokens: Tensor) -> Tensor:
            extra = tokens.shape[1] - prod(grid)
            patches = tokens[:, extra:].gather(1, kept[..., None].expand(-1, -1, tokens.shape[-1]))
            return torch.cat([tokens[:, :extra], patches], dim=1)

        with foreign.changed_embeddings(self.model, drop):
            output = self.model(pixel_values=image, **options)
        tokens = output.last_hidden_state
        extra = tokens.shape[1] - kept.shape[1]
        summary = getattr(output, "pooler_output", None)
        if summary is None:
            summary = tokens[:, 0] if extra else tokens.mean(dim=1)
        looks = found.looks(output)
        looks = None if looks is None or not extra else looks[:, 0, extra:]
        return Encoding(tokens[:, extra:], grid=grid, summary=summary, attention=looks)

    def _grid(self, image: Tensor, length: int) -> tuple[tuple[int, int], int]:
        """Rows and columns of patches, and how many other tokens stand before them."""
        patch = getattr(self.model.config, "patch_size", None)
        if isinstance(patch, int):
            rows, columns = image.shape[-2] // patch, image.shape[-1] // patch
            if 0 <= length - rows * columns <= 16:
                return (rows, columns), length - rows * columns
        # Stages that halve the grid keep the ratio of the sides.
        rows = isqrt(length * image.shape[-2] // image.shape[-1])
        if rows and length % rows == 0:
            return (rows, length // rows), 0
        raise DataError(f"{length} tokens of {self.model.config.model_type} do not fit an image {tuple(image.shape)}")


def pretrained_projection(whole: Any, *, side: str) -> torch.Tensor | None:
    """Return the matrix (D, F) by which a whole CLIP projects one side, or None where it has none."""
    layer = getattr(whole, "visual_projection" if side == "vision" else "text_projection", None)
    return None if layer is None else layer.weight.detach()
