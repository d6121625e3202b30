"""Fréchet distance: closed forms, invariances, the bias of few items."""

from __future__ import annotations

import numpy as np
import pytest

from vesalius.errors import DataError
from vesalius.metrics.frechet import floor, frechet, frechet_distance, moments

CORNERS = np.array([[0, 0], [1, 0], [0, 1], [1, 1]], dtype=float)


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        # |(1, 0)|^2 + (2 - 1)^2 = 2
        (((0, 0), np.eye(2)), ((1, 0), np.diag([4.0, 1.0])), 2.0),
        # eigenvalues 1 and 3: (1 - 1)^2 + (sqrt 3 - 1)^2
        (((0, 0), np.array([[2.0, 1.0], [1.0, 2.0]])), ((0, 0), np.eye(2)), 0.535898385),
        # a point mass against a standard normal: trace
        (((0, 0), np.zeros((2, 2))), ((0, 0), np.eye(2)), 2.0),
    ],
)
def test_normal_distributions(first, second, expected):
    for one, other in ((first, second), (second, first)):
        found = frechet_distance(np.array(one[0]), one[1], np.array(other[0]), other[1])
        assert found == pytest.approx(expected, abs=1e-9)


def test_worked_points():
    found = frechet(CORNERS, 2 * CORNERS + 1, encoder="none", resize="none")
    # means (.5, .5) and (2, 2): 4.5; deviations sqrt(1/3) and twice that: 2 * 1/3
    assert found.value == pytest.approx(5.166666667)
    assert found.name == "frechet@none@none@n=4"
    assert "biased" in found.note
    assert "full rank" not in found.note


def test_invariances():
    rng = np.random.default_rng(0)
    real, made = rng.normal(size=(50, 4)), rng.normal(1, 2, size=(40, 4))
    turn, _ = np.linalg.qr(rng.normal(size=(4, 4)))
    value = frechet(real, made, encoder="e", resize="r").value
    assert frechet(made, real, encoder="e", resize="r").value == pytest.approx(value)
    assert frechet(real @ turn, made @ turn, encoder="e", resize="r").value == pytest.approx(value)
    assert frechet(3 * real, 3 * made, encoder="e", resize="r").value == pytest.approx(9 * value)
    assert frechet(real[::-1], made, encoder="e", resize="r").value == pytest.approx(value)
    assert frechet(real, real, encoder="e", resize="r").value == pytest.approx(0, abs=1e-9)
    assert frechet(real, made, encoder="e", resize="r").name.endswith("n=50,40")


def test_equal_distributions_are_apart_by_about_one_over_n():
    # two samples of a 64-d standard normal: 11.16 at n = 200 and 2.27 at 1000, mean of five, +-5 %
    found = {}
    for n in (200, 1000):
        rng = np.random.default_rng(0)
        found[n] = np.mean([frechet_distance(*moments(rng.normal(size=(n, 64))), *moments(rng.normal(size=(n, 64))))
                            for _ in range(5)])  # fmt: skip
    assert found[200] == pytest.approx(11.16, rel=0.05)
    assert found[1000] == pytest.approx(2.27, rel=0.05)
    halves = floor(np.random.default_rng(1).normal(size=(400, 64)))
    assert halves.n == 200
    assert len(halves.values) == 10
    assert halves.mean == pytest.approx(11.16, rel=0.1)  # ten splits of one set


def test_fewer_items_than_features_are_noted():
    rng = np.random.default_rng(0)
    assert "no full rank" in frechet(rng.normal(size=(8, 20)), rng.normal(size=(9, 20)), encoder="e", resize="r").note


@pytest.mark.parametrize(
    ("real", "words"),
    [
        (np.zeros((1, 2)), "two items"),
        (np.zeros(3), "expected \\(items, features\\)"),
        (np.array([[0.0, 1.0], [np.nan, 0.0]]), "first at row 1"),
        (np.zeros((3, 5)), "5 and 2 features"),
    ],
)
def test_wrong_features(real, words):
    with pytest.raises(DataError, match=words):
        frechet(real, CORNERS, encoder="e", resize="r")


def test_halves_need_four_items():
    with pytest.raises(DataError, match="four or more"):
        floor(CORNERS[:3])
