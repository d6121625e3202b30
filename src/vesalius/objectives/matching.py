"""Image-text matching: does this text belong to this image?

Sources: half of a batch with another image, Chen et al. 2022 (M3AE, arXiv 2209.07098) after Kim et al. 2021 (ViLT);
hard negatives drawn by similarity, Li et al. 2021 (ALBEF, arXiv 2107.07651, section 3.2).

Legend: N rows.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional

__all__ = ["Pairing", "halves", "hard_negatives", "matching_loss"]


class Pairing(NamedTuple):
    """Which image goes with each text, and whether it is its own."""

    image: Tensor
    """Row of the image, (N,)."""
    label: Tensor
    """1 where the pair belongs together, else 0, (N,)."""


def halves(count: int, *, generator: torch.Generator | None = None, groups: Tensor | None = None) -> Pairing:
    """Leave floor(N / 2) texts, drawn at random, their image and give the others another one's.

    Args:
        count: N.
        generator: of the draw.
        groups: rows of equal number belong together and are not taken for each other's negative, (N,); a row whose
            group is the whole batch keeps its image.
    """
    order = torch.randperm(count, generator=generator)
    label = torch.zeros(count, dtype=torch.long)
    label[order[: count // 2]] = 1
    own = torch.arange(count)
    foreign = _foreign(count, groups)
    weights = foreign.double()
    negative = torch.where(foreign.any(dim=1), _draw(weights, generator), own)
    image = torch.where(label == 1, own, negative)
    return Pairing(image, (image == own).long())


def hard_negatives(
    similarity: Tensor, *, generator: torch.Generator | None = None, groups: Tensor | None = None
) -> tuple[Tensor, Tensor]:
    """Draw for every image a wrong text and for every text a wrong image, more similar ones more often.

    Args:
        similarity: scaled similarities of images (rows) and texts, (N, N); no gradient flows.
        generator: of the draw.
        groups: rows of equal number belong together, (N,).

    Returns:
        Row of the text of every image and of the image of every text, (N,) each; the row itself where no other is.
    """
    foreign = _foreign(len(similarity), groups).to(similarity.device)
    own = torch.arange(len(similarity), device=similarity.device)
    found = []
    for scores in (similarity.detach(), similarity.detach().T):
        weights = torch.softmax(scores.double().masked_fill(~foreign, -torch.inf), dim=1)
        weights = torch.where(foreign.any(dim=1, keepdim=True), weights, 0.0)
        found.append(torch.where(foreign.any(dim=1), _draw(weights, generator), own))
    return found[0], found[1]


def matching_loss(logits: Tensor, label: Tensor) -> Tensor:
    """Cross-entropy of "no" and "yes" (N, 2) against 0 and 1 (N,)."""
    return functional.cross_entropy(logits, label.to(logits.device))


def _foreign(count: int, groups: Tensor | None) -> Tensor:
    numbers = torch.arange(count) if groups is None else groups.cpu()
    return numbers[:, None] != numbers[None, :]


def _draw(weights: Tensor, generator: torch.Generator | None) -> Tensor:
    """Draw a column for each row by its weights; rows without weight give column 0."""
    empty = weights.sum(dim=1, keepdim=True) == 0
    first = torch.zeros_like(weights)
    first[:, 0] = 1
    return torch.multinomial(torch.where(empty, first, weights), 1, generator=generator).squeeze(1)
