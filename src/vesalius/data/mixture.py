"""Which row of which source comes when: a mixture of sources with ratios, drawn anew and alike for every epoch.

The share of a source is its ratio × its length. A ratio may exceed 1: at 2.5 every row comes twice, and a drawn half
of them a third time. Only numbers of rows are kept, so that a draw needs no source.
Letters: N draws of an epoch.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple, overload

import numpy as np
from numpy.typing import NDArray

from vesalius.errors import ConfigError, did_you_mean

__all__ = ["Draw", "Draws", "Mixture"]


class Draw(NamedTuple):
    """A row of a source."""

    source: str
    row: int


class Draws(Sequence[Draw]):
    """Draws of an epoch in their order; a slice goes on from a position, `shard` is one process's part."""

    def __init__(self, names: tuple[str, ...], sources: NDArray[np.uint16], rows: NDArray[np.int64]) -> None:
        self._names, self._sources, self._rows = names, sources, rows

    def __len__(self) -> int:
        return len(self._rows)

    @overload
    def __getitem__(self, place: int) -> Draw: ...
    @overload
    def __getitem__(self, place: slice) -> Draws: ...
    def __getitem__(self, place: int | slice) -> Draw | Draws:
        if isinstance(place, slice):
            return Draws(self._names, self._sources[place], self._rows[place])
        return Draw(self._names[self._sources[place]], int(self._rows[place]))

    def __iter__(self) -> Iterator[Draw]:
        for source, row in zip(self._sources, self._rows, strict=True):
            yield Draw(self._names[source], int(row))

    def shard(self, rank: int, world: int) -> Draws:
        """Return every `world`-th draw from `rank` on; all processes have as many, what is over is left out."""
        if not 0 <= rank < world:
            raise ConfigError(f"process {rank} of {world}; expected a rank from 0 to {world - 1}")
        return self[rank : len(self) - len(self) % world : world]

    def counts(self) -> dict[str, int]:
        """Return how many draws are from each source."""
        found = np.bincount(self._sources, minlength=len(self._names))
        return {name: int(count) for name, count in zip(self._names, found, strict=True)}


class Mixture:
    """Sources by name with their numbers of rows, and how often each row of them comes in an epoch."""

    def __init__(
        self, lengths: Mapping[str, int], *, ratios: Mapping[str, float] | None = None, seed: int = 0
    ) -> None:
        """Take the numbers of rows, and ratios where they are not 1; 0 leaves a source out.

        Raises:
            ConfigError: a ratio of no source, no ratio at all, a source without rows, or nothing is drawn.
        """
        ratios = dict(ratios or {})
        for name, ratio in ratios.items():
            if name not in lengths:
                raise ConfigError(f"mixture: ratio of {name!r}, which is no source{did_you_mean(name, lengths)}")
            if not (math.isfinite(ratio) and ratio >= 0):
                raise ConfigError(f"mixture: ratio {ratio} of {name!r}; expected a number from 0 on")
        empty = [name for name, length in lengths.items() if length < 1]
        if empty:
            raise ConfigError(f"mixture: source {empty[0]!r} has no rows")
        self._lengths = dict(lengths)
        self._ratios = {name: float(ratios.get(name, 1.0)) for name in lengths}
        self._seed = seed
        if not len(self):
            raise ConfigError(f"mixture: no row is drawn of {', '.join(lengths) or 'no source'}; raise a ratio")

    def __len__(self) -> int:
        """Draws of an epoch: the same in all epochs."""
        return sum(self.counts().values())

    def counts(self) -> dict[str, int]:
        """Return how many rows of each source an epoch has: ratio × length, rounded to the nearest row."""
        return {name: _count(length, self._ratios[name]) for name, length in self._lengths.items()}

    def shares(self) -> dict[str, float]:
        """Return each source's part of an epoch, 0 to 1."""
        return {name: count / len(self) for name, count in self.counts().items()}

    def epoch(self, number: int) -> Draws:
        """Return the draws of an epoch, counted from 0; they depend on seed and number alone.

        Which rows come once more than others is drawn anew, and so is the order.
        """
        rng = np.random.default_rng([self._seed, number])
        sources, rows = [], []
        for place, (name, length) in enumerate(self._lengths.items()):
            count = _count(length, self._ratios[name])
            whole = np.tile(np.arange(length, dtype=np.int64), count // length)
            rows += [whole, rng.permutation(length)[: count % length]]
            sources.append(np.full(count, place, dtype=np.uint16))
        order = rng.permutation(len(self))
        return Draws(tuple(self._lengths), np.concatenate(sources)[order], np.concatenate(rows)[order])


def _count(length: int, ratio: float) -> int:
    whole = math.floor(ratio)
    return whole * length + round((ratio - whole) * length)
