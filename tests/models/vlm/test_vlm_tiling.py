"""Grids and native sizes: PA-LLaVA's cases by hand, and the rules of three public codes on many sizes."""

from __future__ import annotations

import importlib

import numpy as np
import pytest
from transformers.image_processing_utils import select_best_resolution

from vesalius.errors import DataError
from vesalius.models.vlm.tiling import closest_grid, effective_grid, native_size, padded
from vesalius.models.vlm.view_settings import PictureViews

GRIDS = PictureViews().grids
MODELS = "transformers.models"


@pytest.mark.evidence("pa-llava", "L2", "grids of the card's four pictures")
@pytest.mark.parametrize(
    ("columns", "rows", "grid"),
    [
        (448, 448, (2, 2)),
        # 4 × 2 keeps 896 × 268 = 240 128 pixels, 4 × 1 only 746 × 224 = 167 104.
        (1000, 300, (4, 2)),
        (896, 224, (4, 1)),
        # Every grid keeps all 50 176 pixels; those of four tiles waste equally, and 1 × 4 is the first of them.
        (224, 224, (1, 4)),
    ],
)
def test_the_grid_that_keeps_most_pixels(columns: int, rows: int, grid: tuple[int, int]) -> None:
    assert effective_grid(rows, columns, tile=224, grids=GRIDS) == grid


def test_there_are_fifteen_grids_of_four_to_eight_tiles() -> None:
    assert len(GRIDS) == 15
    assert {columns * rows for columns, rows in GRIDS} == {4, 5, 6, 7, 8}


def sizes(count: int, *, most: int = 3000) -> list[tuple[int, int]]:
    drawn = np.random.default_rng(0).integers(20, most, (count, 2))
    return [(int(rows), int(columns)) for rows, columns in drawn]


@pytest.mark.evidence("pa-llava", "L2", "the rule of the grid is LLaVA-NeXT's, on 500 sizes")
def test_effective_grid_is_that_of_llava_next() -> None:
    choices = [(rows * 224, columns * 224) for columns, rows in GRIDS]
    for rows, columns in sizes(500):
        height, width = select_best_resolution((rows, columns), choices)
        assert effective_grid(rows, columns, tile=224, grids=GRIDS) == (width // 224, height // 224)


def test_closest_grid_is_that_of_internvl() -> None:
    # The processor of GOT-OCR 2 is also InternVL's. Whole multiples have equals among the grids.
    tiled = importlib.import_module(f"{MODELS}.got_ocr2.image_processing_pil_got_ocr2").get_optimal_tiled_canvas
    multiples = [(448 * rows, 448 * columns) for rows in range(1, 5) for columns in range(1, 5)]
    for rows, columns in [*multiples, *sizes(300)]:
        for fewest, most in ((1, 12), (2, 6)):
            expected = tuple(tiled((rows, columns), (448, 448), fewest, most))
            assert closest_grid(rows, columns, tile=448, fewest=fewest, most=most) == expected


def test_a_small_square_stays_one_tile_and_a_large_one_is_cut() -> None:
    # 100² is not more than half of 2 × 2 tiles, 2000² is more than half of 3 × 3 tiles of 448 (903 168).
    assert closest_grid(100, 100, tile=448, fewest=1, most=12) == (1, 1)
    assert closest_grid(2000, 2000, tile=448, fewest=1, most=12) == (3, 3)


def test_native_size_is_that_of_qwen2_vl() -> None:
    module = importlib.import_module(f"{MODELS}.qwen2_vl.image_processing_pil_qwen2_vl")
    for rows, columns in sizes(500):
        expected = module.smart_resize(rows, columns, factor=28, min_pixels=3136, max_pixels=602_112)
        assert native_size(rows, columns, factor=28, min_pixels=3136, max_pixels=602_112) == tuple(expected)


def test_native_size_keeps_multiples_bounds_and_shape() -> None:
    for rows, columns in sizes(300, most=8000):
        height, width = native_size(rows, columns, factor=28, min_pixels=3136, max_pixels=602_112)
        assert height % 28 == 0
        assert width % 28 == 0
        assert height * width <= 602_112 or min(height, width) == 28
        assert height * width >= 3136


def test_a_strip_is_refused_with_its_size() -> None:
    with pytest.raises(DataError, match="4001 rows and 20 columns"):
        native_size(4001, 20, factor=28, min_pixels=3136, max_pixels=602_112)


@pytest.mark.evidence("pa-llava", "L2", "padding is centred")
def test_padding_is_centred_and_keeps_the_shape() -> None:
    # 1000 × 300 on 896 × 448: the factor .896 leaves 268.8 rows, rounded up to 269, and 448 - 269 = 179 black ones.
    place = padded(300, 1000, height=448, width=896)
    assert (place.rows, place.columns, place.top, place.left) == (269, 896, 89, 0)
