"""Run-length codes by hand, and there and back."""

from __future__ import annotations

import numpy as np
import pytest

from vesalius.data.rle import decode_absolute, decode_coco, decode_relative, encode_coco, encode_relative
from vesalius.errors import DataError

# Two rows and three columns, down the columns: (0,0) (1,0) | (0,1) (1,1) | (0,2) (1,2).
MASK = np.array([[False, True, False], [True, True, True]])


def test_each_convention_by_hand() -> None:
    # Down the columns the mask is 0 1 | 1 1 | 0 1: a run of 3 after 1, a run of 1 after 1 more.
    assert np.array_equal(decode_relative("1 3 1 1", (2, 3)), MASK)
    # The same from 1: the runs start at the second and at the sixth pixel.
    assert np.array_equal(decode_absolute("2 3 6 1", (2, 3)), MASK)
    # Off 1, on 3, off 1, on 1; in packed text each is one character from "0".
    assert np.array_equal(decode_coco([1, 3, 1, 1], (2, 3)), MASK)
    # The fourth count is stored as its difference to the second: 1 - 3 = -2, 30 in five bits, "N".
    assert encode_coco(MASK) == "131N"
    assert np.array_equal(decode_coco("131N", (2, 3)), MASK)
    assert encode_relative(MASK) == "1 3 1 1"
    assert encode_relative(~MASK) == "0 1 3 1"
    assert encode_relative(np.zeros((2, 2), bool)) == ""


def test_a_packed_count_of_two_characters() -> None:
    # 100 = 0b11 00100: low five bits 4 with the sign that more follow, 4 + 32 + 48 = "T", then 3 + 48 = "3".
    assert encode_coco(np.zeros((10, 10), bool)) == "T3"
    assert not decode_coco("T3", (10, 10)).any()


@pytest.mark.parametrize("seed", range(30))
def test_there_and_back(seed: int) -> None:
    rng = np.random.default_rng(seed)
    shape = (int(rng.integers(1, 40)), int(rng.integers(1, 40)))
    mask = rng.random(shape) < rng.choice([0.0, 0.02, 0.5, 0.98, 1.0])
    assert np.array_equal(decode_coco(encode_coco(mask), shape), mask)
    assert np.array_equal(decode_relative(encode_relative(mask), shape), mask)


@pytest.mark.parametrize(
    ("code", "message"),
    [("1 2 3", "of 3 numbers"), ("1 x", "expected pairs"), ("-1 2", "none below 0"), ("3 9", "ends at pixel 12 of 6"),
     ("99999999999999999999 1", "expected pairs")],
)  # fmt: skip
def test_bad_relative_codes(code: str, message: str) -> None:
    with pytest.raises(DataError, match=message):
        decode_relative(code, (2, 3))


@pytest.mark.parametrize(
    ("code", "message"), [("13", "of 4 pixels"), ("1\n", "has the character"), ("1T", "in the middle"),
                          ("T" * 20, "has the character")],
)  # fmt: skip
def test_bad_packed_codes(code: str, message: str) -> None:
    with pytest.raises(DataError, match=message):
        decode_coco(code, (2, 3))


def test_a_huge_picture_is_refused() -> None:
    with pytest.raises(DataError, match="limit"):
        decode_relative("0 1", (2**20, 2**20))
    with pytest.raises(DataError, match="limit"):
        decode_coco([2**40], (2**20, 2**20))
