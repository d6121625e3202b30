"""Tables of releases, row by row: delimited text, packed or not, with the line of every fault."""

from __future__ import annotations

import csv
import gzip
import io
import json
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from itertools import groupby
from pathlib import Path
from typing import Any, NamedTuple

from vesalius.data.records import Box
from vesalius.errors import DataError, did_you_mean

__all__ = [
    "Aligned", "Line", "Lookup", "box_of", "find", "form", "groups", "json_lines", "number", "read_json",
    "read_lines", "read_rows", "write_json", "write_lines", "write_rows",
]  # fmt: skip

_LONGEST_CELL = 2**20
"""A report is some kilobytes long; a longer cell comes of a quote that is not closed."""
_MAX_JSON_BYTES = 2**30


class Line(NamedTuple):
    """A row of a table."""

    number: int
    """Of its last line in the file, from 1."""
    cells: dict[str, str]
    """By column, without surrounding white space."""


def find(root: Path, *names: str) -> Path | None:
    """Return the first of the files that `root` holds, each as named, or packed (".gz") or unpacked; or None.

    A name may hold wildcards; of several files the last in the order of their names is taken.
    """
    for name in names:
        for spelling in (name, name.removesuffix(".gz"), f"{name}.gz"):
            if found := sorted(root.glob(spelling)):
                return found[-1]
    return None


def read_rows(
    path: Path, columns: Iterable[str], *, delimiter: str = ",", header: Sequence[str] | None = None,
    encoding: str = "utf-8-sig",
) -> Iterator[Line]:  # fmt: skip
    """Yield the rows of a delimited file, whose header must have `columns`; surplus empty cells are dropped.

    Args:
        path: of the file; ".gz" is unpacked as it is read.
        columns: that must be there; others may be.
        delimiter: between cells.
        header: names of the columns of a file that has no header line.
        encoding: of the text; a byte order mark is skipped.

    Raises:
        DataError: a column is missing, a row has another number of cells, or the file is broken; names the line.
    """
    csv.field_size_limit(_LONGEST_CELL)
    with _opened(path, encoding) as file:
        rows = csv.reader(file, delimiter=delimiter)
        try:
            names = list(header) if header else [name.strip() for name in next(rows, [])]
            _require_columns(path, names, columns)
            for cells in rows:
                if cells:
                    yield Line(rows.line_num, _row(path, rows.line_num, names, cells))
        except csv.Error as error:
            raise DataError(f"{path}, line {rows.line_num}: not readable as a table: {error}") from None


@contextmanager
def _opened(path: Path, encoding: str) -> Iterator[io.TextIOBase]:
    try:
        if path.suffix == ".gz":
            with gzip.open(path, "rt", encoding=encoding, newline="") as packed:
                yield packed
        else:
            with path.open(encoding=encoding, newline="") as file:
                yield file
    except UnicodeDecodeError as error:
        raise DataError(f"{path} is not {encoding} text: {error.reason} at byte {error.start}") from None
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise DataError(f"{path} is broken or truncated: {error}; download it again") from None


def _require_columns(path: Path, names: Sequence[str], columns: Iterable[str]) -> None:
    missing = [name for name in columns if name not in names]
    if missing:
        raise DataError(
            f"{path}, line 1: no column {missing[0]!r}{did_you_mean(missing[0], [name for name in names if name])}"
        )


def _row(path: Path, line: int, names: Sequence[str], cells: list[str]) -> dict[str, str]:
    while len(cells) > len(names) and not cells[-1].strip():
        cells.pop()
    if len(cells) != len(names):
        raise DataError(f"{path}, line {line}: {len(cells)} cells, the header has {len(names)}")
    return {name: cell.strip() for name, cell in zip(names, cells, strict=True)}


def read_lines(path: Path, *, encoding: str = "utf-8-sig") -> Iterator[tuple[int, str]]:
    """Yield the number and the text of every line that is not blank."""
    with _opened(path, encoding) as file:
        for number, line in enumerate(file, start=1):
            if text := line.strip():
                yield number, text


def json_lines(path: Path, fields: Iterable[str] = ()) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yield the number and the object of every line of a JSON Lines file; each must have `fields`."""
    for number, line in read_lines(path):
        try:
            row = json.loads(line)
        except json.JSONDecodeError as error:
            raise DataError(f"{path}, line {number}: not JSON: {error.msg}") from None
        except RecursionError:
            raise DataError(f"{path}, line {number}: not JSON of a release: it is nested too deeply") from None
        if not isinstance(row, dict):
            raise DataError(f"{path}, line {number}: a {type(row).__name__}, expected an object")
        missing = [field for field in fields if field not in row]
        if missing:
            raise DataError(f"{path}, line {number}: no field {missing[0]!r}{did_you_mean(missing[0], row)}")
        yield number, row


def read_json(path: Path, kind: type[Any]) -> Any:
    """Return the content of a JSON file of at most 1 GiB, whose outermost value must be a `kind` (list or dict)."""
    if path.stat().st_size > _MAX_JSON_BYTES:
        raise DataError(f"{path} has {path.stat().st_size} bytes, more than {_MAX_JSON_BYTES} that are read at once")
    try:
        content = json.loads(path.read_text(encoding="utf-8-sig"))
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise DataError(f"{path} is not JSON: {error}; download it again") from None
    except RecursionError:
        raise DataError(f"{path} is not JSON of a release: it is nested too deeply") from None
    if not isinstance(content, kind):
        raise DataError(f"{path} holds a {type(content).__name__}, expected a {kind.__name__}")
    return content


@contextmanager
def form(where: str) -> Iterator[None]:
    """Turn what an entry of another form than the release's raises into an error that names its place."""
    try:
        yield
    except DataError as error:
        raise (error if where in str(error) else DataError(f"{where}: {error}")) from None
    except (KeyError, TypeError, AttributeError, ValueError, IndexError) as error:
        reason = f"no {error}" if isinstance(error, KeyError) else str(error)
        raise DataError(f"{where}: {reason}; this is not the form of the release") from None


def box_of(corners: Iterable[float], where: str) -> Box:
    """Return a box of left, top, right and bottom; one without area is an error that names its place."""
    box = Box(*corners)
    if not (box.x_min < box.x_max and box.y_min < box.y_max):
        raise DataError(f"{where}: box {tuple(box)} has no area; expected left < right and top < bottom")
    return box


def number(cells: dict[str, str], column: str, where: str) -> float:
    """Return a finite number from a cell; `where` names file and line for the message."""
    try:
        value = float(cells[column])
    except ValueError:
        value = float("nan")
    if value - value != 0:
        raise DataError(f"{where}: {column} is {cells[column]!r}, expected a number")
    return value


def groups(rows: Iterable[Line], key: Callable[[Line], str]) -> Iterator[tuple[str, list[Line]]]:
    """Yield rows that stand together and have one key."""
    for name, members in groupby(rows, key):
        yield name, list(members)


class Aligned:
    """A table read beside another one in the same order, so that neither is held in memory.

    Both are sorted by whole numbers of one column, such as the subjects of MIMIC-CXR.
    """

    def __init__(self, path: Path, columns: Iterable[str], *, key: str) -> None:
        self._path = path
        self._key = key
        self._groups = groups(read_rows(path, [key, *columns]), lambda line: line.cells[key])
        self._next = next(self._groups, None)
        self._last = -1

    def take(self, key: str) -> list[Line]:
        """Return the rows of a key, none where the table does not know it.

        Raises:
            DataError: the table is sorted otherwise, or has a key that the other table lacks.
        """
        wanted = _whole(key, self._path, self._key)
        if self._next is None:
            return []
        found, rows = self._next
        value = _whole(found, self._path, self._key)
        if value < wanted:
            raise DataError(
                f"{self._path}, line {rows[0].number}: {self._key} {found} is not in the other table before {key}; "
                f"both must be sorted by {self._key} and of one release"
            )
        if value > wanted:
            return []
        self._next = next(self._groups, None)
        return rows


def _whole(text: str, path: Path, column: str) -> int:
    try:
        return int(text)
    except ValueError:
        raise DataError(f"{path}: {column} is {text!r}, expected a whole number") from None


class Lookup:
    """Rows asked for by a key that stands once: what is passed over is kept until it is asked for.

    In the order of the questions it holds one row; in another order it holds what it has passed over.
    """

    def __init__(self, rows: Iterable[tuple[str, dict[str, Any]]]) -> None:
        self._rows = iter(rows)
        self._held: dict[str, dict[str, Any]] = {}

    def take(self, key: str) -> dict[str, Any] | None:
        """Return the row with that key, once; None where there is none."""
        if key in self._held:
            return self._held.pop(key)
        for name, row in self._rows:
            if name == key:
                return row
            self._held[name] = row
        return None


def write_rows(
    path: Path, header: Sequence[str] | None, rows: Iterable[Sequence[Any]], *, delimiter: str = ","
) -> None:
    """Write a delimited file, packed where its name ends in ".gz"; equal rows give equal bytes."""
    buffer = io.StringIO(newline="")
    writer = csv.writer(buffer, delimiter=delimiter, lineterminator="\n")
    if header is not None:
        writer.writerow(header)
    writer.writerows(rows)
    _store(path, buffer.getvalue())


def write_lines(path: Path, lines: Iterable[str]) -> None:
    """Write lines of text, packed where the name ends in ".gz"."""
    _store(path, "".join(f"{line}\n" for line in lines))


def write_json(path: Path, content: Any) -> None:
    """Write a JSON file."""
    _store(path, json.dumps(content, indent=1, ensure_ascii=False) + "\n")


def _store(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    content = text.encode("utf-8")
    path.write_bytes(gzip.compress(content, mtime=0) if path.suffix == ".gz" else content)
