"""What the two chat formats share: a row with a conversation and pictures, and how it stands for a study.

Neighbouring rows with the same `study` are one study. A row of preferences (a chosen and a rejected answer) becomes a
choice between the two. Boxes stand in `objects` (`ref`, `bbox`, and `bbox_type` "real", "norm1" or "norm1000"); the
marks for them in a text stay as they are, and `Dialogue.evidence` lists the boxes in their order. Besides what the
formats define, `study`, `patient`, `answer_type`, `options`, `source` and `language` are kept where they are written.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from itertools import groupby
from pathlib import Path
from typing import Any

from vesalius.data.datasets.base import unpacked
from vesalius.data.formats.base import copy_picture, picture_below
from vesalius.data.ingest.columns import concept_name
from vesalius.data.records import Box, Dialogue, Image, Provenance, Region, Study
from vesalius.data.releases.pictures import picture, suffix_of
from vesalius.data.releases.questions import IMAGE_TOKEN, conversation
from vesalius.data.releases.rows import Row
from vesalius.data.releases.twins import digest
from vesalius.errors import DataError

__all__ = ["ChatRow", "extras", "objects_of", "pictures_of", "studies", "turns_of"]

_SCALES = {"real": None, "norm1": 1.0, "norm1000": 1000.0}
_DATA = "data:"
_REMOTE = ("http://", "https://", "s3://", "gs://")


@dataclass(frozen=True, kw_only=True)
class ChatRow:
    """A row of any chat format."""

    row: Row
    name: str
    """Of the dialogue; of the study, too, where the row names none."""
    turns: list[tuple[str, str]]
    """Speaker and text, the last answer among them."""
    images: list[Any]
    """Path, data address, bytes or object of each picture."""
    rejected: str = ""
    """The worse of two answers."""
    folder: Path = field(default_factory=Path)
    """That paths are relative to."""


def studies(rows: Iterable[ChatRow], root: Path, origin: Provenance) -> Iterator[Study]:
    """Yield one study for each run of rows with the same `study`.

    Raises:
        DataError: names the row, and what is wrong with it.
    """
    for name, group in groupby(rows, key=lambda row: row.row.optional("study") or row.name):
        yield _study(name, list(group), root, origin)


def _study(name: str, rows: list[ChatRow], root: Path, origin: Provenance) -> Study:
    images: dict[str, Image] = {}
    regions: list[Region] = []
    dialogues: list[Dialogue] = []
    for row in rows:
        shown = [_image(row, value, root) for value in row.images]
        images |= {image.id: image for image in shown}
        found = _regions(row.row, shown)
        dialogue = _dialogue(row, [image.id for image in shown])
        places = tuple(range(len(regions), len(regions) + len(found)))
        dialogues.append(replace(dialogue, evidence=places))
        regions += found
    first = rows[0].row
    patient = first.optional("patient") or (next(iter(images)) if images else name)
    return Study(
        id=name, patient=patient, images=tuple(images.values()), regions=tuple(regions), dialogues=tuple(dialogues),
        provenance=origin,
    )  # fmt: skip


def _dialogue(chat: ChatRow, images: list[str]) -> Dialogue:
    row = chat.row
    try:
        found = conversation(
            chat.name, chat.turns, images=images, source=row.optional("source"),
            language=row.optional("language") or "en",
        )  # fmt: skip
    except DataError as error:
        raise row.fault(str(error)) from None
    options = tuple(str(option) for option in row.items("options"))
    kind = row.optional("answer_type")
    if chat.rejected:
        options, kind = (found.answer, chat.rejected), "choice"
    return replace(found, options=options, answer_type=kind or found.answer_type)


def _image(chat: ChatRow, value: Any, root: Path) -> Image:
    """Open a picture of a row: a path, a data address, or an object with path, bytes or url."""
    if isinstance(value, dict):
        value = value.get("path") or value.get("url") or value.get("bytes")
    if isinstance(value, dict):
        value = value.get("url")
    if isinstance(value, bytes):
        return _stored(chat, value, root)
    if not isinstance(value, str) or not value:
        raise chat.row.fault(f"a picture is given as {type(value).__name__}, expected a path or bytes")
    if value.startswith(_DATA):
        return _stored(chat, _decoded(chat, value), root)
    if value.startswith(_REMOTE):
        raise chat.row.fault(f"picture {value[:60]!r} is an address; nothing is downloaded, give a local path")
    return picture_below(chat.folder, value.removeprefix("file://"), where=chat.row.where)


def _decoded(chat: ChatRow, address: str) -> bytes:
    head, comma, content = address.partition(",")
    if not comma or not head.endswith(";base64"):
        raise chat.row.fault(f"picture {address[:30]!r}, expected data:image/…;base64,…")
    try:
        return base64.b64decode(content, validate=True)
    except binascii.Error:
        raise chat.row.fault("the picture in the row is no base64") from None


def _stored(chat: ChatRow, content: bytes, root: Path) -> Image:
    name = digest(content.hex())
    found = picture(unpacked(root, f"{name}{suffix_of(content)}", content), id=name)
    if found is None:
        raise chat.row.fault("the bytes of a picture are no whole PNG, JPEG or TIFF")
    return found


def _regions(row: Row, images: list[Image]) -> list[Region]:
    """Read the boxes of a row."""
    if not row.has("objects"):
        return []
    objects = row.part("objects")
    boxes, names = objects.items("bbox"), objects.items("ref")
    kind = objects.optional("bbox_type") or "real"
    if kind not in _SCALES:
        raise objects.fault(f"bbox_type {kind!r}, expected one of {', '.join(_SCALES)}")
    places = objects.items("image_id") or [0] * len(boxes)
    if len(places) != len(boxes) or (names and len(names) not in (1, len(boxes))):
        raise objects.fault(f"{len(boxes)} boxes, {len(names)} names and {len(places)} pictures do not match")
    found = []
    for number, (values, place) in enumerate(zip(boxes, places, strict=True)):
        if not isinstance(place, int) or not 0 <= place < len(images):
            raise objects.fault(f"box {number} is on picture {place} of {len(images)}")
        name = str(names[number if len(names) > 1 else 0]) if names else ""
        box = _box(objects, values, _SCALES[kind], images[place])
        found.append(Region(image=images[place].id, kind="box", concept=concept_name(name), box=box))
    return found


def _box(row: Row, values: Any, scale: float | None, image: Image) -> Box:
    if (
        not isinstance(values, list)
        or len(values) != 4
        or not all(isinstance(value, int | float) for value in values)
    ):
        raise row.fault(f"bbox {values}, expected [x_min, y_min, x_max, y_max]")
    height, width = image.shape
    factors = (width, height, width, height)
    box = Box(*(value / scale * size if scale else value for value, size in zip(values, factors, strict=True)))
    if not (box.x_min < box.x_max and box.y_min < box.y_max):
        raise row.fault(f"bbox {values} has no area; expected [x_min, y_min, x_max, y_max]")
    return box


def pictures_of(study: Study, dialogue: Dialogue, root: Path) -> list[str]:
    """Copy the pictures that a dialogue shows below ``images`` and return their paths from `root`."""
    names = [name for turn in dialogue.turns for name in turn.images]
    paths = []
    for name in names:
        image = study.image(name)
        suffix = Path(image.path).suffix.lower()
        copy_picture(image, root, f"images/{study.id}/{name}{suffix}")
        paths.append(f"images/{study.id}/{name}{suffix}")
    return paths


def turns_of(dialogue: Dialogue) -> list[tuple[str, str]]:
    """Return role and text of each turn with an ``<image>`` for every picture, and the answer as the last turn."""
    turns = []
    for turn in dialogue.turns:
        tokens = turn.text.count(IMAGE_TOKEN)
        lead = "" if tokens == len(turn.images) else IMAGE_TOKEN * len(turn.images) + "\n" * bool(turn.images)
        turns.append((str(turn.role), f"{lead}{turn.text}"))
    return [*turns, ("assistant", dialogue.answer)] if dialogue.answer else turns


def objects_of(study: Study, dialogue: Dialogue) -> dict[str, Any]:
    """Return the boxes that a dialogue speaks of, in pixels, as `objects`; nothing where there are none."""
    shown = [name for turn in dialogue.turns for name in turn.images]
    regions = [study.regions[place] for place in dialogue.evidence]
    kept = [region for region in regions if region.box and region.image in shown]
    if not kept:
        return {}
    return {
        "objects": {
            "ref": [region.concept.replace("_", " ") for region in kept],
            "bbox": [list(region.box) for region in kept if region.box],
            "image_id": [shown.index(region.image) for region in kept],
        }
    }


def extras(study: Study, dialogue: Dialogue) -> dict[str, Any]:
    """Return what a row keeps besides the conversation, without what is empty."""
    values = {
        "study": study.id, "patient": study.patient, "answer_type": dialogue.answer_type,
        "options": list(dialogue.options), "source": dialogue.source, "language": dialogue.language,
    }  # fmt: skip
    return {name: value for name, value in values.items() if value}
