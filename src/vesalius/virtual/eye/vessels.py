"""The retinal vessels: arcades from the disc that branch by Murray's law, as short straight pieces.

Frame of the retina: origin at the fovea, x towards the nose, y upwards, mm. N pieces, K points of a path.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from vesalius.virtual.body import draw_clipped

__all__ = ["ARTERY", "VEIN", "Vessels", "equivalent_width", "grow", "murray"]

Floats = NDArray[np.float64]
ARTERY, VEIN = 0, 1
_STEP_MM = 0.16
_ARTERY_MM, _VEIN_MM = 0.066, 0.082
"""Half width at the disc: 132 and 164 µm across."""
_FINEST_MM = 0.006
_AVASCULAR_MM = 0.45
"""Arterioles wide enough to be seen end here; capillaries reach the avascular zone of 0.25 mm."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Vessels:
    """All pieces of all vessels, each array (N, …)."""

    start: Floats
    """(N, 2)."""
    end: Floats
    """(N, 2)."""
    radius: Floats
    """Half width, mm, (N,)."""
    kind: NDArray[np.int64]
    """ARTERY or VEIN, (N,)."""
    path: NDArray[np.int64]
    """Which vessel between two branchings' ends it belongs to, (N,)."""
    root: NDArray[np.int64]
    """Which vessel at the disc it comes from, (N,)."""
    over: NDArray[np.bool_]
    """True for veins that cross above arteries, (N,)."""

    @property
    def middle(self) -> Floats:
        """Middles of the pieces, (N, 2)."""
        return (self.start + self.end) / 2

    @property
    def length(self) -> Floats:
        """Length of the pieces, mm, (N,)."""
        return np.asarray(np.hypot(*(self.end - self.start).T))

    def widened(self, factor: Floats | float) -> Vessels:
        """Return the vessels with half widths times `factor`, (N,) or one number."""
        return replace(self, radius=self.radius * factor)

    def wound(self, which: NDArray[np.bool_], amplitude_mm: float) -> Vessels:
        """Return the vessels with the pieces `which` (N,) swung sideways: more tortuous."""
        return replace(self, start=_swung(self.start, which, amplitude_mm), end=_swung(self.end, which, amplitude_mm))

    def tortuosity(self, kind: int, least_mm: float = 0.02) -> float:
        """Mean arc over chord minus 1 of the vessels of a kind that are `least_mm` or more in half width."""
        first = np.flatnonzero(np.diff(self.path, prepend=-1))  # the pieces of a path follow each other
        last = np.append(first[1:], len(self.path)) - 1
        arc = np.add.reduceat(self.length, first)
        width = np.add.reduceat(self.radius, first) / (last - first + 1)
        chord = np.hypot(*(self.end[last] - self.start[first]).T)
        long = (self.kind[first] == kind) & (arc > 1.5) & (width >= least_mm)
        return float((arc[long] / chord[long] - 1).mean()) if long.any() else 0.0

    def crossing(self, centre: tuple[float, float], radius_mm: float, kind: int) -> Floats:
        """Widths of the vessels of a kind that cross a circle, mm, largest first."""
        near, far = (np.hypot(*(place - np.array(centre)).T) for place in (self.start, self.end))
        cut = ((near - radius_mm) * (far - radius_mm) <= 0) & (self.kind == kind)
        return np.sort(2 * self.radius[cut])[::-1]


def _swung(place: Floats, which: NDArray[np.bool_], amplitude_mm: float) -> Floats:
    turn = 5.2 * place
    swing = np.stack([np.sin(turn[:, 1]), np.sin(turn[:, 0] + 0.7)], axis=1)
    return np.asarray(place + amplitude_mm * swing * which[:, None])


def murray(parent: float, share: float) -> tuple[float, float]:
    """Return the half widths of both daughters, r0³ = r1³ + r2³ with r2 = share · r1."""
    larger = parent / (1 + share**3) ** (1 / 3)
    return larger, share * larger


def equivalent_width(widths: Floats, kind: int) -> float:
    """Central retinal equivalent of the six largest widths by the revised formulas (Knudtson et al., 2003).

    Largest and smallest are joined to 0.88 (arteries) or 0.95 (veins) · sqrt(w1² + w2²) until one is left.
    """
    factor = 0.88 if kind == ARTERY else 0.95
    left = sorted(widths[:6].tolist())
    while len(left) > 1:
        joined = [factor * float(np.hypot(left[i], left[-1 - i])) for i in range(len(left) // 2)]
        left = sorted([*joined, left[len(left) // 2]] if len(left) % 2 else joined)
    return left[0] if left else 0.0


class _Path(NamedTuple):
    points: Floats
    radius: Floats
    kind: int
    root: int
    inward: bool


class _Bud(NamedTuple):
    place: Floats
    heading: float
    radius: float
    kind: int
    root: int
    inward: bool


def grow(rng: np.random.Generator, disc: tuple[float, float], winding: float) -> Vessels:
    """Grow arteries and veins from a disc at (x, y) mm; `winding` 1 is the mean tortuosity."""
    paths = _roots(rng, disc, winding)
    over = rng.random(len(paths)) < 0.3
    generation = paths
    for depth in range(3):
        buds = [bud for path in generation for bud in _buds(rng, path, depth, disc[0])]
        generation = _walk(rng, buds, winding, disc)
        paths = [*paths, *generation]
    return _pieces(paths, over)


def _roots(rng: np.random.Generator, disc: tuple[float, float], winding: float) -> list[_Path]:
    """Arcades round the macula, vessels towards the nose, and twigs from the disc to the macula."""
    paths: list[_Path] = []
    height = draw_clipped(rng, 2.9, 0.22)
    for upper in (1, -1):
        apart = draw_clipped(rng, 0.10, 0.05) * (1 if rng.random() < 0.6 else -1)
        for kind in (ARTERY, VEIN):
            rise = height * (1 + (apart if kind == VEIN else -apart)) + draw_clipped(rng, 0, 0.1)
            bend = draw_clipped(rng, 1.45, 0.18) * (1 + (0.6 * apart if kind == VEIN else -0.6 * apart))
            along = np.linspace(0, 10.5, 240) ** 1.15
            curve = np.stack([-along, upper * rise * (1 - np.exp(-along / bend))], axis=1)
            paths.append(_path(rng, disc, curve, kind, len(paths), winding))
        for kind in (ARTERY, VEIN):
            heading = np.deg2rad(draw_clipped(rng, 52 if kind == VEIN else 42, 9))
            turn = draw_clipped(rng, -0.11, 0.05)
            along = np.linspace(0, 5.5, 120)
            angle = heading + turn * along
            curve = np.cumsum(np.stack([np.cos(angle), upper * np.sin(angle)], axis=1), axis=0) * (5.5 / 120)
            paths.append(_path(rng, disc, curve, kind, len(paths), winding, 0.72))
    for number in range(int(rng.integers(2, 5))):
        angle = np.pi + draw_clipped(rng, 0, 0.55)
        along = np.linspace(0, draw_clipped(rng, 2.6, 0.5), 60)
        curve = np.stack([np.cos(angle) * along, np.sin(angle) * along * (1 - 0.12 * along)], axis=1)
        paths.append(_path(rng, disc, curve, number % 2, len(paths), winding, 0.3))
    return paths


def _path(
    rng: np.random.Generator, disc: tuple[float, float], curve: Floats, kind: int, root: int, winding: float,
    calibre: float = 1.0,
) -> _Path:  # fmt: skip
    """Wind a curve that starts at (0, 0), cut it into steps, put it at the disc and thin it towards its end."""
    arc = np.concatenate([[0.0], np.cumsum(np.hypot(*np.diff(curve, axis=0).T))])
    places = np.arange(0, arc[-1], _STEP_MM)
    points = np.stack([np.interp(places, arc, curve[:, axis]) for axis in (0, 1)], axis=1)
    tangent = np.gradient(points, axis=0)
    normal = np.stack([-tangent[:, 1], tangent[:, 0]], axis=1) / np.hypot(*tangent.T)[:, None]
    sway = np.zeros(len(places))
    for wave, amplitude in ((4.4, 0.13), (2.1, 0.045), (1.1, 0.014)):
        sway += amplitude * rng.standard_normal() * np.sin(2 * np.pi * (places / wave + rng.random()))
    sway *= winding * np.minimum(places / 2.0, 1) * (1.15 if kind == VEIN else 1.0)
    begin = np.array(disc) + np.array([0.10, 0.0]) + rng.normal(0, (0.07, 0.14))  # nasal half of the cup
    width = (_ARTERY_MM if kind == ARTERY else _VEIN_MM) * calibre * (1 + 0.08 * rng.standard_normal())
    radius = width * np.exp(-places / 12)
    return _Path(begin + points + sway[:, None] * normal, radius, kind, root, False)


def _buds(rng: np.random.Generator, path: _Path, depth: int, disc_x: float) -> list[_Bud]:
    """Choose where a vessel branches, thin it behind each branching, and return the daughters."""
    buds: list[_Bud] = []
    spacing = (0.85, 0.75, 0.65)[depth]
    side = 1 if rng.random() < 0.5 else -1
    place = spacing * (0.6 + rng.random()) + (1.0 if depth == 0 else 0.2)
    while (index := int(place / _STEP_MM)) < len(path.points) - 3:
        share = float(rng.uniform(0.45, 0.85))
        rest, daughter = murray(float(path.radius[index]), share)
        ahead = path.points[index + 1] - path.points[index]
        heading = float(np.arctan2(ahead[1], ahead[0])) + side * float(np.deg2rad(rng.normal(62, 12)))
        path.radius[index:] *= rest / path.radius[index]
        towards = path.points[index] @ np.array([np.cos(heading), np.sin(heading)])
        if daughter > _FINEST_MM:
            inward = bool(towards < 0 and path.points[index][0] < disc_x - 0.9)
            buds.append(_Bud(path.points[index], heading, daughter, path.kind, path.root, inward))
        side = -side
        place += spacing * float(rng.uniform(0.6, 1.5))
    return buds


def _walk(rng: np.random.Generator, buds: list[_Bud], winding: float, disc: tuple[float, float]) -> list[_Path]:
    """Let all vessels of a generation grow side by side: inner ones to the fovea, outer ones away from it."""
    if not buds:
        return []
    place = np.stack([bud.place for bud in buds])
    heading = np.array([bud.heading for bud in buds])
    radius = np.array([bud.radius for bud in buds])
    inward = np.array([bud.inward for bud in buds])
    length = np.clip(4.4 * (radius / 0.03) ** 0.9, 0.5, 6.5) * rng.uniform(0.7, 1.3, len(buds))
    count = np.maximum((length / _STEP_MM).astype(np.int64), 3)
    noise = rng.standard_normal((int(count.max()), len(buds)))
    track, bend = [place], np.zeros(len(buds))
    for step in range(int(count.max())):
        nasal = place[:, 0] > disc[0] - 0.9
        outward = np.where(nasal, np.arctan2(place[:, 1] - disc[1], place[:, 0] - disc[0] + 0.4),
                           np.arctan2(place[:, 1], place[:, 0]))  # fmt: skip
        wanted = np.where(inward, outward + np.pi, outward)
        turn = (wanted - heading + np.pi) % (2 * np.pi) - np.pi
        bend = 0.8 * bend + 0.045 * winding * noise[step]
        heading = heading + 0.09 * turn + bend
        place = place + _STEP_MM * np.stack([np.cos(heading), np.sin(heading)], axis=1)
        track.append(place)
    tracks = np.stack(track, axis=1)
    return [_cut(tracks[i], int(count[i]), bud) for i, bud in enumerate(buds)]


def _cut(track: Floats, count: int, bud: _Bud) -> _Path:
    """Keep the part of a track (K, 2) that is long enough and stays off the avascular zone."""
    close = np.flatnonzero(np.hypot(*track.T) < _AVASCULAR_MM)
    count = max(2, min(count, int(close[0]) if len(close) else count))
    radius = bud.radius * np.linspace(1, 0.65, count)
    return _Path(track[:count], radius, bud.kind, bud.root, bud.inward)


def _pieces(paths: list[_Path], over: NDArray[np.bool_]) -> Vessels:
    counts = [len(path.points) - 1 for path in paths]
    kinds = np.repeat([path.kind for path in paths], counts)
    roots = np.repeat([path.root for path in paths], counts)
    return Vessels(
        start=np.concatenate([path.points[:-1] for path in paths]),
        end=np.concatenate([path.points[1:] for path in paths]),
        radius=np.concatenate([path.radius[:-1] for path in paths]), kind=kinds,
        path=np.repeat(np.arange(len(paths)), counts), root=roots, over=over[roots] & (kinds == VEIN),
    )  # fmt: skip
