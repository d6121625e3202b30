"""Which slices of a volume and frames of a clip are shown, and with which windows; read one at a time.

Legend: D slices, H rows, W columns, C channels.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from vesalius.data.grid import turned
from vesalius.data.readers.clip import Clip, choose_frames
from vesalius.data.readers.pixels import Pixels, Window
from vesalius.data.readers.volume import Volume
from vesalius.errors import DataError
from vesalius.models.vlm.view_settings import ClipViews, TooMany, VolumeViews

__all__ = ["Stack", "chosen_frames", "chosen_slices", "open_stack", "spread", "windows_of"]

_TAILS = (0.5, 99.5)
"""Percentiles shown of values of no known meaning, as in `Pixels.display`."""
_SAMPLED = 1 << 22
"""Voxels that percentiles are taken of at most, evenly strided."""


class Stack(NamedTuple):
    """A volume that is read slice by slice."""

    volume: Pixels | Volume
    spacing_mm: float | None
    """Between slices; None where the file does not state it."""
    windows: tuple[Window | None, ...]
    """One, or one a channel; None for what the file states."""

    def slices(self, numbers: Sequence[int]) -> Iterator[NDArray[np.float32]]:
        """Yield slices as they are shown, 0 black to 1 white: (H, W) or (H, W, C)."""
        for number in numbers:
            pixels = _slice(self.volume, number)
            shown = [pixels.display(window) for window in self.windows]
            yield shown[0] if len(shown) == 1 else np.stack(shown, axis=-1)


def open_stack(volume: Pixels | Volume, settings: VolumeViews) -> Stack:
    """Turn a volume as the settings ask, and find out its spacing and windows.

    Raises:
        DataError: the file does not state its orientation, and one is asked for.
    """
    if not settings.orientation:
        geometry = volume.geometry
        spacing = None if geometry is None else geometry.spacing_mm[0]
        return Stack(volume, spacing, windows_of(volume, settings))
    pixels = volume if isinstance(volume, Pixels) else volume.read()
    if pixels.axes != "ZYX":
        raise DataError(f"{pixels.source}: axes {pixels.axes} are no grey volume, which alone can be turned")
    values, steps = turned(pixels, settings.orientation)
    pixels = replace(pixels, array=values, geometry=None)
    return Stack(pixels, steps[0], windows_of(pixels, settings))


def windows_of(volume: Pixels | Volume, settings: VolumeViews) -> tuple[Window | None, ...]:
    """Return the windows of a volume: those of the settings, of the file (None), or of percentiles of all of it."""
    if settings.windows:
        return tuple(_window(low, high) for low, high in settings.windows)
    first = _slice(volume, 0)
    stated = first.presentation
    known = bool(stated.windows or stated.lookup or stated.white is not None or first.units == "HU")
    if known and settings.percentiles is None:
        return (None,)
    pixels = volume if isinstance(volume, Pixels) else volume.read()
    values = pixels.array.reshape(-1)[:: max(1, pixels.array.size // _SAMPLED)]
    values = values[np.isfinite(values)] if values.dtype.kind == "f" else values
    if not values.size:
        return (None,)
    low, high = np.percentile(values, settings.percentiles or _TAILS)
    return (_window(float(low), float(high) if high > low else float(low) + 1.0),)


def chosen_slices(count: int, *, spacing_mm: float | None, settings: VolumeViews) -> tuple[int, ...]:
    """Return the numbers of the slices that are shown, ascending, each once.

    Args:
        count: slices of the volume.
        spacing_mm: between slices.
        settings: how many, or how far apart.

    Raises:
        DataError: a distance is asked for and the spacing is not stated; or there are more than the settings allow.
    """
    if settings.every_mm is None:
        return spread(count, settings.slices or count)
    if spacing_mm is None:
        raise DataError(
            f"a slice every {settings.every_mm:g} mm is asked for and the file states no spacing; state it in the "
            "file, or give views.volume.slices"
        )
    # A millionth more, so that a mark on the last slice is not lost by rounding.
    marks = np.arange(0, (count - 1) * spacing_mm + 1e-6, settings.every_mm)
    nearest = np.floor(marks / spacing_mm + 0.5).astype(int)
    numbers = tuple(dict.fromkeys(nearest.tolist()))
    return _within(numbers, settings.most, settings.too_many, f"a slice every {settings.every_mm:g} mm")


def chosen_frames(clip: Clip, settings: ClipViews) -> tuple[int, ...]:
    """Return the numbers of the frames that are shown, ascending, each once.

    Raises:
        DataError: frames a second are asked for and the clip states no times; or there are more than allowed.
    """
    if settings.per_second is None:
        times = np.arange(len(clip), dtype=np.float64) if clip.times_s is None else clip.times_s
        end = clip.duration_s if clip.times_s is not None and clip.duration_s else float(times[-1]) + 1.0
        numbers = choose_frames(times, num=settings.frames or len(clip), end_s=end)
        return tuple(dict.fromkeys(numbers))
    if clip.times_s is None:
        raise DataError(
            f"{settings.per_second:g} frames a second are asked for and the clip states no frame times; give "
            "views.clip.frames"
        )
    end = clip.duration_s or float(clip.times_s[-1])
    num = max(1, int(np.ceil(end * settings.per_second)))
    numbers = choose_frames(clip.times_s, num=num, rule="fps", end_s=max(end, 1e-9), rate=settings.per_second)
    what = f"{settings.per_second:g} frames a second"
    return _within(tuple(dict.fromkeys(numbers)), settings.most, settings.too_many, what)


def spread(total: int, count: int) -> tuple[int, ...]:
    """Return `count` places among `total`, evenly spread with both ends, each once; all where there are fewer."""
    if total <= count:
        return tuple(range(total))
    if count == 1:
        return (total // 2,)
    return tuple(round(place) for place in np.linspace(0, total - 1, count))


def _within(numbers: tuple[int, ...], most: int, too_many: TooMany, what: str) -> tuple[int, ...]:
    if len(numbers) <= most:
        return numbers
    if too_many == "error":
        raise DataError(
            f"{what} gives {len(numbers)} views, at most {most} are allowed; raise `most`, ask for fewer, or set "
            "too_many to 'spread'"
        )
    return tuple(numbers[place] for place in spread(len(numbers), most))


def _slice(volume: Pixels | Volume, number: int) -> Pixels:
    """One slice of a volume as a picture."""
    if isinstance(volume, Pixels):
        values, pixels = volume.array[number], volume
    else:
        pixels = volume.read([slice(number, number + 1), *(slice(0, length) for length in volume.shape[1:])])
        values = pixels.array[0]
    axes = "YXC" if volume.axes.endswith("C") else "YX"
    return replace(pixels, array=values, axes=axes, geometry=None)  # type: ignore[arg-type]


def _window(low: float, high: float) -> Window:
    return Window((low + high) / 2, high - low, "LINEAR_EXACT")
