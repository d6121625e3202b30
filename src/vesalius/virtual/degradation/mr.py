"""Degradations of magnetic resonance, on the Fourier transform of each slice's magnitude.

The phase of the object is taken as zero. Rows are the phase-encoding direction.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from vesalius.virtual.degradation.filters import content, field, gaussian, turned, warped
from vesalius.virtual.degradation.model import Plane, Scene, degradation

__all__: list[str] = []
Parameters = Mapping[str, float]
Waves = NDArray[np.complex128]


def _waves(plane: Plane) -> Waves:
    """k-space with its centre in the middle, (H, W, C)."""
    return np.asarray(np.fft.fftshift(np.fft.fft2(plane, axes=(0, 1)), axes=(0, 1)), np.complex128)


def _magnitude(waves: Waves) -> Plane:
    return np.asarray(np.abs(np.fft.ifft2(np.fft.ifftshift(waves, axes=(0, 1)), axes=(0, 1))), np.float32)


def _line(plane: Plane) -> NDArray[np.float64]:
    """Number of each phase-encoding line from the centre, (H,)."""
    return np.arange(len(plane), dtype=np.float64) - len(plane) // 2


@degradation(
    "mr", kind="noise", domain="k-space", words=("grainy", "low signal to noise"), fresh=True, snr=(1e4, 18, 9, 4)
)
def rician_noise(plane: Plane, p: Parameters, scene: Scene, rng: np.random.Generator) -> Plane:
    """Complex noise for a ratio `snr` against the bright tissue, before the magnitude is taken."""
    del scene
    bright = float(np.percentile(plane, 90))
    real, imaginary = rng.standard_normal((2, *plane.shape)) * bright / p["snr"]
    return np.asarray(np.hypot(plane + real, imaginary), np.float32)


@degradation("mr", kind="artefact", domain="k-space", words=("aliasing haze", "ghost copies", "ringing"),
             factor=(1, 1.6, 3, 8), centre=(0.12, 0.08, 0.05, 0.03))  # fmt: skip
def undersampling(plane: Plane, p: Parameters, scene: Scene, rng: np.random.Generator) -> Plane:
    """One line in `factor` is kept at random, and a share of the lines at the centre; the rest is zero."""
    del scene
    line, order = _line(plane), rng.permutation(len(plane))
    centre = np.abs(line) <= 0.5 * p["centre"] * len(plane)
    order = np.where(centre, -1, order)
    rank = np.argsort(np.argsort(order)).astype(float)
    kept = np.clip(len(plane) / max(p["factor"], 1.0) - rank, 0, 1)
    return _magnitude(_waves(plane) * np.maximum(kept, centre)[:, None, None])


@degradation("mr", kind="artefact", domain="k-space", words=("streaks",), spokes=(900, 96, 48, 20))
def few_spokes(plane: Plane, p: Parameters, scene: Scene, rng: np.random.Generator) -> Plane:
    """Radial sampling: away from the spokes k-space is empty, inside the Nyquist radius it is full."""
    del scene
    height, width = plane.shape[:2]
    y, x = (np.arange(height) - height // 2)[:, None] / height, (np.arange(width) - width // 2)[None, :] / width
    radius = np.hypot(x, y) * max(height, width)
    turn = (np.arctan2(y, x) / np.pi + rng.random()) % 1
    gap = np.abs((turn * p["spokes"]) % 1 - 0.5) * 2 * np.pi / p["spokes"] * radius / 2
    near = np.pi / p["spokes"] * radius / 2
    kept = np.clip(1.2 - (near - gap) * 1.0, 0, 1)
    return _magnitude(_waves(plane) * kept[..., None])


@degradation("mr", kind="artefact", domain="k-space", words=("ghosts along the phase direction", "blur", "ringing"),
             share=(0, 0.10, 0.25, 0.45), shift=(0, 2, 4, 8), degrees=(0, 1, 3, 6))  # fmt: skip
def head_motion(plane: Plane, p: Parameters, scene: Scene, rng: np.random.Generator) -> Plane:
    """Blocks of 12 lines are measured while the head is turned and shifted; the four central lines are clean."""
    del scene
    clean, line = _waves(plane), _line(plane)
    block = np.arange(len(plane)) // 12
    count = int(block[-1]) + 1
    rank, pose = rng.permutation(count), rng.standard_normal((4, 3))
    # The blocks at the centre, which hold most of the picture, are hit early.
    for place, wanted in ((count // 2, 0), (count // 2 - 1, 1)):
        rank[rank == wanted], rank[place] = rank[place], wanted
    scale = len(plane) / 256
    mixed = clean.copy()
    for number in range(4):
        turn, rows, columns = pose[number] * (p["degrees"], p["shift"] * scale, p["shift"] * scale)
        moved = _waves(turned(plane, float(turn), shift=(float(rows), float(columns))))
        hit = np.clip(p["share"] * count - rank[block], 0, 1) * (rank[block] % 4 == number) * (np.abs(line) > 2)
        mixed += hit[:, None, None] * (moved - clean)
    return _magnitude(mixed)


@degradation("mr", kind="artefact", domain="k-space", words=("repeating ghosts of edges or vessels",),
             amplitude=(0, 0.6, 1.5, 4))  # fmt: skip
def breathing_ghosts(plane: Plane, p: Parameters, scene: Scene, rng: np.random.Generator) -> Plane:
    """The object swings along the phase direction with a period of 8 to 20 lines; amplitude in pixels of 256 rows."""
    del scene
    line = _line(plane)
    swing = np.sin(2 * np.pi * (line / rng.uniform(8, 20) + rng.random())) * p["amplitude"] * len(plane) / 256
    return _magnitude(_waves(plane) * np.exp(2j * np.pi * line / len(plane) * swing)[:, None, None])


@degradation("mr", kind="artefact", domain="k-space", words=("herringbone stripes",), peak=(0, 0.03, 0.08, 0.2))
def spike(plane: Plane, p: Parameters, scene: Scene, rng: np.random.Generator) -> Plane:
    """One point of k-space is as high as a share of the highest."""
    del scene
    waves = _waves(plane)
    height, width = plane.shape[:2]
    yard, turn = rng.uniform(0.12, 0.4), rng.random() * 2 * np.pi
    row, column = int(height * (0.5 + yard * np.sin(turn))), int(width * (0.5 + yard * np.cos(turn)))
    waves[row, column] += p["peak"] * np.abs(waves).max() * np.exp(2j * np.pi * rng.random())
    return _magnitude(waves)


@degradation("mr", kind="local", domain="k-space", words=("bright dashed line",), brightness=(0, 0.1, 0.25, 0.6))
def zipper(plane: Plane, p: Parameters, scene: Scene, rng: np.random.Generator) -> Plane:
    """Radio waves of one frequency: a dashed line along the phase direction."""
    del scene
    height, width = plane.shape[:2]
    column = int(rng.uniform(0.15, 0.85) * width)
    dash = (np.abs(rng.standard_normal(height)) * (np.arange(height) % 3 != 0))[:, None]
    made = plane.copy()
    made[:, column] += np.float32(p["brightness"]) * dash.astype(np.float32)
    made[:, column + 1] += np.float32(0.5 * p["brightness"]) * dash[::-1].astype(np.float32)
    return made


@degradation(
    "mr", kind="photometric", domain="detector", words=("uneven brightness", "shading"), span=(0, 0.15, 0.36, 0.78)
)
def bias_field(plane: Plane, p: Parameters, scene: Scene, rng: np.random.Generator) -> Plane:
    """Sensitivity of the coil: the exponential of a polynomial of order 3, ± `span` in the logarithm."""
    del scene
    height, width = plane.shape[:2]
    y, x = np.linspace(-1, 1, height)[:, None], np.linspace(-1, 1, width)[None, :]
    terms = [x**i * y**j for i in range(4) for j in range(4 - i) if i + j]
    weight = rng.standard_normal(len(terms))
    shape = sum(w * term for w, term in zip(weight, terms, strict=True))
    shape = (shape - shape.mean()) / np.abs(shape - shape.mean()).max()
    return np.asarray(plane * np.exp(p["span"] * shape)[..., None], np.float32)


@degradation("mr", kind="geometric", domain="k-space", words=("opposite side folded in",), share=(1, 0.95, 0.85, 0.7))
def wrap_around(plane: Plane, p: Parameters, scene: Scene, rng: np.random.Generator) -> Plane:
    """A field of view of a share of the object's height: what lies outside it is folded in from the other side."""
    del scene, rng
    first, last = content(plane)[:2]
    height, width = plane.shape[:2]
    field_of_view = p["share"] * (last - first + 1)
    rows, columns = np.meshgrid(np.arange(height, dtype=float), np.arange(width, dtype=float), indexing="ij")
    inside = np.clip(field_of_view / 2 - np.abs(rows - (first + last) / 2) + 0.5, 0, 1)[..., None]
    folded = [warped(plane, rows + k * field_of_view, columns, outside=0.0) for k in (-1, 1)]
    return np.asarray(inside * (plane + folded[0] + folded[1]), np.float32)


@degradation("mr", kind="blur", domain="k-space", words=("ripples near edges",), kept=(1, 0.5, 0.3, 0.15))
def gibbs_ringing(plane: Plane, p: Parameters, scene: Scene, rng: np.random.Generator) -> Plane:
    """k-space is cut sharply to a share of its lines in both directions."""
    del scene, rng
    return _magnitude(_waves(plane) * _box(plane.shape, p["kept"], p["kept"])[..., None])


def _box(shape: tuple[int, ...], rows: float, columns: float) -> NDArray[np.float64]:
    """1 in the middle share of k-space, a step between two lines in part, (H, W)."""
    keep = []
    for length, share in zip(shape[:2], (rows, columns), strict=True):
        yard = np.abs(np.arange(length) - length // 2)
        keep.append(np.clip(share * length / 2 - yard + 0.5, 0, 1))
    return np.asarray(keep[0][:, None] * keep[1][None, :], np.float64)


@degradation(
    "mr", kind="blur", domain="k-space", words=("coarse", "blurred along one direction"), kept=(1, 0.75, 0.5, 0.3)
)
def low_matrix(plane: Plane, p: Parameters, scene: Scene, rng: np.random.Generator) -> Plane:
    """Fewer phase-encoding lines under a smooth filter."""
    del scene, rng
    # Against the same filter at the full matrix, so that nothing changes there.
    rate = 2 * _line(plane) / len(plane)
    edge = np.exp(-0.7 * ((rate / max(p["kept"], 0.02)) ** 6 - rate**6))
    return _magnitude(_waves(plane) * edge[:, None, None])


@degradation("mr", kind="geometric", domain="object", words=("geometric stretch", "signal void", "pile-up"),
             pixels=(0, 2, 6, 15))  # fmt: skip
def susceptibility(plane: Plane, p: Parameters, scene: Scene, rng: np.random.Generator) -> Plane:
    """The field of a small magnetic body shifts the rows, as in echo-planar imaging; pixels of 256 rows."""
    del scene
    height, width = plane.shape[:2]
    place = rng.uniform(0.3, 0.7, 2) * (height, width)
    y, x = (np.arange(height)[:, None] - place[0]) / height, (np.arange(width)[None, :] - place[1]) / height
    far = np.hypot(y, x) + 0.06
    dipole = (2 * y * y - x * x) / far**2 * (0.1 / far) ** 1.5
    dipole = dipole / np.abs(dipole).max()
    rows = np.arange(height)[:, None] + p["pixels"] * height / 256 * dipole
    squeeze = np.abs(np.gradient(rows, axis=0))
    columns = np.broadcast_to(np.arange(width, dtype=np.float64)[None, :], rows.shape)
    return np.asarray(warped(plane, rows, columns, outside=None) * np.minimum(squeeze, 2.0)[..., None], np.float32)


@degradation("mr", kind="geometric", domain="object", words=("dark or bright rim on fat edges",), pixels=(0, 1, 3, 6))
def chemical_shift(plane: Plane, p: Parameters, scene: Scene, rng: np.random.Generator) -> Plane:
    """The brightest tissue, taken for fat, is shifted along the columns; pixels of 256 columns."""
    del scene, rng
    bright = float(np.percentile(plane, 99))
    fat = plane * np.clip((plane / max(bright, 1e-6) - 0.55) / 0.15, 0, 1)
    return np.asarray(plane - fat + turned(fat, 0.0, shift=(0.0, p["pixels"] * plane.shape[1] / 256)), np.float32)


@degradation("mr", kind="photometric", domain="detector", words=("dark sector",), coils=(0, 1, 2, 4))
def coil_dropout(plane: Plane, p: Parameters, scene: Scene, rng: np.random.Generator) -> Plane:
    """Neighbouring coils out of eight about the object are silent; the combination is a root of squares."""
    del scene
    height, width = plane.shape[:2]
    y, x = np.linspace(-1, 1, height)[:, None], np.linspace(-1, 1, width)[None, :]
    start = rng.random() * 2 * np.pi
    power = []
    for number in range(8):
        turn = start + number * np.pi / 4
        yard = np.hypot(y - 1.15 * np.sin(turn), x - 1.15 * np.cos(turn))
        power.append(np.exp(-2 * (yard / 1.1) ** 2))
    loss = np.clip(p["coils"] - np.arange(8), 0, 1)
    left = sum((1 - part) * coil for part, coil in zip(loss, power, strict=True))
    return np.asarray(plane * np.sqrt(left / sum(power))[..., None], np.float32)


@degradation("mr", kind="local", domain="object", words=("fat bright in patches",), share=(0, 0.1, 0.25, 0.5))
def fat_suppression_failure(plane: Plane, p: Parameters, scene: Scene, rng: np.random.Generator) -> Plane:
    """The rim of the body, taken for fat, lights up in a part of the field."""
    del scene
    flat = plane.mean(axis=2, keepdims=True)
    body = (gaussian(flat, 0.01 * len(plane)) > 0.12 * np.percentile(flat, 95)).astype(np.float32)
    rim = np.clip(body - (gaussian(body, 0.025 * len(plane)) > 0.85), 0, 1)
    hills = field(rng, plane.shape, 3)
    patch = (
        np.clip((hills - np.quantile(hills, 1 - min(p["share"], 0.99))) / 0.3 + 0.5, 0, 1)
        if p["share"] > 0
        else 0 * hills
    )
    return np.asarray(plane + patch[..., None] * rim * np.percentile(plane, 98), np.float32)
