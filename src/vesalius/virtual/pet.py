"""Positron emission tomography with FDG from solids: volumes in SUV with a camera's resolution and noise.

The camera blurs the true uptake; the noise of an iterative reconstruction grows with the root of the local activity
and with the patient's thickness, and hangs together over a few mm. It is made in the picture, not from coincidences.

D slices (to the head), H rows (to the back), W columns (to the patient's left). Values are SUV by body weight.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from vesalius.errors import ConfigError
from vesalius.virtual.anatomy.parts import Anatomy, Grid, Sampled, sample
from vesalius.virtual.anatomy.solids import Array
from vesalius.virtual.anatomy.tissues import tissues
from vesalius.virtual.ct_noise import convolved, gaussian, smooth_field

__all__ = ["EmissionProtocol", "EmissionScan", "acquire", "palette", "peak_uptake"]

_FWHM = 2.355
"""Full width at half maximum over standard deviation of a Gaussian."""
_LIVER_SUV = 2.2
_PEAK_MM = 6.2
"""Radius of a ball of 1 ml."""
_PATCHY = {"myocardium": 0.45, "bowel_wall": 0.4, "stomach_wall": 0.3, "lung_cancer": 0.15}
"""Unevenness within one person as a share of a tissue's uptake; 0.06 where a tissue is not named."""


@dataclass(frozen=True, kw_only=True)
class EmissionProtocol:
    """How an emission scan is made."""

    grid: Grid
    resolution_mm: float = 6.0
    """Full width at half maximum of the point spread, 5 to 7 mm."""
    liver_noise: float = 0.11
    """Deviation in the liver of a mean patient as a share of its uptake, 0.08 to 0.15."""
    grain_mm: float = 7.0
    """Full width at half maximum of the noise's correlation."""

    def __post_init__(self) -> None:
        for name in ("resolution_mm", "grain_mm"):
            if not 0 < getattr(self, name) <= 30:
                raise ConfigError(f"{name} of {getattr(self, name)}: expected more than 0 to 30 mm")
        if not 0 <= self.liver_noise < 1:
            raise ConfigError(f"noise of {self.liver_noise}: expected 0 to below 1")


@dataclass(frozen=True, eq=False)
class EmissionScan:
    """A volume with the anatomy that it shows."""

    protocol: EmissionProtocol
    sampled: Sampled
    """Labels and lesions on the same grid."""
    volume: NDArray[np.float32]
    """(D, H, W), SUV, not negative."""


@cache
def palette() -> Mapping[str, tuple[tuple[float, float], tuple[float, float]]]:
    """Uptake and its unevenness, with their deviations between people, by tissue; see `sample`."""
    return {
        name: ((tissue.suv[0], _PATCHY.get(name, 0.06)), (tissue.suv[1], 0.0)) for name, tissue in tissues().items()
    }


def acquire(anatomy: Anatomy, protocol: EmissionProtocol, rng: np.random.Generator) -> EmissionScan:
    """Scan an anatomy; the same generator state gives the same bytes."""
    grid = protocol.grid
    sampled = sample(anatomy, grid, palette())
    uptake, patchy = sampled.values
    patches = smooth_field(rng, grid, 18.0)
    true = np.maximum(uptake, 0) * np.clip(1 + patchy * patches, 0.1, 3)
    seen = _spread(true, grid, protocol.resolution_mm)
    grain = _spread(rng.standard_normal(grid.shape, dtype=np.float32), grid, protocol.grain_mm)
    grain *= np.float32(1 / max(float(grain.std()), 1e-6))
    level = protocol.liver_noise * _thickness_factor(sampled, grid)
    seen += grain * level * np.sqrt(np.float32(_LIVER_SUV) * (seen + np.float32(0.05)))
    return EmissionScan(protocol, sampled, np.maximum(seen, 0).astype(np.float32, copy=False))


def peak_uptake(volume: Array, mask: NDArray[np.bool_], grid: Grid) -> float:
    """SUVpeak: the largest mean over a ball of 1 ml about a voxel of a mask; NaN where the mask is empty."""
    places = np.argwhere(mask)
    if len(places) == 0:
        return float("nan")
    reach = [int(np.ceil(_PEAK_MM / step)) for step in grid.spacing_mm]
    steps = np.stack(np.meshgrid(*(np.arange(-r, r + 1) for r in reach), indexing="ij"), axis=-1).reshape(-1, 3)
    ball = steps[np.linalg.norm(steps * np.asarray(grid.spacing_mm), axis=1) <= _PEAK_MM]
    order = volume[mask].argsort()[::-1][:200]
    index = np.clip(places[order][:, None] + ball[None], 0, np.asarray(volume.shape) - 1)
    return float(volume[index[..., 0], index[..., 1], index[..., 2]].mean(axis=1).max())


def _spread(values: Array, grid: Grid, width_mm: float) -> Array:
    for axis, step in enumerate(grid.spacing_mm):
        values = convolved(values, gaussian(width_mm / _FWHM / step), axis)
    return values


def _thickness_factor(sampled: Sampled, grid: Grid) -> Array:
    """Growth of the noise with a slice's diameter, 1 at 300 mm: fewer pairs of photons leave a thick body."""
    area = (sampled.labels > 0).sum(axis=(1, 2)) * grid.spacing_mm[1] * grid.spacing_mm[2]
    diameter = 2 * np.sqrt(area / np.pi)
    factor: Array = np.exp(0.5 * 0.0096 * (np.clip(diameter, 100, 500) - 300)).astype(np.float32)[:, None, None]
    return factor
