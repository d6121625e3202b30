"""Two streams, of words and of patches, that look at themselves and at each other.

Source: the co-attention encoder of Dou et al. 2022 (METER, arXiv 2111.02387), layers as in Devlin et al. 2018 (BERT,
arXiv 1810.04805): norms after each part. In a layer both streams look at the values with which the other came in.

Legend: B batch, L tokens, P patches, K vectors of knowledge, F width of an encoder, D width of the fusion, H heads.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from vesalius.config import Config
from vesalius.models.dual import ImageFeatures, TextFeatures
from vesalius.models.recompute import run
from vesalius.models.transformer import attend

__all__ = [
    "Attended",
    "Attention",
    "CoAttentionLayer",
    "FirstToken",
    "Fused",
    "Fusion",
    "FusionConfig",
    "ThirdStream",
    "image_stream",
    "initialise_normal",
    "text_stream",
]

ThirdStream = Callable[[int, Tensor, Tensor], Tensor]
"""``third(layer, text, image)``: changes the text stream (B, L, D) inside a layer, between its look at the image
stream (B, 1 + P, D), as that came in, and its perceptron. Layers count from 0; the last one may have the first of the
tokens alone, (B, 1, D)."""

_NORM_FLOOR = 1e-12


@dataclass(frozen=True, kw_only=True)
class FusionConfig(Config):
    """What the fusion is; the defaults are METER's and M3AE's."""

    width: int = 768
    """Width D of both streams."""
    layers: int = 6
    heads: int = 12
    hidden: int | None = None
    """Width inside the perceptrons; four times `width` where not given."""
    dropout: float = 0.1
    """Of attention weights and of what is added to a shortcut."""
    middle: int = 3
    """Layers after which the streams are given out as `Fused.middle`; `layers` gives those of the last one."""

    def __post_init__(self) -> None:
        if min(self.width, self.layers, self.heads) < 1 or self.width % self.heads:
            raise ValueError(f"width {self.width} of {self.layers} layers cannot be shared by {self.heads} heads")
        if not 0 <= self.middle <= self.layers:
            raise ValueError(f"middle {self.middle} is no number of layers from 0 to {self.layers}")
        if not 0 <= self.dropout < 1:
            raise ValueError(f"dropout must be from 0 to below 1, found {self.dropout}")


class Fused(NamedTuple):
    """Both streams after the layers; one that was left out is None."""

    text: Tensor | None
    """(B, L, D); padded tokens hold numbers without meaning."""
    image: Tensor | None
    """(B, 1 + P, D), the summary first."""
    middle: tuple[Tensor, Tensor] | None
    """Text and image after `FusionConfig.middle` layers; None where fewer were run."""


class Attention(nn.Module):
    """Look at oneself or at another sequence, add what was found, norm."""

    def __init__(self, width: int, *, heads: int, dropout: float, source_width: int | None = None):
        super().__init__()
        self.heads = heads
        self.query = nn.Linear(width, width)
        self.key = nn.Linear(source_width or width, width)
        self.value = nn.Linear(source_width or width, width)
        self.out = nn.Linear(width, width)
        self.norm = nn.LayerNorm(width, eps=_NORM_FLOOR)
        self.dropout = nn.Dropout(dropout)

    def forward(self, tokens: Tensor, source: Tensor | None = None, *, keep: Tensor | None = None) -> Tensor:
        """Tokens (B, L, D) to tokens.

        Args:
            tokens: what looks, (B, L, D).
            source: what is looked at, (B, K, D'); the tokens themselves where there is none.
            keep: True where the source may be looked at, (B, K); a row without any gives the tokens themselves.
        """
        source = tokens if source is None else source
        query, key, value = (
            self._split(self.query(tokens)),
            self._split(self.key(source)),
            self._split(self.value(source)),
        )
        mask = None
        if keep is not None:
            empty = ~keep.any(dim=1, keepdim=True)
            mask = (keep | empty)[:, None, None, :]
        mixed = attend(query, key, value, keep=mask, dropout=self.dropout.p if self.training else 0.0)
        if keep is not None:
            mixed = mixed * keep.any(dim=1)[:, None, None, None]
        found = self.out(mixed.transpose(1, 2).flatten(2))
        out: Tensor = self.norm(tokens + self.dropout(found))
        return out

    def _split(self, rows: Tensor) -> Tensor:
        """(B, L, D) to (B, H, L, D / H)."""
        return rows.view(*rows.shape[:2], self.heads, -1).transpose(1, 2)


class CoAttentionLayer(nn.Module):
    """A stream looks at itself, at the other stream, at a third one where there is one, and passes a perceptron."""

    def __init__(self, settings: FusionConfig):
        super().__init__()
        width, hidden = settings.width, settings.hidden or 4 * settings.width
        self.self_attention = Attention(width, heads=settings.heads, dropout=settings.dropout)
        self.cross_attention = Attention(width, heads=settings.heads, dropout=settings.dropout)
        self.expand = nn.Linear(width, hidden)
        self.contract = nn.Linear(hidden, width)
        self.norm = nn.LayerNorm(width, eps=_NORM_FLOOR)
        self.dropout = nn.Dropout(settings.dropout)

    def forward(
        self,
        tokens: Tensor,
        other: Tensor,
        keep: Tensor | None = None,
        other_keep: Tensor | None = None,
        between: Callable[[Tensor], Tensor] | None = None,
        first: bool = False,
    ) -> Tensor:
        """Tokens (B, L, D) to tokens.

        Args:
            tokens: of this stream, (B, L, D).
            other: of the other stream, (B, P, D).
            keep: True where a token of this stream is real, (B, L).
            other_keep: True where one of the other is, (B, P).
            between: changes the tokens before the perceptron.
            first: the first token alone is wanted, (B, 1, D); it looks at all.
        """
        tokens = self.self_attention(tokens[:, :1] if first else tokens, tokens, keep=keep)
        tokens = self.cross_attention(tokens, other, keep=other_keep)
        if between is not None:
            tokens = between(tokens)
        inner = self.contract(functional.gelu(self.expand(tokens)))
        out: Tensor = self.norm(tokens + self.dropout(inner))
        return out


class FirstToken(nn.Module):
    """The first token of a stream through a square matrix and tanh."""

    def __init__(self, width: int):
        super().__init__()
        self.dense = nn.Linear(width, width)

    def forward(self, tokens: Tensor) -> Tensor:
        """(B, L, D) to (B, D)."""
        return torch.tanh(self.dense(tokens[:, 0]))


class Fusion(nn.Module):
    """Projections of both encoders' tokens to one width, a mark of the modality, and the layers."""

    recompute = False
    """Layers keep their inputs alone while training; see `vesalius.models.recompute`."""

    def __init__(self, settings: FusionConfig, *, text_width: int, image_width: int):
        super().__init__()
        self.settings = settings
        self.text_project = nn.Linear(text_width, settings.width)
        self.image_project = nn.Linear(image_width, settings.width)
        self.modality = nn.Parameter(torch.zeros(2, settings.width))
        self.text_layers = nn.ModuleList(CoAttentionLayer(settings) for _ in range(settings.layers))
        self.image_layers = nn.ModuleList(CoAttentionLayer(settings) for _ in range(settings.layers))
        self.text_pool = FirstToken(settings.width)
        self.image_pool = FirstToken(settings.width)
        nn.init.normal_(self.modality, std=0.02)
        initialise_normal(self)

    def forward(
        self,
        text: Tensor,
        image: Tensor,
        *,
        text_keep: Tensor | None = None,
        image_keep: Tensor | None = None,
        third: ThirdStream | None = None,
        upto: int | None = None,
        sides: Literal["both", "text", "image"] = "both",
        first: bool = False,
    ) -> Fused:
        """Fuse two streams.

        Args:
            text: tokens of the text encoder, (B, L, Ft).
            image: tokens of the image encoder, the summary first, (B, 1 + P, Fi).
            text_keep: True where a token is real, (B, L); all where not given.
            image_keep: the same of patches, (B, 1 + P).
            third: changes the text stream inside each layer.
            upto: run so many layers; all where not given.
            sides: streams that are wanted of the last layer.
            first: of the last layer the first tokens alone are wanted, which is all that `pooled` reads.
        """
        words, patches = self.text_project(text) + self.modality[0], self.image_project(image) + self.modality[1]
        count, middle = self.settings.layers if upto is None else upto, None
        for number in range(count):
            if number == self.settings.middle:
                middle = (words, patches)
            last = number == count - 1
            streams = (words, patches)
            if not (last and sides == "image"):
                between = _bound(third, number, streams[1]) if third is not None else None
                layer = self.text_layers[number]
                words = run(layer, *streams, text_keep, image_keep, between, first and last, recompute=self.recompute)
            if not (last and sides == "text"):
                layer = self.image_layers[number]
                patches = run(
                    layer, *streams[::-1], image_keep, text_keep, None, first and last, recompute=self.recompute
                )  # fmt: skip
        if count == self.settings.middle and sides == "both" and not first:
            middle = (words, patches)
        return Fused(words if sides != "image" else None, patches if sides != "text" else None, middle)

    def pooled(self, fused: Fused) -> Tensor:
        """Both first tokens through matrix and tanh, text before image, (B, 2 D)."""
        assert fused.text is not None
        assert fused.image is not None
        return torch.cat([self.text_pool(fused.text), self.image_pool(fused.image)], dim=-1)


class Attended(nn.Module):
    """A third stream of fixed vectors: in each layer the words look at vectors of knowledge."""

    def __init__(self, settings: FusionConfig, *, source_width: int):
        super().__init__()
        self.layers = nn.ModuleList(
            Attention(settings.width, heads=settings.heads, dropout=settings.dropout, source_width=source_width)
            for _ in range(settings.layers)
        )
        initialise_normal(self)

    def over(self, vectors: Tensor, keep: Tensor | None = None) -> ThirdStream:
        """Return the third stream over vectors (B, K, D'); `keep` is True where one is real, (B, K)."""

        def third(layer: int, text: Tensor, image: Tensor) -> Tensor:
            del image
            out: Tensor = self.layers[layer](text, vectors, keep=keep)
            return out

        return third


def image_stream(image: ImageFeatures) -> Tensor:
    """Summary and patches of the image encoder, (B, 1 + P, F)."""
    assert image.tokens is not None
    return torch.cat([image.pooled[:, None].to(image.tokens.dtype), image.tokens], dim=1)


def text_stream(text: TextFeatures) -> Tensor:
    """Tokens of the text encoder, the first of which stands for all, (B, L, F)."""
    assert text.tokens is not None
    return text.tokens


@torch.no_grad()
def initialise_normal(module: nn.Module) -> None:
    """Draw all matrices inside from a normal of deviation 0.02, biases 0, as BERT starts.

    Matrices of fewer inputs than BERT's 768 get as much more as keeps what comes out as large: with 0.02 a fusion of
    width 64 hands on a sixth of what it reads, and learns nothing in its first hundred steps.
    """
    for part in module.modules():
        if isinstance(part, nn.Linear):
            nn.init.normal_(part.weight, std=0.02 * max(1.0, 768 / part.in_features) ** 0.5)
            if part.bias is not None:
                nn.init.zeros_(part.bias)


def _bound(third: ThirdStream, layer: int, image: Tensor) -> Callable[[Tensor], Tensor]:
    return lambda text: third(layer, text, image)
