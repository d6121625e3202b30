"""The rules of the verdicts, as a table."""

from __future__ import annotations

from math import nan
from typing import get_args

import pytest

from vesalius.evaluation.verdicts import RULES, Verdict, control_found, judge


@pytest.mark.parametrize(
    ("low", "high", "direction", "found", "verdict"),
    [
        (0.01, 0.05, "higher", True, "reproduced"),
        (0.01, 0.05, "higher", None, "reproduced"),
        (0.01, 0.05, "higher", False, "reproduced"),  # the claim itself shows that the mechanism works
        (-0.05, -0.01, "higher", True, "contradicted"),
        (-0.05, -0.01, "higher", False, "not shown"),  # what finds no planted effect contradicts nothing
        (-0.05, -0.01, "higher", None, "not shown"),
        (-0.01, 0.05, "higher", True, "not at this scale"),
        (-0.01, 0.05, "higher", False, "not shown"),
        (-0.01, 0.05, "higher", None, "not shown"),
        (0.0, 0.05, "higher", True, "not at this scale"),  # an interval that ends at 0 holds it
        (-0.05, -0.01, "lower", True, "reproduced"),
        (0.01, 0.05, "lower", True, "contradicted"),
        (-0.05, 0.0, "lower", True, "not at this scale"),
        (-0.01, 0.015, "equal", True, "reproduced"),  # margin 0.02
        (0.005, 0.015, "equal", None, "reproduced"),  # above 0, and yet it does not matter
        (0.021, 0.05, "equal", True, "contradicted"),
        (-0.05, -0.03, "equal", True, "contradicted"),
        (0.01, 0.05, "equal", True, "not at this scale"),
        (-0.02, 0.01, "equal", False, "not shown"),  # an interval that reaches the margin
        (nan, nan, "higher", True, "failed"),
    ],
)
def test_rules(low, high, direction, found, verdict):
    assert judge((low, high), direction=direction, seeds=3, margin=0.02, found=found) == verdict


def test_fewer_than_three_seeds_give_no_verdict():
    assert judge((0.01, 0.05), direction="higher", seeds=2, found=True) == "too few seeds"
    assert judge((nan, nan), direction="higher", seeds=2, found=True) == "failed"


@pytest.mark.parametrize(
    ("low", "high", "direction", "found"),
    [
        (0.01, 0.05, "higher", True),
        (-0.01, 0.05, "higher", False),
        (-0.05, -0.01, "higher", False),
        (-0.05, -0.01, "lower", True),
        (0.01, 0.05, "lower", False),
        (nan, nan, "higher", False),
        (nan, nan, "lower", False),
    ],
)
def test_control(low, high, direction, found):
    assert control_found((low, high), direction=direction) is found


def test_every_verdict_has_its_rule():
    assert set(RULES) == set(get_args(Verdict))
