"""Random fields and places on a square: smooth noise, fibres, jittered lattices, cells that share walls."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from vesalius.virtual.cells.stamp import Array
from vesalius.virtual.noise import smooth_noise

__all__ = ["Mosaic", "blurred", "fibres", "lattice", "mosaic", "quantile_mask"]


def blurred(picture: Array, sigma: float) -> Array:
    """Blur the first two axes of (H, W) or (H, W, C) with a Gaussian of `sigma` pixels, edges mirrored."""
    reach = int(np.ceil(3 * sigma))
    if sigma < 0.15:
        return picture
    step = np.arange(-reach, reach + 1)
    kernel = np.exp(-0.5 * (step / sigma) ** 2)
    kernel = (kernel / kernel.sum()).astype(np.float32)
    for axis in (0, 1):
        width = [(reach, reach) if k == axis else (0, 0) for k in range(picture.ndim)]
        wide = np.pad(picture, width, mode="symmetric")
        length = picture.shape[axis]
        picture = sum(weight * np.take(wide, range(k, k + length), axis=axis) for k, weight in enumerate(kernel))
    return np.asarray(picture, np.float32)


def fibres(rng: np.random.Generator, size: int, field_um: float, *, width_um: float, angle: float) -> Array:
    """Wavy parallel bundles along `angle`, mean 0 and SD about 1, (size, size)."""
    place = (np.arange(size, dtype=np.float32) + 0.5) * np.float32(field_um / size)
    across = place[:, None] * np.float32(np.cos(angle)) - place[None, :] * np.float32(np.sin(angle))
    across = across + 7 * smooth_noise(rng, size, 4) + 2 * smooth_noise(rng, size, 12)
    lines = rng.standard_normal(int(4 * field_um / width_um) + 64)
    at = (across + field_um) / width_um
    bundles = np.interp(at, np.arange(len(lines)), lines).astype(np.float32)
    fine = np.interp(2.7 * at + 5, np.arange(3 * len(lines)), np.tile(lines[::-1], 3)).astype(np.float32)
    return np.asarray((bundles + 0.5 * fine) * (0.8 + 0.5 * smooth_noise(rng, size, 10)), np.float32)


def lattice(rng: np.random.Generator, extent_um: float, spacing_um: float, *, jitter: float = 0.28) -> Array:
    """Places about `spacing_um` apart on a hexagonal lattice with jitter, x and y, (N, 2).

    They cover the square of `extent_um` and a margin of two spacings, so that cells are cut by the edge.
    """
    rows = np.arange(-2, int(extent_um / (0.866 * spacing_um)) + 3)
    columns = np.arange(-2, int(extent_um / spacing_um) + 3)
    x = (columns[None, :] + 0.5 * (rows % 2)[:, None]) * spacing_um
    y = np.broadcast_to(rows[:, None] * 0.866 * spacing_um, x.shape)
    places = np.stack([x.ravel(), y.ravel()], axis=1) + rng.random(2) * spacing_um
    return np.asarray(places + rng.normal(0, jitter * spacing_um, places.shape), np.float32)


class Mosaic(NamedTuple):
    """A square cut into cells that share walls."""

    cell: NDArray[np.intp]
    """Index of the nearest place, (size, size)."""
    wall_um: Array
    """Distance to the wall between the nearest two places, (size, size)."""


def mosaic(places: Array, size: int, field_um: float) -> Mosaic:
    """Cut the square into the cells of the nearest of `places` (N, 2) in µm."""
    at = (np.arange(size, dtype=np.float32) + 0.5) * np.float32(field_um / size)
    nearest = np.full((size, size), np.inf, np.float32)
    second = nearest.copy()
    cell = np.zeros((size, size), np.intp)
    for number, (x, y) in enumerate(places):
        distance = (at[None, :] - x) ** 2 + (at[:, None] - y) ** 2
        closer = distance < nearest
        second = np.where(closer, nearest, np.minimum(second, distance))
        nearest = np.where(closer, distance, nearest)
        cell[closer] = number
    return Mosaic(cell, np.asarray((np.sqrt(second) - np.sqrt(nearest)) / 2, np.float32))


def quantile_mask(noise: Array, share: float, *, within: NDArray[np.bool_] | None = None) -> NDArray[np.bool_]:
    """Return the pixels of the highest `noise` whose area is `share` of the picture; none outside `within`."""
    values = noise if within is None else np.where(within, noise, -np.inf)
    count = round(min(share, 1.0) * noise.size)
    allowed = noise.size if within is None else int(within.sum())
    count = min(count, allowed)
    chosen = np.zeros(noise.size, np.bool_)
    if count > 0:
        chosen[np.argpartition(values.ravel(), -count)[-count:]] = True
    return chosen.reshape(noise.shape)
