"""The items of a benchmark of questions beside a page, in blocks that it loads when they are looked at.

So 50,000 items stay usable from a folder without a server. Pictures are small copies; beyond `MOST_PICTURES` an item
names its file only.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

from vesalius.benchmarks.base import Item, Mark
from vesalius.data.messages import Media, media_of, text_of
from vesalius.errors import DataError
from vesalius.evaluation.answering.marking import Record
from vesalius.evaluation.answering.replies import said_so_far
from vesalius.inference.requests import Reply
from vesalius.models.media import shown

__all__ = ["BLOCK", "MOST_PICTURES", "seen", "write_items", "write_script"]

MOST_PICTURES = 2000
"""Pictures that are copied beside the page."""
BLOCK = 100
"""Items of a file."""
_SIDE = 384
_LONGEST = 20_000
"""Characters of a prompt or reply on the page; the stored reply is whole."""


@dataclass(frozen=True, kw_only=True)
class Seen:
    """An item with what was asked, said and made of it."""

    item: Item
    prompt: str
    said: Sequence[Reply]
    media: tuple[Media, ...]
    marks: Mapping[str, Mark]


@dataclass
class _Pictures:
    """Small copies of the pictures that were shown, each once."""

    folder: Path
    names: dict[Media, str] = field(default_factory=dict)

    def name(self, media: Media) -> str:
        """Return the file of the copy, or nothing where there are too many or it cannot be read."""
        if media not in self.names:
            self.names[media] = self._copy(media) if len(self.names) < MOST_PICTURES else ""
        return self.names[media]

    def _copy(self, media: Media) -> str:
        from PIL import Image

        try:
            picture = shown(media, planes=1)[0]
        except DataError:
            return ""
        copy = Image.fromarray(picture)
        copy.thumbnail((_SIDE, _SIDE), Image.Resampling.LANCZOS)
        self.folder.mkdir(parents=True, exist_ok=True)
        name = f"{len(self.names)}.jpg"
        copy.save(self.folder / name, "JPEG", quality=85)
        return name


def seen(record: Record, rules: Sequence[str], advance: Callable[[int], None]) -> Iterator[Seen]:
    """Yield every item that has a reply, with its marks by each rule."""
    exam = record.exam
    for item in exam.items():
        said = said_so_far(exam, record.replies, item)
        first = exam.request(item, ())
        if said and first is not None:
            yield Seen(
                item=item,
                prompt=text_of(first.messages),
                said=said,
                media=media_of(first.messages),
                marks={rule: record.mark(item, said, convention=rule) for rule in rules},
            )
        advance(1)


def write_items(folder: Path, found: Iterator[Seen]) -> dict[str, Any]:
    """Write blocks of items and their index; return what the page's filters offer."""
    folder.mkdir(parents=True, exist_ok=True)
    pictures = _Pictures(folder / "pictures")
    index: dict[str, list[Any]] = {"id": [], "part": [], "status": [], "right": [], "question": [], "fields": []}
    number = 0
    while block := list(islice(found, BLOCK)):
        rows = [_row(one, pictures) for one in block]
        for one, row in zip(block, rows, strict=True):
            first_rule = next(iter(one.marks))
            entry = (
                one.item.id, one.item.part, row["status"], row["marks"][first_rule].get("accuracy"),
                one.item.question[:90], sorted(f"{name}={value}" for name, value in one.item.fields.items()),
            )  # fmt: skip
            for column, cell in zip(index.values(), entry, strict=True):
                column.append(cell)
        write_script(folder / f"block-{number:05d}.js", f"vesaliusBlock({number},", rows, ")")
        number += 1
    write_script(folder / "index.js", "window.vesaliusItems=", {**index, "block": BLOCK}, ";")
    return {
        "count": len(index["id"]),
        "parts": sorted(set(index["part"])),
        "statuses": sorted(set(index["status"])),
        "groups": sorted({group for groups in index["fields"] for group in groups})[:400],
    }


def _row(one: Seen, pictures: _Pictures) -> dict[str, Any]:
    mark = next(iter(one.marks.values()))
    item = one.item
    return {
        "id": item.id,
        "part": item.part,
        "cluster": item.cluster,
        "question": item.question,
        "options": dict(item.options),
        "truth": item.truth if isinstance(item.truth, str) else json.dumps(item.truth, default=str),
        "prompt": one.prompt[:_LONGEST],
        "replies": [(reply.text or reply.error)[:_LONGEST] for reply in one.said],
        "status": mark.status,
        "rule": mark.rule,
        "said": mark.said,
        "marks": {rule: {k: v for k, v in m.values.items() if v == v} for rule, m in one.marks.items()},
        "fields": dict(item.fields),
        "pictures": [{"file": pictures.name(media), "path": Path(media.path).name} for media in one.media],
        "boxes": [{"whose": whose, "box": list(box)} for whose, box in mark.boxes],
    }  # fmt: skip


def write_script(path: Path, before: str, content: Any, after: str) -> None:
    """Write JSON as a script, which a page may load from a folder where it may not read a file."""
    text = json.dumps(content, allow_nan=False, default=str).replace("<", "\\u003c")
    path.write_text(f"{before}{text}{after}\n", encoding="utf-8")
