"""Learned queries ask every view alone; each answer becomes one token of the language model.

Source: the idea of Li et al. 2023 (BLIP-2, arXiv 2301.12597), whose Q-Former puts norms after each part and looks at
the picture in every second block; here the decoder of `vesalius.models.query`.
Legend: N views, P tokens of a view, T queries, F width of the encoder, D width of the language model.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from vesalius.models.query import QueryDecoder
from vesalius.models.vlm.connector_settings import ConnectorConfig
from vesalius.models.vlm.connectors.base import PerView, heads_of

__all__ = ["CONNECTOR", "Query"]


class Query(PerView):
    """As many tokens of a view as there are queries, whatever its grid."""

    def __init__(self, settings: ConnectorConfig, *, vision_width: int, language_width: int):
        super().__init__(settings, vision_width=vision_width, language_width=language_width)
        self.queries = nn.Parameter(torch.randn(settings.queries, vision_width) * 0.02)
        self.decoder = QueryDecoder(
            vision_width,
            depth=settings.depth,
            heads=heads_of(settings, vision_width),
            hidden=4 * vision_width,
            dropout=0.0,
        )
        self.matrix = nn.Linear(vision_width, language_width)

    def gather(self, tokens: Tensor, grid: tuple[int, ...]) -> Tensor:
        """Views (N, P, F) to (N, T, F)."""
        out: Tensor = self.decoder(self.queries, tokens).features
        return out

    def project(self, tokens: Tensor) -> Tensor:
        """Tokens (…, F) to (…, D)."""
        out: Tensor = self.matrix(tokens)
        return out

    def of_view(self, grid: tuple[int, ...]) -> int:
        """Return the number of queries."""
        return self.settings.queries


CONNECTOR = Query
