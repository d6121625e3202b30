"""A first-in, first-out store of features of past batches, as further negatives of a contrast.

Source: He et al. 2020 (MoCo, arXiv 1911.05722), as ALBEF (Li et al. 2021, arXiv 2107.07651) has it for two sides.
Legend: N new rows, K rows of the queue, D joint width.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from vesalius.errors import ConfigError

__all__ = ["FeatureQueue"]


class FeatureQueue(nn.Module):
    """Unit-norm images and texts, random at the start; it is stored with the weights, and nothing in it learns."""

    image: Tensor
    """(K, D)."""
    text: Tensor
    """(K, D)."""
    place: Tensor
    """Row that is replaced next, (1,)."""

    def __init__(self, rows: int, *, width: int):
        """Hold K = `rows` vectors of `width` D for each side."""
        super().__init__()
        for side in ("image", "text"):
            self.register_buffer(side, functional.normalize(torch.randn(rows, width), dim=1))
        self.register_buffer("place", torch.zeros(1, dtype=torch.long))

    @torch.no_grad()
    def push(self, image: Tensor, text: Tensor) -> None:
        """Put N rows of each side, (N, D), in the place of the oldest; N need not divide K.

        Raises:
            ConfigError: more rows at once than the queue has.
        """
        rows = len(self.image)
        if len(image) > rows:
            raise ConfigError(
                f"{len(image)} rows at once for a queue of {rows}; enlarge the queue or lower the batch"
            )
        places = (self.place + torch.arange(len(image), device=self.place.device)) % rows
        self.image[places] = image.to(self.image)
        self.text[places] = text.to(self.text)
        self.place.copy_((self.place + len(image)) % rows)
