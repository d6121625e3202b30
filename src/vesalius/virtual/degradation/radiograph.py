"""Degradations of radiographs. Bright is dense: the display is taken as linear in the logarithm of the exposure."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from vesalius.virtual.degradation.filters import field, gaussian, warped
from vesalius.virtual.degradation.model import Plane, Scene, degradation

__all__: list[str] = []
Parameters = Mapping[str, float]


@degradation("radiograph", kind="noise", domain="detector", words=("mottle", "grainy mediastinum"), fresh=True,
             dose=(1, 0.35, 0.12, 0.03))  # fmt: skip
def quantum_mottle(plane: Plane, p: Parameters, scene: Scene, rng: np.random.Generator) -> Plane:
    """Fewer quanta: noise that grows with the density, over what the full dose has."""
    del scene
    sigma = 0.008 * np.sqrt(max(1 / p["dose"] - 1, 0)) * 10 ** (0.6 * np.clip(plane, 0, 1))
    grain = gaussian(rng.standard_normal(plane.shape), 0.6)
    return np.asarray(plane + 2.1 * sigma * grain, np.float32)


@degradation(
    "radiograph", kind="photometric", domain="detector", words=("veil", "grey lungs"), fraction=(0.5, 0.7, 0.85, 0.95)
)
def scatter_veil(plane: Plane, p: Parameters, scene: Scene, rng: np.random.Generator) -> Plane:
    """Share of scatter in the exposure, against a film with a half of it: an even veil takes the contrast."""
    del scene, rng
    primary = 10 ** (-1.4 * plane)
    # The fraction holds behind the mediastinum, taken as the densest quarter of the film.
    wide = gaussian(primary, 0.12 * len(plane))
    wide = wide / wide.mean() * np.quantile(primary, 0.25)
    odds = p["fraction"] / (1 - min(p["fraction"], 0.99)) - 1.0
    seen = -np.log10(primary + odds * wide) / 1.4
    level = float(np.median(plane)) - float(np.median(seen))
    return np.asarray(seen + level, np.float32)


@degradation(
    "radiograph", kind="photometric", domain="detector", words=("one side darker",), loss=(0, 0.12, 0.28, 0.55)
)
def grid_cutoff(plane: Plane, p: Parameters, scene: Scene, rng: np.random.Generator) -> Plane:
    """A tilted grid takes more of the beam on one side; less exposure is brighter."""
    del scene
    ramp = np.linspace(0, 1, plane.shape[1])
    ramp = ramp if rng.random() < 0.5 else ramp[::-1]
    return np.asarray(plane - np.log10(1 - p["loss"] * 0.99 * ramp)[None, :, None] / 1.4, np.float32)


@degradation(
    "radiograph", kind="artefact", domain="detector", words=("stripes", "moiré"), amplitude=(0, 0.02, 0.05, 0.12)
)
def grid_lines(plane: Plane, p: Parameters, scene: Scene, rng: np.random.Generator) -> Plane:
    """Lines of a still grid, aliased by the pixels."""
    del scene
    rate = rng.uniform(0.06, 0.3)
    wave = np.sin(2 * np.pi * (rate * np.arange(plane.shape[1]) + rng.random()))
    return np.asarray(plane + p["amplitude"] * wave[None, :, None], np.float32)


@degradation("radiograph", kind="local", domain="detector", words=("lines", "dots"), columns=(0, 1, 4, 12))
def dead_columns(plane: Plane, p: Parameters, scene: Scene, rng: np.random.Generator) -> Plane:
    """Columns of the detector are dead or stuck."""
    del scene
    made, where = plane.copy(), rng.permutation(plane.shape[1])
    value = np.asarray(rng.integers(0, 2, size=plane.shape[1]), np.float32)
    for rank in range(int(np.ceil(p["columns"]))):
        share = np.float32(min(p["columns"] - rank, 1.0))
        made[:, where[rank]] = (1 - share) * plane[:, where[rank]] + share * value[rank]
    return made


@degradation(
    "radiograph", kind="local", domain="reconstruction", words=("halo", "artificial edges"), gain=(0, 2, 4, 8)
)
def over_edge(plane: Plane, p: Parameters, scene: Scene, rng: np.random.Generator) -> Plane:
    """The edge boost of the processing is too strong."""
    del scene, rng
    return np.asarray(plane + 0.5 * p["gain"] * (plane - gaussian(plane, len(plane) / 170)), np.float32)


@degradation("radiograph", kind="photometric", domain="display", words=("too pale", "too dark", "clipped spine"),
             shift=(0, 0.15, 0.3, 0.55))  # fmt: skip
def wrong_exposure_index(plane: Plane, p: Parameters, scene: Scene, rng: np.random.Generator) -> Plane:
    """The grey scale is shifted by a share of its range."""
    del scene
    return np.asarray(np.clip(plane + p["shift"] * (1 if rng.random() < 0.5 else -1), 0, 1), np.float32)


@degradation("radiograph", kind="geometric", domain="object", words=("turned", "one lung brighter"),
             asymmetry=(0, 0.15, 0.3, 0.5))  # fmt: skip
def turned_patient(plane: Plane, p: Parameters, scene: Scene, rng: np.random.Generator) -> Plane:
    """A turn about the long axis, as a warp of the film: the middle moves to one side, which also grows brighter."""
    del scene
    height, width = plane.shape[:2]
    side = 1 if rng.random() < 0.5 else -1
    x = np.linspace(-1, 1, width)
    columns = (x - side * 0.18 * p["asymmetry"] * (1 - x * x) + 1) / 2 * (width - 1)
    rows, columns = np.meshgrid(np.arange(height), columns, indexing="ij")
    tone = 0.18 * p["asymmetry"] * side * x
    return np.asarray(warped(plane, rows, columns, outside=None) + tone[None, :, None], np.float32)


@degradation(
    "radiograph", kind="geometric", domain="object", words=("low volumes", "crowded"), lift=(0, 0.05, 0.1, 0.2)
)
def poor_inspiration(plane: Plane, p: Parameters, scene: Scene, rng: np.random.Generator) -> Plane:
    """Domes higher by a share of the height, as a warp of the film: 8, 7 and 5 posterior ribs above them."""
    del scene, rng
    height, width = plane.shape[:2]
    y = np.linspace(0, 1, height)
    rows = (y + p["lift"] * np.sin(np.pi * np.clip(y / 0.95, 0, 1)) ** 2 * (y > 0)) * (height - 1)
    rows, columns = np.meshgrid(rows, np.arange(width), indexing="ij")
    return warped(plane, rows, columns, outside=None)


@degradation("radiograph", kind="local", domain="object", words=("overlapping objects", "buttons", "cables"),
             objects=(0, 1, 3, 6))  # fmt: skip
def foreign_objects(plane: Plane, p: Parameters, scene: Scene, rng: np.random.Generator) -> Plane:
    """Buttons and cables on the patient add density."""
    del scene
    height, width = plane.shape[:2]
    y, x = np.arange(height)[:, None] / height, np.arange(width)[None, :] / height
    made = plane.copy()
    for rank in range(int(np.ceil(min(p["objects"], 12)))):
        share = min(p["objects"] - rank, 1.0)
        cx, cy, turn = rng.uniform(0.2, 0.8), rng.uniform(0.2, 0.8), rng.random() * np.pi
        if rng.random() < 0.5:
            yard = np.hypot(x - cx, y - cy)
            shape = np.clip((0.018 - yard) * height, 0, 1) * (0.75 + 0.25 * (yard > 0.012))
        else:
            across = (y - cy) * np.cos(turn) - (x - cx) * np.sin(turn)
            bow = 0.12 * np.sin(3 * ((x - cx) * np.cos(turn) + (y - cy) * np.sin(turn)) + turn)
            shape = np.exp(-(((across - bow) * 220) ** 2))
        made += np.float32(0.55 * share) * shape[..., None].astype(np.float32)
    return made


@degradation(
    "radiograph", kind="local", domain="detector", words=("mottled plate", "dust"), share=(0, 0.004, 0.015, 0.05)
)
def plate_dust(plane: Plane, p: Parameters, scene: Scene, rng: np.random.Generator) -> Plane:
    """Dirt on the imaging plate: small bright marks."""
    del scene
    hills = field(rng, plane.shape, max(24, len(plane) // 8))
    level = np.quantile(hills, 1 - min(p["share"], 0.5))
    return np.asarray(
        plane + 0.4 * (np.clip((hills - level) * 4, 0, 1) if p["share"] > 0 else 0 * hills)[..., None], np.float32
    )
