"""A compact text transformer over tokens of a tokenizer trained on the corpus.

Legend: B batch, L tokens, F width.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from vesalius.errors import DataError
from vesalius.models.pooling import Encoding, last_places
from vesalius.models.recompute import run
from vesalius.models.settings import DualEncoderConfig
from vesalius.models.transformer import Block

__all__ = ["TextTransformer"]


class TextTransformer(nn.Module):
    """Pre-norm transformer with learned positions; padded tokens are never looked at."""

    recompute = False
    """Blocks keep their inputs alone while training; see `vesalius.models.recompute`."""

    def __init__(self, settings: DualEncoderConfig):
        super().__init__()
        self.width, depth, heads = settings.side("text")
        self.causal, self.pool = settings.causal, settings.text_pool
        self.embedding = nn.Embedding(settings.vocabulary, self.width)
        self.position = nn.Parameter(torch.zeros(settings.text_length, self.width))
        self.blocks = nn.ModuleList(Block(self.width, heads=heads, depth=depth) for _ in range(depth))
        self.after = nn.LayerNorm(self.width)

    def forward(
        self, input_ids: Tensor, attention_mask: Tensor, *, local: bool = True, attention: bool = False
    ) -> Encoding:
        """Token numbers and mask (1 = real), both (B, L), to token features (B, L, F).

        Without `local` an encoder whose pooling takes one token leaves the others out of its last block.
        """
        length = input_ids.shape[1]
        if length > len(self.position):
            raise DataError(f"text of {length} tokens, but the encoder takes {len(self.position)}: raise text_length")
        return self.read(self.embedded(input_ids), attention_mask.bool(), local=local, attention=attention)

    def embedded(self, input_ids: Tensor) -> Tensor:
        """Token numbers (B, L) to tokens with their positions, (B, L, F), as the blocks get them."""
        tokens: Tensor = self.embedding(input_ids) + self.position[: input_ids.shape[1]]
        return tokens

    def read(self, tokens: Tensor, real: Tensor, *, local: bool = True, attention: bool = False) -> Encoding:
        """Embedded tokens, or what stands for them, (B, L, F) through the blocks; `real` (B, L)."""
        length = tokens.shape[1]
        keep, causal = self._view(real)
        for block in self.blocks[:-1]:
            tokens = run(block, tokens, recompute=self.recompute, keep=keep, causal=causal)
        place = last_places(real) if self.pool == "last" else torch.zeros_like(real[:, 0], dtype=torch.long)
        seen = real
        if self.causal:
            seen = real & (torch.arange(length, device=real.device) <= place[:, None])
        if self.pool in ("cls", "last") and not (local or attention):
            summary = self.after(self.blocks[-1](tokens, keep=seen[:, None, None, :], place=place))[:, 0]
            return Encoding(None, grid=(length,), keep=real, summary=summary)
        looks = None
        if attention:
            tokens, looks = self.blocks[-1](tokens, keep=keep, causal=causal, watched=(place, seen))
        else:
            tokens = run(self.blocks[-1], tokens, recompute=self.recompute, keep=keep, causal=causal)
        tokens = self.after(tokens)
        return Encoding(tokens, grid=(length,), keep=real, summary=tokens[:, 0], attention=looks)

    def _view(self, real: Tensor) -> tuple[Tensor | None, bool]:
        """What a token may look at: a mask for all heads, or none and whether backwards only, which is faster."""
        # Only on the CPU: on a GPU the question would wait for all that is queued.
        if real.device.type == "cpu" and bool(real.all()):
            return None, self.causal
        keep = real[:, None, None, :]
        if self.causal:
            keep = keep & torch.ones(2 * real.shape[1:], dtype=torch.bool, device=real.device).tril()
        return keep, False

    def frozen_first(self) -> list[nn.Module | nn.Parameter]:
        """What is frozen below the first block."""
        return [self.embedding, self.position]

    def stages(self) -> list[nn.Module]:
        """Blocks from the input on, for freezing."""
        return list(self.blocks)

    @torch.no_grad()
    def initialise(self) -> None:
        """Draw what no block owns."""
        nn.init.normal_(self.embedding.weight, std=0.02)
        nn.init.normal_(self.position, std=0.01)
