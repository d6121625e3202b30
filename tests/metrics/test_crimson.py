"""CRIMSON's score: worked examples and its ends."""

from __future__ import annotations

import pytest

from vesalius.errors import DataError
from vesalius.metrics.crimson import Matched, crimson


@pytest.mark.parametrize(
    ("matched", "missed", "false", "expected"),
    [
        # credit 1 / (1 + .5), less a quarter, over 1.5
        ([Matched("urgent", 1)], ["actionable"], ["minor"], 0.277777778),
        # d = 1 - 0: -1 / 2
        ([], ["minor"], ["urgent"], -0.5),
        ([], [], [], 1.0),
        ([Matched("urgent")], [], [], 1.0),
        ([Matched("benign", 2)], [], ["benign"], 1.0),
        ([], ["urgent"], [], 0.0),
        ([], [], ["minor"], -0.2),  # .25 / 1.25
    ],
)
def test_worked_examples(matched, missed, false, expected):
    assert crimson(matched=matched, missed=missed, false=false) == pytest.approx(expected, abs=1e-9)


def test_unknown_urgency():
    with pytest.raises(DataError, match="did you mean 'urgent'"):
        crimson(matched=[], missed=["urgnt"], false=[])
