"""Labels of a release as findings, and the tables that they stand in."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from vesalius.data.records import Finding, Status
from vesalius.errors import DataError

__all__ = ["closed", "rows_of", "write_rows"]


def closed(present: Iterable[str], known: Iterable[str], *, source: str) -> tuple[Finding, ...]:
    """State every known concept, present or absent, and whether there is no finding; sorted by name."""
    here = set(present)
    statuses: list[tuple[str, Status]] = [(name, "present") for name in sorted(here)]
    statuses += [(name, "absent") for name in sorted(set(known) - here)]
    statuses.append(("no_finding", "absent" if here else "present"))
    return tuple(Finding(concept=name, status=status, source=source) for name, status in statuses)


def rows_of(
    path: Path, *, needs: Sequence[str] = (), delimiter: str = ",", encoding: str = "utf-8-sig"
) -> Iterator[tuple[int, dict[str, str]]]:
    """Yield each row of a table by its header, with its line number; cells that a short row lacks are empty.

    Args:
        path: table with a header.
        needs: columns that must be there.
        delimiter: between cells.
        encoding: of the file; a byte order mark is skipped.

    Raises:
        DataError: a column is missing, or the file is no text of that encoding.
    """
    try:
        with path.open(encoding=encoding, newline="") as file:
            rows = csv.reader(file, delimiter=delimiter)
            header = next(rows, [])
            missing = [name for name in needs if name not in header]
            if missing:
                raise DataError(
                    f"{path}, line 1: no column {', '.join(map(repr, missing))}; found {', '.join(map(repr, header))}"
                )
            for row in rows:
                if row:
                    cells = [*row, *[""] * (len(header) - len(row))]
                    yield rows.line_num, dict(zip(header, cells, strict=False))
    except UnicodeDecodeError as error:
        raise DataError(f"{path}: not {encoding} text ({error}); download the table again") from None
    except csv.Error as error:
        raise DataError(f"{path}: no table that can be read: {error}") from None


def write_rows(path: Path, header: Sequence[str], rows: Iterable[Sequence[object]], *, delimiter: str = ",") -> None:
    """Write a table with a header; folders are made."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8", newline="") as file:
        table = csv.writer(file, delimiter=delimiter, lineterminator="\n")
        table.writerow(header)
        table.writerows(rows)
