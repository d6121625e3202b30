"""Sensitivity to prompts and to the order of options, by hand and by simulated spread."""

from __future__ import annotations

import numpy as np
import pytest

from vesalius.errors import DataError
from vesalius.metrics.sensitivity import all_right, flipped, prompt_spread

RIGHT = np.array([[1, 1, 0, 0], [1, 0, 0, 1], [1, 1, 0, 0]])
"""Three templates, four items."""


def test_by_hand() -> None:
    """Items 1 and 3 change; item 0 alone is right throughout; every template scores .5, on other items."""
    np.testing.assert_array_equal(flipped(RIGHT), [0, 1, 0, 1])
    np.testing.assert_array_equal(all_right(RIGHT), [1, 0, 0, 0])
    found = prompt_spread(RIGHT, ["a", "b", "c", "d"])
    assert (found.mean.value, found.deviation, found.low, found.high, found.flip_rate) == (0.5, 0, 0.5, 0.5, 0.5)
    assert found.shares.template == 0
    assert found.note.startswith("3 templates")


def test_the_table_of_the_card() -> None:
    """Templates in the place of seeds: components -.00189 (0), .040111111 and .013, error .086066."""
    table = [[0.8, 0.6, 0.9, 0.3, 0.7, 0.5], [0.7, 0.7, 0.8, 0.2, 0.9, 0.4], [0.9, 0.5, 0.9, 0.4, 0.6, 0.6]]
    found = prompt_spread(table, np.arange(6))
    assert found.mean.error == pytest.approx(0.086066297, abs=1e-9)
    np.testing.assert_allclose(found.shares, [0, 0.040111111 / 0.053111111, 0.013 / 0.053111111], atol=1e-7)


def test_a_case_counts_once() -> None:
    """Patient a has three items of mean 1, 1, 1; the mean over cases is not that over items."""
    table = [[1, 1, 1, 0, 0], [1, 1, 1, 0, 1]]
    found = prompt_spread(table, ["a", "a", "a", "b", "c"])
    assert found.mean.value == pytest.approx((1 + 0 + 0.5) / 3)
    np.testing.assert_allclose(found.by_template, [0.6, 0.8])


def test_parts_of_a_simulated_variance() -> None:
    """Deviations .2 of 40 templates, .3 of 400 cases, .1 of the rest: .04, .09 and .01 of .14."""
    stream = np.random.default_rng(0)
    table = stream.normal(0, 0.2, (40, 1)) + stream.normal(0, 0.3, 400) + stream.normal(0, 0.1, (40, 400))
    found = prompt_spread(table, np.arange(400))
    np.testing.assert_allclose(found.shares, np.array([0.04, 0.09, 0.01]) / 0.14, atol=0.12)
    assert found.note == ""


def test_faults_are_named() -> None:
    assert flipped([[1, 0, 1]]).tolist() == [0, 0, 0]
    with pytest.raises(DataError, match="one template"):
        prompt_spread([[1, 0, 1]], ["a", "b", "c"])
    with pytest.raises(DataError, match="could be read"):
        all_right([[1, np.nan], [1, 1]])
    with pytest.raises(DataError, match="one case for each item"):
        prompt_spread(RIGHT, ["a", "b"])
