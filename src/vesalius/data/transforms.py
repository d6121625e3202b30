"""From the pixels of a file to the array that a model takes: grey or colour, size, then mean and deviation.

NumPy and PIL only; resizing is antialiased and in floating point, so that 16-bit values keep their depth.
"""

# C channels, D slices or frames, H rows, W columns

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import numpy as np
from PIL import Image as PilImage

from vesalius.config import Config, validate
from vesalius.data.grid import on_grid, require_orientation
from vesalius.errors import ConfigError, DataError

if TYPE_CHECKING:
    from vesalius.data.readers import Pixels

__all__ = ["ImageProcessor", "Placement", "channels_first", "on_plane"]

_LUMINANCE = np.array([0.299, 0.587, 0.114], dtype=np.float32)
"""Weights of red, green and blue in brightness (ITU-R BT.601)."""


class Placement(NamedTuple):
    """Where a picture lies on the plane that a model takes."""

    rows: int
    """Height of the resized picture."""
    columns: int
    top: int
    left: int
    scale_y: float
    """Rows of the plane a row of the picture."""
    scale_x: float

    def boxes(self, boxes: np.ndarray) -> np.ndarray:
        """Move boxes (N, 4) of x0, y0, x1, y1 from the picture's pixels to those of the plane."""
        scale = np.array([self.scale_x, self.scale_y] * 2)
        moved: np.ndarray = np.asarray(boxes, dtype=np.float64).reshape(-1, 4) * scale + self._offset
        return moved

    def original_boxes(self, boxes: np.ndarray) -> np.ndarray:
        """Move boxes (N, 4) of the plane back to the picture's pixels."""
        scale = np.array([self.scale_x, self.scale_y] * 2)
        moved: np.ndarray = (np.asarray(boxes, dtype=np.float64).reshape(-1, 4) - self._offset) / scale
        return moved

    def points(self, points: np.ndarray) -> np.ndarray:
        """Move points (N, 2) of x, y from the picture's pixels to those of the plane."""
        return self.boxes(np.tile(np.asarray(points).reshape(-1, 2), 2))[:, :2]

    def original_points(self, points: np.ndarray) -> np.ndarray:
        """Move points (N, 2) of the plane back to the picture's pixels."""
        return self.original_boxes(np.tile(np.asarray(points).reshape(-1, 2), 2))[:, :2]

    @property
    def _offset(self) -> np.ndarray:
        return np.array([self.left, self.top] * 2, dtype=np.float64)


@dataclass(frozen=True, kw_only=True)
class ImageProcessor(Config):
    """What is done to every image before a model sees it; saved beside the weights, so that serving does the same."""

    size: int | tuple[int, ...] = 128
    """Side of a square, or (H, W), or (D, H, W) for volumes and clips."""
    channels: Literal[1, 3] = 1
    mean: float | tuple[float, ...] = 0.5
    """Subtracted by `normalise`; one number or one per channel."""
    std: float | tuple[float, ...] = 0.25
    """Divided by in `normalise`; one number or one per channel."""
    resize: Literal["pad", "stretch"] = "pad"
    """`pad` keeps the shape of the rows × columns plane and adds black; `stretch` fills the square."""
    spacing_mm: tuple[float, float, float] | None = None
    """Volumes are not resized but resampled to this spacing (slices, rows, columns), then padded with black or cut
    about their centre; see `vesalius.data.grid`."""
    orientation: str = ""
    """With `spacing_mm`: where slices, rows and columns grow to, such as "SRA"; empty keeps the file's."""
    window: tuple[float, float] | None = None
    """With `spacing_mm`: values shown as 0 and as 1, in the file's units, such as -1000 and 1000 HU."""

    def __post_init__(self) -> None:
        self._check_grid()
        if len(self.shape) not in (3, 4) or min(self.shape) < 1:
            raise ConfigError(f"image size {self.size!r} is not a side, (H, W) or (D, H, W) of positive numbers")
        for name in ("mean", "std"):
            value = getattr(self, name)
            if isinstance(value, tuple) and len(value) != self.channels:
                raise ConfigError(f"{name} has {len(value)} numbers for {self.channels} channels")
        if np.any(np.asarray(self.std) <= 0):
            raise ConfigError(f"std {self.std!r} must be above 0")

    def _check_grid(self) -> None:
        if self.spacing_mm is None:
            if self.orientation or self.window:
                raise ConfigError("orientation and window have no effect without spacing_mm")
            return
        if isinstance(self.size, int) or len(self.size) != 3:
            raise ConfigError(f"spacing_mm is for volumes of (D, H, W), found size {self.size!r}")
        if self.window is None or not self.window[0] < self.window[1]:
            raise ConfigError(f"spacing_mm needs a window of two rising values, found {self.window}")
        if min(self.spacing_mm) <= 0:
            raise ConfigError(f"spacing_mm {self.spacing_mm} must be above 0")
        if self.orientation:
            require_orientation(self.orientation)

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of a processed image: (C, H, W), or (C, D, H, W) for volumes and clips."""
        size = (self.size, self.size) if isinstance(self.size, int) else tuple(self.size)
        return (self.channels, *size)

    def __call__(self, pixels: Pixels) -> np.ndarray:
        """Return the displayed pixels, resized.

        Returns:
            float32 in 0..1, 0 black: (C, H, W), or (C, D, H, W) where `size` has three numbers. A volume is
            stretched to the number of slices; padding concerns the rows × columns plane only.

        Raises:
            DataError: the axes of the pixels do not fit `size`, such as a volume for a two-dimensional model.
        """
        if self.spacing_mm is not None and self.window is not None:
            low, high = self.window
            grid = on_grid(
                pixels,
                spacing_mm=self.spacing_mm,
                size=self.shape[1:],
                orientation=self.orientation,
                outside=low,
            )
            shown = np.clip((grid - low) / (high - low), 0, 1)
            return np.broadcast_to(np.nan_to_num(shown, nan=0.0), self.shape)
        stack = channels_first(pixels.display(), pixels.axes, self.channels)
        slices, plane = self.shape[1:-2], self.shape[-2:]
        if bool(slices) != (stack.ndim == 4):
            raise DataError(
                f"image with axes {pixels.axes} and shape {pixels.array.shape} for a model of size {self.size}; "
                "a volume or clip needs three numbers in `model.image_size`, an image one or two"
            )
        if slices:
            stack = _resize_slices(stack, slices[0])
        flat = stack.reshape(-1, *stack.shape[-2:])
        place = self.placement(*stack.shape[-2:])
        resized = np.stack([on_plane(layer, place, plane) for layer in flat])
        return resized.reshape(*stack.shape[:-2], *plane)

    def placement(self, rows: int, columns: int) -> Placement:
        """Say where a picture of so many rows and columns comes to lie on the plane."""
        height, width = self.shape[-2:]
        if self.resize != "pad":
            return Placement(height, width, 0, 0, height / rows, width / columns)
        scale = min(height / rows, width / columns)
        new_rows, new_columns = min(height, max(1, round(rows * scale))), min(width, max(1, round(columns * scale)))
        top, left = (height - new_rows) // 2, (width - new_columns) // 2
        return Placement(new_rows, new_columns, top, left, new_rows / rows, new_columns / columns)

    def mask(self, mask: np.ndarray) -> np.ndarray:
        """Lay a mask (rows, columns) on the plane as its picture is laid there: bool, (H, W); outside is False."""
        layer = np.asarray(mask, dtype=np.float32)
        return on_plane(layer, self.placement(*layer.shape), self.shape[-2:]) >= 0.5

    def original_plane(self, plane: np.ndarray, rows: int, columns: int) -> np.ndarray:
        """Take a uint8 layer (H, W) of 0..255 back to a picture's own grid, (rows, columns); borders are cut off."""
        place = self.placement(rows, columns)
        inside = plane[place.top : place.top + place.rows, place.left : place.left + place.columns]
        picture = PilImage.fromarray(np.ascontiguousarray(inside))
        return np.asarray(picture.resize((columns, rows), PilImage.Resampling.BILINEAR))

    def normalise(self, image: np.ndarray) -> np.ndarray:
        """Subtract the mean and divide by the standard deviation, per channel of (…, C, H, W) or (C, …) arrays.

        Args:
            image: 0..1, channels first, (C, H, W), (C, D, H, W), or the same with a leading batch axis.
        """
        spatial = (1,) * (len(self.shape) - 1)
        mean = np.asarray(self.mean, dtype=np.float32).reshape(-1, *spatial)
        std = np.asarray(self.std, dtype=np.float32).reshape(-1, *spatial)
        return np.asarray((image - mean) / std, dtype=np.float32)

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any], *, where: str = "processor") -> ImageProcessor:
        """Build from plain values; unknown keys and wrong types are errors."""
        return validate(cls, values, where=where)


def channels_first(image: np.ndarray, axes: str, channels: int) -> np.ndarray:
    """Return (C, H, W) or (C, D, H, W) float32 with the wanted number of channels; `axes` as in `Pixels`."""
    image = np.asarray(image, dtype=np.float32)
    if axes.endswith("C"):
        if image.shape[-1] == 1 or channels == 1:
            image = image[..., 0] if image.shape[-1] == 1 else image[..., :3] @ _LUMINANCE
        else:
            return np.moveaxis(image[..., :3], -1, 0)
    return np.broadcast_to(image, (channels, *image.shape))


def _resize_slices(stack: np.ndarray, depth: int) -> np.ndarray:
    """Resample the second axis of (C, D, H, W), antialiased: each voxel column is one column of a picture."""
    channels, old, height, width = stack.shape
    if old == depth:
        return stack
    pictures = [
        PilImage.fromarray(np.ascontiguousarray(layer.reshape(old, -1)), mode="F").resize(
            (height * width, depth), PilImage.Resampling.BILINEAR
        )
        for layer in stack
    ]
    return np.stack([np.asarray(picture) for picture in pictures]).reshape(channels, depth, height, width)


def on_plane(layer: np.ndarray, place: Placement, plane: tuple[int, ...]) -> np.ndarray:
    """Resize one layer of 0..1 (rows, columns) to its place on the plane (H, W), black around."""
    size = (place.rows, place.columns)
    if layer.shape != size:
        picture = PilImage.fromarray(np.ascontiguousarray(layer), mode="F")
        layer = np.asarray(picture.resize(size[::-1], PilImage.Resampling.BILINEAR))
    framed = np.zeros(plane, dtype=np.float32)
    framed[place.top : place.top + place.rows, place.left : place.left + place.columns] = np.clip(layer, 0.0, 1.0)
    return framed
