"""What a benchmark of pretraining methods is: stages of fine-tuning, the same for every method."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

__all__ = ["Stage"]


@dataclass(frozen=True, kw_only=True)
class Stage:
    """One downstream protocol with its shares of the labels and its tuning budget."""

    protocol: str
    """Name of a file in `vesalius.adaptation.protocols`."""
    metric: str
    """Score that is compared; the mean over concepts."""
    fractions: tuple[float, ...]
    draws: int
    rates: tuple[float, ...]
    """Multiples of the protocol's learning rate; validation chooses."""
    fit: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))
    """Settings laid over those of the protocol."""
    words: str = ""
    """Heading of its columns."""
