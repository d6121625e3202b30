"""Positions of slices along the normal of their planes: order, even steps, tilt, and what is wrong with them."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from vesalius.data.geometry import Geometry, Vector
from vesalius.data.readers.dicom_slices import Slice
from vesalius.errors import DataError

__all__ = ["Ruler", "listed"]

_SAME_MM = 0.01
"""Positions nearer than this, and than a tenth of a pixel, are one position."""
_EVEN_SHARE = 0.01
"""Share of a step by which another may differ, as in `Geometry.stacked`."""
_SHOWN = 6
_FEWEST_OF_A_RUN = 3


class Ruler:
    """Measures slices of one orientation along their normal, the cross product of the columns and rows indices."""

    def __init__(self, plane: Geometry) -> None:
        self._plane = plane
        self._normal = np.cross(plane.directions[1], plane.directions[0])
        self.tolerance_mm = min(_SAME_MM, 0.1 * min(plane.spacing_mm))
        """Positions nearer than this are one position."""

    def sorted(self, slices: Iterable[Slice]) -> list[Slice]:
        """Return slices by position; by path where two are at one."""
        return sorted(slices, key=lambda one: (self.height(one), str(one.path), one.frame or 0))

    def height(self, one: Slice) -> float:
        """Position along the normal in mm."""
        return float(np.dot(_origin(one), self._normal))

    def distinct(self, slices: Sequence[Slice]) -> bool:
        """Say whether no two sorted slices are at one position."""
        heights = [self.height(one) for one in slices]
        return all(after - before > self.tolerance_mm for before, after in pairwise(heights))

    def even(self, slices: Sequence[Slice]) -> Geometry | None:
        """Return the geometry of sorted slices with one even step, sheared where they are tilted, or None."""
        if len(slices) < 2 or not self.distinct(slices):
            return None
        try:
            return self._plane.stacked([_vector(_origin(one)) for one in slices])
        except DataError:
            return None

    def tilt(self, geometry: Geometry, count: int) -> float:
        """Return the degrees between the step and the normal; 0 where the last slice moves less than 0.1 pixel."""
        step = np.array(geometry.directions[0])
        along = float(step @ self._normal)
        aside = float(np.linalg.norm(step - along * self._normal))
        shift = aside * geometry.spacing_mm[0] * (count - 1)
        return math.degrees(math.atan2(aside, along)) if shift >= 0.1 * min(self._plane.spacing_mm) else 0.0

    def same_places(self, parts: Sequence[Sequence[Slice]]) -> bool:
        """Say whether there are several parts, each of slices at the same distinct positions."""
        first = parts[0]
        if len(parts) < 2 or len(first) < 2 or any(len(part) != len(first) for part in parts):
            return False
        if not self.distinct(first):
            return False
        places = np.array([_origin(one) for one in first])
        return all(
            bool((np.abs(np.array([_origin(one) for one in part]) - places) <= self.tolerance_mm).all())
            for part in parts[1:]
        )

    def columns(self, slices: Sequence[Slice]) -> list[list[Slice]]:
        """Group sorted slices by position."""
        columns: list[list[Slice]] = []
        for one in slices:
            if columns and self.height(one) - self.height(columns[-1][0]) <= self.tolerance_mm:
                columns[-1].append(one)
            else:
                columns.append([one])
        return columns

    def unevenness(self, slices: Sequence[Slice]) -> tuple[Literal["slices are missing", "uneven spacing"], str]:
        """Say how sorted slices fail to be evenly spaced: missing ones by their positions, else the steps found."""
        heights = [self.height(one) for one in slices]
        steps = np.diff(heights)
        base = float(np.median(steps))
        times = np.rint(steps / base)
        near = np.abs(steps - times * base) <= max(_EVEN_SHARE * base, self.tolerance_mm) * np.maximum(times, 1)
        if len(steps) > 2 and near.all() and (times >= 1).all() and (times > 1).any():
            lost = [
                heights[place] + base * number
                for place, count in enumerate(times.astype(int).tolist())
                for number in range(1, min(count, _SHOWN + 2))
            ]
            total = int((times - 1).sum())
            verb = "slice is" if total == 1 else "slices are"
            return "slices are missing", f"{total} {verb} missing, at {listed(lost, total)} mm along the normal"
        found = Counter(f"{step:.4g}" for step in steps)
        shown = ", ".join(f"{step} mm ({count} times)" for step, count in found.most_common(_SHOWN))
        if len(found) == 1:
            return "uneven spacing", f"slices are {shown} apart and not on one line"
        changes = np.abs(np.diff(steps)) > max(_EVEN_SHARE * base, self.tolerance_mm)
        at = [heights[place + 1] for place in np.flatnonzero(changes).tolist()]
        return "uneven spacing", f"the spacing varies: {shown}, changing at {listed(at)} mm along the normal"

    def runs(self, slices: Sequence[Slice]) -> list[list[Slice]]:
        """Return even runs of at least three slices, the longest taken first, in the order of position."""
        found: list[tuple[int, int]] = []
        waiting = [(0, len(slices))]
        while waiting:
            start, stop = waiting.pop()
            first, last = self._longest(slices[start:stop])
            if last - first >= _FEWEST_OF_A_RUN:
                found.append((start + first, start + last))
                waiting += [(start, start + first), (start + last, stop)]
        return [list(slices[first:last]) for first, last in sorted(found)]

    def _longest(self, slices: Sequence[Slice]) -> tuple[int, int]:
        """Return the ends of the longest run of equal steps."""
        if len(slices) < _FEWEST_OF_A_RUN:
            return 0, 0
        steps = np.diff(np.array([_origin(one) for one in slices]), axis=0)
        best, start = (0, 0), 0
        for number in range(len(steps)):
            apart = float(np.linalg.norm(steps[number] - steps[start]))
            if apart > max(_EVEN_SHARE * float(np.linalg.norm(steps[start])), self.tolerance_mm):
                start = number
            if number + 2 - start > best[1] - best[0]:
                best = (start, number + 2)
        return best


def listed(heights: Sequence[float], total: int | None = None) -> str:
    """Return some positions in words."""
    more = ", …" if (total or len(heights)) > _SHOWN else ""
    return ", ".join(f"{height:.6g}" for height in heights[:_SHOWN]) + more


def _origin(one: Slice) -> NDArray[np.float64]:
    assert one.geometry is not None
    return np.asarray(one.geometry.origin_mm, dtype=np.float64)


def _vector(values: NDArray[np.float64]) -> Vector:
    x, y, z = values.tolist()
    return (x, y, z)
