"""Chosen fields of many studies in memory as Arrow columns, for what a training step wants to know of its rows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from vesalius.data.records import Study
from vesalius.errors import ConfigError, did_you_mean

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["KeptFields"]

_ROWS_AT_ONCE = 4096


class KeptFields:
    """Takes in studies one by one and gives them back by row, with the kept fields alone and the rest empty."""

    def __init__(self, fields: frozenset[str]) -> None:
        """Choose the fields; regions and events name images, and need them beside.

        Raises:
            ConfigError: a study has no such field.
        """
        known = frozenset(Study.__dataclass_fields__)
        for name in sorted(fields - known):
            raise ConfigError(f"a study has no field {name!r} to keep{did_you_mean(name, sorted(known))}")
        self.fields = fields
        self._rows: list[dict[str, Any]] = []
        self._tables: list[pa.Table] = []

    def add(self, study: Study) -> None:
        """Take in the next study."""
        if not self.fields:
            return
        from vesalius.data.schema import record_row

        few = {name: getattr(study, name) for name in self.fields}
        self._rows.append(record_row(Study(**{"id": study.id, "patient": study.patient, **few})))
        if len(self._rows) == _ROWS_AT_ONCE:
            self._pack()

    def order(self, numbers: Sequence[int]) -> None:
        """Put the studies into another order: row i becomes the one that was added as `numbers[i]`."""
        if not self.fields:
            return
        import pyarrow as pa

        self._pack()
        self._tables = [pa.concat_tables(self._tables).take(pa.array(numbers)).combine_chunks()]

    def __getitem__(self, row: int) -> Study | None:
        """Return the study of a row; None where no field is kept."""
        if not self.fields:
            return None
        from vesalius.data.schema import to_studies

        return next(to_studies(self._tables[0].slice(row, 1)))

    def _pack(self) -> None:
        import pyarrow as pa

        from vesalius.data.schema import RECORD_COLUMNS, SCHEMA

        schema = pa.schema([SCHEMA.field(name) for name in RECORD_COLUMNS])
        self._tables.append(pa.Table.from_pylist(self._rows, schema=schema))
        self._rows = []
