"""Codes that tell the views of a medium apart: slices by millimetres, frames by seconds, tiles by row and column.

Legend: V views, P tokens of a view, F width.
"""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn

from vesalius.errors import DataError
from vesalius.models.vlm.views import Layout

__all__ = ["ViewCodes", "sinusoids"]

_LONGEST = 10_000.0
"""Ratio of the longest wave to the shortest (Vaswani et al. 2017, section 3.5)."""


def sinusoids(positions: Tensor, width: int) -> Tensor:
    """Sines and cosines of positions, waves from 2π to 10 000 · 2π.

    Source: Vaswani et al. 2017, section 3.5, with positions of any unit.

    Args:
        positions: (V,).
        width: F.

    Returns:
        (V, F): sines at even places, cosines at odd ones.
    """
    steps = torch.arange(0, width, 2, dtype=torch.float32, device=positions.device)
    angles = positions.float()[:, None] * _LONGEST ** (-steps / width)
    return torch.stack([angles.sin(), angles.cos()], dim=-1).flatten(1)[:, :width]


class ViewCodes(nn.Module):
    """Adds the codes to the encoder's tokens; without any asked for, tokens pass unchanged."""

    def __init__(self, width: int, *, positions: Literal["none", "sinusoidal", "learned"], tiles: bool):
        super().__init__()
        self.positions, self.tiles = positions, tiles
        if positions == "learned":
            self.matrix = nn.Linear(width, width, bias=False)
            nn.init.zeros_(self.matrix.weight)
            self.matrix._is_hf_initialized = True  # type: ignore[assignment]  # by this transformers leaves it

    def forward(self, tokens: Tensor, layout: Layout) -> Tensor:
        """Tokens (V, P, F) to the same with the code of each view added to all of its tokens."""
        if layout.kind != "image" and self.positions != "none":
            return tokens + self._of_positions(tokens, layout)[:, None]
        if layout.kind == "image" and self.tiles:
            return tokens + self._of_tiles(tokens, layout)[:, None]
        return tokens

    def _of_positions(self, tokens: Tensor, layout: Layout) -> Tensor:
        if not layout.positions:
            raise DataError(
                f"a {layout.kind} of {layout.views} views states no positions in mm or s, which the connector adds; "
                "state the spacing or the frame times in the file, or set positions to none"
            )
        places = torch.tensor(layout.positions, device=tokens.device)
        codes = sinusoids(places, tokens.shape[-1]).to(tokens.dtype)
        out: Tensor = self.matrix(codes) if self.positions == "learned" else codes
        return out

    def _of_tiles(self, tokens: Tensor, layout: Layout) -> Tensor:
        """Half of the width for the row, half for the column; nothing for the overview."""
        width = tokens.shape[-1]
        places = torch.arange(layout.rows * layout.columns, device=tokens.device)
        rows = sinusoids(places // layout.columns, width // 2)
        columns = sinusoids(places % layout.columns, width - width // 2)
        codes = torch.cat([rows, columns], dim=-1).to(tokens.dtype)
        return torch.cat([codes.new_zeros(1, width), codes]) if layout.overview else codes
