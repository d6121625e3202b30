"""JSON lines with `messages` (role, content), `images` and `objects`, as ms-swift, TRL and OpenAI have them.

Content is a text with ``<image>`` where a picture stands, or a list of parts (text, image, image_url). A row may
instead have `prompt` and `completion`, or a better and a worse answer: `chosen` and `rejected`, or `messages` and
`rejected_response`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from vesalius.data.formats.base import origin_of, split_named
from vesalius.data.formats.chat import ChatRow, extras, objects_of, pictures_of, studies, turns_of
from vesalius.data.releases.questions import IMAGE_TOKEN
from vesalius.data.releases.rows import Row, json_lines
from vesalius.data.releases.twins import write_json_lines
from vesalius.data.samples import Sample
from vesalius.errors import DataError

__all__ = ["read", "write"]


def read(root: Path) -> Iterator[Sample]:
    """Yield one study a row, or for neighbouring rows with the same `study`; paths are relative to the file.

    Args:
        root: a .jsonl file, or a folder of them; the part is the word train, val or test in their names.

    Raises:
        DataError: names file and line.
    """
    root = root.absolute()
    base = root if root.is_dir() else root.parent
    paths = [root] if root.is_file() else sorted(root.glob("*.jsonl"))
    if not paths:
        raise DataError(f"{root}: no .jsonl file; expected one row of messages a line")
    origin = origin_of(root, base.name)
    for path in paths:
        rows = (_chat(row, f"{path.stem}-{number}", path.parent) for number, row in enumerate(json_lines(path)))
        for study in studies(rows, base, origin):
            yield Sample(study, split_named(path.stem))


def _chat(row: Row, name: str, folder: Path) -> ChatRow:
    images: list[Any] = list(row.items("images"))
    if row.has("image"):
        images.append(row.cells["image"])
    turns, rejected = _turns(row, images)
    return ChatRow(
        row=row, name=row.optional("id") or name, turns=turns, images=images, rejected=rejected, folder=folder
    )


def _turns(row: Row, images: list[Any]) -> tuple[list[tuple[str, str]], str]:
    """Return speaker and text of each turn, and the rejected answer; pictures in the parts join `images`."""
    if row.has("messages"):
        turns = [_turn(part, images) for part in row.parts("messages")]
        return turns, _last(row, "rejected_response", [])
    if not row.has("prompt") and row.has("chosen"):
        return [_turn(part, images) for part in row.parts("chosen")], _last(row, "rejected", [])
    if not row.has("prompt"):
        raise row.fault("neither messages, prompt nor chosen")
    turns = _side(row, "prompt", "user", images)
    better = "completion" if row.has("completion") else "chosen"
    return [*turns, *_side(row, better, "assistant", images)], _last(row, "rejected", [])


def _side(row: Row, name: str, role: str, images: list[Any]) -> list[tuple[str, str]]:
    """Return a prompt or answer that is a text or a list of messages."""
    if isinstance(row.cells.get(name), str):
        return [(role, row.text(name))]
    return [_turn(part, images) for part in row.parts(name)]


def _last(row: Row, name: str, images: list[Any]) -> str:
    if not row.has(name):
        return ""
    turns = _side(row, name, "assistant", images)
    return turns[-1][1] if turns else ""


def _turn(row: Row, images: list[Any]) -> tuple[str, str]:
    content = row.cells.get("content")
    if not isinstance(content, list):
        return row.text("role"), row.text("content")
    pieces = []
    for part in row.parts("content"):
        kind = part.text("type")
        if kind == "text":
            pieces.append(part.text("text"))
        elif kind in ("image", "image_url"):
            pieces.append(IMAGE_TOKEN)
            images += [part.cells[name] for name in ("image_url", "image", "path", "url") if part.has(name)][:1]
        else:
            raise part.fault(f"a part of type {kind!r}; expected text, image or image_url")
    return row.text("role"), "\n".join(pieces)


def write(samples: Iterable[Sample], root: Path) -> list[Path]:
    """Write the dialogues of studies as ``<part>.jsonl`` (``all.jsonl`` without a part), pictures below ``images``.

    Dialogues without a user's turn and studies without dialogues leave no row.
    """
    rows: dict[str, list[dict[str, Any]]] = {}
    for study, part in samples:
        for dialogue in study.dialogues:
            messages = [{"role": role, "content": text} for role, text in turns_of(dialogue)]
            row = {"id": dialogue.id, "messages": messages, "images": pictures_of(study, dialogue, root)}
            rows.setdefault(part, []).append(row | objects_of(study, dialogue) | extras(study, dialogue))
    for part, found in rows.items():
        write_json_lines(root / f"{part or 'all'}.jsonl", found)
    return [root / f"{part or 'all'}.jsonl" for part in rows]
