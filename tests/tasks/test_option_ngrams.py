"""RetinaVLM's way of reading an option: runs of words, the order of the list decides."""

from __future__ import annotations

import pytest

from vesalius.errors import ConfigError
from vesalius.tasks.answers.option_ngrams import INVALID, first_option

PRESENCE = ("not present", "present")
STAGES = ("healthy", "early", "intermediate", "late dry", "late wet inactive", "late wet active")


@pytest.mark.evidence("retinavlm", "L2", "the first option in the order of the list that stands in words wins")
@pytest.mark.parametrize(
    ("text", "options", "found"),
    [
        ("Fluid is not present.", PRESENCE, "not present"),  # card
        ("Fluid is present", PRESENCE, "present"),  # card
        ("early or intermediate", STAGES, "early"),  # card
        ("intermediate, perhaps early", STAGES, "early"),  # not the order of the text
        ("The stage is late wet.", STAGES, INVALID),  # card: it matches neither of the two
        ("The stage is Late. Wet. Active", STAGES, "late wet active"),  # dots are deleted
        ("late (wet) inactive", STAGES, "late wet inactive"),  # marks are dropped
        ("It is presently unknown.", PRESENCE, INVALID),  # whole words
        ("unhealthy", STAGES, INVALID),
        ("", STAGES, INVALID),
        ("one two three four five", ("two three four five",), "two three four five"),
    ],
)
def test_examples(text: str, options: tuple[str, ...], found: str) -> None:
    assert first_option(text, options) == found


def test_options_that_cannot_be_found_are_refused() -> None:
    with pytest.raises(ConfigError, match="has 5 words"):
        first_option("a", ["one two three four five"])
    with pytest.raises(ConfigError, match="has 0 words"):
        first_option("a", ["…"])
