"""How a study lies on disk: the Arrow schema, one row a study, and the way there and back.

The columns of a record follow from the dataclasses in `vesalius.data.records`, so they cannot drift apart;
lists of records are lists of structs. The derived columns repeat what filters ask for, flat, and hold hashes.
A change to either changes the files: raise `SCHEMA_VERSION` and add a step to `vesalius.data.migrate`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import fields, is_dataclass
from types import UnionType
from typing import Any, Literal, NamedTuple, Union, get_args, get_origin, get_type_hints

import pyarrow as pa

from vesalius.data.fingerprint import record_digest, study_key
from vesalius.data.records import Study
from vesalius.errors import DataError

__all__ = [
    "DERIVED_COLUMNS",
    "RECORD_COLUMNS",
    "SCHEMA",
    "SCHEMA_VERSION",
    "MediaFile",
    "record_row",
    "study_row",
    "to_studies",
    "to_table",
]

SCHEMA_VERSION = 2
"""Version of the files that this release writes; older ones are migrated as they are read."""


class MediaFile(NamedTuple):
    """A file that a study refers to."""

    path: str
    """Relative to the corpus root."""
    sha256: str
    bytes: int


class _Codec(NamedTuple):
    """An Arrow type with the way into it and out of it; a way is None where the value stays as it is."""

    arrow: pa.DataType
    pack: Callable[[Any], Any] | None
    unpack: Callable[[Any], Any] | None


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError(f"expected text, found {value!r}")
    return value


_SCALARS = {
    str: _Codec(pa.string(), _text, None),
    int: _Codec(pa.int64(), int, None),
    float: _Codec(pa.float64(), float, None),
    bool: _Codec(pa.bool_(), bool, None),
}


def _codec(hint: Any) -> _Codec:
    if hint in _SCALARS:
        return _SCALARS[hint]
    origin, arguments = get_origin(hint), get_args(hint)
    if origin is Literal:
        return _SCALARS[str]
    if origin in (Union, UnionType):
        return _optional(_codec(next(choice for choice in arguments if choice is not type(None))))
    if origin is tuple and arguments[-1] is Ellipsis:
        return _list(_codec(arguments[0]))
    if origin is tuple:
        return _pair(("name", "value"), [_codec(argument) for argument in arguments])
    hints = get_type_hints(hint)
    names = [field.name for field in fields(hint)] if is_dataclass(hint) else list(hints)
    return _struct(hint, {name: _codec(hints[name]) for name in names})


def _optional(inner: _Codec) -> _Codec:
    def through(convert: Callable[[Any], Any] | None) -> Callable[[Any], Any] | None:
        return None if convert is None else lambda value: None if value is None else convert(value)

    return _Codec(inner.arrow, through(inner.pack), through(inner.unpack))


def _list(inner: _Codec) -> _Codec:
    pack, unpack = inner.pack, inner.unpack
    return _Codec(
        pa.list_(inner.arrow),
        list if pack is None else lambda values: [pack(value) for value in values],
        tuple if unpack is None else lambda values: tuple([unpack(value) for value in values]),
    )


def _pair(names: tuple[str, ...], inner: Sequence[_Codec]) -> _Codec:
    arrow = pa.struct([(name, codec.arrow) for name, codec in zip(names, inner, strict=True)])
    return _Codec(
        arrow,
        lambda values: dict(zip(names, values, strict=True)),
        lambda value: tuple([value[name] for name in names]),
    )


def _struct(kind: Any, inner: dict[str, _Codec]) -> _Codec:
    names = list(inner)
    packers = [(name, codec.pack) for name, codec in inner.items() if codec.pack is not None]
    unpackers = [(name, codec.unpack) for name, codec in inner.items() if codec.unpack is not None]

    def pack(record: Any) -> dict[str, Any]:
        row = {name: getattr(record, name) for name in names}
        for name, convert in packers:
            row[name] = convert(row[name])
        return row

    def unpack(row: dict[str, Any]) -> Any:
        values = {name: row[name] for name in names}
        for name, convert in unpackers:
            values[name] = convert(values[name])
        return kind(**values)

    return _Codec(pa.struct([(name, codec.arrow) for name, codec in inner.items()]), pack, unpack)


_STUDY = _codec(Study)
_RECORD = pa.schema([field.with_name("study_id") if field.name == "id" else field for field in _STUDY.arrow])
_DERIVED = pa.schema(
    [
        ("findings_present", pa.list_(pa.string())),
        ("findings_uncertain", pa.list_(pa.string())),
        ("findings_absent", pa.list_(pa.string())),
        ("modalities", pa.list_(pa.string())),
        ("num_images", pa.int64()),
        (
            "media",
            pa.list_(pa.struct([("path", pa.string()), ("sha256", pa.string()), ("bytes", pa.int64())])),
        ),
        ("study_key", pa.int64()),
        ("digest", pa.binary()),
    ]
)
RECORD_COLUMNS = tuple(_RECORD.names)
"""Columns that hold the study itself; `id` is called `study_id`."""
DERIVED_COLUMNS = tuple(_DERIVED.names)
"""Columns that follow from the record and its files."""
SCHEMA = pa.schema([*_RECORD, *_DERIVED])
"""The Arrow schema of `studies/*.parquet`."""


def record_row(study: Study) -> dict[str, Any]:
    """Return the record columns of a study as plain values."""
    assert _STUDY.pack is not None
    row: dict[str, Any] = _STUDY.pack(study)
    return {"study_id": row.pop("id"), **row}


def study_row(study: Study, media: Sequence[MediaFile] = ()) -> dict[str, Any]:
    """Return all columns of a study as plain values; `media` are the files that it refers to.

    Raises:
        DataError: the study holds a value that the schema cannot, such as text that is not valid Unicode.
    """
    try:
        row = record_row(study)
        return row | derived_columns(row, media)
    except (TypeError, ValueError) as error:
        raise DataError(f"study {study.id!r} cannot be stored: {error}") from None


def derived_columns(row: dict[str, Any], media: Sequence[MediaFile]) -> dict[str, Any]:
    """Compute the derived columns from the record columns of one study and its files."""
    stated: dict[str, set[str]] = {}
    for finding in row["findings"]:
        stated.setdefault(finding["concept"], set()).add(finding["status"])
    strongest = {
        concept: next(status for status in ("present", "uncertain", "absent") if status in statuses)
        for concept, statuses in sorted(stated.items())
    }
    lists = {
        f"findings_{status}": [
            concept for concept, strongest_status in strongest.items() if strongest_status == status
        ]
        for status in ("present", "uncertain", "absent")
    }
    return lists | {
        "modalities": sorted({image["modality"] for image in row["images"]}),
        "num_images": len(row["images"]),
        "media": [file._asdict() for file in media],
        "study_key": study_key(row["study_id"]),
        "digest": record_digest(row, {file.path: file.sha256 for file in media}),
    }


def to_table(rows: Iterable[dict[str, Any]]) -> pa.Table:
    """Build a table of `SCHEMA` from rows of `study_row`."""
    return pa.Table.from_pylist(list(rows), schema=SCHEMA)


def to_studies(table: pa.Table) -> Iterator[Study]:
    """Yield the studies of a table that has the record columns."""
    assert _STUDY.unpack is not None
    for row in table.select(RECORD_COLUMNS).to_pylist():
        row["id"] = row["study_id"]
        yield _STUDY.unpack(row)
