"""Data sets of the datasets library: Parquet files, or the folder that `save_to_disk` leaves, with Image features.

Columns are known by their usual names: image or images; text, caption or report; question, answer and options (or
choices); messages or conversations; label, with its names from the features; objects (bbox, category or categories);
patient, modality, id. Other columns are passed over. Needs the package pyarrow only.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from vesalius.data.formats.base import origin_of, picture_below, split_named
from vesalius.data.ingest.columns import concept_name
from vesalius.data.records import Box, Dialogue, Finding, Image, Provenance, Region, Study, Text
from vesalius.data.releases.pictures import modality_of, picture_in
from vesalius.data.releases.questions import asked, conversation
from vesalius.data.releases.rows import Row, json_value, parquet_rows
from vesalius.data.samples import Sample
from vesalius.errors import DataError

__all__ = ["read", "write"]

_TEXTS = ("text", "caption", "report", "findings")
_OPTIONS = ("options", "choices")
_CHATS = ("messages", "conversations")
_YES_NO = ("yes", "no")
_IMAGES = ("image", "images", "img", "picture")


@dataclass(frozen=True)
class _Table:
    """One file with its part, and the names of the classes by column."""

    path: Path
    part: str
    classes: Mapping[str, list[str]] = field(default_factory=dict)


def read(root: Path) -> Iterator[Sample]:
    """Yield one study a row, file by file.

    Args:
        root: a Parquet file; a folder of them, the part being the word train, val or test in their names or folders;
            or a folder with ``dataset_dict.json`` or ``state.json``.

    Raises:
        DataError: no such files, no column that is known, or a cell that is wrong: names file and row.
    """
    root = root.absolute()
    base = root if root.is_dir() else root.parent
    origin = origin_of(root, base.name)
    for table in _tables(root):
        rows = _arrow_rows(table.path) if table.path.suffix == ".arrow" else parquet_rows([table.path], ())
        named = ((_name(row, f"{table.path.stem}-{number}"), row) for number, row in enumerate(rows))
        for name, group in groupby(named, key=itemgetter(0)):
            yield Sample(_study([row for _, row in group], table, base, name, origin), table.part)


def _name(row: Row, place: str) -> str:
    """Return the study of a row; neighbouring rows with the same `study` are one."""
    return row.optional("study", "id", "image_id") or place


def _tables(root: Path) -> list[_Table]:
    if root.is_file():
        return [_Table(root, split_named(root.stem), _classes(_parquet_features(root)))]
    saved = sorted(root.rglob("dataset_info.json"))
    found = [
        _Table(info.parent / name, split_named(info.parent.name if info.parent != root else ""), _info_classes(info))
        for info in saved
        for name in _arrow_files(info.parent)
    ]
    found += [
        _Table(path, split_named(path.stem) or split_named(path.parent.name), _classes(_parquet_features(path)))
        for path in sorted(root.rglob("*.parquet"))
    ]
    if not found:
        raise DataError(f"{root}: neither Parquet files nor a saved data set (state.json) in it")
    order = {"train": 0, "val": 1, "test": 2}
    return sorted(found, key=lambda table: order.get(table.part, 3))


def _arrow_files(folder: Path) -> list[str]:
    path = folder / "state.json"
    if not path.exists():
        return []
    state = Row({}, str(path)).inside("state", json_value(path))
    return [Path(entry.text("filename")).name for entry in state.parts("_data_files")]


def _info_classes(path: Path) -> dict[str, list[str]]:
    info = Row({}, str(path)).inside("info", json_value(path))
    return _classes(info.part("features").cells) if info.has("features") else {}


def _parquet_features(path: Path) -> Mapping[str, Any]:
    try:
        metadata = pq.read_schema(path).metadata or {}
    except (pa.ArrowException, OSError) as error:
        raise DataError(f"{path}: no whole Parquet file: {error}; copy it again") from None
    try:
        document = json.loads(metadata.get(b"huggingface", b"{}"))
        found = document["info"]["features"] if document else {}
    except (ValueError, KeyError, TypeError):
        raise DataError(f"{path}: its features are no JSON of the datasets library; write it again") from None
    return found if isinstance(found, dict) else {}


def _classes(features: Mapping[str, Any]) -> dict[str, list[str]]:
    """Return the names of the classes of every column of type ClassLabel, also inside objects."""
    found: dict[str, list[str]] = {}
    for name, feature in features.items():
        inner = feature.get("feature", feature) if isinstance(feature, Mapping) else feature
        if isinstance(inner, Mapping) and inner.get("_type") == "ClassLabel":
            found[name] = [str(value) for value in inner.get("names", [])]
        elif isinstance(inner, Mapping) and "_type" not in inner:
            found |= _classes(inner)
    return found


def _arrow_rows(path: Path) -> Iterator[Row]:
    try:
        with pa.memory_map(str(path)) as source, pa.ipc.open_stream(source) as stream:
            number = 0
            for batch in stream:
                for place in range(batch.num_rows):
                    number += 1
                    yield Row(batch.slice(place, 1).to_pylist()[0], f"{path}, row {number}")
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        raise DataError(f"{path}: no whole Arrow file: {error}; copy it again") from None


def _study(rows: list[Row], table: _Table, base: Path, name: str, origin: Provenance) -> Study:
    """Return the study of rows, of which the first holds the pictures and texts and each its question."""
    row = rows[0]
    words = row.optional("modality")
    images = _images(row, base, table.path.parent, name, modality_of(words) if words else "")
    texts = tuple(Text(text=row.text(column), role=_role(column)) for column in _TEXTS if row.has(column))
    shown = [image.id for image in images]
    dialogues = tuple(
        dialogue
        for number, own in enumerate(rows)
        if (dialogue := _dialogue(own, own.optional("id") or f"{name}-{number}", shown))
    )
    if not (images or texts or dialogues):
        raise row.fault(f"no column that is known; it has {', '.join(map(str, row.cells))}")
    return Study(
        id=name, patient=row.optional("patient", "patient_id") or name, images=tuple(images), texts=texts,
        findings=_findings(row, table.classes), dialogues=dialogues,
        regions=_regions(row, images[0], table.classes) if images and row.has("objects") else (), provenance=origin,
    )  # fmt: skip


def _role(column: str) -> Any:
    return column if column in ("caption", "report", "findings") else "caption"


def _images(row: Row, base: Path, folder: Path, name: str, modality: str) -> list[Image]:
    values: list[Any] = []
    for column in _IMAGES:
        value = row.cells.get(column)
        values += value if isinstance(value, list) else [value] if value is not None else []
    found = []
    for number, value in enumerate(values):
        own = name if len(values) == 1 else f"{name}-{number}"
        content = value.get("bytes") if isinstance(value, dict) else value if isinstance(value, bytes) else None
        if content is not None:
            image = picture_in(
                base, Row({"image": content}, row.where), "image", id=own, folder="rows", modality=modality
            )
            if image is None:
                raise row.fault("the bytes of its picture are no whole PNG, JPEG or TIFF")
        else:
            path = value.get("path") if isinstance(value, dict) else value
            if not isinstance(path, str):
                raise row.fault("its picture has neither bytes nor a path")
            image = picture_below(folder, path, where=row.where, id=own, modality=modality)
        found.append(image)
    return found


def _dialogue(row: Row, name: str, images: list[str]) -> Dialogue | None:
    chat = next((column for column in _CHATS if row.has(column)), "")
    if chat:
        turns = [(part.text("from", "role"), part.text("value", "content")) for part in row.parts(chat)]
        try:
            return conversation(name, turns, images=images, source=chat)
        except DataError as error:
            raise row.fault(str(error)) from None
    if not row.has("question"):
        return None
    options = [str(option) for column in _OPTIONS for option in row.items(column)]
    answer = row.optional("answer")
    if options and isinstance(row.cells.get("answer"), int) and 0 <= row.whole("answer") < len(options):
        answer = options[row.whole("answer")]
    elif options and len(answer) == 1 and "A" <= answer <= chr(64 + len(options)) and answer not in options:
        answer = options[ord(answer) - 65]
    kind = "choice" if options else "closed" if answer.strip().casefold() in _YES_NO else "open"
    kind = row.optional("answer_type").casefold() or kind
    return asked(name, row.text("question"), answer, images=images, options=options, answer_type=kind)


def _findings(row: Row, classes: Mapping[str, list[str]]) -> tuple[Finding, ...]:
    """State the class of a row and the absence of all others; a label without names is stated by itself."""
    value = row.cells.get("label")
    if value is None:
        return ()
    names = classes.get("label", [])
    if names and isinstance(value, int):
        if not 0 <= value < len(names):
            raise row.fault(f"label {value}, the features name {len(names)} classes")
        value = names[value]
    own = concept_name(str(value))
    others = [concept_name(name) for name in names]
    return tuple(
        Finding(concept=name, status="present" if name == own else "absent", source="label")
        for name in sorted({own, *others})
    )


def _regions(row: Row, image: Image, classes: Mapping[str, list[str]]) -> tuple[Region, ...]:
    """Read boxes ``[x, y, width, height]`` as detection sets of the hub have them."""
    objects = row.part("objects")
    boxes = objects.items("bbox")
    column = "category" if objects.has("category") else "categories"
    kinds = objects.items(column)
    if len(kinds) != len(boxes):
        raise objects.fault(f"{len(boxes)} boxes and {len(kinds)} of {column}")
    found = []
    for values, kind in zip(boxes, kinds, strict=True):
        if len(values) != 4 or min(values[2:]) <= 0:
            raise objects.fault(f"bbox {values}, expected [x, y, width, height] with an area")
        names = classes.get(column, [])
        name = names[kind] if names and isinstance(kind, int) and 0 <= kind < len(names) else str(kind)
        x, y, width, height = values
        box = Box(x, y, x + width, y + height)
        found.append(Region(image=image.id, kind="box", concept=concept_name(name), box=box))
    return tuple(found)


def write(samples: Iterable[Sample], root: Path) -> list[Path]:
    """Write studies as Parquet files ``data/<part>-00000.parquet`` that the datasets library opens.

    One row a question (or a study without any), with the columns image, id, study, patient, modality, caption,
    question, answer, options and answer_type; the picture stands in the first row of a study. What a row cannot hold
    (regions, further pictures, conversations) is left out.
    """
    writers: dict[str, pq.ParquetWriter] = {}
    made: list[Path] = []
    try:
        for study, part in samples:
            if part not in writers:
                made.append(root / "data" / f"{part or 'train'}-00000.parquet")
                made[-1].parent.mkdir(parents=True, exist_ok=True)
                writers[part] = pq.ParquetWriter(made[-1], _SCHEMA)
            writers[part].write_table(pa.Table.from_pylist(list(_rows_of(study)), schema=_SCHEMA))
    finally:
        for writer in writers.values():
            writer.close()
    return made


def _rows_of(study: Study) -> Iterator[dict[str, Any]]:
    image = next((image for image in study.images if image.kind == "image"), None)
    row: dict[str, Any] = {
        "id": study.id, "study": study.id, "patient": study.patient, "modality": image.modality if image else None,
        "caption": " ".join(text.text for text in study.texts) or None,
    }  # fmt: skip
    if image:
        row["image"] = {"bytes": Path(image.path).read_bytes(), "path": Path(image.path).name}
    single = [dialogue for dialogue in study.dialogues if len(dialogue.turns) == 1]
    if not single:
        yield row
    for dialogue in single:
        yield row | {
            "id": dialogue.id, "question": dialogue.turns[0].text, "answer": dialogue.answer,
            "options": list(dialogue.options) or None, "answer_type": dialogue.answer_type or None,
        }  # fmt: skip
        row = {"study": study.id}


_WORDS = ("id", "study", "patient", "modality", "caption", "question", "answer", "answer_type")
_FEATURES = {
    "image": {"_type": "Image"},
    **{name: {"dtype": "string", "_type": "Value"} for name in _WORDS},
    "options": {"feature": {"dtype": "string", "_type": "Value"}, "_type": "List"},
}
_SCHEMA = pa.schema(
    [
        ("image", pa.struct([("bytes", pa.binary()), ("path", pa.string())])),
        *((name, pa.string()) for name in _WORDS),
        ("options", pa.list_(pa.string())),
    ],
    metadata={"huggingface": json.dumps({"info": {"features": _FEATURES}})},
)
