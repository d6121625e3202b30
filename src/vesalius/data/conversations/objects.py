"""Boxes and points of a row, as ms-swift writes them or as a list, and the marks for them in its texts.

ms-swift: ``{"ref": [names], "bbox": [[x1, y1, x2, y2] or [x, y]], "bbox_type": "real" | "norm1" | "norm1000",
"image_id": [places]}`` with ``<ref-object>`` and ``<bbox>`` in the texts. Ours: a list of ``{"name", "boxes" or
"points", "medium"}``, in pixels, with ``<objects:0,1>`` in the texts.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache
from typing import Any

from PIL import Image as Picture

from vesalius.data.conversations.records import Located, RowError, mark
from vesalius.data.messages import Media
from vesalius.data.readers import read, sniff
from vesalius.data.readers.limits import DECODER_FAULTS
from vesalius.data.readers.quiet import quiet
from vesalius.data.records import Box
from vesalius.data.releases.rows import Row
from vesalius.errors import DataError

__all__ = ["media_size", "objects_of", "with_marks"]

_SCALES = {"real": None, "norm1": 1.0, "norm1000": 1000.0}
_MARKS = re.compile(r"(<ref-object>)?((?:\s*<bbox>)+)|<ref-object>")
_BOX = "<bbox>"


@lru_cache(maxsize=4096)
def media_size(path: str) -> tuple[int, int]:
    """Return width and height of a picture, or of the planes of a volume or clip, in pixels.

    Only the header of PNG, JPEG and TIFF is read.

    Raises:
        DataError: it cannot be read.
    """
    if sniff(path) in ("png", "jpeg", "tiff"):
        try:
            with quiet(), Picture.open(path) as opened:
                width, height = opened.size
        except (*DECODER_FAULTS, Picture.DecompressionBombError):
            raise DataError(f"{path}: its header cannot be read; copy it again from its source") from None
        return width, height
    pixels = read(path, frame=0)
    rows, columns = pixels.array.shape[-3:-1] if pixels.axes.endswith("C") else pixels.array.shape[-2:]
    return int(columns), int(rows)


def objects_of(row: Row, media: Sequence[Media]) -> tuple[tuple[Located, ...], tuple[str, ...]]:
    """Return one object for each box or point of a row, in pixels and in order, and the names in their order.

    Raises:
        RowError: a region outside its medium, without area, or on a medium that is not there.
    """
    value = row.cells.get("objects")
    if not value:
        return (), ()
    if isinstance(value, list):
        return tuple(_own(part, media) for part in row.parts("objects")), ()
    objects = row.part("objects")
    boxes, names = objects.items("bbox"), tuple(str(name) for name in objects.items("ref"))
    kind = objects.optional("bbox_type") or "real"
    if kind not in _SCALES:
        raise RowError(f"{objects.where}: bbox_type {kind!r}, expected one of {', '.join(_SCALES)}", kind="objects")
    places = objects.items("image_id") or [0] * len(boxes)
    if len(places) != len(boxes):
        raise RowError(f"{objects.where}: {len(boxes)} boxes and {len(places)} image_id do not match", kind="objects")
    found = tuple(
        _region(objects, f"box {number}", values, (_SCALES[kind], place, media))
        for number, (values, place) in enumerate(zip(boxes, places, strict=True))
    )
    if len(names) in (1, len(found)):
        named = names * len(found) if len(names) == 1 else names
        found = tuple(replace(one, name=name) for one, name in zip(found, named, strict=True))
    return found, names


def with_marks(
    row: Row, said: Sequence[tuple[str, str]], found: tuple[tuple[Located, ...], tuple[str, ...]]
) -> tuple[list[tuple[str, str]], tuple[Located, ...]]:
    """Return texts with our marks in place of ms-swift's, and the objects that they name.

    Neighbouring boxes after one name are one object; a box without a name before it has the last one that was said.

    Raises:
        RowError: the texts have another number of marks than there are boxes or names.
    """
    given, names = found
    texts = "".join(text for _, text in said)
    boxes, refs = texts.count(_BOX), texts.count("<ref-object>")
    if not boxes and not refs:
        return list(said), given
    if boxes not in (0, len(given)) or refs > len(names):
        told = f"{boxes} <bbox> and {refs} <ref-object> in the texts for {len(given)} boxes and {len(names)} names"
        raise RowError(f"{row.where}: {told}; expected one for each", kind="objects")
    left, names_left, last = list(given), list(names), ""
    objects: list[Located] = []

    def written(match: re.Match[str]) -> str:
        nonlocal last
        if match[0].startswith("<ref-object>"):
            last = names_left.pop(0)
        count = match[0].count(_BOX)
        if not count:
            return last
        own, left[:count] = left[:count], []
        if len({one.medium for one in own}) > 1:
            raise RowError(f"{row.where}: boxes of one name lie on several media; name them on each", kind="objects")
        joined = Located(
            name=last, medium=own[0].medium, boxes=tuple(box for one in own for box in one.boxes),
            points=tuple(point for one in own for point in one.points),
        )  # fmt: skip
        objects.append(joined)
        return mark(len(objects) - 1)

    marked = [(role, _MARKS.sub(written, text)) for role, text in said]
    return marked, tuple(objects) if boxes else given


def _own(part: Row, media: Sequence[Media]) -> Located:
    """Read an object of our own form."""
    place = part.cells.get("medium", 0)
    boxes = [_region(part, "boxes", values, (None, place, media)) for values in part.items("boxes")]
    points = [_region(part, "points", values, (None, place, media)) for values in part.items("points")]
    number = part.whole("number") if part.has("number") else None
    return Located(
        name=part.optional("name"), medium=place, boxes=tuple(one.boxes[0] for one in boxes if one.boxes),
        points=tuple(one.points[0] for one in points if one.points), number=number,
    )  # fmt: skip


def _region(row: Row, what: str, values: Any, where: tuple[float | None, Any, Sequence[Media]]) -> Located:
    """Return one box or point in pixels, by its scale, its medium and all media."""
    scale, place, media = where
    if not isinstance(place, int) or isinstance(place, bool) or not 0 <= place < len(media):
        raise RowError(
            f"{row.where}: {what} is on medium {place!r:.20} of {len(media)}, counted from 0", kind="objects"
        )
    numbers = values if isinstance(values, list) else []
    if len(numbers) not in (2, 4) or not all(
        isinstance(one, int | float) and not isinstance(one, bool) and math.isfinite(one) for one in numbers
    ):
        raise RowError(f"{row.where}: {what} is {values!r:.60}, expected [x1, y1, x2, y2] or [x, y]", kind="objects")
    size = media_size(media[place].path)
    pixels = [float(one if scale is None else one / scale * size[axis % 2]) for axis, one in enumerate(numbers)]
    outside = any(not 0 <= one <= size[axis % 2] for axis, one in enumerate(pixels))
    if outside:
        told = f"{what} {numbers} lies outside its picture of {size[0]} × {size[1]} pixels (width × height)"
        raise RowError(f"{row.where}: {told}", kind="outside")
    if len(pixels) == 2:
        return Located(name="", medium=place, points=((pixels[0], pixels[1]),))
    if not (pixels[0] < pixels[2] and pixels[1] < pixels[3]):
        raise RowError(f"{row.where}: {what} {numbers} has no area; expected [x1, y1, x2, y2]", kind="objects")
    return Located(name="", medium=place, boxes=(Box(*pixels),))
