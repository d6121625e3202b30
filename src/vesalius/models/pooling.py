"""From tokens to one vector, and from there into the joint space.

Legend: B batch, P tokens, F width of the encoder, D width of the joint space.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from vesalius.errors import DataError
from vesalius.models.settings import DualEncoderConfig, Pooling

__all__ = ["AttentionPool", "Encoding", "ProjectionHead", "last_places", "pool"]


class Encoding:
    """What an encoder gives: tokens, which of them count, where they lie, and the encoder's own summary.

    Attributes:
        tokens: (B, P, F), patches or words, without class token; None where only the summary was asked for.
        keep: True where a token is real, (B, P); None where all are.
        summary: (B, F), what the pooling "cls" or "last" takes; None where the encoder has none.
        grid: tokens along each axis, slowest first; (P,) for a text.
        attention: how much the summary looks at each token in the last layer, averaged over heads, (B, P), without
            gradient; None where not asked for, or where the encoder has no token that sums up.
    """

    __slots__ = ("attention", "grid", "keep", "summary", "tokens")

    def __init__(
        self,
        tokens: Tensor | None,
        *,
        grid: tuple[int, ...],
        keep: Tensor | None = None,
        summary: Tensor | None = None,
        attention: Tensor | None = None,
    ):
        self.tokens = tokens
        self.grid = grid
        self.keep = keep
        self.summary = summary
        self.attention = attention


class AttentionPool(nn.Module):
    """A learned query looks at the tokens: weights softmax(query · token / √F)."""

    def __init__(self, width: int):
        super().__init__()
        self.query = nn.Parameter(torch.zeros(width))
        self.norm = nn.LayerNorm(width)

    def forward(self, tokens: Tensor, keep: Tensor | None) -> Tensor:
        """Tokens (B, P, F) and keep (B, P) to (B, F)."""
        tokens = self.norm(tokens)
        return torch.einsum("bp,bpf->bf", self._weights(tokens, keep), tokens)

    @torch.no_grad()
    def looks(self, tokens: Tensor, keep: Tensor | None) -> Tensor:
        """Weights of the tokens, (B, P), without gradient."""
        return self._weights(self.norm(tokens), keep)

    def _weights(self, tokens: Tensor, keep: Tensor | None) -> Tensor:
        weights = (tokens @ self.query) * tokens.shape[-1] ** -0.5
        if keep is not None:
            weights = weights.masked_fill(~keep, float("-inf"))
        out: Tensor = weights.softmax(dim=-1)
        return out


def pool(encoding: Encoding, *, kind: Pooling) -> Tensor:
    """Reduce the tokens to (B, F) by `kind`; attention has a module of its own."""
    tokens, keep = encoding.tokens, encoding.keep
    if kind == "cls" or tokens is None:
        if encoding.summary is None:
            raise TypeError("pooling 'cls' asked of an encoder that made no summary")
        return encoding.summary
    if kind == "last":
        if keep is None:
            return tokens[:, -1]
        return tokens[torch.arange(len(tokens), device=tokens.device), last_places(keep)]
    if keep is None:
        return tokens.mean(dim=1) if kind == "mean" else tokens.amax(dim=1)
    if kind == "mean":
        weights = keep.to(tokens.dtype).unsqueeze(-1)
        return (tokens * weights).sum(dim=1) / weights.sum(dim=1).clamp(min=1)
    return tokens.masked_fill(~keep.unsqueeze(-1), torch.finfo(tokens.dtype).min).amax(dim=1)


def last_places(keep: Tensor) -> Tensor:
    """Place (B,) of the last real token of each row of the mask (B, P)."""
    places = torch.arange(keep.shape[1], device=keep.device)
    return torch.where(keep, places, places.new_zeros(())).amax(dim=1)


class ProjectionHead(nn.Module):
    """Head into the joint space: a matrix, an MLP with one hidden layer and ReLU, or nothing."""

    def __init__(self, width: int, *, settings: DualEncoderConfig):
        super().__init__()
        hidden, out = settings.projection_hidden or width, settings.projection_dim
        self.layers = nn.Sequential()
        if settings.projection == "linear":
            self.layers.append(nn.Linear(width, out, bias=settings.projection_bias))
        elif settings.projection == "mlp" and settings.projection_norm:
            self.layers.extend([nn.Linear(width, hidden), _TokenBatchNorm(hidden), nn.ReLU()])
            self.layers.extend([nn.Linear(hidden, out), _TokenBatchNorm(out, affine=False)])
        elif settings.projection == "mlp":
            self.layers.extend([nn.Linear(width, hidden), nn.ReLU(), nn.Linear(hidden, out)])
        self.width = width if settings.projection == "none" else out

    def forward(self, features: Tensor) -> Tensor:
        """(…, F) to (…, D)."""
        out: Tensor = self.layers(features)
        return out


class _TokenBatchNorm(nn.BatchNorm1d):
    """Batch norm over the last axis, whatever comes before it."""

    def forward(self, features: Tensor) -> Tensor:
        flat = features.flatten(0, -2)
        if self.training and len(flat) == 1:
            raise DataError(
                "one pair has no statistics for the batch norm of model.projection_norm: raise optimisation.batch "
                "or optimisation.cache_chunk, or turn the norm off"
            )
        return super().forward(flat).view(features.shape)
