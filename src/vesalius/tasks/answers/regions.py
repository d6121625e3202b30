"""Boxes and points in a reply, as pixels of the image.

Letters: n boxes or points. Boxes are (x1, y1, x2, y2) with the origin at the upper left corner; pixels are not
rounded. Forms: JSON (``bbox_2d``, ``bbox``, ``box``, ``point_2d``, ``point`` or plain lists), four numbers in one
pair of brackets, ``(x1, y1), (x2, y2)``, ``x1=… y1=… x2=… y2=…``, and four numbers in box tags; brackets may be
full-width.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from vesalius.errors import ConfigError
from vesalius.tasks.answers.embedded import find_json
from vesalius.tasks.answers.reply import Parsed, empty, refusal, without_reasoning

__all__ = ["SCALES", "Corners", "Scale", "parse_image_number", "parse_regions", "placed_regions", "region_rows"]

Scale = Literal["pixel", "unit", "thousand", "999"]
Corners = Literal["xyxy", "xywh"]
Floats = NDArray[np.float64]

SCALES: Mapping[str, float] = MappingProxyType({"unit": 1.0, "thousand": 1000.0, "999": 999.0})
"""What a side of the image is long in each scale but pixels."""
_SLACK = 1.1
"""How far beyond its scale a coordinate may lie and still be taken for an overshoot of that scale."""
_WIDE = str.maketrans("（）［］【】，：；＝", "()[][],:;=")
_N = r"(-?\d+(?:\.\d+)?|-?\.\d+)"
_GAP = r"\s{0,4}[,;\s]\s{0,4}"
_NAMED = [rf"[\"']?{name}[\"']?\s{{0,4}}[=:]\s{{0,4}}{_N}" for name in ("x_?1", "y_?1", "x_?2", "y_?2")]
_BOXES = (
    re.compile(rf"[\[(<]\s{{0,4}}{_N}{_GAP}{_N}{_GAP}{_N}{_GAP}{_N}\s{{0,4}}[\])>]"),
    re.compile(
        rf"[\[(]\s{{0,4}}{_N}{_GAP}{_N}\s{{0,4}}[\])]\s{{0,4}}(?:[,;-]|to|and)?\s{{0,4}}"
        rf"[\[(]\s{{0,4}}{_N}{_GAP}{_N}\s{{0,4}}[\])]"
    ),
    re.compile(r"[,;\s]{1,4}".join(_NAMED), re.IGNORECASE),
    re.compile(rf"<\|?box(?:_start)?\|?>\s{{0,4}}{_N}{_GAP}{_N}{_GAP}{_N}{_GAP}{_N}\s{{0,4}}<", re.IGNORECASE),
    re.compile(rf"^\W{{0,4}}{_N}{_GAP}{_N}{_GAP}{_N}{_GAP}{_N}\W{{0,4}}$"),
)
_POINTS = (
    re.compile(rf"[\[(]\s{{0,4}}{_N}{_GAP}{_N}\s{{0,4}}[\])]"),
    re.compile(
        rf"\bx\s{{0,4}}[=:]\s{{0,4}}[\"']?{_N}[\"']?[,;\s]{{1,4}}y\s{{0,4}}[=:]\s{{0,4}}[\"']?{_N}", re.IGNORECASE
    ),
    re.compile(rf"^\W{{0,4}}{_N}{_GAP}{_N}\W{{0,4}}$"),
)
_KEYS = {
    4: ("bbox_2d", "bbox", "box_2d", "box", "boxes", "bboxes"),
    2: ("point_2d", "point", "points", "coordinates"),
}
_NONE = re.compile(
    r"^\W*(?:none|no\s+(?:box|boxes|point|points|object|objects|lesion|finding)s?|nothing|\[\s*\])\W*$", re.I
)
_COUNTED = "first second third fourth fifth sixth seventh eighth ninth tenth"
_ORDINALS = tuple(_COUNTED.split())
_IMAGE = re.compile(
    rf"\b(?P<word>{'|'.join(_ORDINALS)}|last)\s+(?:image|picture|slice|frame)\b"
    r"|\b(?:image|picture|slice|frame)\s{0,3}(?:no\.?|number|#)?\s{0,3}(?P<number>\d{1,3})\b"
    r"|\b(?P<ordinal>\d{1,3})(?:st|nd|rd|th)\s+(?:image|picture|slice|frame)\b",
    re.IGNORECASE,
)


def parse_regions(
    reply: str, *, size: tuple[int, int], scale: Scale, numbers: int, corners: Corners = "xyxy"
) -> Parsed:
    """Read all boxes (`numbers` 4) or points (2) of a reply as pixels, (n, 4) or (n, 2).

    Reversed corners are sorted, what lies partly outside the image is cut off at its edge, what lies outside is
    dropped; the rule says so. Coordinates that cannot be of the stated scale are ambiguous. "none" and ``[]`` are no
    box at all. `corners` is "xywh" where a box is its corner with width and height.

    Raises:
        ConfigError: the scale is not known or the image has no size.
    """
    if scale not in ("pixel", *SCALES) or min(size) < 1:
        raise ConfigError(
            f"boxes need a scale of pixel, unit or thousand, or 999, and a size in pixels; got {scale!r}, {size}"
        )
    nothing = empty(reply)
    text = without_reasoning(reply).translate(_WIDE)
    if nothing and not _NONE.match(text):
        return nothing
    found, form = _found(text, numbers)
    if found is None:
        declined, _ = refusal(text)
        if declined:
            return Parsed(status="refused", rule="refusal")
        if _NONE.match(text):
            return Parsed(status="answered", value=np.empty((0, numbers)), rule="none said")
        return Parsed(status="unparsed", rule=f"no {numbers} numbers of a region")
    if not len(found):
        return Parsed(status="answered", value=found, rule=f"{form}: none")
    if corners == "xywh":
        found = np.concatenate([found[:, :2], found[:, :2] + found[:, 2:]], axis=1)
    return placed_regions(found, size=size, scale=scale, form=form)


def parse_image_number(reply: str) -> Parsed:
    """Read which image of several a reply means, counted from 1; "last" is -1."""
    nothing = empty(reply)
    if nothing:
        return nothing
    found = set()
    for one in _IMAGE.finditer(without_reasoning(reply)):
        digits = one["number"] or one["ordinal"]
        word = (one["word"] or "").lower()
        found.add(int(digits) if digits else -1 if word == "last" else _ORDINALS.index(word) + 1)
    if len(found) == 1:
        return Parsed(status="answered", value=found.pop(), rule="image named")
    return Parsed(status="ambiguous" if found else "unparsed", rule=f"{len(found)} images named")


def placed_regions(found: Floats, *, size: tuple[int, int], scale: Scale, form: str) -> Parsed:
    """Turn coordinates as they stand in a reply, (n, 4) or (n, 2), into pixels inside the image; see `parse_regions`.

    `form` is how they stood there, for the rule.
    """
    edge = np.tile(np.array(size, dtype=np.float64), found.shape[1] // 2)
    if scale == "pixel":
        wrong = bool((found != np.round(found)).any() and np.abs(found).max() <= 1) and min(size) > 1
        pixels = found
    else:
        wrong = bool(np.abs(found).max() > SCALES[scale] * _SLACK)
        wrong |= scale in ("thousand", "999") and bool((found != np.round(found)).any() and np.abs(found).max() <= 1)
        pixels = found * edge / SCALES[scale]
    if wrong:
        return Parsed(status="ambiguous", rule=f"{form}: coordinates of another scale than {scale}")
    notes = [form]
    if found.shape[1] == 4:
        ordered = np.concatenate(
            [np.minimum(pixels[:, :2], pixels[:, 2:]), np.maximum(pixels[:, :2], pixels[:, 2:])], axis=1
        )
        notes += ["corners reversed"] if (ordered != pixels).any() else []
        pixels = ordered
    low, high = pixels[:, :2], pixels[:, -2:]
    inside = (high >= 0).all(axis=1) & (low <= edge[:2]).all(axis=1)
    if not inside.any():
        return Parsed(status="unparsed", rule=f"{form}: outside the image")
    notes += [f"{int((~inside).sum())} outside the image"] if not inside.all() else []
    kept = np.clip(pixels[inside], 0, edge)
    notes += ["cut at the edge"] if (kept != pixels[inside]).any() else []
    return Parsed(status="answered", value=kept, rule=", ".join(notes))


def _found(text: str, numbers: int) -> tuple[Floats | None, str]:
    """Return the coordinates as they stand, (n, numbers), and their form; None where there are none."""
    value = find_json(text)
    if value is not None:
        rows = list(region_rows(value, numbers))
        if rows or value == [] or _says_none(value, numbers):
            return np.array(rows, dtype=np.float64).reshape(-1, numbers), "json"
        if isinstance(value, Mapping) or any(isinstance(one, Mapping) for one in value):
            return None, ""
    for pattern in _BOXES if numbers == 4 else _POINTS:
        groups = [[float(one) for one in found.groups()] for found in pattern.finditer(text)]
        if groups:
            return np.array(groups, dtype=np.float64), "text"
    return None, ""


def _says_none(value: Any, numbers: int) -> bool:
    """Say whether an object, alone or in a list, has an empty list under a key of regions."""
    objects = [one for one in (value if isinstance(value, list) else [value]) if isinstance(one, Mapping)]
    return any(one.get(key) == [] for one in objects for key in _KEYS[numbers])


def _has_objects(value: Any) -> bool:
    """Say whether JSON is an object or a list with one: numbers under an unknown key are no region."""
    return isinstance(value, Mapping) or (isinstance(value, list) and any(isinstance(one, Mapping) for one in value))


def region_rows(value: Any, numbers: int) -> Iterator[list[float]]:
    """Yield lists of so many numbers in JSON, under the known keys of objects or by themselves."""
    if isinstance(value, Mapping):
        named = {str(key).casefold(): found for key, found in value.items()}
        held = [named[key] for key in _KEYS[numbers] if key in named]
        for part in held or [one for one in named.values() if _has_objects(one)]:
            yield from region_rows(part, numbers)
    elif isinstance(value, list):
        if len(value) == numbers and all(isinstance(one, int | float) and not isinstance(one, bool) for one in value):
            yield [float(one) for one in value]
        elif numbers == 4 and len(value) == 2 and all(isinstance(one, list) and len(one) == 2 for one in value):
            yield from region_rows([*value[0], *value[1]], numbers)
        else:
            for part in value:
                yield from region_rows(part, numbers)
