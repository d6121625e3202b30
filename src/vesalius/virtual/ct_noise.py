"""Resolution, noise and metal of CT: how a scanner changes the values of an object.

D slices, H rows, W columns; values are HU. Frequencies are cycles per mm.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from vesalius.virtual.anatomy.parts import Grid
from vesalius.virtual.anatomy.solids import Array

if TYPE_CHECKING:
    from vesalius.virtual.ct import Protocol

__all__ = [
    "KERNELS", "Kernel", "add_streaks", "blurred", "convolved", "gaussian", "noise", "noise_level", "smooth_field",
]  # fmt: skip

_WATER_PER_MM = 0.0193
"""Linear attenuation of water at the effective energy, 1/mm."""
_REFERENCE = (4.5, 10.0, 5.0, 200.0)
"""HU in water with the standard kernel at this CTDI (mGy), slice thickness (mm) and diameter (mm)."""


class Kernel(NamedTuple):
    """A reconstruction filter."""

    blur_mm: float
    """Full width at half maximum of the point spread in plane."""
    noise: float
    """Factor of the noise against the standard kernel."""
    edge: float
    """Gain of an unsharp mask of 1.2 mm that sharpens edges."""


KERNELS = {
    "smooth": Kernel(1.3, 0.6, 0.0),
    "standard": Kernel(0.9, 1.0, 0.0),
    "lung": Kernel(0.55, 3.3, 0.5),
}
"""Kernels by name."""


def blurred(values: Array, grid: Grid, kernel: str, slice_mm: float) -> Array:
    """Blur by the point spread in plane and, beyond the increment, by the slice thickness."""
    point = KERNELS[kernel]
    sigma = point.blur_mm / 2.355
    for axis in (1, 2):
        values = convolved(values, gaussian(sigma / grid.spacing_mm[axis]), axis)
    if point.edge:
        wide = values
        for axis in (1, 2):
            wide = convolved(wide, gaussian(1.2 / grid.spacing_mm[axis]), axis)
        values = values + np.float32(point.edge) * (values - wide)
    return convolved(values, _slab(slice_mm, grid.spacing_mm[0]), 0)


def noise_level(protocol: Protocol, diameter_mm: NDArray[np.floating]) -> NDArray[np.floating]:
    """Standard deviation in HU of slices by their water-equivalent diameter, (D,), on the protocol's pixels.

    The rule is for pixels of the scanner's own size; what larger pixels average out is taken off by the integral of
    the noise power up to their Nyquist frequency.
    """
    level, dose, thickness, reference = _REFERENCE
    kernel = KERNELS[protocol.kernel]
    found = level * np.sqrt(dose / protocol.ctdi_mgy * thickness / protocol.thickness_mm) * kernel.noise
    found *= np.exp(0.5 * _WATER_PER_MM * (np.clip(diameter_mm, 60, 480) - reference))
    pixel = max(protocol.grid.spacing_mm[1:])
    frequency = np.linspace(0, 3, 1200)
    power = frequency**2 * np.exp(-((2 * np.pi * kernel.blur_mm / 2.355 * frequency) ** 2))
    share = power[frequency < 0.5 / pixel].sum() / power.sum()
    return np.asarray(found * np.sqrt(max(share, 1e-3)))


def noise(values: Array, protocol: Protocol, rng: np.random.Generator) -> Array:
    """Noise of a volume of HU, (D, H, W): even in grain, stronger along dense paths across the patient."""
    grid, shape = protocol.grid, values.shape
    water = np.clip(values * np.float32(1e-3) + 1, 0, 2.5)
    across = water.sum(axis=2) * np.float32(grid.spacing_mm[2])
    area = across.sum(axis=1) * grid.spacing_mm[1]
    diameter = 2 * np.sqrt(area / np.pi)
    level = noise_level(protocol, diameter).astype(np.float32)
    excess = np.exp(np.clip(_WATER_PER_MM * (across - diameter[:, None]), 0, 3.0)) - 1
    streak = 0.7 * level[:, None] * np.sqrt(excess)
    grain = _spectrum(grid, KERNELS[protocol.kernel])
    slab = _slab(protocol.thickness_mm, grid.spacing_mm[0])
    found = _coloured(rng, shape, grain, slab)
    found *= level[:, None, None]
    lobe = grain * _horizontal(grid)
    lines = _coloured(rng, shape, lobe, slab)
    lines *= streak[:, :, None].astype(np.float32)
    found += lines
    return found


def smooth_field(rng: np.random.Generator, grid: Grid, cell_mm: float) -> Array:
    """Smooth noise with bumps of about `cell_mm`, mean 0 and deviation 1 but for the ends, (D, H, W)."""
    counts = [int(np.ceil(n * step / cell_mm)) + 3 for n, step in zip(grid.shape, grid.spacing_mm, strict=True)]
    found: Array = rng.standard_normal(counts, dtype=np.float32)
    for axis, (size, step) in enumerate(zip(grid.shape, grid.spacing_mm, strict=True)):
        found = _upsampled(found, axis, size, step / cell_mm)
    # Cubic B-splines average: their weights leave 0.479 of the deviation along each axis.
    found *= np.float32(1 / 0.479**1.5)
    return found


def _upsampled(coarse: Array, axis: int, size: int, step: float) -> Array:
    """Evaluate a uniform cubic B-spline along an axis at `size` places, `step` cells apart."""
    place = np.arange(size) * step
    cell = np.minimum(np.floor(place).astype(np.int64), coarse.shape[axis] - 4)
    t = place - cell
    basis = ((1 - t) ** 3 / 6, (3 * t**3 - 6 * t**2 + 4) / 6, (-3 * t**3 + 3 * t**2 + 3 * t + 1) / 6, t**3 / 6)
    shape = [1, 1, 1]
    shape[axis] = size
    found: Array = np.take(coarse, cell, axis) * basis[0].astype(np.float32).reshape(shape)
    for offset in (1, 2, 3):
        found += np.take(coarse, cell + offset, axis) * basis[offset].astype(np.float32).reshape(shape)
    return found


def gaussian(sigma: float) -> NDArray[np.float32]:
    """Weights of a Gaussian in samples, symmetrical; one weight where it is too narrow to matter."""
    if sigma < 0.25:
        return np.ones(1, np.float32)
    reach = int(np.ceil(3 * sigma))
    weight = np.exp(-0.5 * (np.arange(-reach, reach + 1) / sigma) ** 2)
    return np.asarray(weight / weight.sum(), np.float32)


def _slab(slice_mm: float, increment_mm: float) -> NDArray[np.float32]:
    """Weights of a box of the slice thickness; sampling has already averaged over one increment."""
    width = max(1.0, slice_mm / increment_mm)
    reach = int(np.ceil((width - 1) / 2 - 1e-6))
    weight = np.clip(0.5 + width / 2 - np.abs(np.arange(-reach, reach + 1)), 0, 1)
    return np.asarray(weight / weight.sum(), np.float32)


def convolved(values: Array, weight: NDArray[np.float32], axis: int) -> Array:
    """Convolve along an axis; the ends are repeated."""
    reach = len(weight) // 2
    if reach == 0:
        return values
    lines = np.moveaxis(values, axis, 0)
    size = len(lines)
    found: Array = weight[reach] * values
    target = np.moveaxis(found, axis, 0)
    for offset in range(1, reach + 1):
        for place in (np.minimum(np.arange(size) + offset, size - 1), np.maximum(np.arange(size) - offset, 0)):
            target += weight[reach + offset] * lines[place]
    return found


def _spectrum(grid: Grid, kernel: Kernel) -> Array:
    """Amplitude of the noise over frequencies (H, W // 2 + 1): the square root of ramp × MTF²."""
    fy = np.fft.fftfreq(grid.shape[1], grid.spacing_mm[1])[:, None]
    fx = np.fft.rfftfreq(grid.shape[2], grid.spacing_mm[2])[None, :]
    radius = np.sqrt(fx**2 + fy**2)
    transfer = np.exp(-2 * (np.pi * kernel.blur_mm / 2.355 * radius) ** 2)
    return np.asarray(np.sqrt(radius) * transfer, np.float32)


def _horizontal(grid: Grid) -> Array:
    """Weight of the frequencies that make lines along x, (H, W // 2 + 1)."""
    fy = np.abs(np.fft.fftfreq(grid.shape[1], grid.spacing_mm[1]))[:, None]
    fx = np.fft.rfftfreq(grid.shape[2], grid.spacing_mm[2])[None, :]
    return np.asarray(np.exp(-((fx / (0.12 * fy + 1e-6)) ** 2)), np.float32)


def _coloured(rng: np.random.Generator, shape: tuple[int, ...], amplitude: Array, slab: NDArray[np.float32]) -> Array:
    """Noise of unit deviation with a spectrum in plane and the correlation of thick slices, (D, H, W)."""
    white = rng.standard_normal(shape, dtype=np.float32)
    rows, columns = shape[1:]
    double = np.full(amplitude.shape[1], 2.0)
    double[0] = 1.0
    if columns % 2 == 0:
        double[-1] = 1.0
    power = float((amplitude.astype(np.float64) ** 2 * double).sum() / (rows * columns))
    scale = np.float32(1 / np.sqrt(max(power, 1e-12)))
    for number in range(shape[0]):
        white[number] = np.fft.irfft2(np.fft.rfft2(white[number]) * (amplitude * scale), s=(rows, columns))
    return convolved(white, slab / np.float32(np.sqrt((slab**2).sum())), 0)


def add_streaks(values: Array, dense: NDArray[np.bool_], grid: Grid, rng: np.random.Generator) -> None:
    """Add rays of light and dark round metal in its slices, in place.

    A model of the look, not of projections: round the metal's centre waves over the angle that fall with distance,
    and dark bands along its longest way, where the beam starves.
    """
    x, y, _ = grid.axes
    for number in np.flatnonzero(dense.any(axis=(1, 2))):
        rows, columns = np.nonzero(dense[number])
        centre = float(x[columns].mean()), float(y[rows].mean())
        area = len(rows) * grid.spacing_mm[1] * grid.spacing_mm[2]
        across, deep = x[None, :] - np.float32(centre[0]), y[:, None] - np.float32(centre[1])
        far = np.sqrt(across**2 + deep**2)
        angle = np.arctan2(deep, across)
        spread = np.stack([x[columns] - centre[0], y[rows] - centre[1]]) if len(rows) > 1 else np.zeros((2, 1))
        moment = spread @ spread.T / len(rows)
        axis = 0.5 * np.arctan2(2 * moment[0, 1], moment[0, 0] - moment[1, 1] + 1e-9)
        wave = np.zeros_like(far)
        for order in rng.integers(4, 30, 9):
            wave += np.cos(2 * order * angle + np.float32(rng.uniform(0, 6.28)))
        dark = np.exp(8 * (np.cos(2 * (angle - axis)) - 1))
        fall = np.float32(min(1.0, area / 80)) / (1 + far / (6 + np.sqrt(area)))
        values[number] += fall * (np.float32(110) * wave - np.float32(500) * dark)
