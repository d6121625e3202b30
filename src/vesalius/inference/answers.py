"""Answers while they are written: tokens and their log-probabilities, stops, ends and constraints.

The same object follows our own writing and that of transformers, so that an answer ends alike in both.
Letters: B requests, R rows that are still written, V words of the vocabulary.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from typing import TYPE_CHECKING

from vesalius.errors import DataError
from vesalius.inference.requests import Finish

if TYPE_CHECKING:
    from torch import Tensor

    from vesalius.inference.enforcing import Masks

__all__ = ["Answers"]

_BROKEN = "\ufffd"
"""What a decoder writes for bytes that are no whole letter yet."""


class Answers:
    """B answers, of which some are done."""

    def __init__(
        self,
        count: int,
        *,
        ends: Collection[int],
        decode: Callable[[list[int]], str],
        stop: Sequence[str] = (),
        masks: Masks | None = None,
        weigh: bool = False,
    ) -> None:
        """Begin B empty answers.

        Args:
            count: B.
            ends: tokens that end an answer.
            decode: text of tokens.
            stop: texts that end an answer.
            masks: what may follow; None for anything.
            weigh: whether the log-probabilities of tokens are kept.
        """
        self.tokens: list[list[int]] = [[] for _ in range(count)]
        self.log_probabilities: list[list[float]] = [[] for _ in range(count)]
        self.done: list[bool] = [False] * count
        self._ends, self._decode, self._stop = frozenset(ends), decode, tuple(stop)
        self.masks, self._weigh = masks, weigh
        self._logits: Tensor | None = None

    @property
    def open(self) -> list[int]:
        """Places of the answers that are not done."""
        return [place for place, done in enumerate(self.done) if not done]

    def allow(self, rows: Sequence[int], logits: Tensor) -> Tensor:
        """Return the logits (R, V) of what may follow in the rows of these answers; those that are done stay.

        Raises:
            DataError: nothing may follow, for the vocabulary cannot spell what the constraint asks for.
        """
        self._logits = logits.float() if self._weigh else None
        if self.masks is None:
            return logits
        live = [row for row, place in enumerate(rows) if not self.done[place]]
        places = [rows[row] for row in live]
        held = self.masks.apply(places, [self.tokens[place] for place in places], logits[live])
        if not bool(held.isfinite().any(dim=-1).all()):
            raise DataError("the model's vocabulary cannot spell any answer that the constraint allows")
        return logits.index_copy(0, logits.new_tensor(live).long(), held)

    def take(self, rows: Sequence[int], tokens: Tensor) -> None:
        """Write one token, (R,), to each of these answers; those that are done stay.

        Where log-probabilities are kept, `allow` has seen the logits before.
        """
        chances = self._chances(tokens)
        for row, (place, token) in enumerate(zip(rows, tokens.tolist(), strict=True)):
            if self.done[place]:
                continue
            if chances is not None:
                self.log_probabilities[place].append(chances[row])
            if token in self._ends:
                self.done[place] = True
                continue
            self.tokens[place].append(token)
            if self._stop and self._stop_in(self._decode(self.tokens[place])) is not None:
                self.done[place] = True

    def text(self, place: int) -> str:
        """Return the words of an answer, up to the text at which it stopped."""
        text = self._decode(self.tokens[place])
        stop = self._stop_in(text)
        return text if stop is None else text[:stop]

    def settled(self, place: int) -> str:
        """Return what no later token changes: no half letter, and no beginning of a text at which it would stop."""
        text = self.text(place)
        if self.done[place]:
            return text
        text = text.rstrip(_BROKEN)
        held = max((_overlap(text, stop) for stop in self._stop), default=0)
        return text[: len(text) - held]

    def finish(self, place: int) -> Finish:
        """Return how an answer ended, once no more is written."""
        return "stop" if self.done[place] else "length"

    def _chances(self, tokens: Tensor) -> list[float] | None:
        if self._logits is None:
            return None
        chosen = self._logits.gather(1, tokens.to(self._logits.device)[:, None])[:, 0]
        found: list[float] = (chosen - self._logits.logsumexp(dim=-1)).tolist()
        return found

    def _stop_in(self, text: str) -> int | None:
        return min((text.index(stop) for stop in self._stop if stop in text), default=None)


def _overlap(text: str, stop: str) -> int:
    """Return how much of the end of a text is the beginning of a stop."""
    return next((size for size in range(min(len(stop) - 1, len(text)), 0, -1) if text.endswith(stop[:size])), 0)
