"""Similarity maps over pictures: the right frame, the right place, outlines inside."""

from __future__ import annotations

import numpy as np
import pytest

from vesalius.data.readers import Pixels
from vesalius.data.records import Box
from vesalius.inference.overlay import heat_map, model_frame, picture


@pytest.mark.parametrize(
    ("shape", "grid", "rows", "columns"),
    [
        ((100, 100), (8, 8), slice(0, 8), slice(0, 8)),
        ((100, 50), (8, 8), slice(0, 8), slice(2, 6)),  # half as wide: 4 of 8 columns, 2 left on each side
        ((50, 100), (8, 8), slice(2, 6), slice(0, 8)),
        ((100, 50), (4, 8, 8), slice(0, 8), slice(2, 6)),  # a volume's grid: rows and columns are its last two
    ],
)
def test_the_padded_part_is_cut_off(
    shape: tuple[int, int], grid: tuple[int, ...], rows: slice, columns: slice
) -> None:
    assert model_frame(np.zeros(shape, np.float32), grid) == (rows, columns)


def test_colour_is_where_the_likeness_is() -> None:
    similarity = np.zeros((4, 4), np.float32)
    similarity[0, 3] = 1.0
    mixed = heat_map(np.full((40, 40), 0.5, np.float32), similarity)
    assert mixed.shape == (40, 40, 3)
    brightness = mixed.sum(axis=2)
    row, column = np.unravel_index(brightness.argmax(), brightness.shape)
    assert row < 12
    assert column > 28


def test_a_level_map_and_a_box_at_the_edge() -> None:
    shown = np.zeros((30, 20), np.float32)
    mixed = heat_map(shown, np.ones((3, 2), np.float32), boxes=[Box(0, 0, 20, 30), Box(5, 10, 9, 12)], padded=False)
    assert np.isfinite(mixed).all()
    assert (mixed[10, 5:9] == 1).all()
    assert (mixed[20, 10] == 0).all()  # nothing stands out, so nothing is coloured


@pytest.mark.parametrize(
    ("shape", "axes", "expected"),
    [
        ((6, 5), "YX", (6, 5)),
        ((6, 5, 3), "YXC", (6, 5, 3)),
        ((4, 6, 5), "ZYX", (6, 5)),
        ((2, 6, 5, 3), "TYXC", (6, 5, 3)),
    ],
)
def test_a_picture_of_anything(shape: tuple[int, ...], axes: str, expected: tuple[int, ...]) -> None:
    units = "rgb" if axes.endswith("C") else "stored"
    pixels = Pixels(array=np.zeros(shape, np.uint8), axes=axes, units=units)  # type: ignore[arg-type]
    assert picture(pixels).shape == expected
