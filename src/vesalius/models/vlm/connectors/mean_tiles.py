"""The mean of all tiles at each place, then a linear layer: what the tiles connector is compared with.

Source: Dai et al. 2024 (PA-LLaVA, arXiv 2408.09530), its ablation. Of volumes and clips it is the mean of all views.
Legend: V views, P tokens of a view, F width of the encoder, D width of the language model.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from vesalius.models.vlm.connector_settings import ConnectorConfig
from vesalius.models.vlm.connectors.base import Connector, Seen, require_whole
from vesalius.models.vlm.views import Layout

__all__ = ["CONNECTOR", "MeanTiles"]


class MeanTiles(Connector):
    """As many tokens as one view has; an overview beside tiles is left out."""

    def __init__(self, settings: ConnectorConfig, *, vision_width: int, language_width: int):
        super().__init__(settings, vision_width=vision_width, language_width=language_width)
        self.matrix = nn.Linear(vision_width, language_width)

    def connect(self, media: Sequence[Seen]) -> list[Tensor]:
        """Means of the views of each medium, projected together."""
        counts = [self.count(seen.layout, seen.grid) for seen in media]
        means = [seen.tokens[int(seen.layout.overview) :].mean(dim=0) for seen in media]
        return list(self.matrix(torch.cat(means)).split(counts)) if means else []

    def count(self, layout: Layout, grid: tuple[int, ...]) -> int:
        """Return P."""
        require_whole(layout, kind=self.settings.kind)
        return math.prod(grid)


CONNECTOR = MeanTiles
