"""Spots and strokes: areas from geometry, sub-pixel things keep theirs, masks are where they should be."""

from __future__ import annotations

import numpy as np
import pytest

from vesalius.virtual.strokes import Sheet, Spots, paint_spots, paint_strokes, spot_masks


def disc(x: float, y: float, radius: float, *, wide: float | None = None, angle: float = 0.0) -> Spots:
    zero = np.zeros(1)
    long, across = np.array([radius]), np.array([wide or radius])
    return Spots(np.array([x]), np.array([y]), long, across, zero + angle, zero, zero, zero)


@pytest.mark.parametrize("size", [64, 256, 512])
@pytest.mark.parametrize("place", [(0.0, 0.0), (1.37, -2.11)])
def test_area_of_a_spot(size: int, place: tuple[float, float]) -> None:
    sheet = Sheet(size, size, 10.0)
    cover = paint_spots(sheet, disc(*place, 1.2, wide=0.8, angle=0.6))
    # pi · 1.2 · 0.8 = 3.016 mm²; the smoothed edge of a pixel moves it by less than 3 % where 0.8 mm are 5 pixels.
    assert float(cover.sum()) * sheet.pixel_mm**2 == pytest.approx(np.pi * 1.2 * 0.8, rel=0.03)


def test_area_of_a_stroke() -> None:
    sheet = Sheet(200, 200, 10.0)
    cover = paint_strokes(sheet, np.array([[-2.0, -1.0]]), np.array([[2.0, 2.0]]), np.array([0.2]))
    # Length 5, width 0.4, two half discs of 0.2: 2 + 0.1257 = 2.126 mm².
    assert float(cover.sum()) * sheet.pixel_mm**2 == pytest.approx(2.126, rel=0.02)


def test_thin_strokes_keep_their_amount() -> None:
    # A line of 0.02 mm on pixels of 0.1 mm: 4 mm · 0.02 mm = 0.08 mm², plus the ends of a pixel's width.
    sheet = Sheet(100, 100, 10.0)
    cover = paint_strokes(sheet, np.array([[-2.0, 0.0]]), np.array([[2.0, 0.0]]), np.array([0.01]))
    assert float(cover.sum()) * 0.01 == pytest.approx(0.08, rel=0.08)
    assert float(cover.max()) <= 0.21


def test_masks_of_points_are_never_empty_inside_the_sheet() -> None:
    sheet = Sheet(64, 64, 12.0)
    places = np.random.default_rng(0).uniform(-5.5, 5.5, (2, 40))
    tiny, zero = np.full(40, 0.01), np.zeros(40)
    masks = spot_masks(sheet, Spots(places[0], places[1], tiny, tiny, zero, zero, zero, zero))
    columns, rows = sheet.pixels(places[0], places[1])
    for mask, column, row in zip(masks, columns, rows, strict=True):
        assert 1 <= mask.sum() <= 4
        assert mask[round(float(row)), round(float(column))]


def test_mask_of_a_spot_is_half_its_coverage() -> None:
    sheet = Sheet(256, 256, 10.0)
    spot = disc(0.5, -0.3, 0.9)
    (mask,) = spot_masks(sheet, spot)
    assert np.array_equal(mask, paint_spots(sheet, spot) >= 0.5)


def test_order_does_not_matter_and_nothing_paints_nothing() -> None:
    rng = np.random.default_rng(1)
    sheet = Sheet(96, 96, 8.0)
    start, end, radius = rng.uniform(-4, 4, (30, 2)), rng.uniform(-4, 4, (30, 2)), rng.uniform(0.01, 0.3, 30)
    turned = rng.permutation(30)
    one, other = (
        paint_strokes(sheet, start, end, radius),
        paint_strokes(sheet, start[turned], end[turned], radius[turned]),
    )
    assert np.array_equal(one, other)
    assert not paint_strokes(sheet, start[:0], end[:0], radius[:0]).any()
