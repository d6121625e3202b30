"""Pictures become views: tiles in order, padding black, boxes and points there and back, wrong arrays refused."""

from __future__ import annotations

from dataclasses import asdict

import numpy as np
import pytest
from numpy.typing import NDArray

from vesalius.errors import DataError
from vesalius.models.vlm.view_settings import PictureViews, ViewSettings
from vesalius.models.vlm.views import Layout, in_tiles, picture_layout, picture_views

PLAIN = {"mean": 0.0, "std": 1.0}
"""Views as shown, 0 black to 1 white."""


def tiled(**settings: object) -> ViewSettings:
    return ViewSettings(size=224, picture=PictureViews(policy="tiles", **settings), **PLAIN)  # type: ignore[arg-type]


def noise(rows: int, columns: int, *channels: int) -> NDArray[np.uint8]:
    return np.random.default_rng(1).integers(0, 256, (rows, columns, *channels), dtype=np.uint8)


def test_tiles_go_row_by_row_behind_the_overview() -> None:
    # A picture of the canvas's own size, one grey level a tile, is cut without any resampling.
    picture = np.kron(np.arange(8, dtype=np.uint8).reshape(2, 4) * 30, np.ones((224, 224), dtype=np.uint8))
    views = picture_views(picture, tiled())
    assert views.layout.views == 9
    assert (views.layout.columns, views.layout.rows, views.layout.overview) == (4, 2, True)
    assert views.arrays.shape == (9, 3, 224, 224)
    for tile in range(8):
        np.testing.assert_allclose(views.arrays[1 + tile], 30 * tile / 255, rtol=1e-6)
    # The overview is the whole picture, stretched: its corners are the corner tiles'.
    np.testing.assert_allclose(views.arrays[0][0, [0, 0, -1, -1], [0, -1, 0, -1]] * 255, [0, 90, 120, 210], atol=1e-3)


def test_padding_is_black_and_centred() -> None:
    views = picture_views(np.full((300, 1000), 255, dtype=np.uint8), tiled(overview=False))
    canvas = views.arrays[:, 0].reshape(2, 4, 224, 224).transpose(0, 2, 1, 3).reshape(448, 896)
    assert views.layout.views == 8
    # 269 white rows, 89 black ones above and 90 below (448 - 269 = 179).
    np.testing.assert_array_equal(canvas[:, 0] > 0.5, [False] * 89 + [True] * 269 + [False] * 90)
    assert set(np.unique(canvas)) <= {0.0, 1.0}


def test_black_is_normalised_as_black() -> None:
    settings = ViewSettings(size=8, mean=(0.5, 0.25, 0.0), std=(0.5, 0.25, 1.0))
    arrays = picture_views(np.zeros((4, 8), dtype=np.uint8), settings).arrays
    np.testing.assert_array_equal(arrays[0, :, 0, 0], [-1, -1, 0])


@pytest.mark.parametrize(
    ("settings", "shape"),
    [
        (ViewSettings(size=96), (1, 3, 96, 96)),
        (ViewSettings(size=96, channels=1), (1, 1, 96, 96)),
        # 301 × 203 with multiples of 28: 308 × 196.
        (ViewSettings(picture=PictureViews(policy="native")), (1, 3, 308, 196)),
        (ViewSettings(size=96, picture=PictureViews(policy="resize", fit="stretch")), (1, 3, 96, 96)),
        # The ratio 203 / 301 = .674 is nearest to 2 / 3 = .667 of 2 columns and 3 rows; an overview before.
        (ViewSettings(size=96, picture=PictureViews(policy="tiles", rule="ratio")), (7, 3, 96, 96)),
    ],
)
def test_boxes_and_points_go_there_and_back_with_odd_sizes(settings: ViewSettings, shape: tuple[int, ...]) -> None:
    views = picture_views(noise(301, 203), settings)
    assert views.arrays.shape == shape
    assert views.place is not None
    boxes = np.array([[3.0, 7.0, 50.5, 90.0], [0.0, 0.0, 203.0, 301.0]])
    moved = views.place.boxes(boxes)
    layout = views.layout
    height, width = layout.rows * layout.size[0], layout.columns * layout.size[1]
    assert (moved >= 0).all()
    assert (moved <= [width, height, width, height]).all()
    np.testing.assert_allclose(views.place.original_boxes(moved), boxes, atol=1e-9)
    points = np.array([[101.0, 33.5], [0.0, 300.0]])
    np.testing.assert_allclose(views.place.original_points(views.place.points(points)), points, atol=1e-9)


@pytest.mark.parametrize("policy", ["resize", "native", "tiles"])
def test_a_bright_spot_lies_where_the_mapping_says(policy: str) -> None:
    picture = np.zeros((517, 333), dtype=np.uint8)
    picture[400:420, 60:80] = 255
    views = picture_views(picture, ViewSettings(size=224, picture=PictureViews(policy=policy), **PLAIN))  # type: ignore[arg-type]
    layout = views.layout
    assert views.place is not None
    ((x, y),) = views.place.points(np.array([[70.0, 410.0]]))
    tiles = views.arrays[int(layout.overview) :, 0]
    rows, columns = layout.size
    canvas = tiles.reshape(layout.rows, layout.columns, rows, columns).transpose(0, 2, 1, 3)
    canvas = canvas.reshape(layout.rows * rows, layout.columns * columns)
    weights = canvas / canvas.sum()
    # Pixel n covers n to n + 1, so that its centre is n + ½.
    centre = (
        (weights.sum(0) * (np.arange(canvas.shape[1]) + 0.5)).sum(),
        (weights.sum(1) @ np.arange(len(canvas))) + 0.5,
    )
    np.testing.assert_allclose(centre, (x, y), atol=0.3)  # resampling of one grey level, measured .09 at most
    (view,), ((inner_x, inner_y),) = in_tiles(np.array([[x, y]]), layout)
    assert views.arrays[view, 0, int(inner_y), int(inner_x)] > 0.9


def test_points_in_tiles() -> None:
    layout = Layout(kind="image", views=7, size=(10, 20), columns=3, rows=2, overview=True)
    views, inner = in_tiles(np.array([[0.0, 0.0], [59.0, 19.0], [25.0, 5.0], [60.0, 20.0]]), layout)
    assert views.tolist() == [1, 6, 2, 6]
    np.testing.assert_allclose(inner, [[0, 0], [19, 9], [5, 5], [20, 10]])


def test_one_tile_by_ratio_has_no_overview() -> None:
    settings = ViewSettings(size=448, picture=PictureViews(policy="tiles", rule="ratio"))
    assert picture_views(noise(300, 300, 3), settings).layout.views == 1


def test_the_same_picture_gives_the_same_views() -> None:
    first, second = (picture_views(noise(301, 203, 3), tiled()).arrays for _ in range(2))
    np.testing.assert_array_equal(first, second)


def test_grey_and_colour_and_floats() -> None:
    settings = ViewSettings(size=16, picture=PictureViews(fit="stretch"), **PLAIN)
    grey = noise(16, 16)
    np.testing.assert_allclose(picture_views(grey, settings).arrays[0, 2], grey / 255, atol=1e-6)
    floats = picture_views((grey / 255).astype(np.float32), settings).arrays
    np.testing.assert_allclose(floats, picture_views(grey, settings).arrays, atol=1e-6)
    colour = noise(16, 16, 3)
    np.testing.assert_allclose(picture_views(colour, settings).arrays[0, 1], colour[:, :, 1] / 255, atol=1e-6)
    deep = (grey.astype(np.uint16) * 257)[:, :, None]
    np.testing.assert_allclose(picture_views(deep, settings).arrays, floats, atol=1e-6)


@pytest.mark.parametrize("shape", [(5, 16, 16, 3), (16, 16, 4), (16,), (0, 16)])
def test_what_is_no_picture_is_refused_with_its_shape(shape: tuple[int, ...]) -> None:
    with pytest.raises(DataError, match=str(shape).replace("(", r"\(").replace(")", r"\)")):
        picture_views(np.zeros(shape, dtype=np.uint8), ViewSettings())


@pytest.mark.parametrize(("rows", "columns"), [(1, 1), (1, 10_000), (10_000, 1), (3, 150)])
def test_strips_and_dots_have_views_or_a_clear_error(rows: int, columns: int) -> None:
    for settings in (ViewSettings(size=32), tiled(), tiled(rule="ratio")):
        views = picture_views(np.full((rows, columns), 255, dtype=np.uint8), settings)
        assert views.arrays.max() > 0.5
    native = ViewSettings(picture=PictureViews(policy="native"))
    if max(rows, columns) > 200 * min(rows, columns):
        with pytest.raises(DataError, match="longer than 200 times"):
            picture_layout(rows, columns, native)
    else:
        height, width = picture_layout(rows, columns, native).size
        assert height * width <= native.max_pixels


def test_hounsfield_values_are_no_picture() -> None:
    with pytest.raises(DataError, match="a picture of int16 values"):
        picture_views(np.zeros((4, 4), dtype=np.int16), ViewSettings())


def test_the_layout_is_known_without_pixels() -> None:
    native = ViewSettings(picture=PictureViews(policy="native"))
    for settings in (ViewSettings(), tiled(), tiled(rule="ratio"), native):
        for rows, columns in ((301, 203), (100, 100), (224, 1000)):
            ahead = picture_layout(rows, columns, settings)
            views = picture_views(noise(rows, columns), settings)
            assert asdict(ahead) == asdict(views.layout)
            assert views.arrays.shape == (ahead.views, 3, *ahead.size)


def test_a_layout_that_contradicts_itself_is_refused() -> None:
    with pytest.raises(DataError, match="3 views of a picture in 2 rows and 2 columns"):
        Layout(kind="image", views=3, size=(8, 8), columns=2, rows=2)
    with pytest.raises(DataError, match="2 positions for 3 views"):
        Layout(kind="volume", views=3, size=(8, 8), positions=(0.0, 1.0))
    with pytest.raises(DataError, match=r"kept has the shape \(2, 4\)"):
        Layout(kind="volume", views=3, size=(8, 8), kept=np.ones((2, 4), dtype=bool))
    with pytest.raises(DataError, match="merged"):
        Layout(kind="volume", views=2, size=(8, 8), kept=np.ones((2, 4), dtype=bool), merged=2)
