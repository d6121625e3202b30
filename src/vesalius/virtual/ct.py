"""Computed tomography from solids: HU volumes with the resolution, noise and artefacts of a scanner.

The physics is applied to the sampled volume, not to projections: the scanner's point spread in plane and through
plane, noise by dose, thickness, kernel and water-equivalent diameter with the power spectrum of filtered back
projection, streaks of dense paths along x, cupping by a hard beam, streaks round metal, and the table.

D slices (to the head), H rows (to the back), W columns (to the patient's left). Values are HU.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from vesalius.errors import ConfigError, did_you_mean
from vesalius.virtual import ct_noise
from vesalius.virtual.anatomy.parts import Anatomy, Grid, Sampled, sample
from vesalius.virtual.anatomy.solids import Array
from vesalius.virtual.anatomy.tissues import PHASES, tissues
from vesalius.virtual.ct_noise import KERNELS

__all__ = ["KERNELS", "THICKEST_MM", "WINDOWS", "Protocol", "Scan", "palette", "scan", "window"]

_LOW, _HIGH = -1024, 3071
WINDOWS = {
    "lung": (1500, -600), "mediastinum": (400, 40), "abdomen": (400, 50), "liver": (150, 90), "bone": (1800, 400),
    "brain": (80, 40), "stroke": (40, 40), "subdural": (200, 80), "angiography": (700, 200), "embolism": (700, 100),
}  # fmt: skip
"""Width and level of display by name."""
_TEXTURE = {
    "air": 0.0, "gas": 0.0, "metal": 0.0, "plastic": 0.0, "csf": 0.5, "urine": 0.5, "bile": 0.5, "vitreous": 0.5,
    "vein": 1.0, "artery": 1.0, "left_blood": 2.0, "right_blood": 3.0, "grey_matter": 1.2, "white_matter": 1.2,
    "deep_grey": 1.0, "effusion": 1.5, "fat": 7.0, "muscle": 9.0, "breast_gland": 12.0, "bowel_content": 10.0,
    "striatum": 1.2, "pallidum": 1.2, "thalamus": 1.2, "brainstem": 1.2, "brain_oedema": 1.2, "gliosis": 1.2,
    "infarct_hyperacute": 1.2, "infarct_acute": 1.2, "infarct_subacute": 1.5, "infarct_chronic": 0.8,
    "ms_plaque": 1.2, "low_grade_glioma": 1.2, "tumour_necrosis": 1.0, "meningioma": 1.5, "blood_in_csf": 1.0,
    "blood_chronic": 1.2,
    "lung": 26.0, "emphysema": 6.0, "consolidation": 38.0, "spongy_bone": 28.0, "cortical_bone": 60.0, "stool": 60.0,
}  # fmt: skip
"""Unevenness of a tissue within one person, HU; 3 where a tissue is not named."""
_GRADIENT_HU = 40.0
"""Rise of the density of the lung from the highest to the lowest place of a supine chest."""

THICKEST_MM = 20.0


@dataclass(frozen=True, kw_only=True)
class Protocol:
    """How a scan is made."""

    grid: Grid
    """Voxel centres; its slice spacing is the increment."""
    phase: str = "native"
    """native, arterial, portal or late."""
    kernel: str = "standard"
    """smooth, standard or lung."""
    ctdi_mgy: float = 10.0
    """Dose, CTDIvol of the 32 cm phantom; of a head scan a half of what the 16 cm phantom gives."""
    slice_mm: float | None = None
    """Slice thickness, at most 20 mm; the increment where none is given, and 20 mm with gaps where that is larger."""
    metal: bool = True
    """Streaks round metal."""
    table: bool = True
    """Table below the back."""

    def __post_init__(self) -> None:
        if self.phase not in PHASES:
            raise ConfigError(f"unknown contrast phase {self.phase!r}{did_you_mean(self.phase, PHASES)}")
        if self.kernel not in KERNELS:
            raise ConfigError(f"unknown CT kernel {self.kernel!r}{did_you_mean(self.kernel, KERNELS)}")
        if not self.ctdi_mgy > 0:
            raise ConfigError(f"dose of {self.ctdi_mgy} mGy: expected more than 0")
        if not 0 < self.thickness_mm <= THICKEST_MM:
            raise ConfigError(f"slices of {self.thickness_mm} mm: expected more than 0 to {THICKEST_MM:g} mm")

    @property
    def thickness_mm(self) -> float:
        """Slice thickness."""
        return min(self.grid.spacing_mm[0], THICKEST_MM) if self.slice_mm is None else self.slice_mm


@dataclass(frozen=True, eq=False)
class Scan:
    """A volume with the anatomy that it shows."""

    protocol: Protocol
    sampled: Sampled
    """Labels and lesions on the same grid."""
    volume: NDArray[np.int16]
    """(D, H, W), HU from -1024 to 3071."""

    def mean_hu(self, mask: NDArray[np.bool_]) -> float:
        """Mean of a mask (D, H, W), NaN where it is empty."""
        values = self.volume[mask]
        return float(values.mean()) if len(values) else float("nan")


@cache
def palette(phase: str) -> Mapping[str, tuple[tuple[float, float], tuple[float, float]]]:
    """HU in a contrast phase and unevenness, with their deviations between people, by tissue; see `sample`."""
    if phase not in PHASES:
        raise ConfigError(f"unknown contrast phase {phase!r}{did_you_mean(phase, PHASES)}")
    place = PHASES.index(phase)
    return {
        name: ((tissue.hu[place], _TEXTURE.get(name, 3.0)), (tissue.hu_sd, 0.0)) for name, tissue in tissues().items()
    }


def scan(anatomy: Anatomy, protocol: Protocol, rng: np.random.Generator) -> Scan:
    """Scan an anatomy; the same generator state gives the same bytes."""
    sampled = sample(anatomy, protocol.grid, palette(protocol.phase))
    values, unevenness = sampled.values
    values = values.copy()
    seeds = rng.integers(2**63, size=4)
    _add_texture(values, unevenness, np.random.default_rng(seeds[0]), protocol.grid)
    _add_gradient(values, anatomy, sampled)
    if protocol.table:
        _add_table(values, sampled, protocol.grid)
    _add_cupping(values, np.random.default_rng(seeds[1]))
    dense = values > _HIGH
    values = ct_noise.blurred(values, protocol.grid, protocol.kernel, protocol.thickness_mm)
    values += ct_noise.noise(values, protocol, np.random.default_rng(seeds[2]))
    if protocol.metal and dense.any():
        ct_noise.add_streaks(values, dense, protocol.grid, np.random.default_rng(seeds[3]))
    np.rint(values, out=values)
    volume = values.clip(_LOW, _HIGH).astype(np.int16)
    return Scan(protocol, sampled, volume)


def window(volume: NDArray[np.integer] | Array, width: float, level: float) -> NDArray[np.uint8]:
    """Map HU to grey values: black at `level - width / 2`, white at `level + width / 2`."""
    if not width > 0:
        raise ConfigError(f"window of width {width}: expected more than 0")
    share = (np.asarray(volume, np.float32) - np.float32(level - width / 2)) * np.float32(255 / width)
    return np.asarray(np.rint(share).clip(0, 255), np.uint8)


def _add_texture(values: Array, unevenness: Array, rng: np.random.Generator, grid: Grid) -> None:
    """Add what makes tissue uneven: noise of about 5 and 14 mm, by the unevenness of each voxel."""
    field = ct_noise.smooth_field(rng, grid, 5.0)
    field *= np.float32(0.8)
    wide = ct_noise.smooth_field(rng, grid, 14.0)
    wide *= np.float32(0.6)
    field += wide
    field *= unevenness
    values += field


def _add_gradient(values: Array, anatomy: Anatomy, sampled: Sampled) -> None:
    """Make the lung denser to the back: blood sinks. Only its gas is compressed."""
    tissue = {part.structure: part.tissue for part in anatomy.parts if not part.concept}
    aerated = [sampled.structures.index(name) + 1 for name, kind in tissue.items() if kind == "lung"]
    if not aerated:
        return
    table = np.zeros(256, np.float32)
    table[aerated] = 1
    share = table[sampled.labels]
    rows = np.flatnonzero(share.any(axis=(0, 2)))
    if len(rows) < 2:
        return
    height = (np.arange(values.shape[1], dtype=np.float32) - rows[0]) / np.float32(rows[-1] - rows[0]) - 0.5
    share *= (height * np.float32(_GRADIENT_HU))[None, :, None]
    share *= np.clip(values * np.float32(-1 / 860), 0, 1)
    values += share


def _add_table(values: Array, sampled: Sampled, grid: Grid) -> None:
    """Put the table under the lowest place of the body: a bowed shell about a light core."""
    body = np.flatnonzero((sampled.labels > 0).any(axis=(0, 2)))
    x, y, _ = grid.axes
    if len(body) == 0 or body[-1] + 1 >= len(y):
        return
    top = y[body[-1]] + 4
    depth = y[:, None] - (top - (x[None, :] / 420) ** 2 * 210)
    soft = np.float32(max(grid.spacing_mm[1], 1.0))
    inside = np.clip(np.minimum(depth, 24 - depth) / soft + 0.5, 0, 1) * (np.abs(x)[None, :] < 210)
    core = np.clip(np.minimum(depth - 2.5, 21.5 - depth) / soft + 0.5, 0, 1)
    value = (75 * (1 - core) - 850 * core).astype(np.float32)
    rows = np.flatnonzero(inside.any(axis=1))
    if len(rows) == 0:
        return
    part = slice(rows[0], rows[-1] + 1)
    air = sampled.labels[:, part] == 0
    values[:, part] += air * (value[part] - values[:, part]) * inside[part].astype(np.float32)


def _add_cupping(values: Array, rng: np.random.Generator) -> None:
    """Lower the middle of the body by what the correction of a hard beam leaves: up to 5 HU of water."""
    body = values > -500
    rows, columns = np.flatnonzero(body.any(axis=(0, 2))), np.flatnonzero(body.any(axis=(0, 1)))
    if len(rows) == 0:
        return
    amount = rng.uniform(0, 5)
    across = (np.arange(values.shape[2]) - columns.mean()) / (0.5 * len(columns))
    deep = (np.arange(values.shape[1]) - rows.mean()) / (0.5 * len(rows))
    cup = amount * np.clip(1 - across[None, :] ** 2 - deep[:, None] ** 2, 0, 1)
    values -= body * cup.astype(np.float32)[None]
