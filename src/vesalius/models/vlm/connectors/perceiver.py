"""Learned latents look at all tokens of a medium and at themselves; it becomes as many tokens as there are latents.

Sources: Alayrac et al. 2022 (Flamingo, arXiv 2204.14198), the perceiver resampler of its appendix A.1.1; the norms,
the ReLU and the missing biases are those of IDEFICS.
Legend: B media, L tokens of a medium, Q latents, F width of the encoder, D width of the language model.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from vesalius.models.transformer import attend
from vesalius.models.vlm.connector_settings import ConnectorConfig
from vesalius.models.vlm.connectors.base import Connector, Seen, grouped, heads_of, require_whole
from vesalius.models.vlm.views import Layout

__all__ = ["CONNECTOR", "Perceiver"]


class Perceiver(Connector):
    """A fixed number of tokens of a medium, whatever its views and their grid."""

    def __init__(self, settings: ConnectorConfig, *, vision_width: int, language_width: int):
        super().__init__(settings, vision_width=vision_width, language_width=language_width)
        heads = heads_of(settings, vision_width)
        self.latents = nn.Parameter(torch.randn(settings.queries, vision_width))
        self.blocks = nn.ModuleList([_Block(vision_width, heads=heads) for _ in range(settings.depth)])
        self.norm = nn.LayerNorm(vision_width)
        self.matrix = nn.Linear(vision_width, language_width)

    def connect(self, media: Sequence[Seen]) -> list[Tensor]:
        """Media of equal length go through together."""
        for seen in media:
            require_whole(seen.layout, kind=self.settings.kind)
        return grouped(media, by=lambda seen: seen.tokens.shape[:2].numel(), work=self._resampled)

    def count(self, layout: Layout, grid: tuple[int, ...]) -> int:
        """Return Q."""
        require_whole(layout, kind=self.settings.kind)
        return self.settings.queries

    def _resampled(self, group: Sequence[Seen]) -> list[Tensor]:
        tokens = torch.stack([seen.tokens.flatten(0, 1) for seen in group])
        latents = self.latents.to(tokens.dtype).expand(len(group), -1, -1)
        for block in self.blocks:
            latents = block(latents, tokens)
        return list(self.matrix(self.norm(latents)))


class _Block(nn.Module):
    """Attention of the latents to tokens and latents, then a perceptron, each beside a shortcut."""

    def __init__(self, width: int, *, heads: int):
        super().__init__()
        self.heads = heads
        self.token_norm = nn.LayerNorm(width)
        self.latent_norm = nn.LayerNorm(width)
        self.query = nn.Linear(width, width, bias=False)
        self.key = nn.Linear(width, width, bias=False)
        self.value = nn.Linear(width, width, bias=False)
        self.out = nn.Linear(width, width, bias=False)
        self.perceptron_norm = nn.LayerNorm(width)
        self.expand = nn.Linear(width, 4 * width, bias=False)
        self.contract = nn.Linear(4 * width, width, bias=False)

    def forward(self, latents: Tensor, tokens: Tensor) -> Tensor:
        """Latents (B, Q, F) to latents; tokens are (B, L, F)."""
        normal = self.latent_norm(latents)
        source = torch.cat([self.token_norm(tokens), normal], dim=1)
        parts = (self.query(normal), self.key(source), self.value(source))
        query, key, value = (part.unflatten(-1, (self.heads, -1)).transpose(1, 2) for part in parts)
        latents = latents + self.out(attend(query, key, value).transpose(1, 2).flatten(2))
        out: Tensor = latents + self.contract(torch.relu(self.expand(self.perceptron_norm(latents))))
        return out


CONNECTOR = Perceiver
