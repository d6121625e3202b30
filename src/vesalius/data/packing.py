"""Rows of unlike lengths put together: into packs of a budget of tokens, or into batches that are padded little.

Only lengths are seen here: that a packed sample sees no other is for the model's mask. A row is never cut.
Letters: N rows, P packs.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Generic, Literal, NamedTuple, TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from vesalius.errors import ConfigError, DataError

__all__ = ["Pack", "Packs", "Stream", "TooLong", "pack", "token_batches"]

Ints = NDArray[np.int64]
Key = TypeVar("Key")
TooLong = Literal["error", "skip"]
"""What is done with a row longer than the budget."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Packs(Sequence[Ints]):
    """Which rows are put together; within a pack they keep their order, and packs come by their first row."""

    rows: Ints
    """Rows of all packs, one pack after the other."""
    starts: Ints
    """Where each pack begins in `rows`, and where the last one ends, (P + 1,)."""
    lengths: Ints
    """Of all N rows that were given, in tokens."""
    budget: int
    skipped: Ints
    """Rows that are longer than the budget, where that is allowed."""

    def __len__(self) -> int:
        return len(self.starts) - 1

    def __getitem__(self, place: int) -> Ints:  # type: ignore[override]
        if not -len(self) <= place < len(self):
            raise IndexError(f"pack {place} of {len(self)}")
        place %= len(self)
        return self.rows[self.starts[place] : self.starts[place + 1]]

    @property
    def tokens(self) -> int:
        """Tokens of all packed rows."""
        return int(self.lengths[self.rows].sum())

    @property
    def utilisation(self) -> float:
        """Share of the places that hold a token, where every pack has as many as the budget."""
        return self.tokens / (len(self) * self.budget) if len(self) else 0.0


def pack(lengths: ArrayLike, *, budget: int, window: int = 0, too_long: TooLong = "error") -> Packs:
    """Put rows into packs of at most `budget` tokens, best-fit decreasing: longest first, each into the tightest fit.

    Args:
        lengths: tokens of each row, image tokens included, (N,).
        budget: most tokens of a pack.
        window: only rows among so many neighbours meet in a pack, so that a shuffled order stays one; 0 for all.
        too_long: "error", or "skip": left out and listed.

    Raises:
        DataError: names row and numbers of a row that is too long, or of a length below 1.
    """
    given = np.asarray(lengths, dtype=np.int64).reshape(-1)
    _check_budget(budget, window)
    if (given < 1).any():
        row = int(np.argmax(given < 1))
        raise DataError(f"row {row} has {given[row]} tokens; expected at least one")
    skipped = np.flatnonzero(given > budget)
    if len(skipped) and too_long == "error":
        raise DataError(_too_long(f"row {skipped[0]}", int(given[skipped[0]]), budget, len(skipped)))
    kept = np.flatnonzero(given <= budget)
    step = window or max(len(kept), 1)
    found = [
        kept[start : start + step][np.array(own)]
        for start in range(0, len(kept), step)
        for own in _best_fit(given[kept[start : start + step]].tolist(), budget)
    ]
    starts = np.cumsum([0, *(len(own) for own in found)])
    rows = np.concatenate(found) if found else np.empty(0, np.int64)
    return Packs(rows=rows, starts=starts, lengths=given, budget=budget, skipped=skipped)


def token_batches(lengths: ArrayLike, *, budget: int, window: int = 1024, seed: int = 0) -> list[Ints]:
    """Cut rows into batches whose padded size, rows × longest row, is at most `budget` tokens; for unpacked training.

    Rows are shuffled, sorted by length within windows of so many, cut, and the batches are shuffled.

    Args:
        lengths: tokens of each row, (N,).
        budget: most tokens of a batch, padding included.
        window: rows that are sorted together; more are padded less and mixed less.
        seed: of both shuffles.

    Raises:
        DataError: a row is longer than the budget.
    """
    given = np.asarray(lengths, dtype=np.int64).reshape(-1)
    _check_budget(budget, window, least=1)
    over = np.flatnonzero(given > budget)
    if len(over):
        raise DataError(_too_long(f"row {over[0]}", int(given[over[0]]), budget, len(over)))
    rng = np.random.default_rng(seed)
    shuffled = rng.permutation(len(given))
    batches: list[Ints] = []
    for start in range(0, len(given), window):
        rows = shuffled[start : start + window]
        rows = rows[np.argsort(-given[rows], kind="stable")]
        while len(rows):
            # The first row is the longest of those that are left.
            count = max(1, budget // max(int(given[rows[0]]), 1))
            batches.append(rows[:count])
            rows = rows[count:]
    return [batches[place] for place in rng.permutation(len(batches))]


class Pack(NamedTuple, Generic[Key]):
    """Rows that are put together, by whatever names them, with their lengths."""

    keys: tuple[Key, ...]
    lengths: tuple[int, ...]


class Stream(Generic[Key]):
    """Packs of rows that come one by one, with at most `window` rows in memory.

    Of every full window the fuller half of the packs goes out, and the pack that holds the oldest row; the rows of
    the others wait for better company.
    """

    def __init__(
        self, rows: Iterable[tuple[Key, int]], *, budget: int, window: int = 512, too_long: TooLong = "error"
    ) -> None:
        """Take names and lengths of rows.

        Args:
            rows: name and number of tokens of each.
            budget: most tokens of a pack.
            window: most rows in memory.
            too_long: "error", or "skip": left out and counted in `skipped`.
        """
        _check_budget(budget, window, least=1)
        self._source, self._budget, self._window, self._too_long = rows, budget, window, too_long
        self.skipped = 0
        self.tokens = 0
        self.packs = 0

    @property
    def utilisation(self) -> float:
        """Share of the places of all packs so far that hold a token."""
        return self.tokens / (self.packs * self._budget) if self.packs else 0.0

    def __iter__(self) -> Iterator[Pack[Key]]:
        """Yield packs.

        Raises:
            DataError: a row is longer than the budget, or has no token.
        """
        waiting: list[tuple[Key, int]] = []
        for place, (key, length) in enumerate(self._source):
            if length < 1:
                raise DataError(f"row {place} ({key!r}) has {length} tokens; expected at least one")
            if length > self._budget and self._too_long == "error":
                raise DataError(_too_long(f"row {place} ({key!r})", length, self._budget, 1))
            if length > self._budget:
                self.skipped += 1
                continue
            waiting.append((key, length))
            if len(waiting) == self._window:
                found, waiting = self._cut(waiting, last=False)
                yield from found
        yield from self._cut(waiting, last=True)[0]

    def _cut(self, waiting: list[tuple[Key, int]], *, last: bool) -> tuple[list[Pack[Key]], list[tuple[Key, int]]]:
        """Return the packs that go out and the rows that stay, in their order."""
        found = _best_fit([length for _, length in waiting], self._budget)
        filled = [sum(waiting[place][1] for place in own) for own in found]
        fullest = sorted(range(len(found)), key=lambda number: -filled[number])
        out = set(range(len(found)) if last else fullest[: (len(found) + 1) // 2])
        out |= {number for number, own in enumerate(found) if own[0] == 0}
        packs = [
            Pack(
                tuple(waiting[place][0] for place in found[number]),
                tuple(waiting[place][1] for place in found[number]),
            )
            for number in sorted(out)
        ]
        self.packs += len(packs)
        self.tokens += sum(filled[number] for number in out)
        gone = {place for number in out for place in found[number]}
        return packs, [row for place, row in enumerate(waiting) if place not in gone]


def _best_fit(lengths: Sequence[int], budget: int) -> list[list[int]]:
    """Return the places of the rows of each pack, ascending, packs by their first row."""
    packs: list[list[int]] = []
    by_room: dict[int, list[int]] = {}
    # Bit r is set where a pack has room for r tokens, so that the tightest fit is the lowest bit from a length on.
    rooms = 0
    for place in sorted(range(len(lengths)), key=lambda one: -lengths[one]):
        length = lengths[place]
        fitting = rooms >> length
        if fitting:
            room = length + (fitting & -fitting).bit_length() - 1
            number = by_room[room].pop()
            if not by_room[room]:
                rooms ^= 1 << room
        else:
            room, number = budget, len(packs)
            packs.append([])
        packs[number].append(place)
        left = room - length
        if left:
            by_room.setdefault(left, []).append(number)
            rooms |= 1 << left
    return sorted((sorted(own) for own in packs), key=lambda own: own[0])


def _check_budget(budget: int, window: int, *, least: int = 0) -> None:
    if budget < 1 or window < least:
        raise ConfigError(
            f"budget {budget} and window {window}; expected a budget from 1 on, a window from {least} on"
        )


def _too_long(row: str, length: int, budget: int, count: int) -> str:
    more = f" ({count} such rows)" if count > 1 else ""
    return (
        f"{row} has {length} tokens, the budget is {budget}{more}: rows are never cut; raise the budget, show "
        f"pictures in fewer tokens, or skip such rows"
    )
