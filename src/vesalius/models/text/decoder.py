"""A decoder that writes a text while it looks at tokens of an image, or of image and text together.

Pre-norm blocks: look back at what is written, look at the source, perceptron. While it writes, keys and values of
what stands are kept, so that a step costs one token.

Legend: B batch, L tokens, P tokens of the source, F width of the source, D width, H heads, K beams.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from vesalius.errors import DataError
from vesalius.models.transformer import attend, initialise_linear

__all__ = ["TextDecoder", "Written"]

Kept = list[tuple[Tensor, Tensor]]
"""Keys and values of what is written, (B, H, L, D / H) each, by block."""


class Written(NamedTuple):
    """What a decoder wrote."""

    tokens: Tensor
    """Without the start; after the end come end tokens, (B, L)."""
    score: Tensor
    """Sum of the log probabilities of tokens and end; of beams over their length to a power, (B,)."""


class _Look(nn.Module):
    """Attention of tokens to themselves or to a source."""

    def __init__(self, width: int, *, heads: int, dropout: float):
        super().__init__()
        self.heads, self.rate = heads, dropout
        self.query = nn.Linear(width, width)
        self.key = nn.Linear(width, width)
        self.value = nn.Linear(width, width)
        self.out = nn.Linear(width, width)

    def sides(self, source: Tensor) -> tuple[Tensor, Tensor]:
        """Keys and values of (B, P, D), (B, H, P, D / H) each."""
        return self._split(self.key(source)), self._split(self.value(source))

    def forward(
        self, tokens: Tensor, key: Tensor, value: Tensor, *, keep: Tensor | None = None, causal: bool = False
    ) -> Tensor:
        """(B, L, D) to (B, L, D)."""
        rate = self.rate if self.training else 0.0
        mixed = attend(self._split(self.query(tokens)), key, value, keep=keep, causal=causal, dropout=rate)
        out: Tensor = self.out(mixed.transpose(1, 2).flatten(2))
        return out

    def _split(self, rows: Tensor) -> Tensor:
        return rows.view(*rows.shape[:2], self.heads, -1).transpose(1, 2)


class _Block(nn.Module):
    """Look back, look at the source, perceptron; each behind a norm and beside a shortcut."""

    def __init__(self, width: int, *, heads: int, dropout: float):
        super().__init__()
        self.back_norm, self.source_norm, self.perceptron_norm = (nn.LayerNorm(width) for _ in range(3))
        self.back = _Look(width, heads=heads, dropout=dropout)
        self.source = _Look(width, heads=heads, dropout=dropout)
        self.expand = nn.Linear(width, 4 * width)
        self.contract = nn.Linear(4 * width, width)
        self.dropout = nn.Dropout(dropout)

    def forward(
        self,
        tokens: Tensor,
        source: tuple[Tensor, Tensor],
        keep: Tensor | None,
        before: tuple[Tensor, Tensor] | None = None,
    ) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        """Tokens (B, L, D), the source's keys and values, and those of what stands before; and all of the latter."""
        normal = self.back_norm(tokens)
        key, value = self.back.sides(normal)
        if before is not None:
            key, value = torch.cat([before[0], key], dim=2), torch.cat([before[1], value], dim=2)
        found = self.back(normal, key, value, causal=before is None and tokens.shape[1] > 1)
        tokens = tokens + self.dropout(found)
        tokens = tokens + self.dropout(self.source(self.source_norm(tokens), *source, keep=keep))
        inner = self.contract(functional.gelu(self.expand(self.perceptron_norm(tokens))))
        return tokens + self.dropout(inner), (key, value)


class _Beams(NamedTuple):
    """Beginnings of texts."""

    tokens: Tensor
    """(B, K, L)."""
    score: Tensor
    """Sum of log probabilities, (B, K)."""
    length: Tensor
    """Tokens up to the end, (B, K)."""
    ended: Tensor
    """(B, K)."""

    @classmethod
    def first(cls, batch: int, beams: int, *, device: torch.device) -> _Beams:
        """Return empty ones. All are equal, so only one of each text may go on."""
        score = torch.full((batch, beams), -torch.inf, device=device)
        score[:, 0] = 0.0
        none = torch.zeros(batch, beams, 0, dtype=torch.long, device=device)
        return cls(none, score, torch.zeros_like(score), torch.zeros_like(score, dtype=torch.bool))

    def worth(self, power: float) -> Tensor:
        """Score over length to a power, (B, K)."""
        return self.score / self.length.clamp(min=1) ** power

    def longer(self, step: Tensor, *, end: int, power: float) -> tuple[_Beams, Tensor]:
        """Return the best ones with one token more, and the rows (B · K,) that they come from.

        Args:
            step: log probabilities of the next token, (B, K, vocabulary).
            end: number of the token that ends a text.
            power: of the length.
        """
        only_end = torch.full_like(step[0, 0], -torch.inf)
        only_end[end] = 0.0
        total = self.score[..., None] + torch.where(self.ended[..., None], only_end, step)
        length = self.length + (~self.ended).float()
        worth = total / length[..., None].clamp(min=1) ** power
        best = worth.flatten(1).topk(step.shape[1], dim=1).indices
        parent, choice = best // step.shape[-1], best % step.shape[-1]
        rows = parent + step.shape[1] * torch.arange(len(step), device=step.device)[:, None]
        before = self.tokens.flatten(0, 1)[rows.flatten()].view_as(self.tokens)
        tokens = torch.cat([before, choice[..., None]], dim=2)
        ended = self.ended.gather(1, parent) | (choice == end)
        return _Beams(tokens, total.flatten(1).gather(1, best), length.gather(1, parent), ended), rows.flatten()


class TextDecoder(nn.Module):
    """A causal transformer with cross-attention; its words share the matrix that embeds them."""

    def __init__(
        self,
        vocabulary: int,
        *,
        width: int,
        depth: int,
        heads: int,
        length: int,
        source_width: int,
        dropout: float = 0.0,
    ):
        """Build.

        Args:
            vocabulary: tokens that can be written.
            width: D, a multiple of `heads`.
            depth: blocks.
            heads: attention heads.
            length: most tokens, with the start.
            source_width: F of what is looked at.
            dropout: of attention weights and of what is added to a shortcut.
        """
        super().__init__()
        self.length = length
        self.embedding = nn.Embedding(vocabulary, width)
        self.position = nn.Parameter(torch.randn(length, width) * 0.01)
        self.source = nn.Linear(source_width, width)
        self.blocks = nn.ModuleList(_Block(width, heads=heads, dropout=dropout) for _ in range(depth))
        self.after = nn.LayerNorm(width)
        self._initialise()

    def forward(self, input_ids: Tensor, source: Tensor, source_keep: Tensor | None = None) -> Tensor:
        """Logits of the next token at every place, (B, L, vocabulary).

        Args:
            input_ids: token numbers, the start first, (B, L); padding may stand behind a text.
            source: what is looked at, (B, P, F).
            source_keep: True where it may be, (B, P).

        Raises:
            DataError: more tokens than the decoder has places for.
        """
        sides, keep = self._source(source, source_keep)
        return self._step(input_ids, sides, keep, None)[0]

    @torch.no_grad()
    def greedy(
        self, source: Tensor, source_keep: Tensor | None = None, *, start: int, end: int, longest: int
    ) -> Written:
        """Write the likeliest token at every step until all texts have ended.

        Args:
            source: (B, P, F).
            source_keep: (B, P).
            start: number of the token that every text starts with.
            end: number of the one that ends it.
            longest: most tokens, bounded by the decoder's length.
        """
        sides, keep = self._source(source, source_keep)
        token = torch.full((len(source), 1), start, device=source.device)
        kept: Kept | None = None
        score = torch.zeros(len(source), device=source.device)
        ended = torch.zeros(len(source), dtype=torch.bool, device=source.device)
        tokens = []
        for _ in range(min(longest, self.length - 1)):
            logits, kept = self._step(token, sides, keep, kept)
            best, choice = logits[:, -1].float().log_softmax(dim=-1).max(dim=-1)
            score = score + best.masked_fill(ended, 0.0)
            choice = choice.masked_fill(ended, end)
            tokens.append(choice)
            ended = ended | (choice == end)
            if bool(ended.all()):
                break
            token = choice[:, None]
        empty = token.new_zeros(len(source), 0)
        return Written(torch.stack(tokens, dim=1) if tokens else empty, score)

    @torch.no_grad()
    def beam(
        self,
        source: Tensor,
        source_keep: Tensor | None = None,
        *,
        start: int,
        end: int,
        longest: int,
        beams: int = 4,
        length_power: float = 1.0,
    ) -> Written:
        """Keep the likeliest beginnings at every step and return the best of those left.

        A beginning counts by its score over length^`length_power`. One that has ended keeps its place. The rest as
        for `greedy`, which one beam is.
        """
        sides, keep = self._source(source, source_keep)
        sides = [(key.repeat_interleave(beams, 0), value.repeat_interleave(beams, 0)) for key, value in sides]
        keep = None if keep is None else keep.repeat_interleave(beams, 0)
        held = _Beams.first(len(source), beams, device=source.device)
        token = torch.full((len(source) * beams, 1), start, device=source.device)
        kept: Kept | None = None
        for _ in range(min(longest, self.length - 1)):
            logits, kept = self._step(token, sides, keep, kept)
            step = logits[:, -1].float().log_softmax(dim=-1).view(len(source), beams, -1)
            held, rows = held.longer(step, end=end, power=length_power)
            kept = [(key[rows], value[rows]) for key, value in kept]
            token = held.tokens.flatten(0, 1)[:, -1:]
            if bool(held.ended.all()):
                break
        worth = held.worth(length_power)
        best = worth.argmax(dim=1)
        return Written(held.tokens[torch.arange(len(best), device=best.device), best], worth.amax(dim=1))

    def _source(self, source: Tensor, keep: Tensor | None) -> tuple[Kept, Tensor | None]:
        """Keys and values of the source in every block, computed once."""
        rows = self.source(source)
        sides: Kept = [block.source.sides(rows) for block in self.blocks]  # type: ignore[operator, union-attr]
        return sides, None if keep is None else keep[:, None, None, :]

    def _step(self, input_ids: Tensor, sides: Kept, keep: Tensor | None, kept: Kept | None) -> tuple[Tensor, Kept]:
        """Logits of new tokens behind those whose keys and values are kept, and the keys and values of all."""
        past = 0 if kept is None else kept[0][0].shape[2]
        stop = past + input_ids.shape[1]
        if stop > self.length:
            raise DataError(f"a text of {stop} tokens, but the decoder writes {self.length}: raise its length")
        tokens = self.embedding(input_ids) + self.position[past:stop]
        written: Kept = []
        for number, block in enumerate(self.blocks):
            tokens, pair = block(tokens, sides[number], keep, None if kept is None else kept[number])
            written.append(pair)
        return functional.linear(self.after(tokens), self.embedding.weight), written

    @torch.no_grad()
    def _initialise(self) -> None:
        nn.init.normal_(self.embedding.weight, std=0.02)
        for part in self.modules():
            if isinstance(part, nn.Linear):
                initialise_linear(part)
        for block in self.blocks:
            for layer in (block.back.out, block.source.out, block.contract):  # type: ignore[union-attr]
                initialise_linear(layer, gain=(3 * len(self.blocks)) ** -0.5)  # type: ignore[arg-type]
