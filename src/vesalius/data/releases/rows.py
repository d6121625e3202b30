"""Rows of tables, lists and shards, streamed, each with its place, so that an error names file and line."""

from __future__ import annotations

import csv
import json
import reprlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import pyarrow as pa
import pyarrow.parquet as pq

from vesalius.errors import DataError

__all__ = ["Row", "csv_rows", "json_lines", "json_list", "json_value", "parquet_rows", "text_lines"]

_POINTER = "version https://git-lfs"
_CHUNK = 1 << 20
_LONGEST_ITEM = 1 << 26
"""Characters of one item of a list; a longer one is no row of a table."""
_LONGEST_CELL = 1 << 24
_LARGEST_VALUE = 1 << 30
"""Bytes of a JSON file that is read whole."""
_BATCH = 64
"""Rows of a Parquet file in memory; each may hold a picture."""


@dataclass(frozen=True, slots=True)
class Row:
    """Cells by column; every access that fails says where the row stands."""

    cells: Mapping[str, Any]
    where: str
    """File and line, or item."""

    def fault(self, told: str) -> DataError:
        """Return an error that begins with the place of the row."""
        return DataError(f"{self.where}: {told}")

    def has(self, name: str) -> bool:
        """Say whether the column is there with a value."""
        return self.cells.get(name) not in (None, "")

    def text(self, *names: str) -> str:
        """Return the text of the first of the columns that is there; a number becomes text.

        Raises:
            DataError: none is there, or it is no text.
        """
        value = self._first(names)
        if isinstance(value, str):
            return value
        if isinstance(value, int | float) and not isinstance(value, bool):
            return str(value)
        raise self.fault(f"{names[0]} is {_short(value)}, expected text")

    def optional(self, *names: str) -> str:
        """Return the text of the first of the columns that has one, else nothing."""
        given = [name for name in names if self.has(name)]
        return self.text(*given) if given else ""

    def whole(self, name: str) -> int:
        """Return a whole number, also where it is written as text."""
        value = self._first((name,))
        try:
            number = int(value)
        except (TypeError, ValueError):
            raise self.fault(f"{name} is {_short(value)}, expected a whole number") from None
        if isinstance(value, float) and value != number:
            raise self.fault(f"{name} is {value}, expected a whole number")
        return number

    def items(self, name: str) -> list[Any]:
        """Return a list; nothing where the column is empty or not there."""
        value = self.cells.get(name)
        if value is None:
            return []
        if not isinstance(value, list):
            raise self.fault(f"{name} is {_short(value)}, expected a list")
        return value

    def part(self, name: str) -> Row:
        """Return an object inside the row as a row of its own."""
        return self.inside(name, self._first((name,)))

    def parts(self, name: str) -> list[Row]:
        """Return a list of objects inside the row."""
        return [self.inside(f"{name} {place}", value) for place, value in enumerate(self.items(name), start=1)]

    def inside(self, name: str, value: Any) -> Row:
        """Take a value found in this row as a row."""
        if not isinstance(value, Mapping):
            raise self.fault(f"{name} is {_short(value)}, expected an object")
        return Row(value, f"{self.where}, {name}")

    def _first(self, names: Sequence[str]) -> Any:
        for name in names:
            if name in self.cells and self.cells[name] is not None:
                return self.cells[name]
        known = ", ".join(str(name) for name in self.cells)
        raise self.fault(f"no {' or '.join(map(repr, names))}; it has {known or 'nothing'}")


def json_lines(path: Path) -> Iterator[Row]:
    """Yield the objects of a file with one on each line; empty lines are passed over.

    Raises:
        DataError: names file and line.
    """
    for number, line in enumerate(text_lines(path), start=1):
        if number == 1:
            _refuse_pointer(path, line)
        if not line.strip():
            continue
        try:
            value = json.loads(line)
        except (json.JSONDecodeError, RecursionError) as error:
            told = error.msg if isinstance(error, json.JSONDecodeError) else "nested too deeply"
            raise DataError(f"{path}, line {number}: no JSON: {told}; expected one object a line") from None
        if not isinstance(value, dict):
            raise DataError(f"{path}, line {number}: {_short(value)}, expected an object")
        yield Row(value, f"{path}, line {number}")


def json_list(path: Path) -> Iterator[Row]:
    """Yield the objects of a JSON list without holding the list.

    Raises:
        DataError: names file and item; the file is a pointer of Git LFS, cut short, or no list of objects.
    """
    text = _Text(path)
    if text.next_sign() != "[":
        raise DataError(f"{path}: it begins with {text.near()!r}, expected a list of objects")
    text.skip()
    number = 0
    while (sign := text.next_sign()) != "]":
        if number and sign != ",":
            raise DataError(f"{path}, after item {number}: {text.near()!r}, expected a comma or the end of the list")
        if number:
            text.skip()
            text.next_sign()
        number += 1
        value = text.value(number)
        if not isinstance(value, dict):
            raise DataError(f"{path}, item {number}: {_short(value)}, expected an object")
        yield Row(value, f"{path}, item {number}")


def json_value(path: Path) -> Any:
    """Return the whole content of a JSON file of at most 1 GiB.

    Raises:
        DataError: no JSON, too large, or a pointer of Git LFS.
    """
    size = path.stat().st_size
    if size > _LARGEST_VALUE:
        raise DataError(f"{path}: {size / 2**30:.1f} GiB, more than is read at once; expected at most 1 GiB")
    content = "".join(text_lines(path))
    _refuse_pointer(path, content)
    try:
        return json.loads(content)
    except json.JSONDecodeError as error:
        raise DataError(f"{path}, line {error.lineno}: no JSON: {error.msg}") from None
    except RecursionError:
        raise DataError(f"{path}: nested too deeply to be data") from None


def csv_rows(
    path: Path, columns: Sequence[str], *, delimiter: str = ",", header: bool = True, quoted: bool = True
) -> Iterator[Row]:
    """Yield the rows of a table by column.

    Args:
        path: of the table, in UTF-8.
        columns: that must be there; without a header, all that there are, and a row with fewer is an error.
        delimiter: between cells.
        header: whether the first line names the columns.
        quoted: whether quotation marks part cells; else they are text.

    Raises:
        DataError: names file and line.
    """
    csv.field_size_limit(_LONGEST_CELL)
    quoting: Literal[0, 3] = csv.QUOTE_MINIMAL if quoted else csv.QUOTE_NONE
    rows = csv.reader(text_lines(path, newline=""), delimiter=delimiter, quoting=quoting)
    try:
        names = next(rows, []) if header else list(columns)
        missing = [name for name in columns if name not in names]
        if missing:
            told = f"no column {', '.join(missing)}; it has {', '.join(names) or 'none'}"
            raise DataError(f"{path}, line 1: {told}{_pointer_note(''.join(names))}")
        for cells in rows:
            where = f"{path}, line {rows.line_num}"
            if cells and len(cells) < len(names):
                raise DataError(f"{where}: {len(cells)} cells, expected {len(names)}: {', '.join(names)}")
            if cells:
                yield Row(dict(zip(names, cells, strict=False)), where)
    except csv.Error as error:
        raise DataError(f"{path}, line {rows.line_num}: no row of a table: {error}") from None


def parquet_rows(paths: Iterable[Path], columns: Sequence[str], *, alone: bool = False) -> Iterator[Row]:
    """Yield the rows of Parquet files, few in memory at a time.

    Args:
        paths: of the files.
        columns: that must be there.
        alone: read no other columns, such as pictures.

    Raises:
        DataError: no Parquet, or a column is missing.
    """
    for path in paths:
        try:
            file = pq.ParquetFile(path)
            missing = [name for name in columns if name not in file.schema_arrow.names]
            if missing:
                known = ", ".join(file.schema_arrow.names)
                raise DataError(f"{path}: no column {', '.join(missing)}; it has {known}")
            number = 0
            for batch in file.iter_batches(batch_size=_BATCH, columns=list(columns) if alone else None):
                for cells in batch.to_pylist():
                    number += 1
                    yield Row(cells, f"{path}, row {number}")
        except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
            raise DataError(f"{path}: no whole Parquet file: {error}; copy it again") from None


def text_lines(path: Path, *, newline: str | None = None) -> Iterator[str]:
    """Yield the lines of a UTF-8 text, with or without a byte order mark."""
    number = 0
    try:
        with path.open(encoding="utf-8-sig", newline=newline) as file:
            for line in file:
                number += 1
                yield line
    except UnicodeDecodeError as error:
        raise DataError(f"{path}, after line {number}: no UTF-8 text ({error.reason}); save it as UTF-8") from None
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror}") from None


class _Text:
    """Text of a file with a place in it; more is read when a value does not end in what is there."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._pieces = self._read()
        self._text = next(self._pieces, "")
        self._place = 0
        self._decoder = json.JSONDecoder()
        _refuse_pointer(path, self._text)

    def near(self) -> str:
        return self._text[self._place : self._place + 20]

    def skip(self) -> None:
        self._place += 1

    def next_sign(self) -> str:
        """Go to the next sign that is no space and return it."""
        while True:
            while self._place < len(self._text) and self._text[self._place].isspace():
                self._place += 1
            if self._place < len(self._text):
                return self._text[self._place]
            if not self._more():
                raise DataError(f"{self._path}: the list does not end; the file is cut short, copy it again")

    def value(self, number: int) -> Any:
        while True:
            try:
                value, self._place = self._decoder.raw_decode(self._text, self._place)
            except (json.JSONDecodeError, RecursionError) as error:
                if isinstance(error, json.JSONDecodeError) and self._more():
                    continue
                told = error.msg if isinstance(error, json.JSONDecodeError) else "nested too deeply"
                raise DataError(f"{self._path}, item {number}: no JSON: {told}; cut short or changed") from None
            return value

    def _more(self) -> bool:
        left = self._text[self._place :]
        if len(left) > _LONGEST_ITEM:
            raise DataError(f"{self._path}: one item has more than {_LONGEST_ITEM} characters; it is no list of rows")
        # Twice as much each time, so that a long item is not decoded again for every piece.
        pieces = [left]
        while (piece := next(self._pieces, "")) and sum(map(len, pieces)) < 2 * len(left):
            pieces.append(piece)
        added = [*pieces, piece]
        self._text, self._place = "".join(added), 0
        return len(self._text) > len(left)

    def _read(self) -> Iterator[str]:
        try:
            with self._path.open(encoding="utf-8-sig") as file:
                while piece := file.read(_CHUNK):
                    yield piece
        except UnicodeDecodeError as error:
            raise DataError(f"{self._path}: no UTF-8 text ({error.reason}); copy it again") from None
        except OSError as error:
            raise DataError(f"{self._path}: cannot be read: {error.strerror}") from None


def _refuse_pointer(path: Path, text: str) -> None:
    if text.startswith(_POINTER):
        raise DataError(f"{path}{_pointer_note(text)}")


def _pointer_note(text: str) -> str:
    pointer = text.startswith(_POINTER)
    return ": a pointer of Git LFS and not the data; fetch it with `git lfs pull`" if pointer else ""


def _short(value: Any) -> str:
    return reprlib.repr(value)
