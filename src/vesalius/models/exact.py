"""Numbers in float32 at least: similarities near 1 differ by less than bfloat16 can tell."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

__all__ = ["exact", "unit"]


def exact(values: Tensor) -> Tensor:
    """Return float64 as it is, everything else in float32; any shape."""
    return values if values.dtype == torch.float64 else values.float()


def unit(features: Tensor) -> Tensor:
    """Scale the last axis to unit norm, in float32 at least; zeros stay zeros."""
    return functional.normalize(exact(features), dim=-1)
