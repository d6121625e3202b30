"""Several labels at once, of which some are not known, and images that belong to several texts at once.

Sources: presence of what a report names, Wu et al. 2023 (MedKLIP, arXiv 2301.02228); the matrix of what is where, Fan
et al. 2024 (MeDSLIP, arXiv 2403.10635); several descriptions an image, Luo et al. 2024 (DeViDe, arXiv 2404.03618).

Legend: N rows, M columns.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

__all__ = ["known_loss", "multi_positive_contrast"]


def known_loss(logits: Tensor, label: Tensor) -> Tensor:
    """Sum of the binary cross-entropies of logits (…) whose label (…) is 0 or 1; −1 is not known and adds nothing."""
    target = label.clamp(min=0).to(logits.dtype)
    each = functional.binary_cross_entropy_with_logits(logits, target, reduction="none")
    return (each * (label >= 0)).sum()


def multi_positive_contrast(logits: Tensor, positive: Tensor, *, usable: Tensor | None = None) -> Tensor:
    """Contrast rows with columns in both directions, each with any number of right partners.

    A row's target is shared evenly by its partners; a row or column without one has no loss. With exactly one partner
    a row and a column this is the mean of both directions of InfoNCE.

    Args:
        logits: scaled similarities, (N, M).
        positive: True where row and column belong together, (N, M).
        usable: False where a pair is neither right nor wrong, (N, M); all are usable where not given.

    Returns:
        Mean of the two directions' means over the rows (columns) that have a partner; 0 where none has.
    """
    if usable is not None:
        logits = logits.masked_fill(~(usable | positive), torch.finfo(logits.dtype).min)
    ways = [_one_way(logits, positive), _one_way(logits.T, positive.T)]
    return torch.stack(ways).mean()


def _one_way(logits: Tensor, positive: Tensor) -> Tensor:
    count = positive.sum(dim=1)
    share = positive.to(logits.dtype) / count.clamp(min=1)[:, None]
    each = -(logits.log_softmax(dim=1) * share).sum(dim=1)
    return each.sum() / (count > 0).sum().clamp(min=1)
