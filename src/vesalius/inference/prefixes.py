"""Keys and values of what a language model has read, kept so that a prompt that begins alike goes on from them.

Letters: n tokens, H heads, d width of a head.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["Layers", "Prefixes", "common"]

Layers = list[tuple["Tensor", "Tensor"]]
"""Keys and values of every layer, (1, H, n, d) each."""

Signature = NDArray[np.int64]
"""One number for each token read, (n,): equal numbers are equal tokens, those of media included."""


class _Kept(NamedTuple):
    signature: Signature
    layers: Layers

    @property
    def bytes(self) -> int:
        return sum(part.numel() * part.element_size() for pair in self.layers for part in pair)


class Prefixes:
    """A few prompts that were read, the last used ones, within a bound of memory."""

    def __init__(self, most_bytes: int) -> None:
        self.most_bytes = most_bytes
        self._kept: list[_Kept] = []

    def longest(self, signature: Signature, *, most: int) -> tuple[int, Layers]:
        """Return how much of a prompt was read before, and its keys and values; 0 and nothing where too little was.

        Args:
            signature: of the prompt.
            most: tokens of it that may come from here.
        """
        lengths = [min(common([signature, one.signature]), most) for one in self._kept]
        best = max(lengths, default=0)
        if best == 0:
            return 0, []
        one = self._kept.pop(lengths.index(best))
        self._kept.append(one)
        return best, [(keys[:, :, :best], values[:, :, :best]) for keys, values in one.layers]

    def keep(self, signature: Signature, layers: Layers) -> None:
        """Keep what was read in the place of all that it begins with; the oldest goes where memory is short."""
        inside = [common([signature, one.signature]) == len(one.signature) for one in self._kept]
        self._kept = [one for one, gone in zip(self._kept, inside, strict=True) if not gone]
        self._kept.append(_Kept(signature, layers))
        while len(self._kept) > 0 and sum(one.bytes for one in self._kept) > self.most_bytes:
            self._kept.pop(0)


def common(signatures: Sequence[Signature]) -> int:
    """Return how many tokens several prompts have in common at their beginning."""
    shortest = min(len(one) for one in signatures)
    first = signatures[0][:shortest]
    unlike = np.zeros(shortest, dtype=bool)
    for other in signatures[1:]:
        unlike |= first != other[:shortest]
    return int(unlike.argmax()) if unlike.any() else shortest
