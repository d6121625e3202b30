"""The overview asks the tiles: as many tokens as one view has, whatever the size of the picture.

Source: Dai et al. 2024 (PA-LLaVA, arXiv 2408.09530), the scale-invariant connector. Its release builds the blocks
without cross-attention, and masks one view too few; both are settings here, to load and compare.
Legend: B media, K tiles of the medium that has most, P tokens of a view, F width of the encoder, D width of the
language model.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from vesalius.errors import DataError
from vesalius.models.transformer import attend
from vesalius.models.vlm.connector_settings import ConnectorConfig
from vesalius.models.vlm.connectors.base import Connector, Seen, grouped, heads_of, require_whole
from vesalius.models.vlm.views import Layout

__all__ = ["CONNECTOR", "Tiles"]

_EPSILON = 1e-12
"""Of the layer norms, as in BERT."""


class Tiles(Connector):
    """Tokens of view 0 are the queries, those of all other views keys and values.

    Without tile codes the order of the tiles has no influence. A medium of one view is its own overview: its
    cross-attention adds nothing.
    """

    def __init__(self, settings: ConnectorConfig, *, vision_width: int, language_width: int):
        super().__init__(settings, vision_width=vision_width, language_width=language_width)
        heads = heads_of(settings, vision_width)
        cross = not settings.without_tiles
        self.blocks = nn.ModuleList([_Block(vision_width, heads=heads, cross=cross) for _ in range(settings.depth)])
        self.norm = nn.LayerNorm(vision_width, eps=_EPSILON)
        self.matrix = nn.Linear(vision_width, language_width)

    def connect(self, media: Sequence[Seen]) -> list[Tensor]:
        """Media whose views have as many tokens go through together, the tiles of the smaller ones masked."""
        for seen in media:
            self.count(seen.layout, seen.grid)
        return grouped(media, by=lambda seen: math.prod(seen.grid), work=self._asked)

    def count(self, layout: Layout, grid: tuple[int, ...]) -> int:
        """Return P.

        Raises:
            DataError: several views without an overview.
        """
        require_whole(layout, kind=self.settings.kind)
        if layout.views > 1 and not layout.overview:
            raise DataError(
                f"the connector 'tiles' asks with the overview, which a {layout.kind} of {layout.views} views has "
                "not; set views.picture.overview, or choose another connector for volumes and clips"
            )
        return math.prod(grid)

    def _asked(self, group: Sequence[Seen]) -> list[Tensor]:
        overview = torch.stack([seen.tokens[0] for seen in group])
        tiles = nn.utils.rnn.pad_sequence([seen.tokens[1:] for seen in group], batch_first=True)
        counts = torch.tensor([seen.layout.views - 1 for seen in group], device=tiles.device)
        if self.settings.padded_tile_seen:
            counts = (counts + 1).clamp(max=tiles.shape[1])
        keep = torch.arange(tiles.shape[1], device=tiles.device) < counts[:, None]
        keep = keep.repeat_interleave(tiles.shape[2], dim=1)
        tokens = functional.layer_norm(overview, overview.shape[-1:], eps=_EPSILON)
        for block in self.blocks:
            tokens = block(tokens, tiles.flatten(1, 2), keep)
        return list(self.matrix(self.norm(tokens + overview)))


class _Block(nn.Module):
    """Attention among the queries, to the tiles, and a perceptron, each followed by a layer norm (post-norm)."""

    def __init__(self, width: int, *, heads: int, cross: bool):
        super().__init__()
        self.own = _Attention(width, heads=heads)
        self.cross = _Attention(width, heads=heads) if cross else None
        self.expand = nn.Linear(width, 4 * width)
        self.contract = nn.Linear(4 * width, width)
        self.norm = nn.LayerNorm(width, eps=_EPSILON)

    def forward(self, queries: Tensor, tiles: Tensor, keep: Tensor) -> Tensor:
        """Queries (B, P, F) to queries; tiles are (B, K · P, F), keep is True where one is real, (B, K · P)."""
        queries = self.own(queries, queries, None)
        if self.cross is not None:
            queries = self.cross(queries, tiles, keep)
        out: Tensor = self.norm(queries + self.contract(functional.gelu(self.expand(queries))))
        return out


class _Attention(nn.Module):
    """Multi-head attention, shortcut, layer norm."""

    def __init__(self, width: int, *, heads: int):
        super().__init__()
        self.heads = heads
        self.query = nn.Linear(width, width)
        self.key = nn.Linear(width, width)
        self.value = nn.Linear(width, width)
        self.out = nn.Linear(width, width)
        self.norm = nn.LayerNorm(width, eps=_EPSILON)

    def forward(self, queries: Tensor, source: Tensor, keep: Tensor | None) -> Tensor:
        """Queries (B, P, F) look at the source (B, S, F) where `keep` (B, S) is True, if anywhere."""
        if not source.shape[1]:
            return self.norm(queries)  # type: ignore[no-any-return]
        parts = (self.query(queries), self.key(source), self.value(source))
        query, key, value = (part.unflatten(-1, (self.heads, -1)).transpose(1, 2) for part in parts)
        if keep is None:
            mixed = self.out(attend(query, key, value).transpose(1, 2).flatten(2))
        else:
            sees = keep.any(dim=1)
            mixed = attend(query, key, value, keep=(keep | ~sees[:, None])[:, None, None])
            mixed = self.out(mixed.transpose(1, 2).flatten(2)) * sees[:, None, None]
        out: Tensor = self.norm(queries + mixed)
        return out


CONNECTOR = Tiles
