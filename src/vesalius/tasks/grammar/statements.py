"""Grounded reports: lines of regions and what is said of them, as MedRegA writes reports.

``<ref>right lung</ref><box>[[102, 106, 481, 910]]</box>, <ref>…</ref><box>…</box>: sentence``
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

from vesalius.data.conversations.records import Located
from vesalius.tasks.answers.reply import Parsed, empty, without_reasoning
from vesalius.tasks.grammar.base import Grammar, Plane

__all__ = ["Statement", "format_statements", "parse_statements"]

_END_OF_REGIONS = re.compile(r".*(?:>|\])\s{0,4}[:：]\s{0,4}")


class Statement(NamedTuple):
    """A sentence and the regions that it is about; none where it is about the whole picture."""

    objects: tuple[Located, ...]
    text: str


def format_statements(statements: Sequence[Statement], grammar: Grammar, plane: Plane) -> str:
    """Return a line for each statement: its regions, a colon, its words."""
    lines = []
    for objects, text in statements:
        words = " ".join(text.split())
        lines.append(f"{grammar.inline(objects, plane)}: {words}" if objects else words)
    return "\n".join(lines)


def parse_statements(reply: str, grammar: Grammar, plane: Plane) -> Parsed:
    """Read a tuple of `Statement` from a grounded report, a line each; regions that cannot be read are left out."""
    nothing = empty(reply)
    if nothing:
        return nothing
    found, spoilt = [], 0
    for line in without_reasoning(reply).splitlines():
        if not line.strip():
            continue
        head = _END_OF_REGIONS.match(line)
        if not head:
            found.append(Statement((), line.strip()))
            continue
        regions = grammar.parse(head[0].rstrip(" :："), plane)
        spoilt += regions.value is None
        found.append(Statement(regions.value or (), line[head.end() :].strip()))
    return Parsed(status="answered", value=tuple(found), rule=f"{len(found)} lines, {spoilt} with unread regions")
