"""Agreement of raters against numbers of the cards, of the krippendorff and pingouin packages, and by hand."""

from __future__ import annotations

import numpy as np
import pytest

from vesalius.errors import ConfigError, DataError
from vesalius.metrics.agreement import (
    fleiss,
    icc,
    kendall_tau,
    krippendorff,
    length_bias,
    swapped,
    tau_draws,
    two_raters,
    two_raters_draws,
)
from vesalius.metrics.bootstrap import patient_weights

X = np.nan
THREE = [[1, 2, 3, 3, 2, 1, 4, 1, 2, X], [1, 2, 3, 3, 2, 2, 4, 1, 2, 5], [X, 3, 3, 3, 2, 3, 4, 2, 2, 5]]
SHROUT = [[9, 2, 5, 8], [6, 1, 3, 2], [8, 4, 6, 8], [7, 1, 2, 6], [10, 5, 6, 9], [6, 2, 4, 7]]


def test_fleiss() -> None:
    found = fleiss([[3, 0, 0], [2, 1, 0], [0, 3, 0], [1, 1, 1], [0, 0, 3], [0, 2, 1]])
    assert found.kappa == pytest.approx(0.411214953, abs=1e-9)
    assert found.free_marginal == pytest.approx(0.416666667, abs=1e-9)
    assert np.isnan(fleiss([[2, 0], [2, 0]]).kappa)
    with pytest.raises(DataError, match="krippendorff"):
        fleiss([[3, 0], [1, 1]])


@pytest.mark.parametrize(
    ("level", "expected"), [("nominal", 0.675257732), ("ordinal", 0.804860524), ("interval", 0.862104188)]
)
def test_krippendorff(level, expected) -> None:
    assert krippendorff(THREE, level=level) == pytest.approx(expected, abs=1e-9)
    with_unrated = np.hstack([THREE, [[4], [X], [X]]])
    assert krippendorff(with_unrated, level=level) == pytest.approx(expected, abs=1e-9)


def test_krippendorff_says_what_it_cannot_tell() -> None:
    assert np.isnan(krippendorff([[1, 1], [1, 1]]))
    with pytest.raises(DataError, match="two ratings"):
        krippendorff([[1, X], [X, 1]])
    with pytest.raises(ConfigError, match="nominal"):
        krippendorff(THREE, level="nominl")  # type: ignore[arg-type]


def test_icc_of_shrout_and_fleiss() -> None:
    expected = (0.165741768, 0.289763780, 0.714840715, 0.620050548, 0.909315542)
    np.testing.assert_allclose(icc(SHROUT), expected, atol=1e-9)
    # a constant of each rater: absolute agreement falls, consistency does not
    shifted = np.array(SHROUT) + np.array([0, 5, 0, 0])
    assert icc(shifted).single_fixed == pytest.approx(expected[2], abs=1e-9)
    assert icc(shifted).single_random != pytest.approx(expected[1], abs=1e-3)


def test_the_paradox_of_kappa() -> None:
    """90 both yes, 5 + 5 split, 0 both no: 190 of 200 ratings are yes."""
    first, second = [1] * 95 + [0] * 5, [1] * 90 + [0] * 5 + [1] * 5
    found = two_raters(first, second, labels=[0, 1])
    np.testing.assert_allclose(found, (0.9, -0.052631579, 0.95, 0.889502762), atol=1e-9)


def test_weighted_kappa_and_resamples() -> None:
    a, b = np.array([0, 1, 2, 2, 1, 0, 2, 1]), np.array([0, 1, 1, 2, 2, 0, 2, 0])
    expected = {"none": 0.441860465, "linear": 0.586206897, "quadratic": 0.727272727}
    weights = patient_weights([str(place // 2) for place in range(8)], resamples=6, seed=3)
    counts = weights.items(0, 6).astype(int)
    for name, value in expected.items():
        assert two_raters(a, b, labels=[0, 1, 2], weights=name).kappa == pytest.approx(value, abs=1e-9)
        draws = two_raters_draws(a, b, weights, labels=[0, 1, 2], weights=name)
        for place, row in enumerate(draws):
            again = [np.repeat(values, counts[:, place]) for values in (a, b)]
            np.testing.assert_allclose(row, two_raters(*again, labels=[0, 1, 2], weights=name))


def test_kendall_tau() -> None:
    """Of ten pairs, 3-2 and 5-4 are turned: (8 - 2)/10. With a tie: (2 - 0)/sqrt(2 x 3)."""
    assert kendall_tau([1, 2, 3, 4, 5], [1, 3, 2, 5, 4]) == pytest.approx(0.6)
    assert kendall_tau([1, 1, 2], [1, 2, 3]) == pytest.approx(2 / 6**0.5)
    assert np.isnan(kendall_tau([1, 1], [1, 2]))
    with pytest.raises(DataError, match="same ones"):
        kendall_tau([1, 2], [1, 2, 3])


def test_tau_in_resamples_is_that_of_repeated_items() -> None:
    stream = np.random.default_rng(0)
    first, second = stream.random((12, 4)), stream.random((12, 4))
    weights = patient_weights([str(place // 3) for place in range(12)], resamples=5)
    counts = weights.items(0, 5).astype(int)
    for place, tau in enumerate(tau_draws(first, second, weights)):
        means = [np.repeat(table, counts[:, place], axis=0).mean(axis=0) for table in (first, second)]
        assert tau == pytest.approx(kendall_tau(*means))


def test_swapping_and_length() -> None:
    """A judge that always likes the first place changes its mind on every item, a steady one on none."""
    np.testing.assert_array_equal(swapped([1, 1, 0, -1], [1, -1, 0, -1]), [1, 0, 0, 1])
    with pytest.raises(DataError, match="1, 0 or -1"):
        swapped([1, 2], [1, 1])
    assert length_bias([1, 2, 3, 3], [10, 20, 30, 40]) == pytest.approx(4.5 / (4.5 * 5) ** 0.5)
    assert np.isnan(length_bias([2, 2], [1, 5]))
