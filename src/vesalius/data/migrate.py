"""From the files of older releases to today's: one step for every version, applied as tables are read.

`Corpus.merge([old], out)` writes an older corpus anew in the current version.

Versions:
    0: before the first release: `patient_id`, findings as (label, present), no derived columns.
    1: no events, no steps of dialogues.
    2: the schema of `vesalius.data.schema`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

import pyarrow as pa

from vesalius.data.schema import RECORD_COLUMNS, SCHEMA, SCHEMA_VERSION, MediaFile, derived_columns, to_table
from vesalius.errors import DataError

__all__ = ["MIGRATIONS", "migrate", "require_readable"]


def _from_0(table: pa.Table) -> pa.Table:
    rows = []
    for old in table.to_pylist():
        row = {name: old.get(name) for name in RECORD_COLUMNS} | {"patient": old["patient_id"]}
        row["findings"] = [_finding_from_0(finding) for finding in old["findings"]]
        media = sorted({(image["path"], image["sha256"]) for image in row["images"] if image["sha256"]})
        files = [MediaFile(path, sha256, 0) for path, sha256 in media]
        row["events"] = []
        rows.append(row | derived_columns(row, files))
    return to_table(rows).drop_columns("events")


def _finding_from_0(finding: Mapping[str, object]) -> dict[str, object]:
    empty = {"anatomy": "", "laterality": "", "severity": "", "attributes": [], "code": "", "source": ""}
    return {"concept": finding["label"], "status": "present" if finding["present"] else "absent", **empty}


def _from_1(table: pa.Table) -> pa.Table:
    rows = []
    for old in table.to_pylist():
        row = {name: old.get(name, []) for name in RECORD_COLUMNS}
        row["dialogues"] = [{**dialogue, "steps": 0} for dialogue in old["dialogues"]]
        rows.append(row | derived_columns(row, [MediaFile(**file) for file in old["media"]]))
    return to_table(rows)


MIGRATIONS: Mapping[int, Callable[[pa.Table], pa.Table]] = MappingProxyType({0: _from_0, 1: _from_1})
"""Version n to the step that makes a table of version n + 1 from one of version n."""


def require_readable(version: int, *, where: str) -> None:
    """Refuse a version that this release cannot read, naming both versions."""
    if version > SCHEMA_VERSION:
        raise DataError(
            f"{where} has schema version {version}, this release reads versions up to {SCHEMA_VERSION}: "
            "upgrade vesalius to open it"
        )
    if version != SCHEMA_VERSION and version not in MIGRATIONS:
        raise DataError(f"{where} has schema version {version}, expected {min(MIGRATIONS)} to {SCHEMA_VERSION}")


def migrate(table: pa.Table, version: int) -> pa.Table:
    """Bring a table of all columns from `version` to the current schema."""
    for step in range(version, SCHEMA_VERSION):
        table = MIGRATIONS[step](table)
    return table.select(SCHEMA.names).cast(SCHEMA)
