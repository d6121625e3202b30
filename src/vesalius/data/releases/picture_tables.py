"""Tables with pictures in their cells, as VLMEvalKit distributes benchmarks: streamed, and pictures unpacked once.

A table is tab-separated; a cell of a picture column holds base64, a Python list of such texts, or the `index` of
another row whose picture it shares. Beside the release lie then ``unpacked/<hash>.png`` for every different picture
and ``unpacked/<table>.jsonl`` with all other cells, so that later passes never read the large file again.
"""

from __future__ import annotations

import ast
import base64
import binascii
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain
from pathlib import Path
from typing import Any

from vesalius.data.datasets.base import unpacked
from vesalius.data.disk import replacing
from vesalius.data.releases.pictures import suffix_of
from vesalius.data.releases.rows import Row, csv_rows, json_lines
from vesalius.data.releases.twins import digest, write_csv
from vesalius.errors import DataError

__all__ = ["picture_rows", "write_picture_table"]

_SHARED = 64
"""Signs of a cell up to which it names another row and is no picture (VLMEvalKit, image_base.py)."""


def picture_rows(path: Path, columns: Sequence[str], *, pictures: Sequence[str] = ("image",)) -> Iterator[Row]:
    """Yield the rows of a table; a picture column holds the list of its files, empty where the cell is.

    Args:
        path: of the table; pictures are unpacked in its folder.
        columns: that must be there; `index` always must.
        pictures: columns with pictures; those that the table lacks are lacking in the rows too.

    Raises:
        DataError: names file and line of what is no table, no picture, or names a row that is not there.
    """
    index = path.parent / "unpacked" / f"{path.stem}.jsonl"
    made = _state(path)
    if not index.exists() or next(json_lines(index)).cells != made:
        _unpack(path, index, ("index", *columns), pictures, made)
    own = {row.text("index"): {name: row.cells.get(name) for name in pictures} for row in _indexed(index)}
    for row in _indexed(index):
        cells = dict(row.cells)
        where = f"{path}, line {cells.pop('line number')}"
        for name in pictures:
            if name in cells:
                cells[name] = [str(path.parent / "unpacked" / file) for file in _files(cells[name], own, name, where)]
        yield Row(cells, where)


def write_picture_table(path: Path, rows: Iterable[Mapping[str, Any]]) -> None:
    """Write a table; bytes become base64, and None an empty cell. All rows have the keys of the first."""
    every = iter(rows)
    first = next(every)
    cells = ([_cell(one) for one in row.values()] for row in chain([first], every))
    write_csv(path, list(first), cells, delimiter="\t")


def _cell(value: Any) -> Any:
    return base64.b64encode(value).decode() if isinstance(value, bytes) else value


def _state(path: Path) -> dict[str, Any]:
    try:
        found = path.stat()
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror}") from None
    return {"table": path.name, "bytes": found.st_size, "changed_ns": found.st_mtime_ns}


def _indexed(index: Path) -> Iterator[Row]:
    rows = json_lines(index)
    next(rows)
    yield from rows


def _unpack(
    path: Path, index: Path, columns: Sequence[str], pictures: Sequence[str], made: Mapping[str, Any]
) -> None:
    """Write the pictures of a table, then all its other cells, a line a row."""
    index.parent.mkdir(parents=True, exist_ok=True)
    with replacing(index, scratch=index.parent, durable=False) as file:
        file.write((json.dumps(made) + "\n").encode())
        for row in csv_rows(path, columns, delimiter="\t"):
            cells = dict(row.cells) | {"line number": row.where.rpartition(" ")[2]}
            for name in pictures:
                if name in cells:
                    cells[name] = _unpacked(path.parent, row, name)
            file.write((json.dumps(cells, ensure_ascii=False) + "\n").encode())


def _unpacked(root: Path, row: Row, column: str) -> list[str] | str:
    """Return the files of the pictures in a cell, or the index that it names."""
    cell = row.optional(column).strip()
    if not cell or len(cell) <= _SHARED:
        return cell
    if not cell.startswith("["):
        return [_written(root, row, column, cell)]
    try:
        parts = ast.literal_eval(cell)
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        raise row.fault(f"{column} begins as a list and is none; expected pictures in base64") from None
    return [_written(root, row, column, str(part)) for part in parts]


def _written(root: Path, row: Row, column: str, text: str) -> str:
    try:
        content = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise row.fault(
            f"{column} is no picture in base64: it begins with {text[:12]!r}; copy the table again"
        ) from None
    suffix = suffix_of(content)
    if suffix == ".bin":
        raise row.fault(f"{column} holds {len(content)} bytes that are no picture; expected PNG, JPEG or the like")
    return unpacked(root, f"{digest(text)}{suffix}", content).name


def _files(held: Any, own: Mapping[str, Mapping[str, Any]], column: str, where: str) -> list[str]:
    if isinstance(held, list):
        return [str(name) for name in held]
    if not held:
        return []
    shared = own.get(str(held), {}).get(column)
    if not isinstance(shared, list):
        raise DataError(f"{where}: {column} names row {held!r}, which has no picture; expected base64 or such a row")
    return [str(name) for name in shared]
