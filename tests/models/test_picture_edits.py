"""Blur, brightness and noise of pictures before they are shown."""

from __future__ import annotations

import numpy as np
import pytest

from vesalius.models.media import EDITS


def test_blur_by_hand() -> None:
    """A white point under the window of 5, products of 1/16, 4/16 and 6/16: 255 · (6/16)² = 35.9, 255 / 16² = 1.0."""
    point = np.zeros((9, 9, 3), dtype=np.uint8)
    point[4, 4] = 255
    blurred = EDITS["gaussian-blur"](point, "5")
    assert blurred[4, 2:7, 0].tolist() == [6, 24, 36, 24, 6]
    assert (blurred[2, 2, 0], blurred[4, 1, 0]) == (1, 0)
    assert np.array_equal(blurred, blurred.transpose(1, 0, 2))


@pytest.mark.parametrize("size", ["3", "5", "7", "11"])
def test_blur_leaves_even_pictures_and_takes_small_ones(size: str) -> None:
    even = np.full((20, 12, 3), 77, dtype=np.uint8)
    assert np.array_equal(EDITS["gaussian-blur"](even, size), even)
    assert EDITS["gaussian-blur"](even[:2, :3], size).shape == (2, 3, 3)


def test_brightness_stops_at_white() -> None:
    picture = np.array([[[0, 60, 101], [128, 200, 255]]], dtype=np.uint8)
    assert EDITS["brightness"](picture, "2.5").tolist() == [[[0, 150, 252], [255, 255, 255]]]


def test_noise_is_grey_and_the_same_for_the_same_seed() -> None:
    picture = np.full((64, 64, 3), 100, dtype=np.uint8)
    one, again, other = (EDITS["gaussian-noise"](picture, words) for words in ("0.1:a", "0.1:a", "0.1:b"))
    assert np.array_equal(one, again)
    assert not np.array_equal(one, other)
    assert (one == one[:, :, :1]).all()
    assert abs(one.mean() - 125.5) < 2, "the mean .1 of white, and .5 that the fractions lose"
    assert abs(one.std() - 25.5) < 2, "variance .01"
