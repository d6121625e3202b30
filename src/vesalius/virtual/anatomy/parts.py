"""Named parts of a body in order of painting, and the volume that they fill on a grid.

A part is painted over what lies there before it, by the share of each voxel that it covers: partial volume at every
surface, at any spacing. D slices (to the head), H rows (to the back), W columns (to the patient's left), K values.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from vesalius.errors import ConfigError, did_you_mean
from vesalius.virtual.anatomy.beads import Beads
from vesalius.virtual.anatomy.pushes import Push
from vesalius.virtual.anatomy.solids import Array, Bounds, Inset, Point, Solid
from vesalius.virtual.body import Body
from vesalius.virtual.seeds import stream

__all__ = ["Anatomy", "Grid", "Part", "Sampled", "Warp", "sample"]

_LEAST_COVER = 0.02
"""Share of a voxel below which nothing is marked."""


@dataclass(frozen=True, kw_only=True)
class Part:
    """A solid of one tissue: a structure, or a piece of a lesion."""

    structure: str
    """Name in the catalogue of structures; for a lesion the structure that it sits in. Empty where it changes values
    but no voxel's structure, as a net of fine lines in an organ does."""
    solid: Solid
    tissue: str
    """Name in the tables of tissues."""
    score: float = 0.0
    """Standard deviations from the tissue's mean, the same in every modality."""
    within: tuple[str, ...] = ()
    """Structures that it may take room of; all where none is named."""
    softness_mm: float = 0.0
    """Width of an ill-defined margin; 0 is sharp."""
    opacity: float = 1.0
    """Share of what lies below that it replaces."""
    concept: str = ""
    """Finding that it belongs to; empty for normal structures."""
    instance: int = 0
    """Number among the patient's diseases, where there is a concept."""
    component: str = ""
    """Part of a lesion, such as core, rim or oedema."""
    fixed: bool = False
    """True where it lies where it is seen: pushes do not move it. So lie the masses that push."""


@dataclass(frozen=True)
class Warp:
    """Smooth deformation of a body: three sine waves an axis, so small that nothing folds."""

    seed: int
    patient: str
    amplitude_mm: float
    wavelength_mm: tuple[float, float] = (120.0, 400.0)

    @cached_property
    def waves(self) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
        """Heights (3, M), wave vectors (3, M, 3) and phases (3, M)."""
        rng = stream(self.seed, self.patient, "warp")
        way = rng.standard_normal((3, 3, 3))
        way /= np.linalg.norm(way, axis=2, keepdims=True)
        length = rng.uniform(*self.wavelength_mm, (3, 3, 1))
        height = self.amplitude_mm / np.sqrt(3) * rng.standard_normal((3, 3)).clip(-2, 2)
        return height, way * (2 * np.pi / length), rng.uniform(0, 2 * np.pi, (3, 3))

    @property
    def reach_mm(self) -> float:
        """Largest displacement along an axis."""
        return float(np.abs(self.waves[0]).sum(axis=1).max())

    def seen(self, bounds: Bounds) -> Bounds:
        """Box of the picture that holds what is seen of a box of the body."""
        return bounds.grown(self.reach_mm)

    def at(self, point: Sequence[float]) -> NDArray[np.float64]:
        """Displacement (x, y, z) that is added to a point of the picture to find it in the body."""
        height, way, phase = self.waves
        found: NDArray[np.float64] = (height * np.sin(way @ np.asarray(point, float) + phase)).sum(axis=1)
        return found

    def coordinates(self, x: Array, y: Array, z: Array) -> tuple[Array, Array, Array]:
        """Body coordinates, each (D, H, W), of a grid's axes x (W,), y (H,), z (D,)."""
        height, way, phase = self.waves
        found = []
        for axis, base in enumerate((x[None, None, :], y[None, :, None], z[:, None, None])):
            along = [np.exp(1j * np.outer(way[axis, :, i], line)) for i, line in enumerate((x, y, z))]
            outer = (along[2][:, :, None] * along[1][:, None, :]) * np.exp(1j * phase[axis])[:, None, None]
            outer = (outer * height[axis][:, None, None]).reshape(len(height[axis]), -1)
            left = np.concatenate([outer.real, outer.imag]).T.astype(np.float32)
            right = np.concatenate([along[0].imag, along[0].real]).astype(np.float32)
            found.append((left @ right).reshape(len(z), len(y), len(x)) + base)
        return found[0], found[1], found[2]


@dataclass(frozen=True)
class Anatomy:
    """The parts of one region of a body, in order of painting: later parts take room of earlier ones."""

    region: str
    body: Body
    parts: tuple[Part, ...]
    warp: Warp | None = None
    scores: Mapping[str, float] = field(default_factory=dict)
    """Standard deviations from the mean of this person's tissues, by tissue."""
    pushes: tuple[Push, ...] = ()
    """Displacements by masses, in body coordinates; the last is asked first."""

    @cached_property
    def _by_name(self) -> dict[str, Part]:
        return {part.structure: part for part in self.parts if part.structure and not part.concept}

    @property
    def structures(self) -> tuple[str, ...]:
        """Names of the normal structures, in order of painting."""
        return tuple(self._by_name)

    def solid(self, structure: str) -> Solid:
        """Return the solid of a normal structure."""
        if structure not in self._by_name:
            raise ConfigError(
                f"no structure {structure!r} in the {self.region}{did_you_mean(structure, self._by_name)}"
            )
        return self._by_name[structure].solid

    def changed(self, structure: str, solid: Solid) -> Anatomy:
        """Return the anatomy with another shape of a structure."""
        self.solid(structure)
        parts = [
            replace(part, solid=solid) if part.structure == structure and not part.concept else part
            for part in self.parts
        ]
        return replace(self, parts=tuple(parts))

    def painted(self, parts: Iterable[Part]) -> Anatomy:
        """Return the anatomy with parts painted last."""
        return replace(self, parts=(*self.parts, *parts))

    def without(self, *structures: str) -> Anatomy:
        """Return the anatomy without some normal structures."""
        kept = [part for part in self.parts if part.concept or part.structure not in structures]
        return replace(self, parts=tuple(kept))

    def point_in(self, rng: np.random.Generator, structure: str, *, margin_mm: float = 0.0) -> Point:
        """Draw a point of a structure, uniform in volume, at least `margin_mm` from its surface where it can be.

        Of 4096 points in the structure's box the first that fits is taken, else the deepest.
        """
        solid = self.solid(structure)
        low, high = solid.bounds
        points = rng.uniform(low, high, (4096, 3)).astype(np.float32)
        depth = -solid.distance(points[:, 0], points[:, 1], points[:, 2])
        fits = np.flatnonzero(depth >= margin_mm)
        x, y, z = points[fits[0] if len(fits) else int(depth.argmax())]
        return (float(x), float(y), float(z))


@dataclass(frozen=True)
class Grid:
    """Voxel centres of a volume along the axes of the frame."""

    shape: tuple[int, int, int]
    """Slices, rows, columns."""
    spacing_mm: tuple[float, float, float]
    """Of slices, rows and columns."""
    origin_mm: Point
    """(x, y, z) of the first voxel's centre."""

    def __post_init__(self) -> None:
        if min(self.shape) < 1:
            raise ConfigError(f"grid of shape {self.shape}: expected at least one voxel along each axis")
        if not all(0 < step < float("inf") for step in self.spacing_mm):
            raise ConfigError(f"grid with spacing {self.spacing_mm} mm: expected numbers above 0")

    @classmethod
    def around(cls, bounds: Bounds, shape: tuple[int, int, int], *, isotropic: bool = False) -> Grid:
        """Return the grid of a shape that just holds a box; with one spacing for all axes where `isotropic`."""
        extent = (bounds.high - bounds.low)[::-1] / np.asarray(shape)
        step = np.full(3, extent.max()) if isotropic else extent
        origin = (bounds.low + bounds.high) / 2 - (step * (np.asarray(shape) - 1) / 2)[::-1]
        return cls(shape, (float(step[0]), float(step[1]), float(step[2])), tuple(float(v) for v in origin))  # type: ignore[arg-type]

    @cached_property
    def axes(self) -> tuple[Array, Array, Array]:
        """Centres along x (W,), y (H,) and z (D,), mm."""
        lines = [
            np.float32(start) + np.float32(step) * np.arange(count, dtype=np.float32)
            for start, step, count in zip(self.origin_mm, self.spacing_mm[::-1], self.shape[::-1], strict=True)
        ]
        return lines[0], lines[1], lines[2]

    @property
    def voxel_ml(self) -> float:
        """Volume of a voxel."""
        return float(np.prod(self.spacing_mm)) / 1000

    def index(self, point: Sequence[float]) -> tuple[float, float, float]:
        """Return the voxel place (x, y, z) of a point, fractions included."""
        x, y, z = (
            (value - start) / step
            for value, start, step in zip(point, self.origin_mm, self.spacing_mm[::-1], strict=True)
        )
        return (x, y, z)

    def window(self, bounds: Bounds) -> tuple[slice, slice, slice] | None:
        """Slices of the voxels that a box may touch; None where it lies outside."""
        found = []
        for axis in (2, 1, 0):
            step, start = self.spacing_mm[::-1][axis], self.origin_mm[axis]
            first = max(0, int(np.floor((bounds.low[axis] - start) / step)))
            last = min(self.shape[::-1][axis], int(np.ceil((bounds.high[axis] - start) / step)) + 1)
            if first >= last:
                return None
            found.append(slice(first, last))
        return found[0], found[1], found[2]


@dataclass(frozen=True, eq=False)
class Sampled:
    """An anatomy on a grid."""

    grid: Grid
    values: Array
    """(K, D, H, W), mixed by the share of each part in a voxel."""
    labels: NDArray[np.uint8]
    """(D, H, W): place in `structures` plus 1 of the structure that fills the voxel; 0 is air around the body."""
    structures: tuple[str, ...]
    lesions: Mapping[tuple[str, int, str], NDArray[np.bool_]]
    """Mask (D, H, W) by concept, instance and component: voxels filled by half, or the fullest where none is."""
    places: tuple[Array, Array, Array] | None = None
    """Body coordinates x, y and z of the voxels, each (D, H, W), before any push is undone; None where they are the
    grid's own."""

    def mask(self, structure: str) -> NDArray[np.bool_]:
        """Voxels of a normal structure."""
        if structure not in self.structures:
            raise ConfigError(f"no structure {structure!r} was sampled{did_you_mean(structure, self.structures)}")
        found: NDArray[np.bool_] = self.labels == self.structures.index(structure) + 1
        return found

    def lesion(self, concept: str, instance: int) -> NDArray[np.bool_]:
        """Voxels of all components of a lesion."""
        found = np.zeros(self.labels.shape, np.bool_)
        for (name, number, _), mask in self.lesions.items():
            if (name, number) == (concept, instance):
                found |= mask
        return found


def sample(anatomy: Anatomy, grid: Grid, palette: Mapping[str, tuple[Sequence[float], Sequence[float]]]) -> Sampled:
    """Paint an anatomy on a grid.

    Args:
        anatomy: the parts.
        grid: where.
        palette: by tissue the K means and the K standard deviations between people. Its "air" fills the background.

    Raises:
        ConfigError: a part's tissue is not in the palette.
    """
    painter = _Painter(anatomy, grid, palette)
    for part in anatomy.parts:
        painter.paint(part)
    return Sampled(grid, painter.values, painter.labels, anatomy.structures, painter.lesions, painter.places)


class _Painter:
    def __init__(
        self, anatomy: Anatomy, grid: Grid, palette: Mapping[str, tuple[Sequence[float], Sequence[float]]]
    ) -> None:
        self.anatomy, self.grid, self.palette = anatomy, grid, palette
        self.places = anatomy.warp.coordinates(*grid.axes) if anatomy.warp else None
        self.lines = self._pushed() if anatomy.pushes else self.places
        self.last: tuple[Solid, tuple[bool, float, tuple[slice, slice, slice]], Array] | None = None
        self.number = {name: place + 1 for place, name in enumerate(anatomy.structures)}
        background = self._colours("air", 0.0)
        self.values = np.empty((len(background), *grid.shape), np.float32)
        self.values[:] = background[:, None, None, None]
        self.labels = np.zeros(grid.shape, np.uint8)
        self.lesions: dict[tuple[str, int, str], NDArray[np.bool_]] = {}

    def _pushed(self) -> tuple[Array, Array, Array]:
        """Places before the masses pushed, each (D, H, W)."""
        x, y, z = self.places or self._axes((slice(None), slice(None), slice(None)))
        for push in reversed(self.anatomy.pushes):
            x, y, z = push.moved(x, y, z)
        shape = self.grid.shape
        return np.broadcast_to(x, shape), np.broadcast_to(y, shape), np.broadcast_to(z, shape)

    def paint(self, part: Part) -> None:
        window = self._window(part, part.solid.bounds)
        if window is None:
            return
        cover = self._cover(part, window)
        if part.within:
            allowed = [self.number[name] for name in part.within if name in self.number]
            cover *= np.isin(self.labels[window], allowed)
        filled = cover >= 0.5
        if part.concept:
            key = (part.concept, part.instance, part.component)
            mask = self.lesions.setdefault(key, np.zeros(self.grid.shape, np.bool_))
            mask[window] |= filled if filled.any() else _fullest(cover)
        elif part.structure:
            self.labels[window][filled] = self.number[part.structure]
        if part.opacity == 0:
            return
        if part.opacity != 1:
            cover *= np.float32(part.opacity)
        score = part.score + self.anatomy.scores.get(part.tissue, 0.0)
        change = np.empty_like(cover)
        for values, colour in zip(self.values, self._colours(part.tissue, score), strict=True):
            np.subtract(colour, values[window], out=change)
            change *= cover
            values[window] += change

    def _window(self, part: Part, bounds: Bounds) -> tuple[slice, slice, slice] | None:
        """Voxels that a box of the body may touch, seen through pushes and the warp."""
        for push in () if part.fixed else self.anatomy.pushes:
            bounds = push.seen(bounds)
        if self.anatomy.warp:
            bounds = self.anatomy.warp.seen(bounds)
        return self.grid.window(bounds.grown(max(self.grid.spacing_mm) + 4 * part.softness_mm))

    def _cover(self, part: Part, window: tuple[slice, slice, slice]) -> Array:
        """Share of each voxel of the window that the part covers."""
        if isinstance(part.solid, Beads) and self.lines is None and part.softness_mm == 0:
            return part.solid.stamped(self.grid, window)
        nearest = self._distance(part, window)
        if part.softness_mm > 0:
            steep = np.clip(nearest / np.float32(part.softness_mm), np.float32(-30), np.float32(30))
            soft: Array = np.float32(1) / (np.float32(1) + np.exp(steep))
            return soft
        width = np.float32(np.prod(self.grid.spacing_mm) ** (1 / 3))
        sharp: Array = np.clip(np.float32(0.5) - nearest / width, np.float32(0), np.float32(1))
        return sharp

    def _distance(self, part: Part, window: tuple[slice, slice, slice]) -> Array:
        """Signed distance in the window. That of a solid in which others are inset is kept for the next of them."""
        if not isinstance(part.solid, Inset):
            return self._measured(part, part.solid, window, 0.0)
        base, depth = part.solid.solid, part.solid.depth_mm
        key = (part.fixed, max(0.0, -depth), window)
        if self.last is None or self.last[0] is not base or self.last[1] != key:
            self.last = base, key, self._measured(part, base, window, key[1])
        return self.last[2] + np.float32(depth)

    def _measured(self, part: Part, solid: Solid, window: tuple[slice, slice, slice], margin: float) -> Array:
        """Signed distance to a solid, right within `margin` of its surface."""
        nearest = np.full(tuple(axis.stop - axis.start for axis in window), np.float32(1e4))
        for piece in solid.pieces():
            inner = self._window(part, piece.bounds.grown(margin))
            if inner is None:
                continue
            local = tuple(slice(i.start - w.start, i.stop - w.start) for i, w in zip(inner, window, strict=True))
            found = piece.distance(*self._coordinates(inner, part.fixed))
            np.minimum(nearest[local], found, out=nearest[local])
        return nearest

    def _coordinates(self, window: tuple[slice, slice, slice], fixed: bool) -> tuple[Array, Array, Array]:
        lines = self.places if fixed else self.lines
        if lines is None:
            return self._axes(window)
        return lines[0][window], lines[1][window], lines[2][window]

    def _axes(self, window: tuple[slice, slice, slice]) -> tuple[Array, Array, Array]:
        x, y, z = self.grid.axes
        return x[None, None, window[2]], y[None, window[1], None], z[window[0], None, None]

    def _colours(self, tissue: str, score: float) -> Array:
        if tissue not in self.palette:
            raise ConfigError(f"no values for the tissue {tissue!r}{did_you_mean(tissue, self.palette)}")
        mean, deviation = self.palette[tissue]
        return np.asarray(mean, np.float32) + np.float32(score) * np.asarray(deviation, np.float32)


def _fullest(cover: Array) -> NDArray[np.bool_]:
    """Voxels that hold most of a lesion too small to fill any; none where it has no room at all."""
    top = float(cover.max(initial=0.0))
    found: NDArray[np.bool_] = cover >= max(top, _LEAST_COVER)
    return found
