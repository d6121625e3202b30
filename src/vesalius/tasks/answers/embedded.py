"""JSON that stands in a reply: alone, in a code fence, or in the midst of prose."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any, NoReturn

__all__ = ["find_json", "json_answer"]

_FENCE = re.compile(r"```[ \t]*[a-zA-Z]{0,10}\s*\n?(.*?)(?:```|\Z)", re.DOTALL)
_STARTS = 32
"""How many brackets are tried as the beginning of JSON: prose has few, and a reply without end has many."""
_KEYS = (
    "answer",
    "final_answer",
    "finalanswer",
    "final answer",
    "choice",
    "option",
    "prediction",
    "label",
    "response",
)


def find_json(text: str) -> Any:
    """Return the first object or array that can be read in a text; None where there is none.

    A fenced block is tried first, then the text from each opening bracket on. What is broken off, is not JSON, or is
    nested deeper than Python reads is passed over.
    """
    for part in (*(found.group(1) for found in _few(_FENCE.finditer(text))), text):
        for start in _few(re.finditer(r"[\[{]", part)):
            value = _decoded(part, start.start())
            if value is not None:
                return value
    return None


def json_answer(text: str) -> str | None:
    """Return what a JSON object in a text names as its answer, or a list of texts, as words; None where none does."""
    if "{" not in text and not text.lstrip().startswith("["):
        return None
    value = find_json(text)
    if isinstance(value, list) and value and all(isinstance(one, str) for one in value):
        return _words(value)
    if not isinstance(value, Mapping):
        return None
    named = {str(key).strip().casefold(): found for key, found in value.items()}
    for key in _KEYS:
        if key in named:
            return _words(named[key])
    return None


def _words(value: Any) -> str | None:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list) and all(isinstance(one, str | int | float) for one in value):
        return ", ".join(str(one) for one in value)
    return str(value) if isinstance(value, str | int | float) else None


def _few(found: Iterator[re.Match[str]]) -> Iterator[re.Match[str]]:
    for _, one in zip(range(_STARTS), found, strict=False):
        yield one


def _decoded(text: str, start: int) -> Any:
    """Return the object or array that begins at a place, None where it cannot be read."""
    try:
        value, _ = json.JSONDecoder(parse_constant=_refuse).raw_decode(text, start)
    except (ValueError, RecursionError):
        return None
    return value


def _refuse(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON")
