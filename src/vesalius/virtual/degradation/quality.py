"""Likeness of two pictures in one display: PSNR and SSIM."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from vesalius.virtual.picture import Picture

__all__ = ["psnr", "ssim", "window_of"]

_WINDOWS = {"HU": (-160.0, 240.0), "SUV": (0.0, 10.0)}
_CHEST_HU = (-1150.0, 350.0)


def window_of(picture: Picture) -> tuple[float, float]:
    """Values that are shown black and white: of the unit where it has one, of the type, else of the picture.

    HU: the soft-tissue window of 400 at 40, or that of the lungs, 1500 at −400, where a fifth of the picture's inner
    half is lung. SUV: 0 to 10. Stored values: 0 to the 99.5th percentile.
    """
    if picture.units == "HU":
        middle = [slice(length // 4, length - length // 4) for length in picture.pixels.shape]
        inner = picture.pixels[tuple(middle)]
        lung = ((inner > -970) & (inner < -600)).mean() > 0.2
        return _CHEST_HU if lung else _WINDOWS["HU"]
    if picture.units in _WINDOWS:
        return _WINDOWS[picture.units]
    if picture.pixels.dtype == np.uint8:
        return 0.0, 255.0
    return 0.0, float(max(np.percentile(picture.pixels, 99.5), 1e-6))


def psnr(reference: NDArray[np.floating], other: NDArray[np.floating]) -> float:
    """Peak signal to noise in dB of two arrays in display units, cut to 0 and 1; infinite where they are equal."""
    gap = np.clip(reference, 0, 1).astype(np.float64) - np.clip(other, 0, 1)
    error = float(np.mean(gap * gap))
    return float("inf") if error == 0 else -10 * float(np.log10(error))


def ssim(reference: NDArray[np.floating], other: NDArray[np.floating]) -> float:
    """Structural similarity (Wang 2004) of two planes (H, W) or (H, W, C) in display units.

    Gaussian window of σ 1.5 cut at 11 × 11 pixels, K1 0.01, K2 0.03; mean over the pixels whose window lies inside,
    and over channels.
    """
    if reference.ndim == 2:
        reference, other = reference[..., None], other[..., None]
    x, y = np.clip(reference, 0, 1).astype(np.float64), np.clip(other, 0, 1).astype(np.float64)
    mean_x, mean_y = _window(x), _window(y)
    spread_x, spread_y = _window(x * x) - mean_x**2, _window(y * y) - mean_y**2
    shared = _window(x * y) - mean_x * mean_y
    c1, c2 = 0.01**2, 0.03**2
    score = (2 * mean_x * mean_y + c1) * (2 * shared + c2)
    score /= (mean_x**2 + mean_y**2 + c1) * (spread_x + spread_y + c2)
    return float(score.mean())


def _window(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Weighted means of the windows that lie inside."""
    step = np.arange(-5, 6)
    weight = np.exp(-0.5 * (step / 1.5) ** 2)
    weight /= weight.sum()
    for axis in (0, 1):
        length = values.shape[axis] - 10
        values = np.sum([w * np.take(values, range(k, k + length), axis=axis) for k, w in enumerate(weight)], axis=0)
    return values
