"""What an evaluation leaves in its folder, and how it is found and read again.

A folder holds `scores.json` (every score with its passport), `predictions.parquet` (every answer, enough to
score again without the model), `report.html`, and `embeddings/` (what a killed evaluation goes on from).
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from vesalius.errors import DataError
from vesalius.tasks.base import PREDICTIONS

__all__ = [
    "PREDICTIONS_FILE",
    "REPORT_FILE",
    "SCHEMA_VERSION",
    "SCORES_FILE",
    "Evaluation",
    "find_evaluation",
    "open_evaluation",
    "read_predictions",
    "write_json",
    "write_predictions",
]

SCORES_FILE = "scores.json"
PREDICTIONS_FILE = "predictions.parquet"
REPORT_FILE = "report.html"
SCHEMA_VERSION = 1

_ROWS_AT_ONCE = 100_000
"""Rows whose texts are written out at once."""

STORED = pa.schema(
    [
        pa.field("control", pa.string(), metadata={"meaning": "name of the control, empty for the model"}),
        pa.field("family", pa.string(), metadata={"meaning": "name of the task's file, which scores the rows"}),
        *PREDICTIONS,
    ]
)
"""Schema of predictions.parquet: what a task predicts, and for which system."""


@dataclass(frozen=True)
class Evaluation:
    """An evaluation on disk: a folder and the content of its scores.json."""

    folder: Path
    document: Mapping[str, Any]

    @property
    def scores(self) -> list[dict[str, Any]]:
        """Scores of the model: task, metric, label, value, low, high, n, n_patients, passport."""
        return list(self.document["scores"])

    @property
    def controls(self) -> list[dict[str, Any]]:
        """Scores of the controls, in the same form plus "control"."""
        return list(self.document["controls"])

    def score(self, task: str, metric: str, label: str, *, control: str = "") -> dict[str, Any] | None:
        """Return one score of the model or of a control, or None where it was not computed."""
        rows = self.scores if not control else [row for row in self.controls if row["control"] == control]
        wanted = (task, metric, label)
        return next((row for row in rows if (row["task"], row["metric"], row["label"]) == wanted), None)

    def predictions(self, *, control: str = "", label: str = "") -> pa.Table:
        """Return the stored answers of the model or of a control, all or those of one label."""
        wanted = [("control", "==", control), *([("label", "==", label)] if label else [])]
        return read_predictions(self.folder, wanted)


def find_evaluation(path: str | Path, *, name: str = "") -> Path:
    """Return the folder of an evaluation: the path itself, or the only one (or that called `name`) of a run.

    Raises:
        DataError: none there, or several to choose from.
    """
    folder = Path(path)
    if folder.name == SCORES_FILE:
        folder = folder.parent
    if (folder / SCORES_FILE).is_file():
        return folder
    found = sorted(part.parent for part in folder.glob(f"evaluations/*/{SCORES_FILE}"))
    chosen = [part for part in found if not name or part.name == name]
    if len(chosen) == 1:
        return chosen[0]
    names = ", ".join(part.name for part in found)
    if not found:
        raise DataError(f"{folder}: no {SCORES_FILE} there or in evaluations/*/; run vesalius evaluate first")
    raise DataError(f"{folder} holds these evaluations: {names}; name one, such as {found[0]}")


def open_evaluation(path: str | Path, *, name: str = "") -> Evaluation:
    """Read an evaluation from its folder, its scores.json, or a run that has just one.

    Raises:
        DataError: it is not there, or scores.json is not readable.
    """
    folder = find_evaluation(path, name=name)
    source = folder / SCORES_FILE
    try:
        document = json.loads(source.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise DataError(f"{source} is not readable JSON ({error}); evaluate again") from None
    missing = {"scores", "controls", "passports", "corpus", "model"} - set(document)
    if missing:
        raise DataError(f"{source}: {sorted(missing)[0]!r} is missing; this is no scores.json of vesalius evaluate")
    if document.get("schema_version", 0) > SCHEMA_VERSION:
        raise DataError(
            f"{source} has schema version {document['schema_version']}, this program reads up to "
            f"{SCHEMA_VERSION}; update vesalius"
        )
    return Evaluation(folder, document)


def write_json(path: Path, document: Mapping[str, Any]) -> None:
    """Write JSON so that a reader sees the old file or the new one, never half of one."""
    unfinished = path.with_name(f".{path.name}.{os.getpid()}.part")
    text = json.dumps(document, indent=2, ensure_ascii=False, allow_nan=False)
    unfinished.write_text(text + "\n", encoding="utf-8")
    unfinished.replace(path)


def write_predictions(folder: Path, tables: Mapping[tuple[str, str], pa.Table]) -> None:
    """Store the answers of all systems, keyed by (control, task), in one Parquet file."""
    path = folder / PREDICTIONS_FILE
    unfinished = path.with_name(f".{path.name}.{os.getpid()}.part")
    with pq.ParquetWriter(unfinished, STORED, compression="zstd") as file:
        for (control, family), table in tables.items():
            for start in range(0, len(table), _ROWS_AT_ONCE):
                block = table.slice(start, _ROWS_AT_ONCE)
                named = [pa.array([name] * len(block), pa.string()) for name in (control, family)]
                columns = [values.cast(field.type) for values, field in zip(block.columns, PREDICTIONS, strict=True)]
                file.write_table(pa.Table.from_arrays([*named, *columns], schema=STORED))
    unfinished.replace(path)


def read_predictions(folder: Path, wanted: Sequence[tuple[str, str, str]] = ()) -> pa.Table:
    """Read the stored answers.

    Args:
        folder: of the evaluation.
        wanted: column, comparison and value that rows must fit; all rows where nothing is wanted.

    Raises:
        DataError: the file is missing, is no Parquet file or lacks a column.
    """
    path = folder / PREDICTIONS_FILE
    if not path.is_file():
        raise DataError(f"{path} does not exist; run vesalius evaluate first")
    try:
        missing = [name for name in STORED.names if name not in (found := pq.read_schema(path).names)]
        table = None if missing else pq.read_table(path, columns=STORED.names, filters=list(wanted) or None)
    except (pa.ArrowInvalid, OSError) as error:
        reason = str(error).splitlines()[0]
        raise DataError(f"{path} is corrupt ({reason}); evaluate again, embeddings are kept") from None
    if table is None:
        raise DataError(f"{path}: column {missing[0]!r} is missing, found {found}; evaluate again")
    return table.cast(STORED)
