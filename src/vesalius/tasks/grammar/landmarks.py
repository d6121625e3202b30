"""Landmarks as lines of a name and its point: ``sella: (512, 430)``; boxes stand between tags."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from vesalius.data.conversations.records import Located
from vesalius.errors import DataError
from vesalius.tasks.answers.reply import Parsed, empty, without_reasoning
from vesalius.tasks.grammar.base import NONE, Plane, located
from vesalius.tasks.grammar.tags import Tagged

__all__ = ["Landmarks"]

_LINE = re.compile(
    r"^\s{0,8}(?:[-*]\s|\d{1,3}[.)]\s)?\s{0,4}([^:：\n]{1,80}?)\s{0,4}[:：]\s{0,4}(.{3,60})$", re.MULTILINE
)


@dataclass(frozen=True, kw_only=True)
class Landmarks(Tagged):
    """As `Tagged`, but the answers of the family ``landmark`` are lines, one for each point."""

    def format(self, objects: Sequence[Located], plane: Plane, *, task: str = "") -> str:
        """Return a line for each landmark; other families as `Tagged.format`."""
        if task != "landmark":
            return super().format(objects, plane, task=task)
        lines = []
        for one in objects:
            if not one.name or re.search(r"[:\n]", one.name):
                raise DataError(f"landmark {one.name!r}: expected a name without colon or line break")
            lines += [
                f"{one.name}: ({x}, {y})" for x, y in (self.coordinates.written(row, plane) for row in one.points)
            ]
        return "\n".join(lines) or NONE

    def parse(self, reply: str, plane: Plane, *, task: str = "") -> Parsed:
        """Read lines of name and point; other families as `Tagged.parse`.

        Lines that hold no point inside the picture are left out, and counted in the rule.
        """
        if task != "landmark":
            return super().parse(reply, plane, task=task)
        nothing = empty(reply)
        if nothing:
            return nothing
        text = without_reasoning(reply)
        found, spoilt = [], 0
        for name, point in _LINE.findall(text):
            placed = self.coordinates.read(point, plane, numbers=2)
            if placed.value is not None and len(placed.value) == 1:
                found.append(located(name.strip(), placed.value))
            else:
                spoilt += 1
        if not found and not spoilt:
            return self._plain(text, plane, task=task)
        note = f"lines, {spoilt} without a point" if spoilt else "lines"
        if not found:
            return Parsed(status="unparsed", rule=note)
        return Parsed(status="answered", value=tuple(found), rule=note)

    def pattern(self, *, task: str = "") -> str:
        """Return a regular expression of all answers; see `Grammar.pattern`."""
        if task != "landmark":
            return super().pattern(task=task)
        c = self.coordinates.pattern
        line = rf"[^:\n]{{1,80}}: \({c}, {c}\)"
        return rf"(?:{NONE}|{line}(?:\n{line})*)"
