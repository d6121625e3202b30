"""Regions as one fenced block of JSON: a list with an object for each region, or an object with their number."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from vesalius.data.conversations.records import Located
from vesalius.tasks.answers.embedded import find_json
from vesalius.tasks.answers.regions import region_rows
from vesalius.tasks.answers.reply import Parsed, empty, refusal, without_reasoning
from vesalius.tasks.grammar.base import COUNTED, Grammar, Plane, located

__all__ = ["JsonBlocks"]

_KEYS = {4: "bbox_2d", 2: "point_2d"}
_POINTED = ("pointing", "cnt_and_point", "landmark")
_STRING = r'"(?:[^"\\\x00-\x1f]|\\["\\/bfnrt]){0,80}"'
"""A string of JSON; what has no letter is written as itself, so no ``\\u`` is needed."""


@dataclass(frozen=True, kw_only=True)
class JsonBlocks(Grammar):
    """Fenced JSON with `bbox_2d` or `point_2d`, `label` and `counts`, as PointDetectCount and Qwen2.5-VL have it.

    A list has one object for each region, so neighbours of one name are read as one object, and a name without a
    region leaves nothing.
    """

    def format(self, objects: Sequence[Located], plane: Plane, *, task: str = "") -> str:
        """Return one fenced block and nothing else; see `Grammar.format`."""
        value = self._counts(objects, plane, task) if task in COUNTED else list(self._items(objects, plane, task))
        return f"```json\n{json.dumps(value, ensure_ascii=False)}\n```"

    def inline(self, objects: Sequence[Located], plane: Plane) -> str:
        """Return the list without a fence."""
        return json.dumps(list(self._items(objects, plane, "")), ensure_ascii=False)

    def parse(self, reply: str, plane: Plane, *, task: str = "") -> Parsed:
        """Read the first JSON, in a fence or not; see `Grammar.parse`.

        A count is any whole number under a key with "count" in it, else the number of regions listed.
        """
        nothing = empty(reply)
        if nothing and "[" not in reply:
            return nothing
        text = without_reasoning(reply)
        value = find_json(text)
        if value is None:
            declined = refusal(text)[0]
            told = Parsed(status="refused" if declined else "unparsed", rule="refusal" if declined else "no JSON")
            return told if task in COUNTED else self._plain(text, plane, task=task)
        items = [one for one in (value if isinstance(value, list) else [value]) if isinstance(one, Mapping)]
        if value and not items:
            return self._plain(text, plane, task=task)
        return self._read(items, plane, task)

    def pattern(self, *, task: str = "") -> str:
        """Return a regular expression of all answers; see `Grammar.pattern`."""
        c = self.coordinates.pattern
        point, box = rf"\[{c}, {c}\]", rf"\[{c}, {c}, {c}, {c}\]"
        row, key = (point, _KEYS[2]) if task in _POINTED else (box, _KEYS[4])
        if task in COUNTED:
            listed = rf'"{key}": \[(?:{row}(?:, {row})*)?\], ' if task != "counting" else ""
            one = rf'\{{"counts": (?:0|[1-9]\d{{0,3}}), {listed}"label": {_STRING}\}}'
            inner = rf"(?:{one}|\[(?:{one}(?:, {one})*)?\])"
        else:
            one = rf'\{{"{key}": {row}, "label": {_STRING}\}}'
            inner = rf"\[(?:{one}(?:, {one})*)?\]"
        return f"```json\n{inner}\n```"

    def schema(self, *, task: str = "") -> Mapping[str, Any]:
        """Return the JSON schema of what stands in the fence."""
        numbers = 2 if task in _POINTED else 4
        number = {"type": "number", "minimum": 0} if self.coordinates.decimals else {"type": "integer", "minimum": 0}
        row = {"type": "array", "items": number, "minItems": numbers, "maxItems": numbers}
        label = {"type": "string", "maxLength": 80}
        if task not in COUNTED:
            item = _object({_KEYS[numbers]: row, "label": label})
            return {"type": "array", "items": item}
        counts = {"type": "integer", "minimum": 0}
        if task == "counting":
            return _object({"counts": counts, "label": label})
        return _object({"counts": counts, _KEYS[numbers]: {"type": "array", "items": row}, "label": label})

    def _items(self, objects: Sequence[Located], plane: Plane, task: str) -> Iterator[dict[str, Any]]:
        for one in objects:
            key, rows = _places(one, task)
            for row in rows:
                yield {key: self.coordinates.written(row, plane), "label": one.name}

    def _counts(self, objects: Sequence[Located], plane: Plane, task: str) -> Any:
        """Return the one object of a name, or a list where there are several or none."""
        items = []
        for one in objects:
            key, rows = _places(one, task)
            listed = {} if task == "counting" else {key: [self.coordinates.written(row, plane) for row in rows]}
            items.append({"counts": one.count, **listed, "label": one.name})
        return items[0] if len(items) == 1 else items

    def _read(self, items: Sequence[Mapping[str, Any]], plane: Plane, task: str) -> Parsed:
        found: list[Located] = []
        notes = set()
        for item in items:
            one, told = self._object(item, plane, task)
            notes.update(told)
            if one is not None:
                found.append(one)
        if items and not found:
            return Parsed(status="unparsed", rule="; ".join(sorted(notes)) or "JSON without regions")
        merged = _merged(found) if task not in COUNTED or all(one.number is None for one in found) else found
        if task in COUNTED:
            merged = [replace(one, number=one.count) if not (one.boxes or one.points) else one for one in merged]
        return Parsed(status="answered", value=tuple(merged), rule="; ".join(sorted({"json", *notes})))

    def _object(self, item: Mapping[str, Any], plane: Plane, task: str) -> tuple[Located | None, list[str]]:
        """Read one object of the list; None where it holds neither region nor count."""
        name = next((str(item[key]) for key in ("label", "name") if isinstance(item.get(key), str)), "").strip()
        number = _count(item) if task in COUNTED else None
        notes: list[str] = []
        for numbers in (2, 4) if task in _POINTED else (4, 2):
            rows = list(region_rows(item, numbers))
            if not rows:
                continue
            placed = self.coordinates.placed(rows, plane, form="json")
            notes.append(placed.rule)
            if placed.value is not None:
                stated = None if number == len(placed.value) else number
                return located(name, placed.value, number=stated), notes
        if number is not None:
            return Located(name=name, number=number), notes
        return None, notes


def _places(one: Located, task: str) -> tuple[str, Sequence[Sequence[float]]]:
    """Return the key and the rows of an object's points or boxes, by what the task asks for."""
    pointed = bool(one.points) and (task in _POINTED or not one.boxes)
    pointed = pointed or (task in _POINTED and not one.boxes)
    return (_KEYS[2], one.points) if pointed else (_KEYS[4], one.boxes)


def _merged(found: Sequence[Located]) -> list[Located]:
    """Put neighbours of one name together."""
    merged: list[Located] = []
    for one in found:
        if merged and merged[-1].name == one.name and bool(merged[-1].boxes) == bool(one.boxes):
            last = merged.pop()
            one = replace(last, boxes=last.boxes + one.boxes, points=last.points + one.points)
        merged.append(one)
    return merged


def _count(item: Mapping[str, Any]) -> int | None:
    """Return the whole number under the first key that has "count" in it."""
    for key, value in item.items():
        if "count" in str(key).casefold() and isinstance(value, int) and not isinstance(value, bool) and value >= 0:
            return value
    return None


def _object(properties: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "type": "object", "properties": dict(properties), "required": list(properties), "additionalProperties": False
    }  # fmt: skip
