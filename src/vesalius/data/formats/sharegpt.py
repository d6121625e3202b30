"""ShareGPT and LLaVA: a JSON list of rows with `conversations` (from, value) and `image` or `images`.

``<image>`` stands where a picture is shown, in any turn; there must be as many as pictures, or none: then the first
question shows all. Also read: JSON lines of the same rows, `rejected_conv` (a worse answer), and a list of data sets
by name with `root` and `annotation`, as GMAI-VL has it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from vesalius.data.formats.base import origin_of, split_named
from vesalius.data.formats.chat import ChatRow, extras, objects_of, pictures_of, studies, turns_of
from vesalius.data.media import inside
from vesalius.data.releases.rows import Row, json_lines, json_list, json_value
from vesalius.data.releases.twins import write_json
from vesalius.data.samples import Sample
from vesalius.errors import DataError

__all__ = ["read", "write"]

_SPEAKERS = {"user": "human", "assistant": "gpt", "system": "system"}


def read(root: Path) -> Iterator[Sample]:
    """Yield one study a row, or for neighbouring rows with the same `study`; paths are relative to the file.

    Args:
        root: a .json or .jsonl file, or a folder of them; the part is the word train, val or test in their names.

    Raises:
        DataError: names file and item.
    """
    root = root.absolute()
    base = root if root.is_dir() else root.parent
    paths = [root] if root.is_file() else sorted([*root.glob("*.json"), *root.glob("*.jsonl")])
    paths = [path for path in paths if path.name != "VIRTUAL.json"]
    if not paths:
        raise DataError(f"{root}: no .json file; expected a list of rows with conversations")
    origin = origin_of(root, base.name)
    for path in paths:
        rows = (_chat(row, name, folder) for row, name, folder in _rows(path))
        for study in studies(rows, base, origin):
            yield Sample(study, split_named(path.stem))


def _rows(path: Path) -> Iterator[tuple[Row, str, Path]]:
    """Yield rows with a name and the folder of their pictures."""
    if path.suffix == ".jsonl":
        found = ((path.stem, path.parent, json_lines(path)),)
    elif _first_sign(path) == "{":
        found = tuple(_listed(path))  # type: ignore[assignment]
    else:
        found = ((path.stem, path.parent, json_list(path)),)
    for name, folder, rows in found:
        for number, row in enumerate(rows):
            yield row, f"{name}-{number}", folder


def _first_sign(path: Path) -> str:
    with path.open(encoding="utf-8-sig", errors="replace") as file:
        return file.read(64).lstrip()[:1]


def _listed(path: Path) -> Iterator[tuple[str, Path, Iterator[Row]]]:
    """Yield the data sets of a list by name; how often one is repeated is for training to say."""
    document = Row({}, str(path)).inside("document", json_value(path))
    for name in document.cells:
        entry = document.part(name)
        table = inside(path.parent, entry.text("annotation", "annotations"))
        folder = inside(path.parent, entry.optional("root") or ".")
        yield name, folder, json_lines(table) if table.suffix == ".jsonl" else json_list(table)


def _chat(row: Row, name: str, folder: Path) -> ChatRow:
    images: list[Any] = list(row.items("images"))
    value = row.cells.get("image")
    images += value if isinstance(value, list) else [value] if value else []
    turns = [(part.text("from"), part.text("value")) for part in row.parts("conversations")]
    if not turns:
        raise row.fault("no conversations; expected a list of turns with from and value")
    worse = row.parts("rejected_conv")
    return ChatRow(
        row=row, name=row.optional("id") or name, turns=turns, images=images, folder=folder,
        rejected=worse[-1].text("value") if worse else "",
    )  # fmt: skip


def write(samples: Iterable[Sample], root: Path) -> list[Path]:
    """Write the dialogues of studies as ``<part>.json`` (``all.json`` without a part), pictures below ``images``."""
    rows: dict[str, list[dict[str, Any]]] = {}
    for study, part in samples:
        for dialogue in study.dialogues:
            turns = [{"from": _SPEAKERS[role], "value": text} for role, text in turns_of(dialogue)]
            row = {"id": dialogue.id, "images": pictures_of(study, dialogue, root), "conversations": turns}
            rows.setdefault(part, []).append(row | objects_of(study, dialogue) | extras(study, dialogue))
    for part, found in rows.items():
        write_json(root / f"{part or 'all'}.json", found)
    return [root / f"{part or 'all'}.json" for part in rows]
