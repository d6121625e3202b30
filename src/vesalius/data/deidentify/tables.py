"""Tables and texts: named columns are scrubbed, mapped or moved; a column that nobody named is left out."""

from __future__ import annotations

import csv
import io
import json
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vesalius.data.deidentify.dataset import scrubber_of
from vesalius.data.deidentify.options import Options
from vesalius.data.deidentify.secret import Secret
from vesalius.data.deidentify.text import Known
from vesalius.data.deidentify.values import shifted_date
from vesalius.data.ingest.table import read_table
from vesalius.errors import ConfigError, DataError, did_you_mean

__all__ = ["TableColumns", "check_columns", "treat_table", "treat_text"]


@dataclass(frozen=True, kw_only=True)
class TableColumns:
    """What the columns of a table hold; names of columns."""

    patient: str = ""
    """Patient number: becomes the pseudonym that DICOM files of the same number get."""
    accession: tuple[str, ...] = ()
    """Accession numbers: become pseudonyms."""
    text: tuple[str, ...] = ()
    """Free texts: scrubbed."""
    names: tuple[str, ...] = ()
    """Names of people: removed, and looked for in the texts of the row."""
    numbers: tuple[str, ...] = ()
    """Further numbers: removed, and looked for in the texts."""
    places: tuple[str, ...] = ()
    """Places: removed, and looked for in the texts."""
    dates: tuple[str, ...] = ()
    """Dates: moved, kept or removed as the options say."""
    uids: tuple[str, ...] = ()
    """DICOM UIDs: mapped."""
    images: tuple[str, ...] = ()
    """Paths of images below the source: become the paths of their copies."""
    keep: tuple[str, ...] = ()
    """Columns without anything that identifies, kept as they are."""

    def named(self) -> tuple[str, ...]:
        """Return all names of columns."""
        groups = (
            self.accession, self.text, self.names, self.numbers, self.places, self.dates, self.uids, self.images,
            self.keep,
        )  # fmt: skip
        return tuple(filter(None, (self.patient, *(name for group in groups for name in group))))


def check_columns(columns: TableColumns, found: tuple[str, ...], *, where: str) -> None:
    """Refuse names that the table lacks.

    Raises:
        ConfigError: names the column and the nearest ones.
    """
    for name in columns.named():
        if name not in found:
            raise ConfigError(f"{where}: no column {name!r}{did_you_mean(name, found)}")


def treat_table(
    path: Path, *, columns: TableColumns, options: Options, secret: Secret,
    renamed: Callable[[str], str] = lambda value: "",
) -> tuple[Counter[str], bytes]:  # fmt: skip
    """Treat a CSV, TSV, JSON or JSON Lines table and return counts and the bytes of the new one.

    Args:
        path: the table.
        columns: what its columns hold.
        options: of the run.
        secret: decides replacements.
        renamed: returns the path of the copy of an image, empty where there is none.

    Raises:
        DataError: no column was named, or a row is broken.
        ConfigError: a named column is not there.
    """
    if not columns.named():
        raise DataError(
            f"{path}: a table of which no column was named; name its columns with --text, --patient and so on"
        )
    table = read_table(path)
    if table.broken:
        raise DataError(f"{path}: line {table.broken[0][0]} is broken; a table is treated whole or not at all")
    check_columns(columns, table.columns, where=path.name)
    chosen = set(columns.named())
    kept = [name for name in table.columns if name in chosen]
    counts = Counter({"columns left out": len(table.columns) - len(kept)})
    rows = [_row(row.cells, columns, kept, options=options, secret=secret, counts=counts) for row in table.rows]
    for name, row in ((name, row) for name in columns.images for row in rows):
        old = str(row[name] or "").strip()
        row[name] = renamed(old) if old else ""
        counts["image paths renamed" if row[name] else "image paths without a copy"] += bool(old)
    return counts, _encoded(path, kept, rows)


def _row(
    cells: dict[str, Any], columns: TableColumns, kept: list[str], *, options: Options, secret: Secret,
    counts: Counter[str],
) -> dict[str, Any]:  # fmt: skip
    def values(names: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(str(cells[name]).strip() for name in names if cells.get(name) not in (None, ""))

    number = str(cells.get(columns.patient) or "").strip() if columns.patient else ""
    patient = f"id {number.casefold()}" if number else f"row {json.dumps(cells, sort_keys=True, default=str)}"
    known = Known(
        persons=values(columns.names), places=values(columns.places),
        numbers=((number,) if number else ()) + values(columns.accession) + values(columns.numbers),
    )  # fmt: skip
    days = secret.shift_days(patient, whole_weeks=options.keep_weekdays)
    scrubber = scrubber_of(options, secret, days)
    new: dict[str, Any] = {}
    for name in kept:
        value = "" if cells.get(name) is None else str(cells[name])
        if name in columns.keep or name in columns.images:
            new[name] = cells[name]
        elif name in columns.text:
            scrubbed = scrubber.scrub(value, known)
            counts.update({f"text {kind}": count for kind, count in scrubbed.counts.items()})
            new[name] = scrubbed.text
        else:
            new[name] = _cell(
                name, value.strip(), columns, options=options, secret=secret, patient=patient, days=days
            )
            counts["cells replaced"] += bool(value)
    return new


def _cell(
    name: str, value: str, columns: TableColumns, *, options: Options, secret: Secret, patient: str, days: int
) -> str:  # fmt: skip
    if not value:
        return ""
    if name == columns.patient:
        return secret.pseudonym("patient", patient, prefix="P")
    if name in columns.accession:
        return secret.pseudonym("accession", value, prefix="A")
    if name in columns.uids:
        return value if options.uids else secret.uid(value)
    if name in columns.dates and options.full_dates:
        return value
    if name in columns.dates and options.modified_dates:
        compact = shifted_date(value, days)
        moved = compact or scrubber_of(options, secret, days).scrub(value).text
        return moved if moved != value else ""
    return ""


def _encoded(path: Path, kept: list[str], rows: list[dict[str, Any]]) -> bytes:
    suffix = path.suffix.lower()
    if suffix == ".json":
        return (json.dumps(rows, ensure_ascii=False, indent=1) + "\n").encode()
    if suffix in (".jsonl", ".ndjson"):
        return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows).encode()
    buffer = io.StringIO(newline="")
    writer = csv.DictWriter(buffer, kept, delimiter="\t" if suffix == ".tsv" else ",", lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return buffer.getvalue().encode()


def treat_text(
    path: Path, *, options: Options, secret: Secret, known: Known, patient: str
) -> tuple[Counter[str], bytes]:
    """Scrub a text file and return counts and the bytes of the new one, in UTF-8.

    Raises:
        DataError: not UTF-8 text.
    """
    try:
        content = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError:
        raise DataError(f"{path}: not UTF-8 text; save it as UTF-8 first") from None
    if "\0" in content:
        raise DataError(f"{path}: holds zero bytes, so it is not text")
    days = secret.shift_days(patient, whole_weeks=options.keep_weekdays)
    scrubbed = scrubber_of(options, secret, days).scrub(content, known)
    return Counter({f"text {kind}": count for kind, count in scrubbed.counts.items()}), scrubbed.text.encode()
