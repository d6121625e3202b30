"""Optical coherence tomography: a scan through the fovea and one round the disc, of the retina of the photograph.

W columns along the scan, H rows in depth (rows run outwards, from the vitreous to the sclera), L layers.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from vesalius.virtual.eye.anatomy import Eye
from vesalius.virtual.eye.camera import soften
from vesalius.virtual.eye.disease import Retina, build_retina
from vesalius.virtual.eye.layers import CHOROID, extent, hole, stack
from vesalius.virtual.eye.lesions import Group
from vesalius.virtual.noise import smooth_noise
from vesalius.virtual.patient import Patient
from vesalius.virtual.seeds import identifier, stream
from vesalius.virtual.strokes import Array

__all__ = [
    "CIRCLE_MM",
    "DEPTH_MM",
    "Oval",
    "Path",
    "Scanner",
    "Tomogram",
    "disc_path",
    "macular_path",
    "scanner_of",
    "tomogram",
]

Floats = NDArray[np.floating]
_Random = Callable[[str], np.random.Generator]
DEPTH_MM = 2.0
_LINE_MM = 6.0
CIRCLE_MM = 1.73
"""Radius of the circle round the disc."""
_SIGNAL = (0.74, 0.52, 0.33, 0.56, 0.24, 0.42, 0.30, 0.80, 0.44, 0.07, 0.93, 0.50, 0.60, 0.56)
"""Brightness of the layers in the display, 0 to 1 for 35 dB."""
_VITREOUS = 0.07
_DECIBELS = 35.0


class Scanner(NamedTuple):
    """How a site's device looks, whatever is in front of it."""

    frames: int
    """Averaged B-scans: speckle falls with their root."""
    gain: float
    contrast: float


_SCANNERS = (Scanner(12, 0.0, 1.0), Scanner(4, 0.03, 0.92), Scanner(20, -0.02, 1.06), Scanner(7, 0.05, 0.95))
_OF_SITE = {"north": 0, "harbour": 1, "valley": 2, "market": 3}


def scanner_of(site: str) -> Scanner:
    """Return the scanner of a site by its name; one that is not in the table gets one of the same four."""
    number = _OF_SITE[site] if site in _OF_SITE else int(identifier(0, "tomograph", site), 16) % len(_SCANNERS)
    return _SCANNERS[number]


@dataclass(frozen=True, eq=False)
class Path:
    """The way of a scan over the retina."""

    name: str
    x: Floats
    """(W,) mm."""
    y: Floats
    length_mm: float
    crossings: tuple[tuple[float, float, int], ...]
    """Where it crosses vessels: share of the way, half width in mm, kind."""


class Oval(NamedTuple):
    """A thing in a scan: middle and half axes, in columns and µm of depth; concept and kind."""

    column: float
    depth_um: float
    half_columns: float
    half_um: float
    concept: str
    kind: str


def macular_path(eye: Eye, columns: int) -> Path:
    """Return the horizontal line through the fovea; in right eyes the nose is on the right."""
    share = (np.arange(columns) + 0.5) / columns
    sign = 1 if eye.side == "right" else -1
    x = sign * (share - 0.5) * _LINE_MM
    vessels = eye.vessels
    cut = (vessels.start[:, 1] * vessels.end[:, 1]) < 0
    part = vessels.start[cut, 1] / (vessels.start[cut, 1] - vessels.end[cut, 1])
    at = vessels.start[cut, 0] + part * (vessels.end[cut, 0] - vessels.start[cut, 0])
    place = 0.5 + sign * at / _LINE_MM
    found = zip(place.tolist(), vessels.radius[cut].tolist(), vessels.kind[cut].tolist(), strict=True)
    return Path("macula", x, np.zeros(columns), _LINE_MM, tuple(one for one in found if 0 <= one[0] <= 1))


def disc_path(eye: Eye, columns: int) -> Path:
    """Return the circle round the disc: temporal, superior, nasal, inferior, temporal."""
    turn = np.pi - 2 * np.pi * (np.arange(columns) + 0.5) / columns
    disc, vessels = eye.disc, eye.vessels
    x, y = disc.x + CIRCLE_MM * np.cos(turn), disc.y + CIRCLE_MM * np.sin(turn)
    ends = (vessels.start, vessels.end)
    near, far = (np.hypot(end[:, 0] - disc.x, end[:, 1] - disc.y) - CIRCLE_MM for end in ends)
    cut = near * far < 0
    middle = vessels.middle[cut]
    place = (np.pi - np.arctan2(middle[:, 1] - disc.y, middle[:, 0] - disc.x)) / (2 * np.pi) % 1
    found = zip(place.tolist(), vessels.radius[cut].tolist(), vessels.kind[cut].tolist(), strict=True)
    return Path("disc", x, y, 2 * np.pi * CIRCLE_MM, tuple(found))


@dataclass(frozen=True, kw_only=True, eq=False)
class Tomogram:
    """A scan with the geometry that it was made from."""

    pixels: NDArray[np.uint8]
    """(H, W)."""
    path: Path
    retina: Retina
    layers: Floats
    """Thickness, (L, W) µm."""
    tops: Floats
    """Upper boundary of every layer and the lower one of the last, (L + 1, W) µm below the upper edge."""
    ovals: tuple[Oval, ...]

    @property
    def row_um(self) -> float:
        """Height of a row."""
        return 1000 * DEPTH_MM / len(self.pixels)

    @property
    def column_mm(self) -> float:
        """Width of a column on the retina."""
        return self.path.length_mm / len(self.path.x)

    def oval(self, one: Oval) -> NDArray[np.bool_]:
        """Return where an oval lies, (H, W)."""
        depth = (np.arange(self.pixels.shape[0])[:, None] + 0.5) * self.row_um
        column = np.arange(self.pixels.shape[1])[None, :] + 0.5
        inside: NDArray[np.bool_] = ((depth - one.depth_um) / one.half_um) ** 2 + (
            (column - one.column) / max(one.half_columns, 0.5)
        ) ** 2 <= 1
        return inside


def tomogram(patient: Patient, size: int, where: str) -> Tomogram:
    """Scan the examined eye, `where` "macula" or "disc", `size` × `size` pixels."""
    retina = build_retina(patient)
    path = (macular_path if where == "macula" else disc_path)(retina.eye, size)

    def random(purpose: str) -> np.random.Generator:
        who = patient.id if purpose == "choroid" else patient.occasion
        return stream(patient.seed, who, "exam", "oct", where, purpose)

    layers = stack(retina, path.x, path.y)
    tops = _tops(layers, random("place"), size)
    ovals = tuple(_ovals(retina, path, tops))
    picture = _paint_layers(retina, path, tops, random)
    picture = _paint_ovals(picture, ovals, tops, path)
    picture = _shadow(picture, path, tops, ovals)
    picture = _transmit(picture, retina, path, tops)
    pixels = _display(picture, retina.eye, scanner_of(patient.site.name), random("speckle"))
    return Tomogram(pixels=pixels, path=path, retina=retina, layers=layers, tops=tops, ovals=ovals)


def _tops(layers: Floats, rng: np.random.Generator, size: int) -> Floats:
    """Hang the layers on a bowed and tilted Bruch's membrane; the way there is drawn without regard to disease."""
    along = (np.arange(size) + 0.5) / size - 0.5
    bow, tilt, level = rng.normal(60, 40), rng.normal(0, 60), rng.normal(1150, 60)
    membrane = level - bow * (2 * along) ** 2 + tilt * along
    above = np.cumsum(layers[::-1], axis=0)[::-1] - layers[CHOROID]
    tops = membrane - above
    return np.concatenate([tops, (membrane + layers[CHOROID])[None]])


def _paint_layers(retina: Retina, path: Path, tops: Floats, random: _Random) -> Array:
    """Return the brightness of vitreous, layers, choroid and sclera, (H, W)."""
    size = tops.shape[1]
    row_um = 1000 * DEPTH_MM / size
    depth = (np.arange(size, dtype=np.float32)[:, None] + np.float32(0.5)) * np.float32(row_um)
    signal = np.repeat(np.array(_SIGNAL, np.float32)[:, None], size, axis=1)
    serous = extent(retina, path.x, path.y, "pigment epithelial detachment")
    signal[11] = 0.50 * (1 - serous) + 0.12 * serous
    blood = extent(retina, path.x, path.y, "subretinal haemorrhage", "neovascular membrane", "reticular pseudodruse")
    signal[9] = np.where(blood > 0, 0.55, signal[9])
    signal[0] = signal[0] + 0.12 * extent(retina, path.x, path.y, "cotton-wool spot")
    before = np.full(size, _VITREOUS, np.float32)
    picture = np.broadcast_to(before, (size, size)).copy()
    sclera = 0.34
    for top, value in zip(tops, [*signal, np.full(size, sclera, np.float32)], strict=True):
        share = np.clip((depth - top.astype(np.float32)) / np.float32(row_um) + np.float32(0.5), 0, 1)
        picture += (value - before) * share
        before = value
    return _texture(retina, picture, depth, tops, random)


def _texture(retina: Retina, picture: Array, depth: Array, tops: Floats, random: _Random) -> Array:
    """Vessels of the choroid, the light's loss with depth, and a film on the retina where there is one."""
    size = picture.shape[0]
    choroid = (depth > tops[CHOROID]) & (depth < tops[CHOROID + 1])
    share = np.clip((depth - tops[CHOROID]) / np.maximum(tops[CHOROID + 1] - tops[CHOROID], 1), 0, 1)
    rng = random("choroid")
    fine, wide = smooth_noise(rng, size, 40), smooth_noise(rng, size, 22)
    lumen = np.where(share < 0.35, fine, wide) * choroid
    picture = picture - np.float32(0.26) * np.clip(lumen, 0, 1.2) + np.float32(0.05) * choroid * fine
    below = np.clip(depth - tops[CHOROID], 0, None)
    picture = picture - (0.00042 * below).astype(np.float32)
    wave = smooth_noise(rng, size, 24)
    return np.asarray(picture + np.float32(0.02) * wave * (depth > tops[0]), np.float32)


def _ovals(retina: Retina, path: Path, tops: Floats) -> Iterator[Oval]:
    """Yield the lesions within the retina that the scan meets, each by its chord."""
    size = tops.shape[1]
    step = path.length_mm / size
    for part in retina.lesions:
        if not isinstance(part, Group) or part.kind not in _OVALS:
            continue
        for number in range(len(part.spots)):
            along = np.hypot(path.x - part.spots.x[number], path.y - part.spots.y[number])
            column = int(along.argmin())
            mean = float(np.sqrt(part.spots.long[number] * part.spots.wide[number]))
            if along[column] >= mean:
                continue
            chord = float(np.sqrt(1 - (along[column] / mean) ** 2))
            inner, outer = tops[0, column], tops[9, column]
            height = float(part.height_um[number]) or min(2000 * mean, _OVALS[part.kind].highest_um)
            half = min(height * chord / 2, 0.48 * max(outer - inner, 20.0))
            depth = float(
                np.clip(inner + part.level * (outer - inner), inner + half, max(outer - half, inner + half))
            )
            if part.kind == "preretinal haemorrhage":
                depth = float(inner - half)
            yield Oval(column + 0.5, depth, mean * chord / step, max(half, 4.0), part.concept, part.kind)


class _Inside(NamedTuple):
    """How a lesion within the retina looks in a scan."""

    signal: float
    highest_um: float
    shadow: float
    """Share of light that it takes from what lies below."""


_OVALS = {
    "intraretinal cyst": _Inside(0.07, 300, 0.0), "hard exudate": _Inside(0.97, 45, 0.6),
    "microaneurysm": _Inside(0.62, 60, 0.25), "blot haemorrhage": _Inside(0.68, 110, 0.45),
    "flame haemorrhage": _Inside(0.84, 40, 0.45), "splinter haemorrhage": _Inside(0.84, 30, 0.45),
    "pigment": _Inside(0.95, 40, 0.7), "preretinal haemorrhage": _Inside(0.80, 200, 0.8),
}  # fmt: skip


def _paint_ovals(picture: Array, ovals: tuple[Oval, ...], tops: Floats, path: Path) -> Array:
    """Paint lesions and vessels of the inner retina into the picture."""
    size = picture.shape[0]
    row_um = 1000 * DEPTH_MM / size
    depth, column = (np.arange(size)[:, None] + 0.5) * row_um, np.arange(size)[None, :] + 0.5
    vessels = [_vessel(one, tops, path) for one in path.crossings]
    for one in (*vessels, *ovals):
        signal = 0.66 if one.kind == "vessel" else _OVALS[one.kind].signal
        wide = max(one.half_columns, 0.5)
        low, high = int(max(0, one.column - wide - 2)), int(min(size, one.column + wide + 3))
        off = np.hypot((depth - one.depth_um) / one.half_um, (column[:, low:high] - one.column) / wide)
        share = np.clip((1 - off) * min(one.half_um / row_um, wide) + 0.5, 0, 1).astype(np.float32)
        picture[:, low:high] += (np.float32(signal) - picture[:, low:high]) * share
    return picture


def _vessel(crossing: tuple[float, float, int], tops: Floats, path: Path) -> Oval:
    place, radius, _ = crossing
    size = tops.shape[1]
    column = min(size - 1, int(place * size))
    depth = float(tops[0, column]) + 1000 * radius + 8
    return Oval(place * size, depth, radius / (path.length_mm / size), 1000 * radius, "", "vessel")


def _shadow(picture: Array, path: Path, tops: Floats, ovals: tuple[Oval, ...]) -> Array:
    """Darken what lies under vessels and dense lesions."""
    size = picture.shape[0]
    row_um = 1000 * DEPTH_MM / size
    depth, column = (np.arange(size)[:, None] + 0.5) * row_um, np.arange(size) + 0.5
    casting = [(_vessel(one, tops, path), 0.7 * min(1.0, (one[1] / 0.08) ** 0.7)) for one in path.crossings]
    casting += [(one, _OVALS[one.kind].shadow) for one in ovals if _OVALS[one.kind].shadow > 0]
    for one, strength in casting:
        across = np.clip(max(one.half_columns, 0.5) - np.abs(column - one.column) + 0.5, 0, 1)
        loss = across * min(1.0, 2 * one.half_columns) * -10 * np.log10(1 - strength) / _DECIBELS
        picture = picture - (loss * (depth > one.depth_um + one.half_um)).astype(np.float32)
    return picture


def _transmit(picture: Array, retina: Retina, path: Path, tops: Floats) -> Array:
    """Let more light through where the pigment epithelium is lost, and draw a film on the inner surface."""
    size = picture.shape[0]
    row_um = 1000 * DEPTH_MM / size
    depth = (np.arange(size)[:, None] + 0.5) * row_um
    lost = extent(retina, path.x, path.y, "geographic atrophy", "laser scar")
    below = np.clip(depth - tops[CHOROID], 0, None)
    picture = picture + (0.24 * lost * (below > 0) * np.exp(-below / 420)).astype(np.float32)
    gap = hole(retina, path.x, path.y)
    picture = picture + (0.10 * (gap >= 1) * (below > 0) * np.exp(-below / 420)).astype(np.float32)
    film = extent(retina, path.x, path.y, "epiretinal membrane")
    if not film.any():
        return picture
    ripple = 6 * np.sin(np.arange(size) * (2 * np.pi / (0.045 * size)))
    line = np.exp(-(((depth - (tops[0] - 6 + ripple)) / max(9.0, 0.8 * row_um)) ** 2)) * film
    return np.asarray(np.maximum(picture, 0.92 * line), np.float32)


def _display(picture: Array, eye: Eye, scanner: Scanner, rng: np.random.Generator) -> NDArray[np.uint8]:
    """Blur by the beam, add speckle (log display of averaged intensities) and the noise floor; 8 bits, (H, W)."""
    size = picture.shape[0]
    picture = soften(picture - np.float32(0.28 * eye.veil), 5.0 / (1000 * DEPTH_MM / size))
    speckle = np.log10(rng.standard_gamma(scanner.frames, picture.shape) / scanner.frames) * 10 / _DECIBELS
    grain = soften(speckle.astype(np.float32), 0.45) * np.float32(1.6)
    floor = np.abs(rng.standard_normal(picture.shape, dtype=np.float32)) * np.float32(0.05 / np.sqrt(scanner.frames))
    shown = (np.maximum(picture, 0.03) + grain + floor - 0.5) * scanner.contrast + 0.5 + scanner.gain
    pixels: NDArray[np.uint8] = np.clip(255 * shown, 0, 255).astype(np.uint8)
    return pixels
