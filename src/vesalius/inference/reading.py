"""What a language model has read of several prompts: keys and values, mask, and the logits of the next token.

Prompts that share a beginning, such as questions about one medium, read it once. Their keys and values are put side
by side, padded at the left; what is not shared follows, padded at its left. Positions skip the padding.

Letters: B prompts, L tokens, n tokens of a shared beginning, D width, V words, H heads, d width of a head.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from transformers import DynamicCache
from transformers.cache_utils import DynamicLayer

from vesalius.inference.prefixes import Layers, Prefixes, common

__all__ = ["Begun", "Read", "Reader", "can_go_on"]

_FEWEST = 16
"""Tokens that are worth going on from."""


@dataclass(frozen=True, eq=False)
class Read:
    """A prompt in tokens."""

    input_ids: NDArray[np.int64]
    """(L,)."""
    signature: NDArray[np.int64]
    """The same, those of media told apart by what they show, (L,)."""
    media: tuple[Tensor, ...]
    """Tokens of each medium, (T, D)."""
    together: Hashable
    """What prompts share that begin alike."""


@dataclass
class Begun:
    """B prompts that were read; changes as the answers are written."""

    cache: Any
    mask: Tensor
    """1 where a token stands and 0 for padding, (B, L)."""
    positions: Tensor
    """Of the next token, (B, 1)."""
    logits: Tensor
    """Of the next token, (B, V)."""
    padded: bool

    def keep(self, rows: Sequence[int]) -> None:
        """Go on with some of the prompts alone."""
        chosen = torch.tensor(rows, device=self.mask.device)
        self.cache.batch_select_indices(chosen)
        self.mask, self.positions, self.logits = self.mask[chosen], self.positions[chosen], self.logits[chosen]


class Reader:
    """Reads prompts with one language model and keeps the beginnings of the last ones."""

    def __init__(
        self, language: Any, embed: Callable[[Tensor, Sequence[Tensor]], Tensor], prefixes: Prefixes
    ) -> None:
        """Hold the model.

        Args:
            language: a causal language model of transformers.
            embed: gives embeddings (1, L, D) of tokens (1, L) and the tokens of media among them.
            prefixes: what is kept; of no memory for nothing.
        """
        self._language, self._embed, self.prefixes = language, embed, prefixes

    def begin(self, prompts: Sequence[Read]) -> Begun:
        """Read prompts up to their last token."""
        shared = self._shared(prompts) if self.prefixes.most_bytes else [0] * len(prompts)
        known: dict[bytes, Layers] = {}
        for prompt, length in zip(prompts, shared, strict=True):
            key = prompt.signature[:length].tobytes()
            if length and key not in known:
                known[key] = self._layers(prompt, length)
        layers = [
            known.get(prompt.signature[:length].tobytes(), []) for prompt, length in zip(prompts, shared, strict=True)
        ]
        cache, before = _side_by_side(layers, shared, self._cache(), device=self._language.device)
        rest = [len(prompt.input_ids) - length for prompt, length in zip(prompts, shared, strict=True)]
        longest = max(rest)
        embeddings = [self._embeddings(prompt, length) for prompt, length in zip(prompts, shared, strict=True)]
        padded = torch.stack([torch.nn.functional.pad(one, (0, 0, longest - len(one), 0)) for one in embeddings])
        mask = torch.cat([before, _left_padded(rest, longest).to(before)], dim=1)
        positions = (mask.cumsum(dim=1) - 1).clamp(min=0)
        begun = Begun(cache, mask, positions[:, -1:] + 1, padded.new_zeros(0), padded=not bool(mask.all()))
        begun.logits = self._pass(begun, inputs_embeds=padded, position_ids=positions[:, -longest:])
        return begun

    def go_on(self, begun: Begun, tokens: Tensor) -> None:
        """Read one more token, (B,), of every prompt."""
        begun.mask = torch.cat([begun.mask, begun.mask.new_ones(len(tokens), 1)], dim=1)
        begun.logits = self._pass(begun, input_ids=tokens[:, None], position_ids=begun.positions)
        begun.positions = begun.positions + 1

    def keep(self, prompt: Read, begun: Begun, said: Sequence[int]) -> None:
        """Keep what was read of a prompt alone and of its answer."""
        if not self.prefixes.most_bytes:
            return
        layers = [(layer.keys, layer.values) for layer in begun.cache.layers]
        signature = np.concatenate([prompt.signature, np.asarray(said, dtype=np.int64)])
        self.prefixes.keep(signature[: begun.cache.get_seq_length()], layers)

    def _shared(self, prompts: Sequence[Read]) -> list[int]:
        """Return how many tokens of each prompt come from keys and values: what prompts of one medium share, or what
        was read before; the last token is always read anew, for its logits."""
        groups: dict[Any, list[int]] = {}
        for row, prompt in enumerate(prompts):
            groups.setdefault(prompt.together, []).append(row)
        found = [0] * len(prompts)
        for rows in groups.values():
            signatures = [prompts[row].signature for row in rows]
            most = min(len(one) for one in signatures) - 1
            alike = common(signatures) if len(rows) > 1 else self.prefixes.longest(signatures[0], most=most)[0]
            for row in rows:
                found[row] = min(alike, most) if min(alike, most) >= _FEWEST else 0
        return found

    def _layers(self, prompt: Read, length: int) -> Layers:
        """Return keys and values of the beginning of a prompt, read as far as they are not kept."""
        known, layers = self.prefixes.longest(prompt.signature, most=length)
        if known == length:
            return layers
        cache, before = _side_by_side([layers], [known], self._cache(), device=self._language.device)
        embeddings = self._embeddings(prompt, known, end=length)[None]
        mask = torch.cat([before, before.new_ones(1, length - known)], dim=1)
        begun = Begun(cache, mask, mask[:, :0], embeddings[0], padded=False)
        self._pass(
            begun, inputs_embeds=embeddings, position_ids=torch.arange(known, length, device=mask.device)[None]
        )
        self.keep(prompt, begun, ())
        return [(layer.keys, layer.values) for layer in cache.layers]

    def _embeddings(self, prompt: Read, start: int, *, end: int | None = None) -> Tensor:
        """Embeddings of the tokens of a prompt from `start`, (L - start, D)."""
        ids = torch.from_numpy(prompt.input_ids)[None].to(self._language.device)
        return self._embed(ids, prompt.media)[0, start:end]

    def _pass(self, begun: Begun, **inputs: Any) -> Tensor:
        """Run the language model on what comes next, (B, V)."""
        logits: Tensor = self._language(
            attention_mask=begun.mask if begun.padded else None,
            past_key_values=begun.cache,
            use_cache=True,
            logits_to_keep=1,
            **inputs,
        ).logits
        return logits[:, -1]

    def _cache(self) -> Any:
        return DynamicCache(config=self._language.config)


def can_go_on(language: Any) -> bool:
    """Say whether all layers of a language model keep the keys and values of all tokens, and nothing else."""
    if getattr(language, "_is_stateful", False):
        return False
    layers = DynamicCache(config=language.config).layers
    return all(type(layer) is DynamicLayer for layer in layers)


def _side_by_side(layers: Sequence[Layers], lengths: Sequence[int], cache: Any, *, device: Any) -> tuple[Any, Tensor]:
    """Put keys and values of unlike lengths into one cache, padded at the left; return it and its mask (B, n)."""
    longest = max(lengths)
    for place in range(len(max(layers, key=len))) if longest else ():
        sides = []
        for side in (0, 1):
            like = next(one[place][side] for one in layers if one)
            joined = like.new_zeros(len(layers), like.shape[1], longest, like.shape[3])
            for row, (one, length) in enumerate(zip(layers, lengths, strict=True)):
                if length:
                    joined[row, :, longest - length :] = one[place][side][0]
            sides.append(joined)
        cache.update(*sides, place)
    return cache, _left_padded(lengths, longest).to(device)


def _left_padded(lengths: Sequence[int], longest: int) -> Tensor:
    """Return 1 where one of so many tokens stands at the right, (B, longest)."""
    return (torch.arange(longest)[None] >= longest - torch.tensor(lengths)[:, None]).long()
