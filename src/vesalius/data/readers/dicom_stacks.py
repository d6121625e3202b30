"""Slices put together to volumes: sorted by their position along the normal, never by number or name.

Slices of one series with the same form, spacing and orientation belong together. Where several lie at one position,
a tag that tells them apart makes them frames (echo, b-value, time, phase) or separate volumes. What is not evenly
spaced, lies twice or lacks a slice is named and left out, or split into even runs where that is asked for.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from pathlib import Path
from typing import Literal, NamedTuple

from vesalius.data.geometry import Geometry
from vesalius.data.readers.dicom_ruler import Ruler, listed
from vesalius.data.readers.dicom_slices import DIMENSIONS, Slice, Value
from vesalius.data.readers.pixels import Axes

__all__ = ["Contents", "Duplicates", "Missing", "Rest", "RestKind", "Stack", "arrange"]

Missing = Literal["error", "split"]
Duplicates = Literal["error", "first"]
RestKind = Literal[
    "a localiser",
    "one image alone",
    "no position in the patient",
    "several images at one position",
    "slices are missing",
    "uneven spacing",
    "incomplete frames",
    "a second copy",
]

_COSINE_TOLERANCE = 1e-4
"""Difference of direction cosines that rounding explains, as for the frames of one file."""
_SHOWN = 6
_ACQUIRED = next(place for place, dimension in enumerate(DIMENSIONS) if dimension.keyword == "AcquisitionTime")


class Rest(NamedTuple):
    """Slices that are in no volume, and why."""

    slices: tuple[Slice, ...]
    kind: RestKind
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Stack:
    """The slices of one volume, or of one volume at several times."""

    name: str
    """Short name made from the series' UID by a one-way hash, with a number where a series has several volumes."""
    slices: tuple[Slice, ...]
    """Frame by frame, and in each frame by position."""
    num_frames: int = 1
    geometry: Geometry
    """Of the axes (slices, rows, columns), LPS; sheared where the gantry was tilted."""
    frames_by: str = ""
    """Name and tag of what differs between frames."""
    frame_values: tuple[str, ...] = ()
    tilt_degrees: float = 0.0
    """Angle between the line of the slices and the normal of their planes; 0 where it moves no pixel."""

    @property
    def axes(self) -> Axes:
        """ZYX, ZYXC or TZYX."""
        return "TZYX" if self.num_frames > 1 else "ZYXC" if self.slices[0].channels > 1 else "ZYX"

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape in the order of `axes`, without colours."""
        frames = (self.num_frames,) if self.num_frames > 1 else ()
        return (*frames, len(self.slices) // self.num_frames, *self.slices[0].size)

    @property
    def paths(self) -> tuple[Path, ...]:
        """Files, each once, in the order of the slices."""
        return tuple(dict.fromkeys(one.path for one in self.slices))

    def info(self) -> dict[str, str]:
        """Return what is to be known of the order of frames and the tilt, as `Pixels.info` holds it."""
        info = {"slices": str(len(self.slices) // self.num_frames)}
        if self.num_frames > 1:
            info.update({"frames": str(self.num_frames), "frames_by": self.frames_by})
            info.update({"frame_values": "; ".join(self.frame_values)} if self.frame_values else {})
        if self.tilt_degrees:
            info["gantry_tilt_degrees"] = f"{self.tilt_degrees:.4g}, the grid is sheared"
        return info

    def text(self) -> str:
        """Describe the volume in one line."""
        size = " x ".join(map(str, self.shape))
        spacing = " x ".join(f"{step:.4g}" for step in self.geometry.spacing_mm)
        by = f", frames by {self.frames_by}" if self.frames_by else ""
        plane = self.geometry.orientation or "oblique"
        return f"{self.name}: {self.slices[0].modality or 'OT'} {plane}, {size} ({self.axes}), {spacing} mm{by}"


class Contents(NamedTuple):
    """What a set of slices holds."""

    stacks: tuple[Stack, ...]
    rest: tuple[Rest, ...]


class _Part(NamedTuple):
    label: tuple[Value, ...]
    slices: list[Slice]


def arrange(slices: Iterable[Slice], *, missing: Missing = "error", duplicates: Duplicates = "error") -> Contents:
    """Group slices to volumes.

    Args:
        slices: of any number of series, in any order.
        missing: "split" makes a volume of every even run of at least three slices; "error" leaves all out.
        duplicates: "first" keeps the first of several images at one position that no tag tells apart.
    """
    stacks: list[Stack] = []
    rest: list[Rest] = []
    series: dict[str, list[Slice]] = {}
    for one in sorted(slices, key=lambda one: (one.series, str(one.path), one.frame or 0)):
        series.setdefault(one.series, []).append(one)
    for name, members in series.items():
        found: list[Stack] = []
        kept = _first_copies(members, rest)
        for group in _alike(kept, rest):
            found += _Group(group, missing, duplicates, rest).stacks()
        if len(found) > 1:
            found = [replace(stack, name=f"{name}-{number}") for number, stack in enumerate(found, start=1)]
        stacks += found
    return Contents(tuple(stacks), tuple(rest))


def _first_copies(slices: Sequence[Slice], rest: list[Rest]) -> list[Slice]:
    """Drop further files of one SOP instance."""
    kept: list[Slice] = []
    owner: dict[str, Path] = {}
    for one in slices:
        first = owner.setdefault(one.instance, one.path) if one.instance else one.path
        if first == one.path:
            kept.append(one)
        else:
            rest.append(Rest((one,), "a second copy", f"the same SOP instance (0008,0018) as {first.name}"))
    return kept


def _alike(slices: Sequence[Slice], rest: list[Rest]) -> list[list[Slice]]:
    """Group by form, spacing and orientation; scouts and slices without a place go to the rest."""
    groups: list[list[Slice]] = []
    for one in slices:
        if one.localiser:
            rest.append(Rest((one,), "a localiser", "a localiser (0008,0008)"))
        elif one.geometry is None:
            rest.append(Rest((one,), "no position in the patient", one.missing))
        else:
            group = next((group for group in groups if _fits(group[0], one)), None)
            if group is None:
                groups.append([one])
            else:
                group.append(one)
    return groups


def _fits(first: Slice, one: Slice) -> bool:
    if first.form != one.form:
        return False
    a, b = first.geometry, one.geometry
    assert a is not None
    assert b is not None
    steps = all(
        math.isclose(x, y, rel_tol=_COSINE_TOLERANCE) for x, y in zip(a.spacing_mm, b.spacing_mm, strict=True)
    )
    return steps and all(
        abs(x - y) <= _COSINE_TOLERANCE
        for u, v in zip(a.directions, b.directions, strict=True)
        for x, y in zip(u, v, strict=True)
    )


class _Group:
    """Slices of one form and orientation, on their way to volumes."""

    def __init__(self, slices: list[Slice], missing: Missing, duplicates: Duplicates, rest: list[Rest]) -> None:
        first = slices[0].geometry
        assert first is not None
        self._ruler = Ruler(first)
        self._missing, self._duplicates = missing, duplicates
        self._rest = rest
        self._slices = self._ruler.sorted(slices)

    def stacks(self) -> list[Stack]:
        """Return the volumes of the group; what is in none goes to the rest."""
        if len(self._slices) == 1:
            self._leave(self._slices, "one image alone", "no other image of its size and orientation")
            return []
        if self._ruler.distinct(self._slices):
            return self._volume_or_parts(self._slices)
        grey = self._slices[0].channels == 1
        for attempt in (self._frames, self._incomplete, self._parts_of_all, self._ranked):
            # Colours at several times would be a fifth axis.
            found = attempt() if grey else None
            if found is not None:
                return found
        return self._repeated()

    def _leave(self, slices: Iterable[Slice], kind: RestKind, reason: str) -> None:
        self._rest.append(Rest(tuple(slices), kind, reason))

    def _even(self, slices: Sequence[Slice]) -> Stack | None:
        """Return the volume of slices with one even step, or None."""
        geometry = self._ruler.even(slices)
        if geometry is None:
            return None
        tilt = self._ruler.tilt(geometry, len(slices))
        return Stack(name=slices[0].series, slices=tuple(slices), geometry=geometry, tilt_degrees=tilt)

    def _volume_or_parts(self, slices: list[Slice]) -> list[Stack]:
        whole = self._even(slices)
        if whole is not None:
            return [whole]
        parts = self._parts(slices)
        return self._uneven(slices) if parts is None else parts

    def _parts_of_all(self) -> list[Stack] | None:
        return self._parts(self._slices)

    def _parts(self, slices: list[Slice]) -> list[Stack] | None:
        """Return the volumes into which one tag parts the slices, or None where not all of them are even."""
        for place in _differing(slices):
            stacks = [self._even(part.slices) for part in _parted(slices, (place,))]
            if len(stacks) > 1 and all(stacks):
                return [stack for stack in stacks if stack is not None]
        return None

    def _frames(self) -> list[Stack] | None:
        """Return volumes with frames where one to three tags tell all images at each position apart."""
        places = _differing(self._slices)
        for count in (1, 2, 3):
            for chosen in combinations(places, count):
                parts = _parted(self._slices, chosen)
                if not self._ruler.same_places([part.slices for part in parts]):
                    continue
                if any(DIMENSIONS[place].separates for place in chosen):
                    return self._separated(chosen, parts)
                return self._series_of(parts, chosen)
        return None

    def _separated(self, chosen: tuple[int, ...], parts: list[_Part]) -> list[Stack]:
        """Make one volume a value of what separates, with frames by the other tags."""
        apart = [number for number, place in enumerate(chosen) if DIMENSIONS[place].separates]
        within = tuple(place for place in chosen if not DIMENSIONS[place].separates)
        groups: dict[tuple[Value, ...], list[Slice]] = {}
        for part in parts:
            groups.setdefault(tuple(part.label[number] for number in apart), []).extend(part.slices)
        stacks: list[Stack] = []
        for label in sorted(groups, key=_order):
            members = self._ruler.sorted(groups[label])
            if self._ruler.distinct(members):
                stacks += self._volume_or_parts(members)
            else:
                stacks += self._series_of(_parted(members, within), within)
        return stacks

    def _series_of(self, parts: Sequence[_Part], chosen: tuple[int, ...]) -> list[Stack]:
        """Make one volume with a frame a part."""
        first = self._even(parts[0].slices)
        slices = tuple(one for part in parts for one in part.slices)
        if first is None:
            kind, reason = self._ruler.unevenness(parts[0].slices)
            self._leave(slices, kind, f"in each of {len(parts)} frames: {reason}")
            return []
        by = ", ".join(DIMENSIONS[place].name for place in chosen)
        values = _labels(parts, chosen)
        return [replace(first, slices=slices, num_frames=len(parts), frames_by=by, frame_values=values)]

    def _incomplete(self) -> list[Stack] | None:
        """Find frames of which some lack slices: named, or dropped where `missing` is "split"."""
        for place in _differing(self._slices):
            parts = _parted(self._slices, (place,))
            if DIMENSIONS[place].separates or not all(self._ruler.distinct(part.slices) for part in parts):
                continue
            most = Counter(len(part.slices) for part in parts).most_common(1)[0][0]
            whole = [part for part in parts if len(part.slices) == most]
            if most < 2 or len(whole) * 2 <= len(parts):
                continue
            if not self._ruler.same_places([part.slices for part in whole]):
                continue
            lacking = [part for part in parts if len(part.slices) != most]
            dropped = lacking if self._missing == "split" else parts
            slices = [one for part in dropped for one in part.slices]
            self._leave(slices, "incomplete frames", _incompleteness(parts, lacking, most, place))
            return self._series_of(whole, (place,)) if self._missing == "split" else []
        return None

    def _ranked(self) -> list[Stack] | None:
        """Frames in the order of time where every slice has a time of its own, as slices acquired one by one have."""
        columns = self._ruler.columns(self._slices)
        counts = {len(column) for column in columns}
        if len(counts) != 1 or len(columns) < 2:
            return None
        ordered: list[list[Slice]] = []
        for column in columns:
            times = [one.values[_ACQUIRED] for one in column]
            if None in times or len(set(times)) < len(times):
                return None
            ordered.append(sorted(column, key=lambda one: _order((one.values[_ACQUIRED],))))
        parts = [_Part((float(rank),), [column[rank] for column in ordered]) for rank in range(counts.pop())]
        if not self._ruler.same_places([part.slices for part in parts]):
            return None
        return [replace(stack, frame_values=()) for stack in self._series_of(parts, (_ACQUIRED,))]

    def _repeated(self) -> list[Stack]:
        columns = self._ruler.columns(self._slices)
        several = [column for column in columns if len(column) > 1]
        if self._duplicates == "first":
            for column in several:
                self._leave(column[1:], "several images at one position", "lies at the position of another image")
            return self._volume_or_parts([column[0] for column in columns])
        at = listed([self._ruler.height(column[0]) for column in several])
        reason = (
            f"{sum(map(len, several))} images lie at {len(several)} positions, {at} mm along the normal, "
            "and no tag tells them apart"
        )
        self._leave(self._slices, "several images at one position", reason)
        return []

    def _uneven(self, slices: list[Slice]) -> list[Stack]:
        kind, reason = self._ruler.unevenness(slices)
        if self._missing == "error":
            self._leave(slices, kind, reason)
            return []
        stacks = [stack for run in self._ruler.runs(slices) if (stack := self._even(run)) is not None]
        used = {id(one) for stack in stacks for one in stack.slices}
        left = [one for one in slices if id(one) not in used]
        if left:
            self._leave(left, kind, reason)
        return stacks


def _incompleteness(parts: Sequence[_Part], lacking: Sequence[_Part], most: int, place: int) -> str:
    counts = ", ".join(str(len(part.slices)) for part in lacking[:_SHOWN])
    return f"{len(lacking)} of {len(parts)} frames by {DIMENSIONS[place].name} have {counts} of {most} slices"


def _parted(slices: Sequence[Slice], places: tuple[int, ...]) -> list[_Part]:
    """Part slices by the values of some dimensions, in the order of these values."""
    parts: dict[tuple[Value, ...], list[Slice]] = {}
    for one in slices:
        parts.setdefault(tuple(one.values[place] for place in places), []).append(one)
    return [_Part(label, parts[label]) for label in sorted(parts, key=_order)]


def _differing(slices: Sequence[Slice]) -> list[int]:
    """Return the dimensions in which the slices differ."""
    return [place for place in range(len(DIMENSIONS)) if len({one.values[place] for one in slices}) > 1]


def _order(label: tuple[Value, ...]) -> tuple[tuple[int, float, str, tuple[float, ...]], ...]:
    """Key that sorts values of several kinds: none first, then numbers, texts and vectors."""
    return tuple(
        (0, 0.0, "", ())
        if value is None
        else (1, value, "", ())
        if isinstance(value, float)
        else (2, 0.0, value, ())
        if isinstance(value, str)
        else (3, 0.0, "", value)
        for value in label
    )


def _labels(parts: Sequence[_Part], chosen: tuple[int, ...]) -> tuple[str, ...]:
    """Return a short text a frame; moments are seconds from the first frame."""
    labels = []
    for part in parts:
        words = []
        for number, place in enumerate(chosen):
            value, start = part.label[number], parts[0].label[number]
            if DIMENSIONS[place].is_moment and isinstance(value, float) and isinstance(start, float):
                words.append(f"{value - start:g} s")
            elif isinstance(value, float):
                words.append(f"{value:g}")
            elif isinstance(value, tuple):
                words.append("(" + " ".join(f"{entry:g}" for entry in value) + ")")
            else:
                words.append(value or "-")
        labels.append(" / ".join(words))
    return tuple(labels)
