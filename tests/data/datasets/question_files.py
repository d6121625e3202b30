"""Tables that tests of question sets write by hand."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from vesalius.data.records import Dialogue
from vesalius.data.samples import Sample


def put_json(path: Path, value: Any) -> Path:
    """Write a JSON document."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(value, ensure_ascii=False), encoding="utf-8")
    return path


def put_lines(path: Path, *rows: Any) -> Path:
    """Write one JSON value a line."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")
    return path


def put_parquet(path: Path, *rows: dict[str, Any]) -> Path:
    """Write rows as Parquet."""
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.Table.from_pylist(list(rows)), path)
    return path


def dialogues(samples: Iterable[Sample]) -> dict[str, Dialogue]:
    """Return all dialogues by id."""
    return {dialogue.id: dialogue for sample in samples for dialogue in sample.study.dialogues}
