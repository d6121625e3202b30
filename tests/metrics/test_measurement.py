"""Errors of counts and measurements: the card's examples, angles, slips of the unit, missing answers."""

from __future__ import annotations

import numpy as np
import pytest

from vesalius.errors import ConfigError, DataError
from vesalius.metrics.measurement import errors, landmarks, measured


def test_counts_of_the_card() -> None:
    """Truth 3 0 5 1, said 3 1 3 0: errors 0 1 -2 -1; relative 0, 2/5, 1/1 where the truth is above 0."""
    found = measured(errors([3, 1, 3, 0], [3, 0, 5, 1]), tolerances=(1,))
    assert (found.mae, found.bias, found.exact, found.within["1"]) == (1, -0.5, 0.25, 0.75)
    assert found.rmse == pytest.approx(1.224744871, abs=1e-9)
    assert found.mre == pytest.approx(0.466666667, abs=1e-9)


def test_measurements_of_the_card() -> None:
    """Truth 10 20 8, said 11 18 12; the error of 1 of 10 is within 10 %: the bound counts."""
    found = measured(errors([11, 18, 12], [10, 20, 8]))
    assert found.mae == pytest.approx(2.333333333, abs=1e-9)
    assert found.rmse == pytest.approx(2.645751311, abs=1e-9)
    assert found.mre == pytest.approx(0.233333333, abs=1e-9)
    assert (found.bias, found.low, found.high) == (1, pytest.approx(-4.88), pytest.approx(6.88))
    assert found.within == {"10 %": pytest.approx(2 / 3), "20 %": pytest.approx(2 / 3), "50 %": 1}
    assert errors([0.33], [0.3]).within_relative(0.1).tolist() == [1]


def test_an_answer_without_a_number() -> None:
    """It is left out of the errors, wrong in the shares, and counted; or 0 as some releases have it."""
    found = errors([4, np.nan], [3, 5])
    np.testing.assert_array_equal(found.parsed, [1, 0])
    np.testing.assert_array_equal(found.absolute, [1, np.nan])
    np.testing.assert_array_equal(found.within(1), [1, 0])
    assert (measured(found).mae, measured(found).unparsed) == (1, 0.5)
    assert measured(errors([4, np.nan], [3, 5], missing_as_zero=True)).mae == 3
    assert np.isnan(measured(errors([np.nan], [1])).mae)


@pytest.mark.parametrize(
    ("said", "truth", "period", "expected"),
    [(179, 1, 180, -2), (1, 359, 360, 2), (90, 0, 180, -90), (10, 350, None, -340)],
)  # fmt: skip
def test_angles_go_the_nearest_way_round(said, truth, period, expected) -> None:
    assert errors([said], [truth], period=period).error.tolist() == [expected]


def test_slips_of_the_unit() -> None:
    """cm for mm, mm for cm, inch for mm, plainly wrong, right, and a truth of 0."""
    found = errors([1.2, 120, 0.4724, 30, 12, 5], [12, 12, 12, 12, 12, 0])
    assert found.wrong_unit().tolist() == [1, 1, 1, 0, 0, 0]


def test_landmarks() -> None:
    """3-4-5 pixels of half a mm: 2.5 mm; none said; on the spot."""
    found = landmarks([[3, 4], [np.nan, np.nan], [7, 7]], [[0, 0], [1, 1], [7, 7]], spacing_mm=(0.5, 0.5))
    np.testing.assert_allclose(found.distance_mm, [2.5, np.nan, 0])
    assert found.mean_mm == 1.25
    assert found.success == {2.0: 1 / 3, 2.5: 2 / 3, 3.0: 2 / 3, 4.0: 2 / 3}


def test_faults_are_named() -> None:
    with pytest.raises(DataError, match="one length"):
        errors([1], [1, 2])
    with pytest.raises(DataError, match="no number"):
        errors([1], [np.nan])
    with pytest.raises(ConfigError, match="period 0"):
        errors([1], [1], period=0)
    with pytest.raises(DataError, match="one finite true point"):
        landmarks([[1, 2]], [[1, 2, 3]])
