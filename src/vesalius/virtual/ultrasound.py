"""Ultrasound from solids: the fan of a convex probe cut through a body, its echoes, and their picture.

The plane is sampled along the lines of the probe (polar), where speckle, attenuation, shadows, gain and compression
are made; the picture is scan-converted from it. H samples along a line, W lines. Depths in mm, levels in dB.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache, cached_property

import numpy as np
from numpy.typing import NDArray

from vesalius.errors import ConfigError
from vesalius.virtual.anatomy.parts import Anatomy, Grid, Sampled, Warp, sample
from vesalius.virtual.anatomy.solids import Array, Bounds
from vesalius.virtual.anatomy.tissues import tissues

__all__ = ["Echo", "Fan", "Probe", "convert", "fan_grid", "insonate", "palette", "sector_size_mm"]

_SPEED_MM_US = 1.54
_DB_CM_TO_MM = 0.1
_SHADOWING = 8.0
"""dB/cm/MHz from which a tissue lets nothing through that can be seen: bone, stone, gas."""
_SPECULAR_DB = 22.0
"""Level of a mirror of reflection 1 against the scatter of liver."""
_FLOOR_DB, _LOUDEST_DB = -75.0, -40.0
"""Electronic noise against liver: at the skin, and at most."""
_LIVER_GREY = 0.54
_DEVIATION_DB = {"fatty_liver": -1.3, "fat": 1.5, "spongy_bone": 0.0, "cortical_bone": 0.0, "gas": 0.0}
"""How echo levels differ between people; 1 dB where a tissue is not named."""


@dataclass(frozen=True, kw_only=True)
class Probe:
    """A convex probe on the skin."""

    centre: tuple[float, float, float]
    """Middle of its face, mm in the frame of the picture (LPS)."""
    inwards: tuple[float, float, float]
    """Unit vector of its middle line."""
    across: tuple[float, float, float]
    """Unit vector of the plane from the left to the right of the picture."""
    radius_mm: float = 50.0
    """Of its face."""
    sector_deg: float = 66.0
    depth_mm: float = 150.0
    frequency_mhz: float = 3.5
    cycles: float = 2.0
    focus_mm: float = 80.0
    aperture_mm: float = 22.0
    dynamic_db: float = 60.0
    gain_db: float = 0.0
    compensation: float = 0.55
    """Attenuation that the time gain undoes, dB/cm/MHz."""

    def __post_init__(self) -> None:
        if not 20 <= self.depth_mm <= 300:
            raise ConfigError(f"ultrasound depth of {self.depth_mm} mm: expected 20 to 300 mm")
        if not 1 <= self.frequency_mhz <= 18:
            raise ConfigError(f"ultrasound frequency of {self.frequency_mhz} MHz: expected 1 to 18 MHz")
        if not 10 <= self.sector_deg <= 120:
            raise ConfigError(f"sector of {self.sector_deg} degrees: expected 10 to 120 degrees")

    @property
    def wavelength_mm(self) -> float:
        """Of sound in tissue."""
        return _SPEED_MM_US / self.frequency_mhz

    @property
    def half_angle(self) -> float:
        """Half the sector, radians."""
        return float(np.radians(self.sector_deg / 2))


@dataclass(frozen=True)
class Fan(Warp):
    """The warp of a body, looked at along the lines of a probe.

    Coordinates of its grid: x is the angle of a line times `scale_mm`, y the distance from the centre of the face's
    curvature, z the way out of the plane.
    """

    probe: Probe | None = None
    scale_mm: float = 120.0

    @cached_property
    def frame(self) -> NDArray[np.float64]:
        """Rows: along the plane, inwards, out of the plane."""
        assert self.probe is not None
        inwards, across = np.asarray(self.probe.inwards), np.asarray(self.probe.across)
        return np.stack([across, inwards, np.cross(across, inwards)])

    @cached_property
    def apex(self) -> NDArray[np.float64]:
        """Centre of the face's curvature."""
        assert self.probe is not None
        found: NDArray[np.float64] = np.asarray(self.probe.centre) - self.probe.radius_mm * self.frame[1]
        return found

    def coordinates(self, x: Array, y: Array, z: Array) -> tuple[Array, Array, Array]:
        angle = (x / np.float32(self.scale_mm))[None, None, :]
        radius = y[None, :, None]
        along = (radius * np.sin(angle), radius * np.cos(angle), np.broadcast_to(z[:, None, None], (1, 1, 1)))
        shape = (len(z), len(y), len(x))
        places = [
            np.float32(self.apex[axis])
            + sum(part * np.float32(self.frame[row, axis]) for row, part in enumerate(along))
            for axis in range(3)
        ]
        height, way, phase = self.waves
        found = []
        for axis in range(3):
            total = np.broadcast_to(places[axis], shape).astype(np.float32)
            for amplitude, direction, start in zip(
                height[axis], way[axis].astype(np.float32), phase[axis], strict=True
            ):
                argument = sum(d * part for d, part in zip(direction, places, strict=True)) + np.float32(start)
                total = total + np.float32(amplitude) * np.sin(argument)
            found.append(total.astype(np.float32))
        return found[0], found[1], found[2]

    def seen(self, bounds: Bounds) -> Bounds:
        grown = bounds.grown(self.reach_mm)
        corners = np.array([[(grown.low, grown.high)[i][0], (grown.low, grown.high)[j][1],
                (grown.low, grown.high)[k][2]]
                            for i in (0, 1) for j in (0, 1) for k in (0, 1)])  # fmt: skip
        local = (corners - self.apex) @ self.frame.T
        low, high = local.min(axis=0), local.max(axis=0)
        far = float(np.hypot(max(abs(low[0]), abs(high[0])), max(abs(low[1]), abs(high[1]))))
        near_side = 0.0 if low[0] < 0 < high[0] else min(abs(low[0]), abs(high[0]))
        near = float(np.hypot(near_side, max(low[1], 0.0)))
        if low[1] <= 1.0:
            return Bounds(np.array([-1e3, 0.0, low[2]]), np.array([1e3, far, high[2]]))
        angles = np.arctan2(local[:, [0]], np.maximum(local[:, [1]], 1e-6))
        return Bounds(
            np.array([self.scale_mm * angles.min(), near, low[2]]),
            np.array([self.scale_mm * angles.max(), far, high[2]]),
        )


@dataclass(frozen=True, eq=False)
class Echo:
    """What a probe receives."""

    probe: Probe
    sampled: Sampled
    """Labels and lesions along the lines, (1, H, W)."""
    envelope: NDArray[np.float32]
    """Amplitude after time gain, against the scatter of liver, (H, W)."""

    @property
    def grey(self) -> NDArray[np.float32]:
        """Log-compressed envelope from 0 to 1, (H, W)."""
        level = 20 * np.log10(np.maximum(self.envelope, 1e-6)) + np.float32(self.probe.gain_db)
        found: NDArray[np.float32] = np.clip(
            level / np.float32(self.probe.dynamic_db) + np.float32(_LIVER_GREY), 0, 1
        )
        return found


@cache
def palette() -> Mapping[str, tuple[tuple[float, ...], tuple[float, ...]]]:
    """Echo level, attenuation and impedance by tissue with the deviations between people; see `sample`."""
    return {
        name: (tuple(tissue.acoustic), (_DEVIATION_DB.get(name, 1.0), 0.0, 0.0)) for name, tissue in tissues().items()
    }


def fan_grid(probe: Probe, *, lines: int = 192, step_mm: float = 0.3, scale_mm: float = 120.0) -> Grid:
    """Return the grid of a probe's lines in the coordinates of `Fan`."""
    samples = round(probe.depth_mm / step_mm)
    angle = 2 * probe.half_angle / lines
    first = (-(lines - 1) / 2 * angle * scale_mm, probe.radius_mm + step_mm / 2, 0.0)
    return Grid((1, samples, lines), (0.5, step_mm, angle * scale_mm), first)


def insonate(anatomy: Anatomy, probe: Probe, rng: np.random.Generator) -> Echo:
    """Send sound into an anatomy and return what comes back."""
    warp = anatomy.warp or Warp(0, "", 0.0)
    fan = Fan(warp.seed, warp.patient, warp.amplitude_mm, warp.wavelength_mm, probe)
    grid = fan_grid(probe)
    sampled = sample(replace(anatomy, warp=fan), grid, palette())
    level, attenuation, impedance = (np.ascontiguousarray(values[0]) for values in sampled.values)
    _press(sampled, level, attenuation, impedance)
    step = grid.spacing_mm[1]
    loss = _loss(attenuation, probe, step)
    amplitude = 10 ** (level / np.float32(20))
    amplitude[level < -45] *= np.float32(0.3)
    noise = rng.standard_normal((3, 2, *level.shape), dtype=np.float32) * np.float32(np.sqrt(0.5))
    scatter = amplitude * (noise[0, 0] + 1j * noise[0, 1])
    scatter += _specular(impedance, step, probe)
    field = _spread(scatter, grid, probe) * (10 ** (-loss / np.float32(20)))
    field += _behind_gas(attenuation, impedance, loss, noise[1], step)
    field += _floor(probe, level.shape[0], step)[:, None] * (noise[2, 0] + 1j * noise[2, 1])
    return Echo(probe, sampled, np.abs(field).astype(np.float32))


def _press(sampled: Sampled, level: Array, attenuation: Array, impedance: Array) -> None:
    """Let the skin follow the face of the probe, in place: before the body lies what lies below its skin."""
    outside = np.logical_and.accumulate(sampled.labels[0] == 0, axis=0)
    under = tissues()["fat"].acoustic
    for values, value in zip((level, attenuation, impedance), under, strict=True):
        values[outside] = value


def _loss(attenuation: Array, probe: Probe, step_mm: float) -> Array:
    """Loss of level by the way there and back, less what the time gain undoes, dB, (H, W)."""
    per_sample = np.float32(2 * probe.frequency_mhz * step_mm * _DB_CM_TO_MM)
    net = (attenuation - np.float32(probe.compensation)) * per_sample
    blocked = attenuation > _SHADOWING
    net = np.where(blocked, attenuation * per_sample, net)
    through = np.cumsum(net, axis=0, dtype=np.float32) - net
    return np.clip(through, -25, 120)


def _specular(impedance: Array, step_mm: float, probe: Probe) -> Array:
    """Amplitude of mirrors: the jump of impedance along the line, by the fourth power of the cosine to its normal."""
    along = np.gradient(impedance, axis=0) / step_mm
    radius = probe.radius_mm + step_mm * np.arange(len(impedance), dtype=np.float32)
    angle = 2 * probe.half_angle / impedance.shape[1]
    aside = np.gradient(impedance, axis=1) / (np.float32(angle) * radius[:, None])
    steep = np.sqrt(along**2 + aside**2)
    cosine = np.abs(along) / np.maximum(steep, np.float32(1e-6))
    reflection = np.clip(np.abs(along) * np.float32(step_mm) / np.maximum(2 * impedance, np.float32(0.2)), 0, 1)
    found: Array = np.float32(10 ** (_SPECULAR_DB / 20)) * reflection * cosine**4
    return found


def _spread(scatter: NDArray[np.complex64], grid: Grid, probe: Probe) -> NDArray[np.complex64]:
    """Blur by the pulse along the lines and by the beam across them, which is narrowest at the focus.

    Both kernels keep the power of scatter, so that the level of a tissue does not depend on depth.
    """
    step = grid.spacing_mm[1]
    sigma = 0.4 * probe.wavelength_mm * probe.cycles / step
    reach = int(np.ceil(2.5 * sigma))
    pulse = np.exp(-0.5 * (np.arange(-reach, reach + 1) / sigma) ** 2)
    pulse = (pulse / np.sqrt((pulse**2).sum())).astype(np.float32)
    found = _shifted_sum(scatter, np.repeat(pulse[None, :], len(scatter), axis=0), axis=0)
    depth = step * (np.arange(len(scatter)) + 0.5)
    wide = probe.wavelength_mm * np.maximum(depth, 20) / probe.aperture_mm / 2.355
    wide = np.maximum(wide, 0.45) * (1 + 0.3 * np.abs(depth - probe.focus_mm) / probe.depth_mm)
    line = 2 * probe.half_angle / scatter.shape[1] * (probe.radius_mm + depth)
    beam = wide / line
    reach = int(np.ceil(2.5 * beam.max()))
    weight = np.exp(-0.5 * (np.arange(-reach, reach + 1)[None, :] / beam[:, None]) ** 2)
    weight = (weight / np.sqrt((weight**2).sum(axis=1, keepdims=True))).astype(np.float32)
    return _shifted_sum(found, weight, axis=1)


def _shifted_sum(values: NDArray[np.complex64], weight: NDArray[np.float32], *, axis: int) -> NDArray[np.complex64]:
    """Convolve along an axis with weights (H, 2 R + 1) of each row; nothing lies beyond the ends."""
    reach = weight.shape[1] // 2
    pad = [(0, 0), (0, 0)]
    pad[axis] = (reach, reach)
    padded = np.pad(values, pad)
    size = values.shape[axis]
    found = np.zeros_like(values)
    for place in range(2 * reach + 1):
        part = padded[place : place + size] if axis == 0 else padded[:, place : place + size]
        found += weight[:, place][:, None] * part
    return found


def _behind_gas(
    attenuation: Array, impedance: Array, loss: Array, noise: NDArray[np.float32], step_mm: float
) -> NDArray[np.complex64]:
    """Haze behind gas: sound that goes to and fro before it and falls with depth. Behind bone and stone is
    nothing."""
    gas = (attenuation > _SHADOWING) & (impedance < 0.6)
    first = np.where(gas.any(axis=0), gas.argmax(axis=0), len(gas))
    way = (np.arange(len(gas))[:, None] - first[None, :]) * np.float32(step_mm)
    before = np.take_along_axis(loss, np.minimum(first, len(gas) - 1)[None, :], axis=0)
    level = np.where(way >= 0, -10 - 0.5 * way - before, -200)
    rings = 1 + 0.6 * np.cos(2 * np.pi * way / np.float32(7.0))
    found: NDArray[np.complex64] = (10 ** (level / 20) * rings * (noise[0] + 1j * noise[1])).astype(np.complex64)
    return _smoothed(found)


def _smoothed(values: NDArray[np.complex64]) -> NDArray[np.complex64]:
    """Average of each sample with its neighbours, with the power kept."""
    padded = np.pad(values, ((1, 1), (2, 2)))
    rows, columns = values.shape
    total = sum(padded[i : i + rows, j : j + columns] for i in range(3) for j in range(5))
    return np.asarray(total / np.sqrt(15.0), np.complex64)


def _floor(probe: Probe, samples: int, step_mm: float) -> NDArray[np.float32]:
    """Amplitude of electronic noise: the time gain lifts it with depth, (H,)."""
    depth = step_mm * (np.arange(samples, dtype=np.float32) + 0.5)
    level = _FLOOR_DB + 2 * probe.frequency_mhz * depth * _DB_CM_TO_MM * probe.compensation
    return np.asarray(10 ** (np.minimum(level, _LOUDEST_DB) / 20), np.float32)


def sector_size_mm(probe: Probe) -> tuple[float, float]:
    """Height and width of the sector."""
    far, half = probe.radius_mm + probe.depth_mm, probe.half_angle
    return far - probe.radius_mm * float(np.cos(half)), 2 * far * float(np.sin(half))


@dataclass(frozen=True, eq=False)
class _Converter:
    """Places of the picture's pixels on the lines."""

    inside: NDArray[np.bool_]
    rows: NDArray[np.float32]
    columns: NDArray[np.float32]


def _converter(probe: Probe, size: int, spacing_mm: float, shape: tuple[int, int]) -> _Converter:
    height, _ = sector_size_mm(probe)
    grid = spacing_mm * (np.arange(size, dtype=np.float32) - np.float32((size - 1) / 2))
    top = probe.radius_mm * np.cos(probe.half_angle)
    down = (grid + np.float32(height / 2 + top))[:, None]
    aside = grid[None, :]
    radius, angle = np.sqrt(down**2 + aside**2), np.arctan2(aside, down)
    rows = (radius - probe.radius_mm) / probe.depth_mm * shape[0] - 0.5
    columns = (angle / probe.half_angle + 1) / 2 * shape[1] - 0.5
    inside = (radius >= probe.radius_mm) & (rows <= shape[0] - 0.5) & (np.abs(angle) <= probe.half_angle)
    return _Converter(inside, rows.astype(np.float32), columns.astype(np.float32))


def convert(values: NDArray[np.float32] | NDArray[np.bool_], probe: Probe, size: int) -> NDArray[np.float32]:
    """Scan-convert values on the lines (H, W) to a square picture; 0 outside the sector.

    Numbers are interpolated linearly, masks take the nearest sample. Pixels are `sector_size_mm` over `size` wide.
    """
    spacing = max(sector_size_mm(probe)) / size
    place = _converter(probe, size, spacing, (values.shape[0], values.shape[1]))
    last = (values.shape[0] - 1, values.shape[1] - 1)
    rows, columns = (
        np.clip(p, 0, end).astype(np.float32) for p, end in zip((place.rows, place.columns), last, strict=True)
    )
    if values.dtype == np.bool_:
        nearest = values[np.rint(rows).astype(np.intp), np.rint(columns).astype(np.intp)]
        return np.asarray(nearest * place.inside, np.float32)
    low, left = np.minimum(rows.astype(np.intp), last[0] - 1), np.minimum(columns.astype(np.intp), last[1] - 1)
    down, right = rows - low, columns - left
    upper = values[low, left] * (1 - right) + values[low, left + 1] * right
    lower = values[low + 1, left] * (1 - right) + values[low + 1, left + 1] * right
    return np.asarray((upper * (1 - down) + lower * down) * place.inside, np.float32)
