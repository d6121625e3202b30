"""Names of a list as an answer, in any language."""

from __future__ import annotations

import re
from collections.abc import Sequence

from vesalius.tasks.answers.reply import Parsed, empty, final_content
from vesalius.tasks.instructions.templates import phrase

__all__ = ["format_labels", "parse_labels"]

_BETWEEN = re.compile(r"\s*(?:[,;，；、،\n]|\band\b|和|\baur\b)\s*")
_EDGES = " .。!！\"'“”*"


def format_labels(names: Sequence[str], language: str) -> str:
    """Return names as one answer; where there are none, what the language says for that."""
    return phrase("join", language).join(names) if names else phrase("none", language)


def parse_labels(reply: str, candidates: Sequence[str], *, language: str) -> Parsed:
    """Read a tuple of candidates, in their order, from a reply that lists names; one that is no candidate spoils it.

    Case and the signs around a name do not count. A candidate that has "and" or a comma in it is found first.
    """
    nothing = empty(reply)
    if nothing:
        return nothing
    text = final_content(reply).text.strip(_EDGES).casefold()
    if text in (phrase("none", language).casefold(), "none", "none of these", "none of them"):
        return Parsed(status="answered", value=(), rule="none said")
    found = set()
    for name in sorted(candidates, key=len, reverse=True):
        if _BETWEEN.search(name) and name.casefold() in text:
            found.add(name)
            text = text.replace(name.casefold(), "")
    known = {name.casefold(): name for name in candidates}
    parts = [part.strip(_EDGES) for part in _BETWEEN.split(text)]
    unknown = [part for part in parts if part and part not in known]
    if unknown:
        return Parsed(status="unparsed", rule=f"{len(unknown)} names that are no candidate")
    found |= {known[part] for part in parts if part}
    value = tuple(name for name in candidates if name in found)
    return (
        Parsed(status="answered", value=value, rule="labels") if value else Parsed(status="unparsed", rule="no name")
    )
