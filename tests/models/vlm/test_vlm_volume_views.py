"""Volumes and clips become views: order, spacing, windows, positions, bounds; read slice by slice."""

from __future__ import annotations

import tracemalloc
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from vesalius.data.geometry import Geometry
from vesalius.data.readers import read
from vesalius.data.readers.clip import Clip
from vesalius.data.readers.pixels import Pixels, Presentation
from vesalius.data.readers.volume import open_volume
from vesalius.errors import DataError
from vesalius.models.vlm.view_settings import ClipViews, ViewSettings, VolumeViews
from vesalius.models.vlm.views import clip_views, volume_views

AXIAL = ((0.0, 0.0, 1.0), (0.0, 1.0, 0.0), (1.0, 0.0, 0.0))
"""Slices grow to superior, rows to posterior, columns to left."""


def ct(depth: int = 10, *, spacing: float = 2.5, rows: int = 8, columns: int = 8) -> Pixels:
    """Every slice holds 100 times its number, in HU."""
    array = np.broadcast_to(np.arange(depth, dtype=np.int16)[:, None, None] * 100, (depth, rows, columns))
    geometry = Geometry(spacing_mm=(spacing, 1.0, 1.0), directions=AXIAL, origin_mm=(0.0, 0.0, 0.0))
    return Pixels(array=array, axes="ZYX", units="HU", geometry=geometry, source="ct")


def shown(**volume: object) -> ViewSettings:
    volume = {"windows": ((0.0, 1000.0),), **volume}
    return ViewSettings(size=8, channels=1, mean=0.0, std=1.0, volume=VolumeViews(**volume))  # type: ignore[arg-type]


class OnDisk:
    """A volume whose slices are read one at a time; remembers which."""

    def __init__(self, pixels: Pixels):
        self.pixels = pixels
        self.shape, self.axes, self.units = pixels.shape, pixels.axes, pixels.units
        self.geometry, self.info = pixels.geometry, pixels.info
        self.slices: list[int] = []

    def read(self, box: Sequence[slice] | None = None) -> Pixels:
        if box is None:
            self.slices.extend(range(len(self.pixels.array)))
            return self.pixels
        self.slices.extend(range(box[0].start, box[0].stop))
        return replace(self.pixels, array=self.pixels.array[tuple(box)])


@pytest.mark.parametrize(
    ("settings", "numbers"),
    [
        ({"slices": 4}, (0, 3, 6, 9)),
        ({"slices": 1}, (5,)),
        ({"slices": 32}, tuple(range(10))),
        # Marks at 0, 5, 10, 15, 20 mm; slices stand 2.5 mm apart.
        ({"slices": None, "every_mm": 5.0}, (0, 2, 4, 6, 8)),
        # Marks at 0, 6, 12 and 18 mm lie at slices 0, 2.4, 4.8 and 7.2; 24 mm is beyond the last slice, 22.5 mm.
        ({"slices": None, "every_mm": 6.0}, (0, 2, 5, 7)),
        # Finer than the volume: every slice once.
        ({"slices": None, "every_mm": 1.0}, tuple(range(10))),
    ],
)
def test_slices_in_order_with_their_positions(settings: dict[str, object], numbers: tuple[int, ...]) -> None:
    views = volume_views(ct(), shown(**settings))
    assert views.chosen == numbers
    assert views.layout.positions == tuple(2.5 * number for number in numbers)
    np.testing.assert_allclose(views.arrays[:, 0, 0, 0], np.array(numbers) / 10, atol=1e-6)


def test_only_the_chosen_slices_are_read_from_the_disk() -> None:
    volume = OnDisk(ct())
    views = volume_views(volume, shown(slices=4))
    assert volume.slices == [0, 3, 6, 9]
    np.testing.assert_array_equal(views.arrays, volume_views(ct(), shown(slices=4)).arrays)


def test_too_many_slices_are_an_error_or_spread() -> None:
    with pytest.raises(DataError, match=r"every 2.5 mm gives 10 views, at most 4"):
        volume_views(ct(), shown(slices=None, every_mm=2.5, most=4))
    views = volume_views(ct(), shown(slices=None, every_mm=2.5, most=4, too_many="spread"))
    assert views.chosen == (0, 3, 6, 9)


def test_without_spacing_a_number_of_slices_works_and_a_distance_does_not() -> None:
    bare = replace(ct(), geometry=None)
    assert volume_views(bare, shown(slices=4)).layout.positions == ()
    with pytest.raises(DataError, match="states no spacing"):
        volume_views(bare, shown(slices=None, every_mm=5.0))


def test_windows_are_channels() -> None:
    settings = ViewSettings(
        size=8, mean=0.0, std=1.0, volume=VolumeViews(slices=10, windows=((0, 1000), (400, 500), (-900, 900)))
    )
    values = volume_views(ct(), settings).arrays[:, :, 0, 0]
    stored = np.arange(10) * 100
    np.testing.assert_allclose(values[:, 0], stored / 1000, atol=1e-6)
    np.testing.assert_allclose(values[:, 1], np.clip((stored - 400) / 100, 0, 1), atol=1e-6)
    np.testing.assert_allclose(values[:, 2], (stored + 900) / 1800, atol=1e-6)


def test_one_window_or_percentiles_hold_for_the_whole_volume() -> None:
    # HU are comparable across slices: a slice alone would be shown black or stretched to white.
    values = volume_views(ct(), shown(slices=10)).arrays[:, 0, 0, 0]
    assert (np.diff(values) > 0.09).all()
    whole = volume_views(ct(), shown(slices=10, windows=(), percentiles=(0.0, 100.0))).arrays[:, 0, 0, 0]
    np.testing.assert_allclose(whole, np.arange(10) / 9, atol=1e-6)
    stored = replace(ct(), units="stored")
    tails = volume_views(stored, shown(slices=10, windows=())).arrays[:, 0, 0, 0]
    np.testing.assert_allclose(tails, np.arange(10) / 9, atol=1e-6)
    body = volume_views(ct(), shown(slices=10, windows=())).arrays[:, 0, 0, 0]
    np.testing.assert_allclose(body, (np.arange(10) * 100 + 1000) / 2000, atol=1e-6)


def test_what_the_file_states_is_shown() -> None:
    white = replace(ct(), units="display", presentation=Presentation(white=1000.0))
    values = volume_views(white, shown(slices=10, windows=())).arrays[:, 0, 0, 0]
    np.testing.assert_allclose(values, np.arange(10) / 10, atol=1e-6)


def test_orientation_turns_before_slices_are_chosen() -> None:
    down = volume_views(ct(), shown(slices=10, orientation="IPL"))
    np.testing.assert_allclose(down.arrays[:, 0, 0, 0], np.arange(9, -1, -1) / 10, atol=1e-6)
    assert down.place is None
    coronal = volume_views(ct(), shown(slices=8, orientation="PSL"))
    assert coronal.layout.positions == tuple(float(number) for number in range(8))
    # 10 rows of the slices on 8 rows of the view; from the feet (dark) to the head (bright).
    assert (np.diff(coronal.arrays[0, 0, :, 4]) > 0).all()


def test_native_slices() -> None:
    settings = ViewSettings(factor=4, min_pixels=16, channels=1, volume=VolumeViews(plane="native", slices=3))
    views = volume_views(ct(rows=13, columns=22), settings)
    assert views.arrays.shape == (3, 1, 12, 24)  # round(13 / 4) = 3, round(22 / 4) = round(5.5) = 6
    assert views.place is not None
    assert views.layout.size == (12, 24)


def test_a_grid_in_millimetres_is_one_view() -> None:
    settings = shown(policy="grid", spacing_mm=(5.0, 1.0, 1.0), shape=(6, 8, 10))
    views = volume_views(ct(), settings)
    assert views.arrays.shape == (1, 1, 6, 8, 10)
    assert (views.layout.views, views.layout.size, views.place) == (1, (6, 8, 10), None)
    # round((10 - 1) / 2 + 1) = round(5.5) = 6 slices, 0, 2, … 8 and the last; one empty column on either side.
    np.testing.assert_allclose(views.arrays[0, 0, :, 4, 5], [0, 0.2, 0.4, 0.6, 0.8, 0.9], atol=1e-6)
    np.testing.assert_array_equal(views.arrays[0, 0, :, :, [0, 9]], 0)


def test_a_picture_or_a_series_in_time_is_no_volume() -> None:
    picture = Pixels(array=np.zeros((4, 4)), axes="YX", units="display", source="x")
    with pytest.raises(DataError, match=r"axes YX and shape \(4, 4\)"):
        volume_views(picture, shown())
    series = Pixels(array=np.zeros((2, 3, 4, 4)), axes="TZYX", units="stored", source="x")
    with pytest.raises(DataError, match="choose one time"):
        volume_views(series, shown())


def test_memory_does_not_grow_with_the_slices_beyond_the_views() -> None:
    volume = ct(120, rows=256, columns=256)
    settings = replace(shown(slices=120), size=32)
    tracemalloc.start()
    views = volume_views(volume, settings)
    beyond = tracemalloc.get_traced_memory()[1] - views.arrays.nbytes
    tracemalloc.stop()
    # A few float copies of one slice of 256 KiB; the volume as floats would be 30 MiB. Measured 0.6 MiB.
    assert beyond < 3 * 2**20


@pytest.mark.real
def test_a_real_ct_from_the_disk_is_the_one_in_memory(real_data: Path) -> None:
    path = real_data / "volumes" / "ct-body" / "example_ct.nii.gz"
    settings = shown(slices=5, windows=((-160.0, 240.0),))
    lazily, whole = (volume_views(volume, settings) for volume in (open_volume(path), read(path)))
    np.testing.assert_array_equal(lazily.arrays, whole.arrays)
    # Neighbouring slices stand 3 mm apart; from the first of 112 to the last are 333 mm.
    assert (lazily.chosen[-1], lazily.layout.positions[-1]) == (111, 333.0)
    # Slices grow to superior in the file. From the head down the same slices come in the other order, and rows and
    # columns, stored to anterior and right, are flipped too.
    down = volume_views(open_volume(path), replace(settings, volume=replace(settings.volume, orientation="IPL")))
    assert down.place is None
    assert float(np.abs(down.arrays[0].sum() - lazily.arrays[-1].sum())) < 1.0  # resampling of 8 × 8 views


class Bright:
    """Frame n is a plane of value n."""

    def decode(self, wanted: Sequence[int]) -> Iterator[NDArray[np.uint8]]:
        for number in wanted:
            yield np.full((6, 4), number, dtype=np.uint8)


def clip(frames: int = 100, *, rate: float | None = 25.0) -> Clip:
    times = None if rate is None else np.arange(frames) / rate
    duration = None if rate is None else frames / rate
    return Clip(
        path=Path("clip"), shape=(frames, 6, 4), channels=1, times_s=times, duration_s=duration,
        frames_per_second=rate, source=Bright(),
    )  # fmt: skip


def film(**settings: object) -> ViewSettings:
    return ViewSettings(size=8, mean=0.0, std=1.0, clip=ClipViews(**settings))  # type: ignore[arg-type]


def test_frames_by_number_and_by_rate() -> None:
    # The middles of four equal parts of 4 s are .5, 1.5, 2.5 and 3.5 s.
    views = clip_views(clip(), film(frames=4))
    assert views.chosen == (12, 37, 62, 87)
    assert views.layout.positions == pytest.approx([0.48, 1.48, 2.48, 3.48])
    np.testing.assert_allclose(views.arrays[:, 0, 4, 4] * 255, [12, 37, 62, 87], atol=1e-4)
    assert clip_views(clip(), film(frames=None, per_second=2.0)).chosen == (0, 12, 25, 37, 50, 62, 75, 87)
    assert clip_views(clip(3), film(frames=8)).chosen == (0, 1, 2)


def test_too_many_frames_and_missing_times() -> None:
    with pytest.raises(DataError, match="2 frames a second gives 8 views, at most 4"):
        clip_views(clip(), film(frames=None, per_second=2.0, most=4))
    assert clip_views(clip(), film(frames=None, per_second=2.0, most=2, too_many="spread")).chosen == (0, 87)
    with pytest.raises(DataError, match="no frame times"):
        clip_views(clip(rate=None), film(frames=None, per_second=2.0))
    assert clip_views(clip(rate=None), film(frames=2)).layout.positions == ()
