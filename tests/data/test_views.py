"""Views: what each step does to a picture whose answer is known, and that each can be switched off."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from vesalius.data.views import ViewConfig, view


def picture() -> NDArray[np.float32]:
    """A bright square left of the middle, off-centre in height."""
    image = np.zeros((1, 40, 60), np.float32)
    image[0, 10:16, 12:20] = 1
    return image


def drawn(image: NDArray[np.float32], seed: int = 0, **steps: Any) -> NDArray[np.float32]:
    return view(image, ViewConfig(**steps), rng=np.random.default_rng(seed))


def centre(image: NDArray[np.float32]) -> tuple[float, float]:
    rows, columns = np.indices(image.shape[-2:])
    total = image[0].sum()
    return float((rows * image[0]).sum() / total), float((columns * image[0]).sum() / total)


def test_nothing_switched_on_changes_nothing() -> None:
    np.testing.assert_array_equal(drawn(picture()), picture())


def test_flip_is_the_mirror_image() -> None:
    np.testing.assert_allclose(drawn(picture(), flip=1.0), picture()[:, :, ::-1], atol=1e-6)


def test_a_full_crop_and_a_zoom_of_one_change_nothing() -> None:
    np.testing.assert_allclose(drawn(picture(), crop=(1.0, 1.0), zoom=(1.0, 1.0)), picture(), atol=1e-6)


def test_crop_enlarges_by_its_side() -> None:
    # Half of the sides kept: the square covers four times the area wherever the crop lies, if it is inside.
    areas = [drawn(picture(), seed, crop=(0.25, 0.25)).sum() for seed in range(40)]
    assert max(areas) == pytest.approx(4 * 48, rel=0.05)


def test_translation_moves_by_at_most_its_share() -> None:
    row, column = centre(picture())
    moves = np.array([centre(drawn(picture(), seed, translation=0.1)) for seed in range(60)]) - (row, column)
    assert np.abs(moves[:, 0]).max() == pytest.approx(4, abs=0.5)  # a tenth of 40 rows
    assert np.abs(moves[:, 1]).max() == pytest.approx(6, abs=0.5)  # a tenth of 60 columns


def test_rotation_keeps_the_distance_from_the_middle() -> None:
    middle = np.array([19.5, 29.5])
    away = np.linalg.norm(np.array(centre(picture())) - middle)
    angles = []
    for seed in range(30):
        turned = np.array(centre(drawn(picture(), seed, rotation=20))) - middle
        assert np.linalg.norm(turned) == pytest.approx(away, abs=0.2)
        angles.append(np.degrees(np.arctan2(*turned) - np.arctan2(*(np.array(centre(picture())) - middle))))
    assert 15 < np.abs(angles).max() < 20.5


def test_brightness_and_contrast_by_hand() -> None:
    image = np.full((1, 4, 4), 0.5, np.float32)
    np.testing.assert_allclose(drawn(image, brightness=(1.4, 1.4)), 0.7)
    np.testing.assert_allclose(drawn(image, brightness=(3.0, 3.0)), 1.0)  # white is white
    image[:, :2] = 0.25
    # Mean 0.375; distances ±0.125 become ±0.0625.
    expected = np.where(image == 0.5, 0.4375, 0.3125)
    np.testing.assert_allclose(drawn(image, contrast=(0.5, 0.5)), expected)


def test_blur_of_a_point_is_a_gaussian() -> None:
    image = np.zeros((1, 41, 41), np.float32)
    image[0, 20, 20] = 1
    blurred = drawn(image, blur=(2.0, 2.0))[0]
    assert blurred.sum() == pytest.approx(1, abs=1e-5)
    # exp(-x² / 8) one pixel aside
    assert blurred[20, 21] / blurred[20, 20] == pytest.approx(np.exp(-1 / 8), rel=1e-5)
    flat = np.full((1, 9, 9), 0.3, np.float32)
    np.testing.assert_allclose(drawn(flat, blur=(3.0, 3.0)), flat, rtol=1e-6)  # no dark border


def test_the_same_seed_gives_the_same_view_and_slices_share_it() -> None:
    volume = np.repeat(picture()[:, None], 3, axis=1)
    steps: dict[str, Any] = {
        "crop": (0.6, 1.0),
        "flip": 0.5,
        "rotation": 20.0,
        "translation": 0.1,
        "blur": (0.1, 3),
    }
    one, other = drawn(volume, 5, **steps), drawn(volume, 5, **steps)
    np.testing.assert_array_equal(one, other)
    assert one.shape == volume.shape
    assert one.dtype == np.float32
    np.testing.assert_array_equal(one[:, 0], one[:, 2])
    assert not np.array_equal(one, drawn(volume, 6, **steps))


def test_values_stay_in_range() -> None:
    image = np.random.default_rng(0).random((3, 32, 32)).astype(np.float32)
    for seed in range(20):
        out = drawn(
            image,
            seed,
            crop=(0.08, 1.0),
            ratio=(0.75, 4 / 3),
            zoom=(0.95, 1.05),
            rotation=20.0,
            brightness=(0.6, 1.4),
            contrast=(0.6, 1.4),
            blur=(0.1, 3.0),
        )
        assert out.min() >= 0
        assert out.max() <= 1 + 1e-6


@pytest.mark.parametrize(
    ("steps", "message"),
    [
        ({"crop": (0.5, 1.5)}, "at most all"),
        ({"zoom": (2.0, 1.0)}, "rising"),
        ({"flip": 2.0}, "chance between 0 and 1"),
    ],
)
def test_bad_ranges_are_refused(steps: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        ViewConfig(**steps)
