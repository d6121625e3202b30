"""Numbers by study that were computed elsewhere: scores of a model, quality of a judge, embeddings."""

from __future__ import annotations

import csv
import json
import zipfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from vesalius.errors import DataError, did_you_mean

__all__ = ["Embeddings", "read_column", "read_embeddings", "read_rows"]

_ID = "study_id"


class Embeddings(NamedTuple):
    """One vector a study."""

    ids: list[str]
    vectors: NDArray[np.float32]
    """(n, d)."""


def read_rows(path: str | Path) -> dict[str, dict[str, Any]]:
    """Return the rows of a .parquet, .jsonl or .csv table by their `study_id`.

    Raises:
        DataError: another kind of file, no column `study_id`, or an id that occurs twice.
    """
    path = Path(path)
    rows: dict[str, dict[str, Any]] = {}
    for number, row in enumerate(_table(path), start=1):
        if _ID not in row:
            raise DataError(f"{path}, row {number}: no {_ID!r}{did_you_mean(_ID, row)}; each row names its study")
        name = str(row.pop(_ID))
        if name in rows:
            raise DataError(f"{path}, row {number}: study {name!r} occurs twice, expected one row a study")
        rows[name] = row
    return rows


def read_column(path: str | Path, column: str) -> dict[str, float]:
    """Return one column of numbers by study.

    Raises:
        DataError: no such column, or a value that is no number.
    """
    values: dict[str, float] = {}
    for name, row in read_rows(path).items():
        if column not in row:
            raise DataError(f"{path}: no column {column!r}{did_you_mean(column, row)}")
        try:
            values[name] = float(row[column])
        except (TypeError, ValueError):
            raise DataError(f"{path}, study {name!r}: {column} is {row[column]!r}, expected a number") from None
    return values


def read_embeddings(path: str | Path) -> Embeddings:
    """Read a .npz with `ids` (n text) and `vectors` (n, d), or a table with `study_id` and a list `vector`.

    Raises:
        DataError: what is in the file is something else.
    """
    path = Path(path)
    if path.suffix != ".npz":
        rows = read_rows(path)
        lengths = {len(row.get("vector") or ()) for row in rows.values()}
        if len(lengths) != 1 or 0 in lengths:
            raise DataError(f"{path}: lists `vector` of lengths {sorted(lengths)}, expected one length above 0")
        return Embeddings(list(rows), np.array([row["vector"] for row in rows.values()], np.float32))
    try:
        with np.load(path, allow_pickle=False) as archive:
            ids, vectors = archive["ids"], archive["vectors"]
    except (OSError, KeyError, ValueError, zipfile.BadZipFile) as error:
        raise DataError(f"{path}: {error}; expected a .npz with `ids` and `vectors`") from None
    if vectors.ndim != 2 or len(ids) != len(vectors):
        raise DataError(f"{path}: {len(ids)} ids and vectors of shape {vectors.shape}, expected (n, d)")
    return Embeddings([str(name) for name in ids], np.asarray(vectors, np.float32))


def _table(path: Path) -> Iterable[dict[str, Any]]:
    if not path.is_file():
        raise DataError(f"{path}: no such file; expected a table with one row a study")
    try:
        if path.suffix == ".parquet":
            rows: list[dict[str, Any]] = pq.read_table(path).to_pylist()
            return rows
        if path.suffix == ".jsonl":
            return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
        if path.suffix == ".csv":
            with path.open(encoding="utf-8", newline="") as file:
                return list(csv.DictReader(file))
    except (pa.ArrowException, UnicodeDecodeError, json.JSONDecodeError) as error:
        raise DataError(f"{path}: not readable: {error}") from None
    raise DataError(f"{path}: found {path.suffix or 'no suffix'}, expected .parquet, .jsonl or .csv")
