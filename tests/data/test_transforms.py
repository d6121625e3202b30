"""The image processor: sizes, padding, channels, depth."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from vesalius.data.readers import Pixels, Presentation
from vesalius.data.transforms import ImageProcessor
from vesalius.errors import ConfigError, DataError


def grey(array: np.ndarray, *, white: float = 255.0, axes: str = "YX") -> Pixels:
    units = "rgb" if axes.endswith("C") else "display"
    return Pixels(array=array, axes=axes, units=units, presentation=Presentation(white=white))  # type: ignore[arg-type]


@given(height=st.integers(1, 40), width=st.integers(1, 40), resize=st.sampled_from(["pad", "stretch"]))
@hypothesis_settings(max_examples=40, deadline=None)
def test_every_shape_comes_out_at_the_size_and_within_0_and_1(height: int, width: int, resize: str) -> None:
    array = np.random.default_rng(0).integers(0, 256, (height, width)).astype(np.uint8)
    image = ImageProcessor(size=(16, 24), resize=resize)(grey(array))  # type: ignore[arg-type]
    assert image.shape == (1, 16, 24)
    assert image.dtype == np.float32
    assert image.min() >= 0.0
    assert image.max() <= 1.0


def test_pad_keeps_the_shape_and_puts_black_on_both_sides() -> None:
    # 10 rows × 20 columns to 16 × 16: scale 0.8, so 8 rows with 4 black rows above and below.
    image = ImageProcessor(size=16)(grey(np.full((10, 20), 255, np.uint8)))[0]
    assert np.all(image[4:12] == 1.0)
    assert np.all(image[:4] == 0.0)
    assert np.all(image[12:] == 0.0)


def test_stretch_fills_the_square() -> None:
    assert np.all(ImageProcessor(size=16, resize="stretch")(grey(np.full((10, 20), 255, np.uint8))) == 1.0)


def test_reducing_averages_instead_of_picking() -> None:
    # A checkerboard of single pixels has the mean 0.5 everywhere; picking would give stripes of 0 and 1.
    board = (np.indices((64, 64)).sum(axis=0) % 2 * 255).astype(np.uint8)
    inner = ImageProcessor(size=8)(grey(board))[0, 1:-1, 1:-1]
    # The triangle filter weighs whole periods of 2 pixels equally up to float32 rounding.
    assert np.allclose(inner, 0.5, atol=1e-3)


def test_sixteen_bits_are_kept() -> None:
    # One grey level of 65535 is 1.5e-5; eight bits would round it away.
    array = np.full((8, 8), 32768, np.uint16)
    array[:, 4:] += 1
    image = ImageProcessor(size=8)(grey(array, white=65535.0))[0]
    assert image[0, 7] - image[0, 0] == pytest.approx(1 / 65535, rel=0.01)


def test_grey_becomes_three_equal_channels_and_colour_one_brightness() -> None:
    colour = ImageProcessor(size=4, channels=3)(grey(np.full((4, 4), 51, np.uint8)))
    assert colour.shape == (3, 4, 4)
    assert np.allclose(colour, 0.2)
    red = np.zeros((4, 4, 3), np.uint8)
    red[..., 0] = 255
    # BT.601: red is 0.299 of brightness.
    assert np.allclose(ImageProcessor(size=4)(grey(red, axes="YXC")), 0.299, atol=1e-6)
    assert ImageProcessor(size=4, channels=3)(grey(red, axes="YXC"))[0].min() == 1.0


def test_a_volume_is_resampled_along_the_slices_too() -> None:
    volume = np.zeros((4, 8, 8), np.uint8)
    volume[2:] = 255
    image = ImageProcessor(size=(2, 8, 8))(grey(volume, axes="ZYX"))
    assert image.shape == (1, 2, 8, 8)
    # Triangle of half-width 2 over slices at 0.5, 1.5, 2.5, 3.5, centred at 1: weights .375 .375 .125 (and 0 beyond).
    assert image[0, 0, 4, 4] == pytest.approx(0.125 / 0.875, abs=1e-6)


def test_a_volume_for_a_flat_model_is_an_error_that_says_so() -> None:
    with pytest.raises(DataError, match="needs three numbers"):
        ImageProcessor(size=8)(grey(np.zeros((4, 8, 8), np.uint8), axes="ZYX"))
    with pytest.raises(DataError, match="axes YX"):
        ImageProcessor(size=(4, 8, 8))(grey(np.zeros((8, 8), np.uint8)))


def test_normalise_is_by_channel() -> None:
    processor = ImageProcessor(size=2, channels=3, mean=(0.1, 0.2, 0.3), std=(0.1, 0.2, 0.5))
    image = np.full((3, 2, 2), 0.5, np.float32)
    assert np.allclose(processor.normalise(image)[:, 0, 0], [4.0, 1.5, 0.4])
    assert np.allclose(processor.normalise(image[None])[0], processor.normalise(image))


def test_settings_come_back_from_json() -> None:
    processor = ImageProcessor(size=(8, 9), channels=3, mean=(0.1, 0.2, 0.3))
    assert ImageProcessor.from_dict(processor.to_dict()) == processor
    with pytest.raises(ConfigError, match="unknown key 'sise'"):
        ImageProcessor.from_dict({"sise": 3})


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"size": 0}, "positive"),
        ({"size": (1, 2, 3, 4)}, "positive"),
        ({"mean": (0.1, 0.2)}, "2 numbers for 1"),
        ({"std": 0.0}, "above 0"),
    ],
)
def test_settings_that_make_no_sense(settings: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        ImageProcessor(**settings)  # type: ignore[arg-type]
