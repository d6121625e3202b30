"""Regions between tags: a name in one pair of tags, its boxes or points in another."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Literal, NamedTuple

from vesalius.data.conversations.records import Located
from vesalius.errors import DataError
from vesalius.tasks.answers.reply import Parsed, empty, without_reasoning
from vesalius.tasks.grammar.base import COUNTED, NONE, Grammar, Plane, located

__all__ = ["Tagged", "Tags"]

_NUMBER = re.compile(r"-?\d+(?:\.\d+)?")
_COUNT = re.compile(r"(?:([^<>:\n]{1,80}):\s{0,4})?(\d{1,5})\s{0,4}(?:,|$)")
_NAME = r"[^<>:\n]{1,80}"
_MOST = 1000
"""Regions of one name; a reply with more has run away, and the rest is not read."""


class Tags(NamedTuple):
    """Opening and closing tags, and how numbers stand between them."""

    name: tuple[str, str]
    box: tuple[str, str]
    point: tuple[str, str]
    form: Literal["lists", "pairs"]
    """lists: all regions of a name in one pair of tags, ``[[x1, y1, x2, y2], …]``; pairs: one region in each pair
    of tags, ``(x1,y1),(x2,y2)``."""
    separator: str
    """Between two objects."""


@dataclass(frozen=True, kw_only=True)
class Tagged(Grammar):
    """Objects as a name with its boxes or points, each between tags; counts stand before them as words."""

    tags: Tags

    @property
    def marks(self) -> tuple[str, ...]:
        """Return the tags."""
        return (*self.tags.name, *self.tags.box, *self.tags.point)

    def format(self, objects: Sequence[Located], plane: Plane, *, task: str = "") -> str:
        """Return objects between tags; "none" where there are none; see `Grammar.format`."""
        if task in COUNTED:
            counts = ", ".join(f"{one.name}: {one.count}" if one.name else str(one.count) for one in objects)
            places = [one for one in objects if one.boxes or one.points]
            if task == "counting" or not places:
                return counts or "0"
            return f"{counts}\n{self._written(places, plane)}"
        return self._written(objects, plane) if objects else NONE

    def parse(self, reply: str, plane: Plane, *, task: str = "") -> Parsed:
        """Read objects between tags; see `Grammar.parse`."""
        nothing = empty(reply)
        if nothing:
            return nothing
        text = without_reasoning(reply)
        if task in COUNTED:
            return self._counted(text, plane, task)
        return self._located(text, plane, task)

    def pattern(self, *, task: str = "") -> str:
        """Return a regular expression of all answers; see `Grammar.pattern`."""
        count = rf"(?:{_NAME}: )?\d{{1,4}}"
        counts = rf"{count}(?:, {count})*"
        if task == "counting":
            return counts
        one = self._object_pattern(task)
        objects = rf"{one}(?:{re.escape(self.tags.separator)}{one})*"
        return rf"{counts}(?:\n{objects})?" if task in COUNTED else rf"(?:{NONE}|{objects})"

    def _object_pattern(self, task: str) -> str:
        name = "".join((re.escape(self.tags.name[0]), _NAME, re.escape(self.tags.name[1])))
        pointed = task in ("pointing", "cnt_and_point", "landmark")
        opened, closed = map(re.escape, self.tags.point if pointed else self.tags.box)
        c = self.coordinates.pattern
        if self.tags.form == "lists":
            row = rf"\[{c}, {c}\]" if pointed else rf"\[{c}, {c}, {c}, {c}\]"
            return rf"(?:{name})?{opened}\[(?:{row}(?:, {row})*)?\]{closed}"
        row = rf"\({c},{c}\)" if pointed else rf"\({c},{c}\),\({c},{c}\)"
        return rf"(?:{name}(?:{opened}{row}{closed})*|(?:{opened}{row}{closed})+)"

    def _written(self, objects: Sequence[Located], plane: Plane) -> str:
        return self.tags.separator.join(self._object(one, plane) for one in objects)

    def _object(self, one: Located, plane: Plane) -> str:
        if re.search(r"[<>:\n]", one.name) or len(one.name) > 80:
            raise DataError(f"name {one.name!r} cannot stand between tags; expected at most 80 signs, none of < > :")
        places: Sequence[Sequence[float]] = one.boxes or one.points
        rows = [self.coordinates.written(row, plane) for row in places]
        opened, closed = self.tags.point if one.points and not one.boxes else self.tags.box
        name = f"{self.tags.name[0]}{one.name}{self.tags.name[1]}" if one.name else ""
        if self.tags.form == "lists":
            return f"{name}{opened}{rows}{closed}"
        pairs = (",".join(f"({x},{y})" for x, y in zip(row[::2], row[1::2], strict=True)) for row in rows)
        return name + "".join(f"{opened}{pair}{closed}" for pair in pairs)

    def _located(self, text: str, plane: Plane, task: str) -> Parsed:
        found: list[Located] = []
        notes = set()
        for name, rows in self._spans(text):
            if not rows:
                found.append(Located(name=name))
                continue
            placed = self.coordinates.placed(rows, plane, form="tags")
            notes.add(placed.rule)
            if placed.value is not None:
                found.append(located(name, placed.value))
        if found:
            return Parsed(status="answered", value=tuple(found), rule="; ".join(sorted(notes)) or "tags")
        if notes:
            return Parsed(status="unparsed", rule="; ".join(sorted(notes)))
        return self._plain(text, plane, task=task)

    def _spans(self, text: str) -> Iterator[tuple[str, list[list[float]]]]:
        """Yield each name with the rows of numbers between the tags after it, all of 4 or all of 2 numbers."""
        name, rows, open_ = "", list[list[float]](), False
        for match in self._finder.finditer(text):
            if match["name"] is not None:
                if open_:
                    yield name, rows
                name, rows, open_ = match["name"].strip(), [], True
                continue
            rows += _rows(match["place"], 2 if self._is_point(match) else 4)
            open_ = True
        if open_ and len({len(row) for row in rows}) <= 1:
            yield name, rows

    def _is_point(self, match: re.Match[str]) -> bool:
        if self.tags.point != self.tags.box:
            return match["opened"] == self.tags.point[0]
        return len(_NUMBER.findall(match["place"])) == 2

    @cached_property
    def _finder(self) -> re.Pattern[str]:
        tags = self.tags
        opened, closed = map(re.escape, tags.name)
        starts = "|".join(map(re.escape, dict.fromkeys((tags.box[0], tags.point[0]))))
        ends = "|".join(map(re.escape, dict.fromkeys((tags.box[1], tags.point[1]))))
        return re.compile(
            rf"{opened}(?P<name>[^<>]{{0,200}}){closed}|(?P<opened>{starts})(?P<place>[^<]{{0,20000}})(?:{ends})"
        )

    def _counted(self, text: str, plane: Plane, task: str) -> Parsed:
        """Read counts before the first tag, then the regions that they are of."""
        head, _, rest = text.partition("\n") if "\n" in text.strip() else (text, "", "")
        counts = [((name or "").strip(), int(number)) for name, number in _COUNT.findall(head.strip())]
        if not counts:
            return Parsed(status="unparsed", rule="no count")
        places = self._located(rest, plane, task).value or () if rest.strip() else ()
        by_name: dict[str, Located] = {one.name: one for one in places}
        found = []
        for name, number in counts:
            own = by_name.get(name, Located(name=name))
            found.append(own if own.count == number and (own.boxes or own.points) else replace(own, number=number))
        return Parsed(status="answered", value=tuple(found), rule="counts before tags")


def _rows(text: str, numbers: int) -> list[list[float]]:
    """Return rows of so many numbers; what is broken off at the end is left out."""
    values = [float(value) for value in _NUMBER.findall(text)][: _MOST * numbers]
    whole = len(values) - len(values) % numbers
    return [values[start : start + numbers] for start in range(0, whole, numbers)]
