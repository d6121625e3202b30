"""Studies of a large corpus in a shuffled order that needs no memory of it, and goes on exactly where it stopped.

The order of an epoch follows from seed and epoch by arithmetic: row groups are permuted, `window` of them at a time
are mixed, and each process takes an equal stretch of the result. So no buffer is lost with a stopped run, the state
is two numbers, and the order is the same with any number of loader workers. At most one window of rows is in memory
a worker, whatever the size of the corpus. A map-style dataset of torch, without importing it.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Generic, NamedTuple, TypeVar

import numpy as np
import pyarrow as pa

from vesalius.data.corpus import Corpus
from vesalius.data.records import Study
from vesalius.data.schema import RECORD_COLUMNS, to_studies
from vesalius.data.shards import ROWS_PER_GROUP, Rows
from vesalius.errors import DataError

__all__ = ["StreamState", "StudyStream", "Ticket"]

T = TypeVar("T")


class Ticket(NamedTuple):
    """Which batch of which epoch; everything about the batch follows from it and the stream's settings."""

    epoch: int
    number: int


class StreamState(NamedTuple):
    """Where a stream stands."""

    epoch: int
    batch: int
    """Batches of the epoch that were handed out."""


class _Epoch(NamedTuple):
    """Order of one epoch."""

    number: int
    order: Rows
    """Row groups in their order, cut into windows of neighbours."""
    ends: Rows
    """Position after the last row of each window."""


class _Window(NamedTuple):
    """Row groups that are mixed."""

    tables: tuple[pa.Table, ...]
    ends: Rows
    """Rows up to the end of each table."""
    order: Rows
    """Which row of all tables comes at each place."""

    def studies(self, start: int, stop: int) -> Iterator[Study]:
        """Yield the studies at places; the tables stay as they are, since a mixed copy would take as much again."""
        rows = self.order[start:stop]
        of = np.searchsorted(self.ends, rows, side="right")
        by_table = np.argsort(of, kind="stable")
        found: list[Study] = []
        for number in np.unique(of).tolist():
            first = int(self.ends[number]) - len(self.tables[number])
            found += to_studies(self.tables[number].take(pa.array(rows[of == number] - first)))
        place = np.empty(len(rows), np.int64)
        place[by_table] = np.arange(len(rows))
        yield from (found[index] for index in place.tolist())


@dataclass(kw_only=True)
class StudyStream(Generic[T]):
    """Batches of studies, each made by `load`, for one of several processes.

    All processes together give every row once an epoch. The numbers of rows of two processes differ by one at most;
    with `whole`, each gives the same number of whole batches and what is left over (another part in every epoch)
    waits for the next epoch.
    """

    corpus: Corpus
    """A corpus or a view, on disk or remote."""
    load: Callable[[Study], T]
    """Makes a sample of a study, in the loader's workers."""
    batch: int = 1
    """Studies of a batch of this process."""
    seed: int = 0
    rank: int = 0
    world: int = 1
    window: int = 3
    """Row groups of 1024 studies that are mixed, and held in memory; 0 gives all rows in their order on disk."""
    whole: bool = False

    def __post_init__(self) -> None:
        if self.batch < 1 or self.window < 0 or not 0 <= self.rank < self.world:
            raise DataError(
                f"batch {self.batch}, window {self.window}, process {self.rank} of {self.world}: expected a batch of "
                "at least 1, a window of at least 0 and a process below their number"
            )
        self.epoch = 0
        self._handed_out = 0
        self._bounds = _groups(self.corpus)
        self._epochs: OrderedDict[int, _Epoch] = OrderedDict()
        self._kept: tuple[tuple[int, int], _Window | None] = ((-1, -1), None)
        if len(self) == 0:
            raise DataError(
                f"{len(self.corpus)} studies over {self.world} processes do not fill a batch of "
                f"{self.batch}: lower it"
            )

    def __len__(self) -> int:
        """Batches of an epoch of this process."""
        if self.whole:
            return len(self.corpus) // self.world // self.batch
        first, last = self._span
        return (last - first + self.batch - 1) // self.batch

    def __getitem__(self, ticket: Ticket) -> list[T]:
        """Return the batch of a ticket: equal tickets give equal batches, in any process and order."""
        first, last = self._span
        start = first + ticket.number * self.batch
        if not 0 <= ticket.number < len(self):
            raise IndexError(f"batch {ticket.number} of {len(self)}")
        return [self.load(study) for study in self._studies(ticket.epoch, start, min(start + self.batch, last))]

    def batches(self, *, workers: int = 0) -> Iterator[list[T]]:
        """Yield the batches of the epoch from where the stream stands; at its end, stand at the next epoch.

        Args:
            workers: processes of torch's loader; 0 loads in this one. The batches and their order are the same.
        """
        if self._handed_out >= len(self):
            self.set_epoch(self.epoch + 1)
        tickets = [Ticket(self.epoch, number) for number in range(self._handed_out, len(self))]
        for batch in self._loaded(tickets, workers):
            self._handed_out += 1
            yield batch
        self.set_epoch(self.epoch + 1)

    def set_epoch(self, epoch: int) -> None:
        """Stand at the beginning of an epoch."""
        self.epoch, self._handed_out = epoch, 0

    def state_dict(self) -> dict[str, Any]:
        """Return where the stream stands: after the last batch that `batches` handed out."""
        return {"state": StreamState(self.epoch, self._handed_out)._asdict(), "settings": self._settings()}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Stand where the state says.

        Raises:
            DataError: the state is of another corpus or of other settings, so that the order would differ.
        """
        ours, theirs = self._settings(), dict(state["settings"])
        differing = sorted(name for name in ours.keys() | theirs.keys() if ours.get(name) != theirs.get(name))
        if differing:
            name = differing[0]
            raise DataError(
                f"the stream's state was made with {name} {theirs.get(name)!r}, this one has {ours.get(name)!r}: its "
                "order differs, so begin a new epoch with set_epoch()"
            )
        self.epoch, self._handed_out = StreamState(**state["state"])

    def __getstate__(self) -> dict[str, Any]:
        return self.__dict__ | {"_epochs": OrderedDict(), "_kept": ((-1, -1), None)}

    @property
    def _span(self) -> tuple[int, int]:
        """Positions of this process in the order of all."""
        total = len(self.corpus)
        return self.rank * total // self.world, (self.rank + 1) * total // self.world

    def _settings(self) -> dict[str, Any]:
        names = ("batch", "seed", "rank", "world", "window", "whole")
        # The order is that of row groups, which other shards of the same content would cut elsewhere.
        shards = [list(shard) for shard in self.corpus.manifest.shards]
        facts = {"corpus": self.corpus.content_hash, "shards": shards, "rows": len(self.corpus)}
        return facts | {name: getattr(self, name) for name in names}

    def _loaded(self, tickets: list[Ticket], workers: int) -> Iterator[list[T]]:
        if workers == 0:
            yield from (self[ticket] for ticket in tickets)
            return
        from torch.utils.data import DataLoader

        loader: Any = DataLoader(
            self,  # type: ignore[arg-type]
            batch_size=None,
            sampler=tickets,
            num_workers=workers,
            collate_fn=_as_it_is,
        )
        yield from loader

    def _studies(self, epoch: int, start: int, stop: int) -> Iterator[Study]:
        """Yield the studies at positions of an epoch's order."""
        ends = self._epoch(epoch).ends
        while start < stop:
            window = int(np.searchsorted(ends, start, side="right"))
            first = int(ends[window - 1]) if window else 0
            last = min(stop, int(ends[window]))
            yield from self._window(epoch, window).studies(start - first, last - first)
            start = last

    def _epoch(self, epoch: int) -> _Epoch:
        if epoch not in self._epochs:
            count = len(self._bounds) - 1
            shuffled = np.random.default_rng((self.seed, epoch)).permutation(count)
            order = shuffled if self.window else np.arange(count)
            sizes = np.diff(self._bounds)[order]
            step = self.window or 1
            ends = np.cumsum(np.add.reduceat(sizes, np.arange(0, count, step)))
            self._epochs[epoch] = _Epoch(epoch, order, ends)
            while len(self._epochs) > 2:
                self._epochs.popitem(last=False)
        return self._epochs[epoch]

    def _window(self, epoch: int, number: int) -> _Window:
        key = (epoch, number)
        if key != self._kept[0]:
            # Before the next is read, so that there is one in memory and not two.
            self._kept = ((-1, -1), None)
            step = self.window or 1
            groups = self._epoch(epoch).order[number * step : (number + 1) * step]
            tables = [self._rows(int(self._bounds[group]), int(self._bounds[group + 1])) for group in groups]
            ends = np.cumsum([len(table) for table in tables])
            rng = np.random.default_rng((self.seed, epoch, number + 1))
            order = rng.permutation(int(ends[-1])) if self.window else np.arange(ends[-1])
            self._kept = (key, _Window(tuple(tables), ends, order))
        window = self._kept[1]
        assert window is not None
        return window

    def _rows(self, start: int, stop: int) -> pa.Table:
        """Read rows of the view that lie in one row group."""
        reader, rows = self.corpus._reader, self.corpus._rows
        wanted = np.arange(start, stop) if rows is None else rows[start:stop]
        table = pa.concat_tables(reader.groups(rows=wanted, columns=RECORD_COLUMNS))
        # Groups come from all over the corpus: footers of open files would grow with it, and so would what Arrow
        # keeps back of the memory that decoding took.
        reader.release()
        pa.default_memory_pool().release_unused()
        return table


def _as_it_is(batch: Any) -> Any:
    return batch


def _groups(corpus: Corpus) -> Rows:
    """Return where the view's rows pass from one row group to the next, with both ends."""
    starts = corpus._reader.starts
    cuts = np.concatenate(
        [np.arange(first, last, ROWS_PER_GROUP) for first, last in pairwise(starts)] + [starts[-1:]]
    ).astype(np.int64)
    if corpus._rows is not None:
        cuts = np.searchsorted(corpus._rows, cuts).astype(np.int64)
    return np.unique(cuts)
