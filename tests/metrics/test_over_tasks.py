"""A pair of systems over many data sets: counts, sign test, random-effects mean, leaving one out."""

from __future__ import annotations

import pytest

from vesalius.errors import DataError
from vesalius.metrics.over_tasks import counted, over_tasks

NAMES = ["a", "b", "c", "d"]


def test_by_hand() -> None:
    """Equal errors and Q <= D - 1: plain mean .02 with error .02/sqrt 4; without one: (.08 - d)/3."""
    found = over_tasks(NAMES, [0.01, 0.02, 0.02, 0.03], [0.02] * 4, ["win", "win", "tie", "undecided"])
    assert found.counts == {"win": 2, "tie": 1, "loss": 0, "undecided": 1}
    # two wins of two: 2 x .25
    assert found.p == 0.5
    assert (found.mean.value, found.mean.error) == (pytest.approx(0.02), pytest.approx(0.01))
    assert (found.least, found.most) == (pytest.approx(0.05 / 3), pytest.approx(0.07 / 3))
    assert found.decisive == ""


def test_unlike_data_sets_widen_the_interval() -> None:
    """Q = 4 x (.1/.02)² = 100, tau² = (100 - 3)/(4 w - w) with w = 2500: .012933; variance of the mean a quarter."""
    found = over_tasks(NAMES, [-0.1, 0.1, -0.1, 0.1], [0.02] * 4, ["loss", "win", "loss", "win"])
    assert found.p == 1
    assert found.mean.error == pytest.approx(((0.0004 + 97 / 7500) / 4) ** 0.5)


def test_one_data_set_decides() -> None:
    found = over_tasks(NAMES, [0.30, -0.01, -0.01, -0.01], [0.02] * 4, ["win", "undecided", "undecided", "undecided"])
    assert found.mean.value > 0
    assert found.decisive == "a"
    assert found.least < 0 < found.most


def test_faults_are_named() -> None:
    with pytest.raises(DataError, match="three data sets"):
        over_tasks(["a", "b"], [0, 1], [1, 1], ["win", "tie"])
    with pytest.raises(DataError, match="'draw'"):
        counted(["win", "draw"])
    with pytest.raises(DataError, match="above 0"):
        over_tasks(["a", "b", "c"], [0, 1, 2], [1, 0, 1], ["win"] * 3)
