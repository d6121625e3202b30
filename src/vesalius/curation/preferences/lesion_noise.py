"""Pictures with the lesion destroyed: which pixels, and what stands in their place.

Source: MMedPO (Zhu et al. 2024, arXiv 2412.06141), section 3.1; code aiming-lab/MMedPO, Apache-2.0. Pictures are
(rows, columns) or (rows, columns, channels), masks (rows, columns); pixels outside the mask stay as they are, bit by
bit.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from vesalius.config import Config
from vesalius.data.records import Box
from vesalius.errors import DataError
from vesalius.virtual.degradation.filters import warped

__all__ = ["NoiseConfig", "attention_mask", "box_mask", "kept_share", "noised"]

Mask = NDArray[np.bool_]
Floats = NDArray[np.float64]
_TAPS, _SIGMA = 15, 2.6
"""Of the blur: the SD that OpenCV takes for 15 taps where none is given, 0.3 ((15 - 1) / 2 - 1) + 0.8."""
_STEPS, _FIRST, _LAST, _SPAN = 1000, 1e-5, 5e-3, 6.0
"""Noise schedule of the authors' code: βs along a sigmoid from -6 to 6, from 1e-5 to 5e-3, in 1000 steps."""


@dataclass(frozen=True, kw_only=True)
class NoiseConfig(Config):
    """What stands in place of the lesion."""

    kind: Literal["clipped", "wrapped", "diffused", "added"] = "clipped"
    """clipped: N(0, sd²), cut to the range of the file's values.

    wrapped: the same, but numbers below 0 come round from the top, as in the authors' code, whose picture is of
    bytes already when the noise is put in; half of the pixels are near black and half near white.
    diffused: √ξ x + √(1 - ξ) ε after `step` steps (the paper), x from -1 black to 1 white.
    added: x + N(0, sd²), then cut; the authors' baseline for whole pictures.
    """
    sd: float = 10 / 255
    """As a share of white. The authors take 10 of 255 for the lesion, and 10 of 1 for whole pictures."""
    step: int = 500
    """k of 0 to 999; the paper gives none."""

    def __post_init__(self) -> None:
        if self.sd <= 0 or not 0 <= self.step < _STEPS:
            raise ValueError(f"sd {self.sd} and step {self.step}: expected above 0, and 0 to {_STEPS - 1}")


def attention_mask(attention: NDArray[np.floating], shape: tuple[int, int], *, patch: int = 16) -> Mask:
    """Return where attention, brought to the picture and blurred, lies above its mean less its SD, (rows, columns).

    A map that is the same everywhere points at nothing and selects nothing.

    Args:
        attention: of the patches of a square view, (h, w); 14 × 14 in the paper.
        shape: (rows, columns) of the picture.
        patch: side of a patch in pixels of the view.
    """
    if attention.ndim != 2 or min(attention.shape) < 1 or not np.isfinite(attention).all():
        raise DataError(f"attention of shape {attention.shape}: expected finite numbers, (rows, columns) of patches")
    if not np.ptp(attention):
        return np.zeros(shape, bool)
    view = np.asarray(attention, np.float64).repeat(patch, axis=0).repeat(patch, axis=1)
    rows, columns = (
        (np.arange(size) + 0.5) * (old / size) - 0.5 for size, old in zip(shape, view.shape, strict=True)
    )
    grid = np.meshgrid(rows, columns, indexing="ij")
    resized = warped(view[..., None].astype(np.float32), grid[0], grid[1], outside=None)[..., 0]
    blurred = _blurred(resized.astype(np.float64))
    return np.asarray(blurred > blurred.mean() - blurred.std())


def box_mask(boxes: tuple[Box, ...], shape: tuple[int, int]) -> Mask:
    """Return the pixels that lie in any box at least by half, (rows, columns)."""
    mask = np.zeros(shape, bool)
    for box in boxes:
        left, top, right, bottom = (round(float(edge)) for edge in box)
        mask[max(top, 0) : max(bottom, 0), max(left, 0) : max(right, 0)] = True
    return mask


def noised(picture: NDArray[Any], mask: Mask, *, settings: NoiseConfig, rng: np.random.Generator) -> NDArray[Any]:
    """Return a picture whose masked pixels are destroyed; the others, the shape and the type stay.

    Args:
        picture: 8 or 16 bits without sign, (rows, columns) or (rows, columns, channels); all bits are the range.
        mask: True where it is destroyed, (rows, columns).
        settings: with what.
        rng: of the noise.

    Raises:
        DataError: a mask of another grid, or values of another type.
    """
    if mask.shape != picture.shape[:2]:
        raise DataError(f"mask of {mask.shape} for a picture of {picture.shape[:2]} rows and columns")
    if picture.dtype not in (np.uint8, np.uint16):
        raise DataError(
            f"picture of {picture.dtype}: expected 8 or 16 bits without sign; export it as a picture first"
        )
    made = picture.copy()
    made[mask] = _drawn(picture[mask], settings, rng)
    return made


def kept_share(mask: Mask) -> float:
    """Return the share of pixels that stay."""
    return float(1 - mask.mean())


def _drawn(values: NDArray[Any], settings: NoiseConfig, rng: np.random.Generator) -> NDArray[Any]:
    """Return what stands in place of some pixels, (n,) or (n, channels)."""
    white = int(np.iinfo(values.dtype).max)
    drawn = rng.standard_normal(values.shape)
    if settings.kind == "diffused":
        kept = _kept(settings.step)
        shown = kept**0.5 * (values / white * 2 - 1) + (1 - kept) ** 0.5 * drawn
        noise = (shown + 1) / 2 * white
    else:
        noise = drawn * (settings.sd * white) + (values if settings.kind == "added" else 0)
    if settings.kind == "wrapped":
        return np.asarray(np.trunc(noise).astype(np.int64).astype(values.dtype))
    return np.asarray(np.clip(noise, 0, white).astype(values.dtype))


def _kept(step: int) -> float:
    """Return ξ after a step, the product of 1 - β up to it."""
    rates = _FIRST + (_LAST - _FIRST) / (1 + np.exp(-np.linspace(-_SPAN, _SPAN, _STEPS)))
    return float(np.prod(1 - rates[: step + 1]))


def _blurred(plane: Floats) -> Floats:
    """Blur with 15 × 15 taps of a Gaussian; beyond the edge the picture is mirrored, its edge pixels once."""
    weights = np.exp(-((np.arange(_TAPS) - _TAPS // 2) ** 2) / (2 * _SIGMA**2))
    weights /= weights.sum()
    for axis in (0, 1):
        wide = np.pad(plane, [(_TAPS // 2,) * 2 if axis == number else (0, 0) for number in (0, 1)], mode="reflect")
        size = plane.shape[axis]
        plane = sum(
            (weight * wide.take(range(place, place + size), axis=axis) for place, weight in enumerate(weights)),
            start=np.zeros(plane.shape),
        )
    return plane
