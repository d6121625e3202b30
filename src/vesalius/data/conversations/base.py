"""What every source of conversations gives: its rows, by number, the same for the same epoch."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from typing import overload

from vesalius.data.conversations.records import Conversation

__all__ = ["Source"]


class Source(Sequence[Conversation]):
    """Conversations by number; a row is made when it is asked for, and media stay in their files."""

    name: str
    """What mixtures and reports call it."""

    @abstractmethod
    def conversation(self, row: int, *, epoch: int = 0) -> Conversation:
        """Return a row, from 0, as an epoch has it: sources that word their own questions word them anew."""

    @overload
    def __getitem__(self, row: int) -> Conversation: ...
    @overload
    def __getitem__(self, row: slice) -> list[Conversation]: ...
    def __getitem__(self, row: int | slice) -> Conversation | list[Conversation]:
        """Return a row of epoch 0, or several."""
        if isinstance(row, slice):
            return [self.conversation(place) for place in range(*row.indices(len(self)))]
        if not -len(self) <= row < len(self):
            raise IndexError(f"row {row} of {len(self)} of {self.name}")
        return self.conversation(row % len(self))
