"""A trained model as a head sees it: its encoders, its tokenizer and how its pictures are prepared."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from vesalius.data.transforms import ImageProcessor
from vesalius.models.dense.maps import feature_maps, map_widths
from vesalius.models.dual import DualEncoder
from vesalius.training.checkpoint import LoadedModel, load_model

__all__ = ["Trunk", "open_trunk"]


class Trunk(nn.Module):
    """Encoders of a run. Legend: B batch, C channels, D joint width, F width, h and w rows and columns of a map."""

    def __init__(self, loaded: LoadedModel) -> None:
        super().__init__()
        self.method = loaded.method
        self.loaded = loaded

    @property
    def model(self) -> DualEncoder:
        """The dual encoder of the method."""
        return self.method.model

    @property
    def processor(self) -> ImageProcessor:
        """What is done to every picture."""
        return self.loaded.processor

    @property
    def tokenizer(self) -> Any:
        """What cuts texts into tokens."""
        return self.loaded.tokenizer

    @property
    def width(self) -> int:
        """Width F of the pooled features."""
        return int(self.model.vision.width)

    @property
    def size(self) -> tuple[int, ...]:
        """Input size by axis."""
        return self.processor.shape[1:]

    def pooled(self, pixel_values: Tensor) -> Tensor:
        """Normalised images (B, C, …) to features before any projection, (B, F)."""
        return self.model.encode_image(pixel_values, local=False).pooled

    @property
    def projected_width(self) -> int:
        """Width D of the projected features."""
        return int(self.model.vision_head.width)

    def projected(self, pixel_values: Tensor) -> Tensor:
        """Normalised images (B, C, …) to features after the projection, not of unit norm, (B, D)."""
        features: Tensor = self.model.vision_head(self.pooled(pixel_values))
        return features

    def maps(self, pixel_values: Tensor) -> list[Tensor]:
        """Normalised pictures (B, C, rows, columns) to maps (B, F, h, w) after each quarter of the encoder."""
        return feature_maps(self.model.vision, pixel_values)

    def map_widths(self) -> list[int]:
        """Width F of each map."""
        return map_widths(self.model.vision, channels=self.processor.channels, size=self.size)

    def vision_parts(self) -> list[nn.Module]:
        """Modules that a head on pictures fits together with itself."""
        model = self.model
        return [model.vision] if model.vision_pool is None else [model.vision, model.vision_pool]

    def untrained(self, seed: int) -> Trunk:
        """Return the same architecture with random weights: what the training of the encoder is measured against."""
        twin = copy.deepcopy(self)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            model = type(self.model)(self.model.config)
            if self.method.fused_width:
                twin.method = type(self.method)(self.method.settings, model)
                twin.method.prepare(self.tokenizer)
            twin.method.model = model
        return twin


def open_trunk(model: str | Path) -> Trunk:
    """Open the model of a run or a model folder, offline.

    Raises:
        CheckpointError: it is missing, corrupt or unsafe.
    """
    return Trunk(load_model(model))
