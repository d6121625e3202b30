"""A request as a model that writes reads it."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass
from typing import Any

from vesalius.inference.requests import Decoding, Request

__all__ = ["Prompt"]


@dataclass(frozen=True)
class Prompt:
    """A request as the model reads it."""

    request: Request
    text: str
    pictures: tuple[Any, ...]
    """PIL images."""

    @property
    def size(self) -> int:
        """Length by which requests are put side by side."""
        return len(self.text)

    @property
    def together(self) -> Hashable:
        """What makes requests neighbours, such as media that they share."""
        return ()

    @property
    def group(self) -> tuple[int, Decoding, bool]:
        """What requests of one batch share: how many pictures, how they are decoded, whether choices are weighed."""
        return len(self.pictures), self.request.decoding, bool(self.request.choices)
