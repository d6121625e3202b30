"""Any text model of `transformers` as an encoder.

Legend: B batch, L tokens, F width.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import Tensor, nn

from vesalius.models import foreign
from vesalius.models.pooling import Encoding

__all__ = ["ForeignText"]


class ForeignText(nn.Module):
    """A text tower of transformers; its summary is its pooled output, else its first token."""

    def __init__(self, values: Mapping[str, Any], *, pooled: bool):
        super().__init__()
        self.model = foreign.build(values)
        self.pooled = pooled
        self.width = int(self.model.config.hidden_size)

    def forward(self, input_ids: Tensor, attention_mask: Tensor, *, local: bool = True) -> Encoding:
        """Token numbers and mask (1 = real), both (B, L), to token features (B, L, F)."""
        del local  # the tokens are there anyway
        output = self.model(input_ids=input_ids, attention_mask=attention_mask)
        tokens = output.last_hidden_state
        summary = getattr(output, "pooler_output", None)
        summary = tokens[:, 0] if summary is None else summary
        return Encoding(tokens, grid=(tokens.shape[1],), keep=attention_mask.bool(), summary=summary)

    def unused(self) -> list[nn.Module | nn.Parameter]:
        """What never learns here."""
        return foreign.unused(self.model, pooled=self.pooled)

    def frozen_first(self) -> list[nn.Module | nn.Parameter]:
        """What is frozen below the first layer."""
        return list(foreign.stages(self.model)[0])

    def stages(self) -> list[nn.Module]:
        """Layers from the input on, for freezing."""
        return foreign.stages(self.model)[1]
