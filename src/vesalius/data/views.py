"""Random views of an image for training: crop, flip, rotation, shift, zoom, brightness, contrast, blur.

Numpy and Pillow only. All geometry is one resampling, so a view is blurred once and not four times.
Legend: C channels, H rows, W columns.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import cos, radians, sin

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from vesalius.config import Config

__all__ = ["Pair", "ViewConfig", "view"]

Pair = tuple[float, float]
"""Lowest and highest value."""


@dataclass(frozen=True, kw_only=True)
class ViewConfig(Config):
    """Ranges to draw from, uniformly; a range of None, a chance or an amount of 0 switches a step off."""

    crop: Pair | None = None
    """Share of the area that is kept; the sides keep their ratio unless `ratio` is given."""
    ratio: Pair | None = None
    """Width to height of the crop, relative to the image's own, drawn on a log scale."""
    flip: float = 0.0
    """Chance of a mirror image. It turns a left lung into a right one: reports that name sides then lie."""
    rotation: float = 0.0
    """Most degrees, either way."""
    translation: float = 0.0
    """Most shift along each axis, as a share of the side."""
    zoom: Pair | None = None
    brightness: Pair | None = None
    """Factor of the values."""
    contrast: Pair | None = None
    """Factor of the distance from the mean."""
    blur: Pair | None = None
    """Standard deviation of a Gaussian in pixels."""

    def __post_init__(self) -> None:
        for name in ("crop", "ratio", "zoom", "brightness", "contrast", "blur"):
            bounds = getattr(self, name)
            if bounds is not None and not 0 < bounds[0] <= bounds[1]:
                raise ValueError(f"{name} must be two rising numbers above 0, found {bounds}")
        if self.crop is not None and self.crop[1] > 1:
            raise ValueError(f"crop keeps at most all of the area (1), found {self.crop}")
        if not 0 <= self.flip <= 1:
            raise ValueError(f"flip is a chance between 0 and 1, found {self.flip}")

    @property
    def moves(self) -> bool:
        """Whether any step moves pixels."""
        return bool(self.crop or self.ratio or self.flip or self.rotation or self.translation or self.zoom)


def view(image: NDArray[np.float32], config: ViewConfig, *, rng: np.random.Generator) -> NDArray[np.float32]:
    """Draw one view of an image (C, H, W) or volume (C, slices, H, W) with values 0 to 1.

    All slices get the same view. What comes from outside the image is black. The shape stays.
    """
    planes: NDArray[np.float32] = image.reshape(-1, *image.shape[-2:])
    if config.moves:
        planes = _moved(planes, _matrix(config, planes.shape[-2:], rng))
    if config.brightness is not None:
        factor = np.float32(rng.uniform(*config.brightness))
        planes = np.clip(planes * factor, 0, 1)
    if config.contrast is not None:
        mean = np.float32(planes.mean())
        factor = np.float32(rng.uniform(*config.contrast))
        planes = np.clip((planes - mean) * factor + mean, 0, 1)
    if config.blur is not None:
        sigma = rng.uniform(*config.blur)
        planes = _blurred_rows(_blurred_rows(planes, sigma).swapaxes(-1, -2), sigma).swapaxes(-1, -2)
        # The weights sum to 1 within rounding, so a white picture may come out a hair above 1.
        planes = np.minimum(planes, 1)
    return np.ascontiguousarray(planes.reshape(image.shape), dtype=np.float32)


def _matrix(config: ViewConfig, size: tuple[int, ...], rng: np.random.Generator) -> NDArray[np.float64]:
    """Map from places of the view to places of the image, both (x, y, 1) from the image's centre."""
    height, width = size
    area = rng.uniform(*config.crop) if config.crop else 1.0
    ratio = float(np.exp(rng.uniform(*np.log(config.ratio)))) if config.ratio else 1.0
    share_x, share_y = min(1.0, (area * ratio) ** 0.5), min(1.0, (area / ratio) ** 0.5)
    offset_x, offset_y = rng.uniform(-0.5, 0.5, size=2) * (width * (1 - share_x), height * (1 - share_y))
    mirror = -1.0 if rng.random() < config.flip else 1.0
    angle = radians(rng.uniform(-config.rotation, config.rotation))
    shift_x, shift_y = rng.uniform(-config.translation, config.translation, size=2) * (width, height)
    zoom = rng.uniform(*config.zoom) if config.zoom else 1.0
    crop = np.array([[share_x * mirror, 0, offset_x], [0, share_y, offset_y], [0, 0, 1]])
    turn = np.array([[cos(angle), sin(angle), 0], [-sin(angle), cos(angle), 0], [0, 0, zoom]]) / zoom
    move = np.array([[1, 0, -shift_x], [0, 1, -shift_y], [0, 0, 1]])
    return np.asarray(crop @ turn @ move)


def _moved(planes: NDArray[np.float32], matrix: NDArray[np.float64]) -> NDArray[np.float32]:
    height, width = planes.shape[-2:]
    # Pillow counts from the corner of the image; the centre of pixel 0 lies at 0.5.
    to_corner = np.array([[1, 0, width / 2], [0, 1, height / 2], [0, 0, 1]])
    from_corner = np.array([[1, 0, -width / 2], [0, 1, -height / 2], [0, 0, 1]])
    placed = to_corner @ matrix @ from_corner
    coefficients = tuple(float(number) for number in placed[:2].ravel())
    method, resample = Image.Transform.AFFINE, Image.Resampling.BILINEAR
    return np.stack(
        [
            np.asarray(
                Image.fromarray(np.ascontiguousarray(plane)).transform(
                    (width, height), method, coefficients, resample
                )
            )
            for plane in planes
        ]
    )


def _blurred_rows(planes: NDArray[np.float32], sigma: float) -> NDArray[np.float32]:
    """Gaussian across the rows of (…, H, W), cut at 4 sigma; weights are shared anew at the borders.

    Shifted sums and no matrix product: the threads of NumPy's would take the cores from the training step, which
    made a view 20 times slower on two busy cores.
    """
    height = planes.shape[-2]
    radius = min(height - 1, int(np.ceil(4 * sigma)))
    weights = np.exp(-0.5 * (np.arange(radius + 1) / sigma) ** 2).astype(np.float32)
    total = np.convolve(np.ones(height), np.concatenate([weights[:0:-1], weights]))[radius : radius + height]
    blurred = planes * weights[0]
    shifted = np.empty_like(planes, order="C")
    for distance in range(1, radius + 1):
        np.multiply(planes, weights[distance], out=shifted)
        blurred[..., distance:, :] += shifted[..., :-distance, :]
        blurred[..., :-distance, :] += shifted[..., distance:, :]
    return np.asarray(blurred / total[:, None].astype(np.float32), dtype=np.float32)
