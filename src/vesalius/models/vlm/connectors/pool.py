"""Adaptive average pooling of each view to k tokens along each axis, then a perceptron.

Source: InfiMed-Foundation 2025 (arXiv 2509.22261), which trains with few tokens first and more later; the same
weights serve every k.
Legend: N views, P tokens of a view, T after pooling, F width of the encoder, D width of the language model.
"""

from __future__ import annotations

import math

from torch import Tensor
from torch.nn import functional

from vesalius.errors import DataError
from vesalius.models.vlm.connector_settings import ConnectorConfig
from vesalius.models.vlm.connectors.base import PerView, perceptron

__all__ = ["CONNECTOR", "Pool"]


class Pool(PerView):
    """Windows that overlap where the grid is no multiple of k; k of the grid's size changes nothing."""

    def __init__(self, settings: ConnectorConfig, *, vision_width: int, language_width: int):
        super().__init__(settings, vision_width=vision_width, language_width=language_width)
        self.layers = perceptron(vision_width, settings=settings, outputs=language_width)

    def gather(self, tokens: Tensor, grid: tuple[int, ...]) -> Tensor:
        """Views (N, P, F) to (N, T, F)."""
        places = tokens.transpose(1, 2).reshape(len(tokens), -1, *grid)
        pool = functional.adaptive_avg_pool2d if len(grid) == 2 else functional.adaptive_avg_pool3d
        return pool(places, self.settings.pooled).flatten(2).transpose(1, 2)

    def project(self, tokens: Tensor) -> Tensor:
        """Tokens (…, F) to (…, D)."""
        out: Tensor = self.layers(tokens)
        return out

    def of_view(self, grid: tuple[int, ...]) -> int:
        """Return T."""
        return math.prod(self.places(grid))

    def places(self, grid: tuple[int, ...]) -> tuple[int, ...]:
        """Return k along each axis.

        Raises:
            DataError: an axis has fewer tokens than k.
        """
        if min(grid) < self.settings.pooled:
            raise DataError(
                f"a grid of {grid} tokens cannot be pooled to {self.settings.pooled} along each axis; lower "
                "connector.pooled or enlarge the views"
            )
        return (self.settings.pooled,) * len(grid)


CONNECTOR = Pool
