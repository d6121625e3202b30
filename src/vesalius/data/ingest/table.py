"""Rows of a CSV, TSV, JSON or JSON Lines file, with the line that each came from."""

from __future__ import annotations

import csv
import io
import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from vesalius.data.ingest.columns import Columns
from vesalius.errors import DataError, did_you_mean

__all__ = ["TABLE_SUFFIXES", "Row", "Table", "read_table"]

TABLE_SUFFIXES = (".csv", ".tsv", ".jsonl", ".json", ".ndjson")
_DELIMITERS = ",;\t|"
_LONGEST_CELL = 2**24
_GUESSES = ("utf-16", "cp1252")
_TOO_DEEP = "nested too deeply to be rows"


class Row(NamedTuple):
    """Cells by column, and the line in the file (from 1) for messages."""

    line: int
    cells: dict[str, Any]


class Table(NamedTuple):
    """Columns in order, rows, and lines that are no rows with the reason."""

    path: Path
    columns: tuple[str, ...]
    rows: list[Row]
    broken: list[tuple[int, str]]

    def require(self, columns: Columns) -> None:
        """Raise a `DataError` that names every column that the table lacks, with the nearest names."""
        missing = [
            f"no column {name!r} for {meaning}{did_you_mean(name, self.columns)}"
            for meaning, name in columns.names()
            if name not in self.columns
        ]
        if missing:
            raise DataError(f"{self.path}: " + "; ".join(missing))


def read_table(path: Path, *, encoding: str = "") -> Table:
    """Read a table; the format goes by the suffix, the delimiter of a CSV by its header line.

    Args:
        path: the file.
        encoding: such as "cp1252"; empty for UTF-8.

    Raises:
        DataError: not in this encoding (offers another), no header, a column twice, or no rows.
    """
    text = _text(path, encoding)
    table = _json(path, text) if path.suffix.lower() in (".json", ".jsonl", ".ndjson") else _csv(path, text)
    if not table.rows:
        reason = f": line {table.broken[0][0]}: {table.broken[0][1]}" if table.broken else ""
        raise DataError(f"{path}: a table without rows{reason}; expected a header line and one row an image")
    return table


def _text(path: Path, encoding: str) -> str:
    try:
        data = path.read_bytes()
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror}") from None
    try:
        return data.decode(encoding or "utf-8-sig")
    except LookupError:
        raise DataError(f"{path}: unknown encoding {encoding!r}; expected one such as cp1252") from None
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        guess = next((name for name in _GUESSES if name != encoding and _decodes(data, name)), "latin-1")
        raise DataError(
            f"{path}: line {line} is not {encoding or 'UTF-8'} (byte 0x{data[error.start]:02x}); "
            f"it looks like {guess}: run again with --encoding {guess}, or save the file as UTF-8"
        ) from None


def _decodes(data: bytes, encoding: str) -> bool:
    if encoding == "utf-16" and data[:2] not in (b"\xff\xfe", b"\xfe\xff"):
        return False
    try:
        data.decode(encoding)
    except UnicodeDecodeError:
        return False
    return True


def _csv(path: Path, text: str) -> Table:
    header_line = next((line for line in text.splitlines() if line.strip()), "")
    delimiter = max(_DELIMITERS, key=header_line.count)
    csv.field_size_limit(_LONGEST_CELL)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    rows: list[Row] = []
    broken: list[tuple[int, str]] = []
    try:
        header = tuple(name.strip() for name in next(reader, []))
        _check_header(path, header)
        for cells in reader:
            if not cells:
                continue
            if len(cells) != len(header):
                broken.append((reader.line_num, f"{len(cells)} cells, the header has {len(header)}"))
                continue
            rows.append(Row(reader.line_num, dict(zip(header, cells, strict=True))))
    except csv.Error as error:
        raise DataError(f"{path}: line {reader.line_num} is not readable as CSV: {error}") from None
    return Table(path, header, rows, broken)


def _check_header(path: Path, header: tuple[str, ...]) -> None:
    twice = [name for name, count in Counter(header).items() if count > 1 and name]
    if not any(header):
        raise DataError(f"{path}: no header line; the first line must name the columns")
    if twice:
        raise DataError(f"{path}: column {twice[0]!r} occurs twice in the header; give each its own name")


def _json(path: Path, text: str) -> Table:
    rows: list[Row] = []
    broken: list[tuple[int, str]] = []
    columns: dict[str, None] = {}
    for line, item in _objects(path, text):
        if not isinstance(item, dict):
            kind = f"a {type(item).__name__}, expected an object"
            broken.append((line, item if isinstance(item, str) else kind))
            continue
        columns.update(dict.fromkeys(item))
        rows.append(Row(line, item))
    return Table(path, tuple(columns), rows, broken)


def _objects(path: Path, text: str) -> Iterator[tuple[int, Any]]:
    """Yield line and value of every JSON line, or place and value of every item of one JSON list."""
    if path.suffix.lower() == ".json":
        try:
            document = json.loads(text)
        except json.JSONDecodeError as error:
            raise DataError(f"{path}: line {error.lineno} is not JSON: {error.msg}") from None
        except RecursionError:
            raise DataError(f"{path}: {_TOO_DEEP}; expected a list of objects") from None
        if not isinstance(document, list):
            raise DataError(f"{path}: holds a {type(document).__name__}, expected a list of objects")
        yield from enumerate(document, start=1)
        return
    for number, line in enumerate(text.splitlines(), start=1):
        if line.strip():
            try:
                yield number, json.loads(line)
            except json.JSONDecodeError as error:
                yield number, f"not JSON: {error.msg}"
            except RecursionError:
                yield number, f"not JSON of a row: {_TOO_DEEP}"
