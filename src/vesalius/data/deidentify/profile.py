"""PS3.15 Table E.1-1 and what it asks for one element under the options in force."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Literal

from vesalius.data.deidentify.options import Options

__all__ = ["EDITION", "Action", "Rule", "action_of", "profile"]

Action = Literal["dummy", "empty", "remove", "keep", "clean", "map", "unlisted"]

EDITION = "PS3.15 2024b, Table E.1-1"
_TEMPORAL = {"DA", "DT", "TM"}
# What to do where the table leaves the choice to the kind of object. Neither the file nor the dictionary says
# whether an attribute is of type 1, 2 or 3 in the object at hand, so the choice is the one that is right for all of
# them and tells nothing: a dummy is allowed for every type, an empty value for types 2 and 3, references are mapped.
_BASIC: dict[str, Action] = {
    "D": "dummy", "Z": "empty", "X": "remove", "K": "keep", "C": "clean", "U": "map",
    "Z/D": "dummy", "X/Z": "empty", "X/D": "dummy", "X/Z/D": "dummy", "X/Z/U*": "map",
}  # fmt: skip


@dataclass(frozen=True)
class Rule:
    """One row of the table."""

    keyword: str
    basic: str
    """Action of the Basic Profile: D, Z, X, K, C, U or a choice such as X/Z/D."""
    options: dict[str, str]
    """Action (K or C) by option."""


@cache
def profile() -> dict[str, Rule]:
    """Return the rows by tag: eight hexadecimal digits, with x for any digit, or "private"."""
    document: dict[str, Any] = json.loads((Path(__file__).parent / "profile.json").read_text(encoding="utf-8"))
    return {tag: Rule(keyword, basic, options) for tag, keyword, basic, options in document["rows"]}


def rule_of(group: int, element: int) -> Rule | None:
    """Return the row of a standard element, or None where the table does not list it."""
    rows = profile()
    found = rows.get(f"{group:04x}{element:04x}")
    if found is None and 0x5000 <= group <= 0x501E:
        return rows["50xxxxxx"]
    if found is None and 0x6000 <= group <= 0x60FF:
        return rows.get(f"60xx{element:04x}")
    return found


def action_of(group: int, element: int, vr: str, options: Options) -> Action:
    """Return what to do with a standard element; "unlisted" where the table says nothing.

    Where several options speak, cleaning goes before keeping. Two choices are stricter than the table: the date of
    a device's calibration is kept only with an option for dates, and curves are removed, as nothing cleans them.
    """
    rule = rule_of(group, element)
    if rule is None:
        return "unlisted"
    if rule.keyword == "CurveData":
        return "remove"
    active = options.columns()
    if vr in _TEMPORAL and "full_dates" in rule.options:
        active = active & {"full_dates", "modified_dates"}
    chosen = {action for name, action in rule.options.items() if name in active}
    if "C" in chosen:
        return "clean"
    return "keep" if "K" in chosen else _BASIC[rule.basic]
