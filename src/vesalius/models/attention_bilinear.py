"""Attention between what is seen and what is asked: bilinear with several glimpses, and stacked.

Sources: Kim, Jun and Zhang 2018, "Bilinear Attention Networks" (arXiv 1805.07932), with its residual glimpses; Yang
et al. 2016, "Stacked Attention Networks" (arXiv 1511.02274). Matrices have one weight norm
each, as there.

Legend: B batch, V visual vectors, L words, F width of a visual vector, H width of a word, D inner width, G glimpses.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.utils.parametrizations import weight_norm

__all__ = ["BilinearAttention", "BilinearNetwork", "BilinearPooling", "StackedAttention", "normed"]

_INPUT_DROPOUT = 0.2
_WHOLE = -1
"""Axis that stands for one length of a whole matrix."""


def normed(inputs: int, outputs: int) -> nn.Linear:
    """Return a matrix whose direction and one length of the whole are learned apart."""
    layer: nn.Linear = weight_norm(nn.Linear(inputs, outputs), dim=_WHOLE)
    return layer


def _layer(inputs: int, outputs: int, *, rectified: bool = True) -> nn.Sequential:
    parts: list[nn.Module] = [nn.Dropout(_INPUT_DROPOUT), normed(inputs, outputs)]
    return nn.Sequential(*parts, nn.ReLU()) if rectified else nn.Sequential(*parts)


class BilinearAttention(nn.Module):
    """How much each glimpse looks at each pair of a visual vector and a word."""

    def __init__(self, image_width: int, text_width: int, *, width: int, glimpses: int, rank: int = 3):
        """Build the two projections and the glimpses.

        Args:
            image_width: F.
            text_width: H.
            width: D.
            glimpses: G.
            rank: times that the inner width is taken (authors' code: 3).
        """
        super().__init__()
        self.image = _layer(image_width, width * rank)
        self.text = _layer(text_width, width * rank)
        self.dropout = nn.Dropout(0.5)
        maps = nn.Linear(width * rank, glimpses)
        nn.init.normal_(maps.weight)
        nn.init.normal_(maps.bias)
        self.maps: nn.Linear = weight_norm(maps, dim=_WHOLE)

    def forward(self, image: Tensor, text: Tensor) -> Tensor:
        """(B, V, F) and (B, L, H) to shares that sum to 1 over all pairs of a glimpse, (B, G, V, L)."""
        seen, asked = self.dropout(self.image(image)), self.text(text)
        glimpsed = seen[:, None] * self.maps.weight[None, :, None, :]
        logits = glimpsed @ asked[:, None].transpose(2, 3) + self.maps.bias[:, None, None]
        share: Tensor = logits.flatten(2).softmax(dim=2).view_as(logits)
        return share


class BilinearPooling(nn.Module):
    """One vector of all pairs of a visual vector and a word, weighed."""

    def __init__(self, image_width: int, text_width: int, *, width: int):
        super().__init__()
        self.image = _layer(image_width, width)
        self.text = _layer(text_width, width)

    def forward(self, image: Tensor, text: Tensor, share: Tensor) -> Tensor:
        """(B, V, F), (B, L, H) and shares (B, V, L) to (B, D)."""
        return torch.einsum("bvd,bvl,bld->bd", self.image(image), share.to(text.dtype), self.text(text))


class BilinearNetwork(nn.Module):
    """Glimpse after glimpse is added to every word, and the words are summed."""

    def __init__(self, image_width: int, width: int, *, glimpses: int):
        """Build the attention and a residual step for each glimpse.

        Args:
            image_width: F.
            width: H, which is D, too.
            glimpses: G.
        """
        super().__init__()
        self.attention = BilinearAttention(image_width, width, width=width, glimpses=glimpses)
        self.pools = nn.ModuleList(BilinearPooling(image_width, width, width=width) for _ in range(glimpses))
        self.adds = nn.ModuleList(_layer(width, width, rectified=False) for _ in range(glimpses))

    def forward(self, image: Tensor, text: Tensor) -> Tensor:
        """(B, V, F) and (B, L, H) to (B, H)."""
        share = self.attention(image, text)
        for glimpse, (pool, add) in enumerate(zip(self.pools, self.adds, strict=True)):
            text = text + add(pool(image, text, share[:, glimpse]))[:, None]
        return text.sum(dim=1)


class StackedAttention(nn.Module):
    """A question looks at the visual vectors several times, each time with what it saw before."""

    def __init__(self, image_width: int, text_width: int, *, width: int, stacks: int, dropout: float):
        """Build the stacks.

        Args:
            image_width: F.
            text_width: H.
            width: D.
            stacks: how often it looks.
            dropout: before the logits of a look.
        """
        super().__init__()
        widths = [text_width, *[width] * (stacks - 1)]
        self.asks = nn.ModuleList(nn.Linear(inputs, width) for inputs in widths)
        self.sees = nn.ModuleList(nn.Linear(image_width, width, bias=False) for _ in widths)
        self.looks = nn.ModuleList(nn.Linear(width, 1) for _ in widths)
        self.dropout = nn.Dropout(dropout)

    def forward(self, image: Tensor, text: Tensor) -> Tensor:
        """(B, V, F) and a question (B, H) to (B, D)."""
        known = text
        for stack, (ask, see, look) in enumerate(zip(self.asks, self.sees, self.looks, strict=True)):
            asked, seen = ask(known), see(image)
            share = look(self.dropout(torch.tanh(asked[:, None] + seen))).softmax(dim=1)
            known = (known if stack else asked) + (seen * share).sum(dim=1)
        return known
