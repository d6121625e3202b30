"""The first of a list of options whose words stand in a text, as RetinaVLM reads answers.

Source: Holland et al. 2024 (arXiv 2407.08410) and its code: dots are deleted, the text is cut into words, marks of
punctuation are dropped, and of all runs of up to four words the first option in the order of the list wins.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from vesalius.errors import ConfigError

__all__ = ["INVALID", "first_option"]

INVALID = "Invalid response"
"""What an answer counts as that holds no option."""
_LONGEST = 4
"""Words of a run."""
_WORD = re.compile(r"[^\W_]+(?:['’-][^\W_]+)*")


def first_option(text: str, options: Sequence[str]) -> str:
    """Return the first option, in the order of the list, that stands in a text as whole words; else `INVALID`.

    The order matters: of "not present" and "present" the longer one must come first. Case does not.

    Args:
        text: what a model wrote.
        options: of one to four words each.

    Raises:
        ConfigError: an option could never be found.
    """
    words = _words(text)
    runs = {
        words[start : start + length] for length in range(1, _LONGEST + 1) for start in range(len(words) - length + 1)
    }
    for option in options:
        wanted = _words(option)
        if not 1 <= len(wanted) <= _LONGEST:
            raise ConfigError(f"option {option!r} has {len(wanted)} words; from 1 to {_LONGEST} can be found")
        if wanted in runs:
            return option
    return INVALID


def _words(text: str) -> tuple[str, ...]:
    return tuple(_WORD.findall(text.replace(".", "").lower()))
