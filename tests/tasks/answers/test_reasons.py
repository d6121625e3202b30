"""What a reason tells without an image."""

from __future__ import annotations

import pytest

from vesalius.errors import DataError
from vesalius.tasks.answers.reasons import leaked, told_by


@pytest.mark.evidence("medthink", "L2", "leakage of reasons is the accuracy of a reader of their words alone")
@pytest.mark.parametrize(
    ("reason", "options", "told"),
    [
        ("Yes, there is edema.", ("yes", "no"), "yes"),
        ("edema is not present", ("no", "yes"), "no"),
        ("the heart is of usual size", ("yes", "no"), ""),
        ("edema: severe", ("mild", "severe"), "severe"),
        ("from mild to severe", ("mild", "severe"), ""),
        ("mildly so", ("mild", "severe"), ""),
    ],
)
def test_what_a_reason_tells(reason: str, options: tuple[str, ...], told: str) -> None:
    assert told_by(reason, options) == told


def test_leakage() -> None:
    reasons = ["the answer is severe", "it is mild", "nothing"]
    assert leaked(reasons, [("mild", "severe")] * 3, ["severe", "severe", "mild"]) == [True, False, False]
    with pytest.raises(DataError, match="1 reasons, 0 lists of options and 1 answers"):
        leaked(["a"], [], ["a"])
