"""Sections of one report that find each other among those of other reports.

Source: radiology section matching, Boecking et al. 2022 (BioViL, arXiv 2204.09817, section 3.1): findings and
impression of a study are a pair of a contrast between texts, beside masked words.

Legend: B reports, D joint width.
"""

from __future__ import annotations

import torch
from torch import Tensor

from vesalius.objectives.contrastive import contrast

__all__ = ["section_matching"]


def section_matching(
    first: Tensor, second: Tensor, *, exists: Tensor | None = None, temperature: float = 0.5
) -> Tensor:
    """Find each first section's own second one, and the other way round; mean of both directions.

    Args:
        first: unit-norm, such as findings, (B, D).
        second: unit-norm, such as impressions, (B, D).
        exists: True where a report has both sections, (B,); the others count for nothing. All have where not given.
        temperature: of the softmax (BioViL: 0.5, from memory).

    Returns:
        The loss; 0 where no report has both.
    """
    if exists is not None:
        first, second = first[exists], second[exists]
    if not len(first):
        return (first.sum() + second.sum()) * torch.zeros((), dtype=first.dtype)
    return contrast(first, second, logit_scale=1 / temperature).loss
