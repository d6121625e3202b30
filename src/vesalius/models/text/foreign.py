"""Any text model of `transformers` as an encoder.

Legend: B batch, L tokens, F width.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from vesalius.models import foreign
from vesalius.models.pooling import Encoding, last_places

__all__ = ["ForeignText"]


class ForeignText(nn.Module):
    """A text tower of transformers; its summary is its pooled output, else its first token."""

    def __init__(self, values: Mapping[str, Any], *, pooled: bool):
        super().__init__()
        self.model = foreign.build(values)
        self.pooled = pooled
        self.width = int(self.model.config.hidden_size)

    def forward(
        self, input_ids: Tensor, attention_mask: Tensor, *, local: bool = True, attention: bool = False
    ) -> Encoding:
        """Token numbers and mask (1 = real), both (B, L), to token features (B, L, F)."""
        del local  # the tokens are there anyway
        with foreign.watched(self.model, wanted=attention) as found:
            output = self.model(input_ids=input_ids, attention_mask=attention_mask, **found.options)
        tokens = output.last_hidden_state
        summary = getattr(output, "pooler_output", None)
        summary = tokens[:, 0] if summary is None else summary
        keep = attention_mask.bool()
        looks = found.looks(output)
        if looks is not None:
            # CLIP and SigLIP sum up in the last token, BERT and its kin in the first.
            at_end = self.model.config.model_type.startswith(("clip", "siglip"))
            place = last_places(keep) if at_end else torch.zeros_like(input_ids[:, 0])
            looks = looks[torch.arange(len(looks), device=looks.device), place]
        return Encoding(tokens, grid=(tokens.shape[1],), keep=keep, summary=summary, attention=looks)

    def embedded(self, input_ids: Tensor) -> Tensor:
        """Token numbers (B, L) to tokens with their positions, (B, L, F), as the layers get them."""
        tokens: Tensor = self.model.get_submodule("embeddings")(input_ids=input_ids)
        return tokens

    def read(self, tokens: Tensor, real: Tensor) -> Encoding:
        """Embedded tokens, or what stands for them, (B, L, F), through the layers; `real` where one is, (B, L)."""
        with foreign.changed_embeddings(self.model, lambda own: tokens.to(own.dtype)):
            # Numbers that no tokenizer gives to padding, one a place.
            return self.forward(torch.ones(real.shape, dtype=torch.long, device=real.device), real.long())

    def unused(self) -> list[nn.Module | nn.Parameter]:
        """What never learns here."""
        return foreign.unused(self.model, pooled=self.pooled)

    def frozen_first(self) -> list[nn.Module | nn.Parameter]:
        """What is frozen below the first layer."""
        return list(foreign.stages(self.model)[0])

    def stages(self) -> list[nn.Module]:
        """Layers from the input on, for freezing."""
        return foreign.stages(self.model)[1]
