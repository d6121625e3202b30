"""Confidence and JSON in a reply."""

from __future__ import annotations

import re
from collections.abc import Sequence

from vesalius.tasks.answers.embedded import find_json
from vesalius.tasks.answers.reply import Parsed, empty, refusal, without_reasoning

__all__ = ["parse_confidence_text", "parse_json_text"]

_NUMBER = r"(\d{1,3}(?:[.,]\d{1,6})?|[.,]\d{1,6})"
_STATED = re.compile(
    rf"\b(?:confiden(?:ce|t)|certain(?:ty)?|probability|likelihood|sure)\b"
    rf"[^\d\n]{{0,40}}?{_NUMBER}\s{{0,3}}(%|percent|/\s*100?)?"
    rf"|{_NUMBER}\s{{0,3}}(%|percent|/\s*100?)\s+(?:confident|certain|sure|confidence|certainty|probability)\b",
    re.IGNORECASE,
)
_ALONE = re.compile(rf"^\W{{0,4}}{_NUMBER}\s{{0,3}}(%|percent|/\s*100?)?\W{{0,4}}$", re.IGNORECASE)
_KEYS = ("confidence", "probability", "certainty")


def parse_confidence_text(reply: str) -> Parsed:
    """Read a confidence as a share from 0 to 1.

    A number with % or /100 is a percentage, one with /10 counts tenths; a bare one is a share up to 1, a percentage
    above. What is not between 0 and 1 then is unparsed; two that differ are ambiguous.
    """
    nothing = empty(reply)
    if nothing:
        return nothing
    text = without_reasoning(reply)
    found = [_share(*part) for part in _stated(text)]
    if not found:
        declined, _ = refusal(text)
        return (
            Parsed(status="refused", rule="refusal") if declined else Parsed(status="unparsed", rule="no confidence")
        )
    if len(set(found)) > 1:
        return Parsed(status="ambiguous", rule=f"{len(set(found))} different confidences")
    if not 0 <= found[0] <= 1:
        return Parsed(status="unparsed", rule="confidence beyond 0 to 1")
    return Parsed(status="answered", value=found[0], rule="confidence")


def parse_json_text(reply: str, *, keys: Sequence[str] = ()) -> Parsed:
    """Read the first JSON of a reply, in a fence, alone or in prose; an object must hold all of `keys`."""
    nothing = empty(reply)
    if nothing:
        return nothing
    text = without_reasoning(reply)
    value = find_json(text)
    if value is None:
        declined, _ = refusal(text)
        return Parsed(status="refused", rule="refusal") if declined else Parsed(status="unparsed", rule="no JSON")
    lacking = [key for key in keys if not isinstance(value, dict) or key not in value]
    if lacking:
        return Parsed(status="unparsed", rule=f"JSON without {', '.join(lacking)}")
    return Parsed(status="answered", value=value, rule="JSON")


def _stated(text: str) -> list[tuple[str, str]]:
    """Return numbers and their marks: of a JSON object, by words, or all that there is."""
    value = find_json(text) if "{" in text else None
    if isinstance(value, dict):
        named = {str(key).casefold(): one for key, one in value.items()}
        held = [named[key] for key in _KEYS if isinstance(named.get(key), int | float | str)]
        found = [_ALONE.match(str(one)) for one in held]
        return [(one.group(1), one.group(2) or "") for one in found if one]
    alone = _ALONE.match(text)
    if alone:
        return [(alone.group(1), alone.group(2) or "")]
    return [(one.group(1) or one.group(3), one.group(2) or one.group(4) or "") for one in _STATED.finditer(text)]


def _share(number: str, mark: str) -> float:
    value = float(number.replace(",", "."))
    if mark:
        return value / (10 if re.sub(r"\s", "", mark) == "/10" else 100)
    return value if value <= 1 else value / 100
