"""From a picture, a volume or a clip to views: arrays of one size that a vision encoder takes, and how they lie.

NumPy only: this runs in the workers of a loader, and the reader knows the number of tokens before any model runs.
Slices and frames are read, windowed and resized one at a time.
Legend: V views, C channels, D slices, H rows, W columns, T tokens of one view, N points.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from vesalius.data.grid import on_grid
from vesalius.data.messages import MediaKind
from vesalius.data.readers.clip import Clip
from vesalius.data.readers.pixels import Pixels
from vesalius.data.readers.volume import Volume
from vesalius.data.transforms import ImageProcessor, Placement, channels_first, on_plane
from vesalius.errors import DataError
from vesalius.models.vlm.slices import chosen_frames, chosen_slices, open_stack, windows_of
from vesalius.models.vlm.tiling import closest_grid, effective_grid, native_size, padded
from vesalius.models.vlm.view_settings import PictureViews, ViewSettings

__all__ = ["Layout", "Views", "clip_views", "in_tiles", "picture_layout", "picture_views", "volume_views"]


@dataclass(frozen=True, kw_only=True, eq=False)
class Layout:
    """How one medium was cut into views; all views of a medium share a size. No pixels."""

    kind: MediaKind
    views: int
    """V: arrays (C, H, W), or (C, D, H, W) where `size` has three numbers."""
    size: tuple[int, ...]
    """Rows and columns of a view, or slices, rows and columns."""
    columns: int = 1
    """Tiles beside each other; views other than the overview go row by row."""
    rows: int = 1
    overview: bool = False
    """View 0 is the whole picture, resized, and comes before the tiles."""
    positions: tuple[float, ...] = ()
    """Of the views: mm of the slices from the first slice of the volume, or seconds of the frames; empty for
    pictures and where the file does not state them."""
    kept: NDArray[np.bool_] | None = None
    """Which tokens stay, decided by the pixels, (V, T) where T is what the connector makes of one view; None: all."""
    merged: int = 1
    """So many neighbouring views share one set of tokens, their mean; the last set may be of fewer."""

    def __post_init__(self) -> None:
        tiles = self.rows * self.columns + self.overview
        if self.kind == "image" and self.views != tiles:
            raise DataError(
                f"{self.views} views of a picture in {self.rows} rows and {self.columns} columns of tiles"
                f"{' with an overview' if self.overview else ''}; expected {tiles}"
            )
        if self.positions and len(self.positions) != self.views:
            raise DataError(f"{len(self.positions)} positions for {self.views} views; expected one each, or none")
        if self.kept is not None and (self.kept.ndim != 2 or len(self.kept) != self.views):
            raise DataError(f"kept has the shape {self.kept.shape}; expected ({self.views}, tokens of a view)")
        if self.kept is not None and self.merged > 1:
            raise DataError("kept chooses tokens of single views, which merged views no longer have; use one of them")


class Views(NamedTuple):
    """One medium, cut."""

    arrays: NDArray[np.float32]
    """Normalised views, (V, C, H, W) or (V, C, D, H, W)."""
    layout: Layout
    place: Placement | None
    """Where the rows and columns of the file lie on a view, or on all tiles together: for boxes and points. None
    where the rows and columns of the views are not the file's: turned or resampled volumes."""
    chosen: tuple[int, ...] = ()
    """Numbers of the slices or frames in the file, from 0; empty for pictures and resampled volumes."""


def picture_views(picture: NDArray[np.generic], settings: ViewSettings) -> Views:
    """Cut a picture.

    Args:
        picture: unsigned integers, or floats of 0 black to 1 white, (H, W) or (H, W, 1 or 3).
        settings: how.

    Raises:
        DataError: not such an array; or too long for the policy "native".
    """
    layers = _layers(picture, settings.channels)
    rows, columns = layers.shape[-2:]
    layout = picture_layout(rows, columns, settings)
    height, width = layout.size
    plane = (layout.rows * height, layout.columns * width)
    place = _place(rows, columns, plane, settings.picture)
    canvas = _laid(layers, place, plane).reshape(len(layers), layout.rows, height, layout.columns, width)
    arrays = canvas.transpose(1, 3, 0, 2, 4).reshape(-1, len(layers), height, width)
    if layout.overview:
        whole = ImageProcessor(size=layout.size, resize="stretch").placement(rows, columns)
        arrays = np.concatenate([_laid(layers, whole, layout.size)[None], arrays])
    return Views(_normalised(arrays, settings), layout, place)


def picture_layout(rows: int, columns: int, settings: ViewSettings) -> Layout:
    """Return how a picture of a size is cut, without its pixels.

    Raises:
        DataError: too long for the policy "native".
    """
    policy, side = settings.picture, settings.size
    if policy.policy == "native":
        return Layout(kind="image", views=1, size=_native(rows, columns, settings))
    if policy.policy == "resize":
        return Layout(kind="image", views=1, size=(side, side))
    if policy.rule == "effective":
        across, down = effective_grid(rows, columns, tile=side, grids=policy.grids)
    else:
        across, down = closest_grid(rows, columns, tile=side, fewest=policy.fewest, most=policy.most)
    tiles = across * down
    overview = policy.overview and not (policy.rule == "ratio" and tiles == 1)
    return Layout(
        kind="image", views=tiles + overview, size=(side, side), columns=across, rows=down, overview=overview
    )


def volume_views(volume: Pixels | Volume, settings: ViewSettings) -> Views:
    """Cut a volume.

    Args:
        volume: in memory, or on the disk (`open_volume`): then only the chosen slices are read, unless it is turned,
            resampled, or windowed by percentiles.
        settings: how.

    Raises:
        DataError: it is no volume of three axes; its spacing or orientation is needed and not stated; or it has more
            slices than the settings allow.
    """
    if volume.axes not in ("ZYX", "ZYXC"):
        raise DataError(
            f"axes {volume.axes} and shape {volume.shape} where a volume of slices, rows and columns is expected; "
            "choose one time or echo, or show a picture as an image"
        )
    if settings.volume.policy == "grid":
        return _resampled(volume if isinstance(volume, Pixels) else volume.read(), settings)
    stack = open_stack(volume, settings.volume)
    numbers = chosen_slices(stack.volume.shape[0], spacing_mm=stack.spacing_mm, settings=settings.volume)
    planes = (_layers(plane, settings.channels) for plane in stack.slices(numbers))
    views = _planes(planes, count=len(numbers), plane=settings.volume.plane, settings=settings)
    spacing = stack.spacing_mm
    layout = Layout(
        kind="volume",
        views=len(numbers),
        size=views.arrays.shape[-2:],
        positions=() if spacing is None else tuple(number * spacing for number in numbers),
    )
    return Views(views.arrays, layout, None if settings.volume.orientation else views.place, numbers)


def clip_views(clip: Clip, settings: ViewSettings) -> Views:
    """Cut a clip; frames are decoded one at a time, as stored, a rotation that the file wants not applied.

    Raises:
        DataError: it has more frames than the settings allow, or states no times that they need.
    """
    numbers = chosen_frames(clip, settings.clip)
    planes = (_layers(frame, settings.channels) for frame in clip.source.decode(numbers))
    views = _planes(planes, count=len(numbers), plane=settings.clip.plane, settings=settings)
    times = clip.times_s
    layout = Layout(
        kind="video",
        views=len(numbers),
        size=views.arrays.shape[-2:],
        positions=() if times is None else tuple(float(times[number]) for number in numbers),
    )
    return Views(views.arrays, layout, views.place, numbers)


def in_tiles(points: NDArray[np.float64], layout: Layout) -> tuple[NDArray[np.intp], NDArray[np.float64]]:
    """Find the view that shows each point, other than the overview.

    Args:
        points: x and y on all tiles together, as `Views.place` gives them, (N, 2).
        layout: of the picture.

    Returns:
        Numbers of the views, (N,), and x and y within them, (N, 2). A point beyond the tiles belongs to the nearest.
    """
    height, width = layout.size[-2:]
    columns = np.clip(np.floor(points[:, 0] / width), 0, layout.columns - 1)
    rows = np.clip(np.floor(points[:, 1] / height), 0, layout.rows - 1)
    views = (rows * layout.columns + columns).astype(np.intp) + layout.overview
    return views, points - np.stack([columns * width, rows * height], axis=1)


def _place(rows: int, columns: int, plane: tuple[int, int], policy: PictureViews) -> Placement:
    """Where a picture lies on the plane of all its tiles."""
    if policy.policy == "tiles" and policy.rule == "effective":
        return padded(rows, columns, height=plane[0], width=plane[1])
    shape_kept = policy.policy == "resize" and policy.fit == "pad"
    return ImageProcessor(size=plane, resize="pad" if shape_kept else "stretch").placement(rows, columns)


class _Planes(NamedTuple):
    arrays: NDArray[np.float32]
    place: Placement


def _planes(
    planes: Iterable[NDArray[np.float32]],
    *,
    count: int,
    plane: Literal["square", "native"],
    settings: ViewSettings,
) -> _Planes:
    """Lay planes (C, H, W), all of one size, on views (V, C, H, W), one at a time."""
    arrays: NDArray[np.float32] | None = None
    place: Placement | None = None
    for number, layers in enumerate(planes):
        if arrays is None or place is None:
            rows, columns = layers.shape[-2:]
            native = plane == "native"
            size = _native(rows, columns, settings) if native else (settings.size, settings.size)
            place = ImageProcessor(size=size, resize="stretch" if native else "pad").placement(rows, columns)
            arrays = np.empty((count, settings.channels, *size), dtype=np.float32)
        arrays[number] = _normalised(_laid(layers, place, arrays.shape[-2:]), settings)
    if arrays is None or place is None:
        raise DataError("a volume or clip without slices or frames has nothing to show; read the file again")
    return _Planes(arrays, place)


def _resampled(pixels: Pixels, settings: ViewSettings) -> Views:
    """One view of three axes in millimetres."""
    policy = settings.volume
    if policy.spacing_mm is None or policy.shape is None:
        raise TypeError("the policy 'grid' was checked to have a spacing and a shape")
    channels = []
    for window in windows_of(pixels, policy):
        source = pixels if window is not None else replace(pixels, array=pixels.display())
        grid = on_grid(
            source,
            spacing_mm=policy.spacing_mm,
            size=policy.shape,
            orientation=policy.orientation,
            outside=0.0 if window is None else window.centre - window.width / 2,
        )
        channels.append(grid if window is None else window(grid))
    stack = np.nan_to_num(np.broadcast_to(np.stack(channels), (settings.channels, *policy.shape)), nan=0.0)
    layout = Layout(kind="volume", views=1, size=policy.shape)
    return Views(_normalised(stack, settings, axes=3)[None], layout, None)


def _native(rows: int, columns: int, settings: ViewSettings) -> tuple[int, int]:
    return native_size(
        rows,
        columns,
        factor=settings.factor,
        min_pixels=settings.min_pixels,
        max_pixels=settings.max_pixels,
    )


def _layers(picture: NDArray[np.generic], channels: int) -> NDArray[np.float32]:
    """A picture (H, W) or (H, W, C) to (C, H, W), 0 black to 1 white."""
    if picture.ndim not in (2, 3) or (picture.ndim == 3 and picture.shape[-1] not in (1, 3)) or not picture.size:
        raise DataError(
            f"an array of shape {picture.shape} where a picture (H, W) or (H, W, 1 or 3) is expected; a volume or "
            "clip is another kind of medium"
        )
    if picture.dtype.kind not in "bfu":
        raise DataError(f"a picture of {picture.dtype} values; expected unsigned integers, or floats of 0 to 1")
    values: NDArray[np.float32] = np.asarray(picture, dtype=np.float32)
    if picture.dtype.kind == "u":
        values = values / np.float32(2 ** (8 * picture.dtype.itemsize) - 1)
    return channels_first(values, "YXC" if picture.ndim == 3 else "YX", channels)


def _laid(layers: NDArray[np.float32], place: Placement, plane: tuple[int, ...]) -> NDArray[np.float32]:
    """Layers (C, H, W) on a plane, black around."""
    if len(layers) > 1 and layers.strides[0] == 0:
        return np.broadcast_to(on_plane(layers[0], place, plane), (len(layers), *plane))
    return np.stack([on_plane(layer, place, plane) for layer in layers])


def _normalised(arrays: NDArray[np.float32], settings: ViewSettings, *, axes: int = 2) -> NDArray[np.float32]:
    """Subtract mean and divide by deviation of each channel, the axis before the last `axes`."""
    shape = (-1, *(1,) * axes)
    mean = np.asarray(settings.mean, dtype=np.float32).reshape(shape)
    std = np.asarray(settings.std, dtype=np.float32).reshape(shape)
    return np.asarray((arrays - mean) / std, dtype=np.float32)
