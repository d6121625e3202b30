"""Magnetic resonance: from tissues to signal, and from an anatomy to the images of one examination.

Signals are by the textbook equations of each sequence with the tissues' T1, T2, T2*, proton density and ADC; all
sequences of an examination come from one painting of the anatomy, mixed by partial volume before the magnitude is
taken. Then the coil's shading, the finite measured k-space and complex noise, whose magnitude is Rician.

D slices (to the head), H rows (to the back), W columns (to the patient's left), K sequences.
"""

from __future__ import annotations

from collections.abc import Sequence as Many
from dataclasses import dataclass
from functools import cache
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from vesalius.errors import ConfigError, did_you_mean
from vesalius.virtual.anatomy.parts import Anatomy, Grid, Sampled, sample
from vesalius.virtual.anatomy.solids import Array
from vesalius.virtual.anatomy.tissues import Magnetic, tissues

__all__ = [
    "PROTOCOLS", "TIME_OF_FLIGHT", "MRScan", "Sequence", "adc_map", "apparent", "at_field", "bias_field", "enhanced",
    "ernst_angle_deg", "measured", "null_time_ms", "palette", "scan", "sequence", "signal",
]  # fmt: skip

Kind = Literal["spin_echo", "fast_spin_echo", "gradient_echo", "inversion_recovery", "diffusion"]
_RELAXIVITY = {1.5: 4.5, 3.0: 3.7}
"""r1 in 1/(mM s) by field strength."""
_R2 = 5.5
_FLOWING = frozenset({"artery", "vein", "left_blood", "right_blood", "pulmonary_artery", "portal_vein"})
"""Tissues whose spins leave the slice between pulses of a spin echo."""
_UPTAKE_MM = {
    "artery": 1.2, "vein": 1.2, "choroid_plexus": 0.45, "pituitary": 0.55, "pineal": 0.35, "dura": 0.12,
    "muscle": 0.08, "skin": 0.15, "grey_matter": 0.012, "white_matter": 0.006, "high_grade_glioma": 0.55,
    "brain_metastasis": 0.5,
    "meningioma": 0.6, "pituitary_adenoma": 0.32, "ms_active": 0.35, "infarct_subacute": 0.1,
}  # fmt: skip
"""Gadolinium in mM some minutes after a usual dose; none where a tissue is not named. Approximate."""


@dataclass(frozen=True, kw_only=True)
class Sequence:
    """One pulse sequence."""

    name: str
    kind: Kind
    tr_ms: float
    te_ms: float
    ti_ms: float = 0.0
    flip_deg: float = 90.0
    b: float = 0.0
    """Diffusion weighting in s/mm²."""
    contrast: bool = False
    """After gadolinium."""
    fat: float = 1.0
    """Share of the fat signal that is left."""
    inflow: bool = False
    """Arterial blood comes with fresh magnetisation, and veins are saturated: time of flight."""
    kept: float = 0.92
    """Share of the picture's k-space that is measured, along rows and columns."""
    snr: float = 40.0
    """Of white matter, in voxels of `_VOXEL_MM3`."""


_VOXEL_MM3 = 4.0
_STORED = 4000
"""Stored value of full water magnetisation at gain 1."""
PROTOCOLS = (
    Sequence(name="t1", kind="spin_echo", tr_ms=550, te_ms=12, snr=40),
    Sequence(name="t2", kind="fast_spin_echo", tr_ms=4500, te_ms=100, snr=42),
    Sequence(name="flair", kind="inversion_recovery", tr_ms=9000, te_ms=110, ti_ms=2372, snr=30),
    Sequence(name="b0", kind="diffusion", tr_ms=5000, te_ms=85, fat=0.06, kept=0.72, snr=30),
    Sequence(name="dwi", kind="diffusion", tr_ms=5000, te_ms=85, b=1000, fat=0.06, kept=0.72, snr=14),
    Sequence(name="t1c", kind="spin_echo", tr_ms=550, te_ms=12, contrast=True, snr=40),
    Sequence(name="swi", kind="gradient_echo", tr_ms=700, te_ms=20, flip_deg=20, snr=30),
)
"""Sequences of a brain examination at 1.5 T."""
TIME_OF_FLIGHT = Sequence(
    name="tof", kind="gradient_echo", tr_ms=25, te_ms=4, flip_deg=20, fat=0.3, inflow=True, kept=0.96, snr=16
)
"""MR angiography without contrast agent."""


def sequence(name: str) -> Sequence:
    """Return a sequence of `PROTOCOLS` by name."""
    known = {part.name: part for part in PROTOCOLS}
    if name not in known:
        raise ConfigError(f"unknown MR sequence {name!r}{did_you_mean(name, known)}")
    return known[name]


def at_field(tissue: Magnetic, tesla: float) -> Magnetic:
    """Return a tissue at a field strength, from its values at 1.5 T.

    At 3 T, T1 of tissue grows by 1.37 and of fluid by 1.07, T2 falls to 0.92 and T2* to 0.77: the mean ratios of
    brain tissues.

    Raises:
        ConfigError: neither 1.5 nor 3.
    """
    if tesla not in _RELAXIVITY:
        raise ConfigError(f"field strength {tesla} T: expected 1.5 or 3")
    if tesla == 1.5:
        return tissue
    longer = 1.07 if tissue.t1_ms > 2500 else 1.37
    return tissue._replace(
        t1_ms=tissue.t1_ms * longer, t2_ms=tissue.t2_ms * 0.92, t2_star_ms=tissue.t2_star_ms * 0.77
    )


def enhanced(tissue: Magnetic, concentration_mm: float, *, tesla: float = 1.5) -> Magnetic:
    """Return a tissue with gadolinium: 1/T1 grows by r1 C, 1/T2 by r2 C (C in mM, r in 1/(mM s))."""
    t1 = 1 / (1 / tissue.t1_ms + _RELAXIVITY[tesla] * concentration_mm / 1000)
    t2 = 1 / (1 / tissue.t2_ms + _R2 * concentration_mm / 1000)
    return tissue._replace(t1_ms=t1, t2_ms=t2)


def signal(sequence: Sequence, tissue: Magnetic) -> float:
    """Signal of a tissue against that of pure water at full magnetisation.

    Of an inversion recovery it carries its sign, so that voxels can be mixed before the magnitude is taken.
    """
    repetition = float(np.exp(-sequence.tr_ms / tissue.t1_ms))
    decay = float(np.exp(-sequence.te_ms / tissue.t2_ms))
    if sequence.kind == "gradient_echo":
        flip = np.radians(sequence.flip_deg)
        steady = np.sin(flip) * (1 - repetition) / (1 - np.cos(flip) * repetition)
        return float(tissue.density * steady * np.exp(-sequence.te_ms / tissue.t2_star_ms))
    if sequence.kind == "inversion_recovery":
        longitudinal = 1 - 2 * np.exp(-sequence.ti_ms / tissue.t1_ms) + repetition
        return float(tissue.density * longitudinal * decay)
    half = float(np.exp(-(sequence.tr_ms - sequence.te_ms / 2) / tissue.t1_ms))
    attenuated = float(np.exp(-sequence.b * tissue.diffusion * 1e-3))
    return tissue.density * (1 - 2 * half + repetition) * decay * attenuated


def null_time_ms(t1_ms: float, tr_ms: float) -> float:
    """Inversion time at which a tissue gives no signal."""
    return float(t1_ms * (np.log(2) - np.log(1 + np.exp(-tr_ms / t1_ms))))


def ernst_angle_deg(t1_ms: float, tr_ms: float) -> float:
    """Flip angle of the largest spoiled gradient echo signal."""
    return float(np.degrees(np.arccos(np.exp(-tr_ms / t1_ms))))


def apparent(sequence: Sequence, name: str, *, tesla: float = 1.5) -> float:
    """Signal of a named tissue: `signal` with field, contrast agent, flow and the sequence's way with fat."""
    tissue = at_field(tissues()[name].magnetic, tesla)
    spins = 1.0
    if sequence.contrast:
        tissue = enhanced(tissue, _UPTAKE_MM.get(name, 0.0), tesla=tesla)
    if sequence.inflow and name in _FLOWING:
        if name == "vein":
            return 0.15 * signal(sequence, tissue)
        fresh = tissue.density * np.sin(np.radians(sequence.flip_deg))
        return float(fresh * np.exp(-sequence.te_ms / tissue.t2_star_ms))
    if name in _FLOWING and sequence.kind != "gradient_echo":
        spins = 0.45 if sequence.contrast else 0.06
    if name in ("fat", "spongy_bone"):
        spins = sequence.fat
        if sequence.kind in ("fast_spin_echo", "inversion_recovery"):
            tissue = tissue._replace(t2_ms=tissue.t2_ms * 1.6)
    return spins * signal(sequence, tissue)


@cache
def palette(
    sequences: tuple[Sequence, ...], tesla: float = 1.5
) -> dict[str, tuple[tuple[float, ...], tuple[float, ...]]]:
    """Signals of all tissues in each sequence and their deviation between people, 2 % of the signal."""
    found = {}
    for name in tissues():
        means = tuple(apparent(part, name, tesla=tesla) for part in sequences)
        found[name] = means, tuple(0.02 * mean for mean in means)
    return found


def bias_field(shape: tuple[int, int, int], rng: np.random.Generator, *, strength: float = 0.1) -> Array:
    """Smooth shading of the coil, (D, H, W): a polynomial of order 2 along each axis and their products, mean near 1.

    `strength` is the usual deviation from 1 at the edges.
    """
    lines = [np.linspace(-1, 1, count, dtype=np.float32) for count in shape]
    weight = rng.normal(0, strength / 2, (3, 3, 3)).astype(np.float32)
    powers = [np.stack([np.ones_like(line), line, line * line - np.float32(1 / 3)]) for line in lines]
    for i, j, k in np.ndindex(3, 3, 3):
        if i + j + k > 2 or i + j + k == 0:
            weight[i, j, k] = 0
    rows = np.einsum("ijk,iz,jy->kzy", weight, powers[0], powers[1])
    shading: Array = np.exp(np.einsum("kzy,kx->zyx", rows, powers[2]).clip(-0.35, 0.35))
    return shading


def measured(values: Array, rng: np.random.Generator, *, kept: float, noise: float) -> Array:
    """Return the magnitude of slices (D, H, W) as read through a part of k-space with complex noise of SD `noise`.

    The unmeasured border of k-space is zero: edges ring, and noise is correlated between neighbours.
    """
    depth, height, width = values.shape
    rows, columns = max(1, int(height * kept / 2)), max(1, int(width * kept / 2))
    share = (2 * rows + 1) * (2 * columns + 1) / (height * width)
    space = np.fft.fft2(values)
    scale = np.float32(noise * np.sqrt(height * width / min(share, 1.0)))
    space.real += scale * rng.standard_normal((depth, height, width), dtype=np.float32)
    space.imag += scale * rng.standard_normal((depth, height, width), dtype=np.float32)
    space[:, rows + 1 : height - rows] = 0
    space[:, :, columns + 1 : width - columns] = 0
    found: Array = np.abs(np.fft.ifft2(space)).astype(np.float32)
    return found


def adc_map(low: Array, high: Array, *, b: float, floor: float) -> NDArray[np.uint16]:
    """ADC in 1e-6 mm²/s from magnitudes without and with weighting; 0 where the first does not exceed `floor`."""
    usable = low > floor
    ratio = np.log(np.maximum(low, 1e-6) / np.maximum(high, 1e-6)) / b * 1e6
    found: NDArray[np.uint16] = np.where(usable, ratio.clip(0, 4000), 0).round().astype(np.uint16)
    return found


@dataclass(frozen=True, eq=False)
class MRScan:
    """One examination."""

    sampled: Sampled
    """Labels and lesions; its values are the signals without shading and noise."""
    images: dict[str, NDArray[np.uint16]]
    """Stored values (D, H, W) by sequence; of "adc" in 1e-6 mm²/s."""


def scan(
    anatomy: Anatomy, grid: Grid, sequences: Many[Sequence], rng: np.random.Generator, *, tesla: float = 1.5,
    gain: float = 1.0, dose: float = 1.0, shading: float = 0.1,
) -> MRScan:  # fmt: skip
    """Measure an anatomy.

    Args:
        anatomy: what lies in the scanner.
        grid: slices, rows and columns.
        sequences: in any order; with "b0" and a sequence of b > 0 an "adc" map comes too.
        rng: of noise and shading.
        tesla: 1.5 or 3.
        gain: of the receiver, the same for all sequences; see `_STORED`.
        dose: averages; noise falls with its root.
        shading: strength of the coil's bias field.
    """
    chosen = tuple(sequences)
    found = sample(anatomy, grid, palette(chosen, tesla))
    field = bias_field(grid.shape, rng, strength=shading)
    voxel = float(np.prod(grid.spacing_mm))
    better = voxel / _VOXEL_MM3 * np.sqrt(dose) * (tesla / 1.5)
    magnitudes, noises = {}, {}
    for part, values in zip(chosen, found.values, strict=True):
        # SNR does not grow without end with the voxel: large ones are read faster.
        noise = abs(apparent(part, "white_matter", tesla=tesla)) / (part.snr * min(better, 1.5) ** 0.5)
        magnitudes[part.name] = measured(values * field, rng, kept=part.kept, noise=noise)
        noises[part.name] = noise
    images = {
        name: (_STORED * gain * values).clip(0, 65535).round().astype(np.uint16)
        for name, values in magnitudes.items()
    }
    weighted = next((part for part in chosen if part.b > 0), None)
    if weighted and "b0" in magnitudes:
        images["adc"] = adc_map(magnitudes["b0"], magnitudes[weighted.name], b=weighted.b, floor=12 * noises["b0"])
    return MRScan(found, images)
