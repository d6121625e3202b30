"""Lists of noun phrases and names, written and read."""

from __future__ import annotations

import re
from collections.abc import Sequence

from vesalius.virtual.text.grammar import Fact
from vesalius.virtual.text.parsing import noun_phrase

__all__ = ["listed", "read_list"]


def listed(parts: Sequence[str]) -> str:
    """Join parts as "a, b and c"."""
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}"


def read_list(text: str, region: str) -> list[Fact] | None:
    """Read a list of noun phrases in plain spelling; None where a part is not understood."""
    whole = noun_phrase(text, region)
    if whole is not None:
        return [whole]
    for cut in re.finditer(r", | and ", text):
        first = noun_phrase(text[: cut.start()], region)
        if first is not None:
            rest = read_list(text[cut.end() :], region)
            if rest is not None:
                return [first, *rest]
    return None
