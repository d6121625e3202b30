"""One matrix: every token of the encoder, or every block of neighbours, becomes a token of the language model.

Source: Liu et al. 2023 (LLaVA, arXiv 2304.08485), section 4.1.
Legend: N views, P tokens of a view, T after merging, F width of the encoder, G width after merging, D width of the
language model.
"""

from __future__ import annotations

import math

from torch import Tensor, nn

from vesalius.models.vlm.connector_settings import ConnectorConfig
from vesalius.models.vlm.connectors._merging import merged, merged_grid
from vesalius.models.vlm.connectors.base import PerView
from vesalius.models.vlm.views import Layout

__all__ = ["CONNECTOR", "Linear"]


class Linear(PerView):
    """Merging, then a linear layer."""

    def __init__(self, settings: ConnectorConfig, *, vision_width: int, language_width: int):
        super().__init__(settings, vision_width=vision_width, language_width=language_width)
        joined = settings.merge**2 if settings.merge_by == "join" else 1
        self.layers = self.build(vision_width * joined)

    def build(self, width: int) -> nn.Module:
        """Return what takes merged tokens of a width to the language model's."""
        return nn.Linear(width, self.language_width)

    def is_whole(self, layout: Layout) -> bool:
        """Whether the medium is a picture and the settings leave pictures whole."""
        return self.settings.whole_pictures and layout.kind == "image"

    def gather(self, tokens: Tensor, grid: tuple[int, ...]) -> Tensor:
        """Views (N, P, F) to (N, T, G)."""
        if self.settings.unpermuted:
            tokens = tokens.transpose(1, 2).reshape(tokens.shape)
        return merged(tokens, grid, merge=self.settings.merge, mean=self.settings.merge_by == "mean")

    def project(self, tokens: Tensor) -> Tensor:
        """Tokens (…, G) to (…, D)."""
        out: Tensor = self.layers(tokens)
        return out

    def of_view(self, grid: tuple[int, ...]) -> int:
        """Return T."""
        return math.prod(self.places(grid))

    def places(self, grid: tuple[int, ...]) -> tuple[int, ...]:
        """Return the grid after merging."""
        return merged_grid(grid, self.settings.merge)


CONNECTOR = Linear
