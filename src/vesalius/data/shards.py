"""Parquet shards: scanned column by column, or opened at one row by decoding only its row group."""

from __future__ import annotations

from bisect import bisect_right
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from functools import partial
from itertools import accumulate
from pathlib import Path
from threading import RLock
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from vesalius.data.disk import replacing
from vesalius.data.media import SCRATCH
from vesalius.data.migrate import migrate
from vesalius.data.schema import RECORD_COLUMNS, SCHEMA, SCHEMA_VERSION
from vesalius.errors import DataError

__all__ = ["ROWS_PER_GROUP", "ROWS_PER_SHARD", "Rows", "Shard", "ShardReader", "ShardSink", "write_shard"]

ROWS_PER_GROUP = 1024
"""Rows decoded for one random access: small enough to wait for, large enough to compress."""
ROWS_PER_SHARD = 8192
"""Rows of a file. Its footer takes 200 kB of memory a row group while it is open, so that a file has few of them."""
Rows = np.ndarray[Any, np.dtype[np.int64]]
"""Row numbers."""
_OPEN_FILES = 16
_CACHED_GROUPS = 16


class Shard(NamedTuple):
    """One Parquet file of `studies/`."""

    file: str
    rows: int


class ShardReader:
    """Reads a fixed list of shards as one long table of the current schema; row numbers run through them.

    It holds at most 16 open files and 16 decoded row groups; it may be pickled to worker processes and read by
    several threads.
    """

    def __init__(self, folder: Path, shards: Sequence[Shard], *, version: int = SCHEMA_VERSION) -> None:
        self.folder = folder
        self.shards = tuple(shards)
        self.version = version
        self.starts = [0, *accumulate(shard.rows for shard in shards)]
        self._files: OrderedDict[int, tuple[pq.ParquetFile, list[int]]] = OrderedDict()
        self._groups: OrderedDict[tuple[int, int], pa.Table] = OrderedDict()
        self._lock = RLock()

    def __len__(self) -> int:
        return self.starts[-1]

    def __getstate__(self) -> dict[str, Any]:
        kept = {"folder": self.folder, "shards": self.shards, "version": self.version, "starts": self.starts}
        return kept | {"_files": OrderedDict(), "_groups": OrderedDict()}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state, _lock=RLock())

    def scan(self, columns: Sequence[str], *, rows: Rows | None = None) -> Iterator[tuple[int, pa.Table]]:
        """Yield the first row number and the given columns (dotted for a field of a struct) of each shard.

        With `rows`, ascending, only these are in the tables, and a shard that has none of them is not opened.
        """
        for number in range(len(self.shards)):
            wanted = _between(rows, self.starts[number], self.starts[number + 1])
            if wanted is not None and not len(wanted):
                continue
            file, _ = self._open(number)
            if self.version == SCHEMA_VERSION:
                table = self._decoded(number, lambda file=file: file.read(columns=list(columns)))
            else:
                table = self._decoded(number, lambda file=file: migrate(file.read(), self.version))
                table = table.select(list(dict.fromkeys(column.split(".")[0] for column in columns)))
            yield self.starts[number], _taken(table, wanted)

    def groups(self, *, rows: Rows | None = None, columns: Sequence[str] = SCHEMA.names) -> Iterator[pa.Table]:
        """Yield the columns of each row group in turn, cut to `rows` (ascending) where they are given."""
        for number, first in enumerate(self.starts[:-1]):
            wanted = _between(rows, first, self.starts[number + 1])
            if wanted is None or len(wanted):
                yield from self._groups_of(number, rows=rows, columns=columns)

    def row(self, index: int) -> pa.Table:
        """Return the record columns of one row; only its row group is decoded, and the last few are kept."""
        with self._lock:
            number = bisect_right(self.starts, index) - 1
            _, starts = self._open(number)
            within = index - self.starts[number]
            group = bisect_right(starts, within) - 1
            table = self._groups.get((number, group))
            if table is None:
                table = self._group(number, group, columns=RECORD_COLUMNS)
                self._groups[number, group] = table
                while len(self._groups) > _CACHED_GROUPS:
                    self._groups.popitem(last=False)
            self._groups.move_to_end((number, group))
            return table.slice(within - starts[group], 1)

    def release(self) -> None:
        """Close the open files and forget their footers; what is asked for next is opened again."""
        with self._lock:
            self._files.clear()

    def _groups_of(self, number: int, *, rows: Rows | None, columns: Sequence[str]) -> Iterator[pa.Table]:
        _, starts = self._open(number)
        first = self.starts[number]
        for group, start in enumerate(starts[:-1]):
            wanted = _between(rows, first + start, first + starts[group + 1])
            if wanted is None or len(wanted):
                yield _taken(self._group(number, group, columns=columns), wanted)

    def _group(self, number: int, group: int, *, columns: Sequence[str]) -> pa.Table:
        file, _ = self._open(number)
        if self.version == SCHEMA_VERSION:
            read = partial(file.read_row_group, group, columns=list(columns), use_threads=False)
            return self._decoded(number, read)
        table = self._decoded(number, partial(file.read_row_group, group, use_threads=False))
        return migrate(table, self.version).select(columns)

    def _open(self, number: int) -> tuple[pq.ParquetFile, list[int]]:
        with self._lock:
            if number not in self._files:
                name = self.shards[number].file
                file = self._decoded(number, lambda: self._parquet(name))
                groups = range(file.metadata.num_row_groups)
                starts = [0, *accumulate(file.metadata.row_group(group).num_rows for group in groups)]
                if starts[-1] != self.shards[number].rows:
                    raise DataError(
                        f"shard {self._place_of(name)} has {starts[-1]} rows, corpus.json says "
                        f"{self.shards[number].rows}"
                    )
                self._files[number] = file, starts
                while len(self._files) > _OPEN_FILES:
                    self._files.popitem(last=False)
            self._files.move_to_end(number)
            return self._files[number]

    def _parquet(self, file: str) -> pq.ParquetFile:
        return pq.ParquetFile(self.folder / file, memory_map=True)

    def _place_of(self, file: str) -> str:
        return str(self.folder / file)

    def _decoded(self, number: int, read: Any) -> Any:
        place = self._place_of(self.shards[number].file)
        try:
            return read()
        except FileNotFoundError:
            raise DataError(f"shard {place} is missing; corpus.json lists it") from None
        except (pa.ArrowException, OSError) as error:
            raise DataError(f"shard {place} is not readable: {error}") from error


def _between(rows: Rows | None, start: int, stop: int) -> Rows | None:
    """Return the rows from `start` to before `stop`, counted from `start`; None stands for all."""
    if rows is None:
        return None
    low, high = np.searchsorted(rows, [start, stop])
    return rows[low:high] - start


def _taken(table: pa.Table, rows: Rows | None) -> pa.Table:
    return table if rows is None or len(rows) == len(table) else table.take(pa.array(rows))


class ShardSink:
    """Writes tables into new whole shards of bounded size; a shard appears when it is complete."""

    def __init__(self, folder: Path, *, names: Iterator[str], metadata: dict[bytes, bytes]) -> None:
        self.folder = folder
        self.written: list[Shard] = []
        self._names = names
        self._schema = SCHEMA.with_metadata(metadata)
        self._pending: list[pa.Table] = []
        self._rows = 0

    def add(self, table: pa.Table) -> None:
        """Take the rows of a table of `SCHEMA`."""
        while self._rows + len(table) >= ROWS_PER_SHARD:
            space = ROWS_PER_SHARD - self._rows
            self._pending.append(table.slice(0, space))
            self._rows += min(space, len(table))
            table = table.slice(space)
            self.flush()
        if len(table):
            self._pending.append(table)
            self._rows += len(table)

    def flush(self) -> None:
        """Write what is pending as a shard."""
        if self._rows:
            table = pa.concat_tables([piece.replace_schema_metadata(None) for piece in self._pending])
            name = next(self._names)
            write_shard(self.folder / name, table.cast(SCHEMA), metadata=self._schema.metadata)
            self.written.append(Shard(name, len(table)))
            self._pending, self._rows = [], 0


def write_shard(path: Path, table: pa.Table, *, metadata: dict[bytes, bytes]) -> None:
    """Write a table of `SCHEMA` as one shard, whole or not at all."""
    schema = SCHEMA.with_metadata(metadata)
    with (
        replacing(path, scratch=path.parents[1] / SCRATCH) as file,
        pq.ParquetWriter(file, schema, compression="zstd", write_page_index=True) as writer,
    ):
        writer.write_table(table.replace_schema_metadata(metadata), row_group_size=ROWS_PER_GROUP)
