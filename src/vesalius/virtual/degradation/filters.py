"""Filters, fields and warps of planes (H, W, C), in numpy and PIL."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from vesalius.virtual.degradation.model import Plane

__all__ = ["content", "cover", "field", "gaussian", "line_blur", "luma", "resized", "spots", "turned", "warped"]


def gaussian(plane: NDArray[np.floating], sigma: float, *, axes: tuple[int, ...] = (0, 1)) -> Plane:
    """Blur with a Gaussian of `sigma` pixels, edges mirrored; exact in the frequency domain."""
    made = np.asarray(plane, np.float32)
    if sigma <= 0:
        return made
    for axis in axes:
        length = made.shape[axis]
        reach = min(int(np.ceil(4 * sigma)) + 1, length)
        wide = np.pad(made, [(reach, reach) if k == axis else (0, 0) for k in range(made.ndim)], mode="symmetric")
        rate = np.fft.rfftfreq(wide.shape[axis])
        pass_ = np.exp(-2 * (np.pi * sigma * rate) ** 2).reshape([-1 if k == axis else 1 for k in range(made.ndim)])
        wave = np.fft.rfft(wide, axis=axis) * pass_
        back = np.fft.irfft(wave, n=wide.shape[axis], axis=axis)
        made = np.asarray(np.take(back, range(reach, reach + length), axis=axis), np.float32)
    return made


def line_blur(plane: Plane, length: float, angle: float) -> Plane:
    """Smear over a straight line of `length` pixels at `angle` radians from the rows, edges mirrored."""
    reach = min(int(np.ceil(length)) + 2, *plane.shape[:2])
    wide = np.pad(plane, [(reach, reach), (reach, reach), (0, 0)], mode="symmetric")
    rows, columns = np.fft.fftfreq(wide.shape[0])[:, None], np.fft.rfftfreq(wide.shape[1])[None, :]
    pass_ = np.sinc(length * (columns * np.cos(angle) + rows * np.sin(angle)))
    wave = np.fft.rfft2(wide, axes=(0, 1)) * pass_[..., None]
    back = np.fft.irfft2(wave, s=wide.shape[:2], axes=(0, 1))
    return np.asarray(back[reach:-reach, reach:-reach], np.float32)


def field(rng: np.random.Generator, shape: tuple[int, ...], cells: int) -> Plane:
    """Smooth noise with about `cells` bumps across, mean 0, SD about 0.8, (H, W)."""
    grid = rng.standard_normal((cells, cells), dtype=np.float32)
    wide = Image.fromarray(grid, "F").resize((shape[1], shape[0]), Image.Resampling.BICUBIC)
    return np.asarray(wide, np.float32)


def cover(rng: np.random.Generator, shape: tuple[int, ...], cells: int, share: float, *, soft: float = 0.08) -> Plane:
    """Cover `share` of the plane with patches, 0 to 1, (H, W); a larger share holds the smaller one."""
    hills = field(rng, shape, cells)
    level = np.quantile(hills, 1 - min(max(share, 0.0), 0.999))
    return np.asarray(np.clip((hills - level) / soft + 0.5, 0, 1) if share > 0 else 0 * hills, np.float32)


def spots(
    rng: np.random.Generator, shape: tuple[int, ...], share: float, *, radius: tuple[float, float], ring: float = 0.0
) -> Plane:
    """Discs that cover about `share` of the plane, 0 to 1, (H, W); more of them as the share grows.

    Args:
        rng: stream of this purpose.
        shape: of the plane.
        share: of the area, not counting overlaps.
        radius: range in shares of the height.
        ring: width of the ring as a share of the radius; 0 fills the discs.
    """
    height, width = shape[:2]
    limit = int(share * 1.3 / (np.pi * radius[0] ** 2)) + 1
    draws = rng.random((400, 3))
    made = np.zeros((height, width), np.float32)
    area = 0.0
    rows, columns = np.arange(height)[:, None] + 0.5, np.arange(width)[None, :] + 0.5
    for x, y, size in draws[: min(limit, 400)]:
        part = float((radius[0] + (radius[1] - radius[0]) * size**2) * height)
        left = max(share * height * width - area, 0.0)
        # The last disc grows with the share, so that the covered area does so too.
        part = min(part, float(np.sqrt(left / np.pi)))
        if part < 0.3:
            break
        yard = np.hypot(rows - y * height, columns - x * width)
        disc = np.clip(part - yard + 0.5, 0, 1)
        made = np.maximum(made, disc * np.clip(yard - part * (1 - ring) + 0.5, 0, 1) if ring else disc)
        area += np.pi * part * part
    return made


def content(plane: Plane) -> tuple[int, int, int, int]:
    """First and last row, first and last column of what differs from the darkest level; of an empty plane all."""
    seen = np.clip(plane, 0, 1).max(axis=2)
    seen = seen > seen.min() + 0.08
    rows, columns = np.flatnonzero(seen.mean(axis=1) > 0.02), np.flatnonzero(seen.mean(axis=0) > 0.02)
    if len(rows) == 0 or len(columns) == 0:
        return 0, plane.shape[0] - 1, 0, plane.shape[1] - 1
    return int(rows[0]), int(rows[-1]), int(columns[0]), int(columns[-1])


def luma(plane: Plane) -> Plane:
    """Mean of the channels, (H, W)."""
    return np.asarray(plane.mean(axis=2), np.float32)


def resized(plane: Plane, shape: tuple[int, int], how: Image.Resampling) -> Plane:
    """Resample to (H, W), channel by channel."""
    parts = [
        np.asarray(Image.fromarray(np.ascontiguousarray(part), "F").resize((shape[1], shape[0]), how), np.float32)
        for part in np.moveaxis(np.asarray(plane, np.float32), 2, 0)
    ]
    return np.stack(parts, axis=2)


def warped(
    plane: Plane, rows: NDArray[np.floating], columns: NDArray[np.floating], *, outside: float | None
) -> Plane:
    """Sample at `rows` and `columns` (H, W) with bilinear weights; beyond the edge `outside`, or the edge itself."""
    height, width = plane.shape[:2]
    row, column = np.clip(rows, 0, height - 1), np.clip(columns, 0, width - 1)
    top, left = np.minimum(row.astype(int), height - 2), np.minimum(column.astype(int), width - 2)
    down, right = (row - top)[..., None], (column - left)[..., None]
    upper = plane[top, left] * (1 - right) + plane[top, left + 1] * right
    lower = plane[top + 1, left] * (1 - right) + plane[top + 1, left + 1] * right
    made = upper * (1 - down) + lower * down
    if outside is not None:
        gone = (rows < -0.5) | (rows > height - 0.5) | (columns < -0.5) | (columns > width - 0.5)
        made[gone] = outside
    return np.asarray(made, np.float32)


def turned(
    plane: Plane, degrees: float, *, outside: float | None = 0.0, shift: tuple[float, float] = (0.0, 0.0)
) -> Plane:
    """Turn about the centre and shift by (rows, columns) pixels."""
    height, width = plane.shape[:2]
    y, x = np.mgrid[:height, :width].astype(np.float32)
    y, x = y - (height - 1) / 2 - shift[0], x - (width - 1) / 2 - shift[1]
    cos, sin = np.cos(np.deg2rad(degrees)), np.sin(np.deg2rad(degrees))
    return warped(plane, y * cos - x * sin + (height - 1) / 2, x * cos + y * sin + (width - 1) / 2, outside=outside)
