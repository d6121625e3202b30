"""NRRD volumes (.nrrd, .nhdr with its data file): raw, gzip or bzip2 samples, axes turned to (slices, rows, columns).

Geometry is taken from `space directions` and `space origin` where `space` names the patient's axes; a space such
as "scanner-xyz" says nothing of the patient, so that only the spacing is taken. What is not stated is not
invented: without directions or spacings there is no geometry.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from vesalius.data.geometry import Geometry, Vector
from vesalius.data.readers.beside import beside
from vesalius.data.readers.block import Block, Grid, Packing
from vesalius.data.readers.pixels import Axes, Pixels
from vesalius.errors import DataError

__all__ = ["describe", "read"]

_HEADER_BYTES = 2**20
_KINDS = {
    "signed char": "i1", "int8": "i1", "int8_t": "i1",
    "uchar": "u1", "unsigned char": "u1", "uint8": "u1", "uint8_t": "u1",
    "short": "i2", "short int": "i2", "signed short": "i2", "signed short int": "i2", "int16": "i2",
    "int16_t": "i2",
    "ushort": "u2", "unsigned short": "u2", "unsigned short int": "u2", "uint16": "u2", "uint16_t": "u2",
    "int": "i4", "signed int": "i4", "int32": "i4", "int32_t": "i4",
    "uint": "u4", "unsigned int": "u4", "uint32": "u4", "uint32_t": "u4",
    "longlong": "i8", "long long": "i8", "long long int": "i8", "signed long long": "i8",
    "signed long long int": "i8", "int64": "i8", "int64_t": "i8",
    "ulonglong": "u8", "unsigned long long": "u8", "unsigned long long int": "u8", "uint64": "u8",
    "uint64_t": "u8",
    "float": "f4", "double": "f8",
}  # fmt: skip
_PACKINGS: dict[str, Packing] = {"raw": "", "gzip": "gzip", "gz": "gzip", "bzip2": "bzip2", "bz2": "bzip2"}
_TO_LPS: dict[str, Vector] = {
    "left-posterior-superior": (1.0, 1.0, 1.0),
    "lps": (1.0, 1.0, 1.0),
    "right-anterior-superior": (-1.0, -1.0, 1.0),
    "ras": (-1.0, -1.0, 1.0),
    "left-anterior-superior": (1.0, -1.0, 1.0),
    "las": (1.0, -1.0, 1.0),
}
_MILLIMETRES = {"mm": 1.0, "millimeter": 1.0, "millimeters": 1.0, "cm": 10.0, "m": 1000.0, "um": 0.001, "": 1.0}
_COLOURS = ("rgb-color", "rgba-color", "3-color", "4-color")
_SPATIAL = ("domain", "space", "???", "none", "")


class _Axis(NamedTuple):
    """One axis of the file, fastest first: length, kind, and its step in space or None."""

    length: int
    kind: str
    direction: Vector | None
    spacing: float
    unit: str


def read(path: Path, *, frame: int | None = None) -> Pixels:
    """Read a volume, or one time point of a series.

    Raises:
        DataError: a broken header, an encoding that is not read, or too few samples; says what to do.
    """
    grid = describe(path)
    return grid.read()[0] if frame is None else grid.frame(frame)


def describe(path: Path) -> Grid:
    """Read the header alone."""
    header, end = _header(path)
    axes = _file_axes(path, header)
    dtype = _dtype(path, header)
    encoding = header.get("encoding", "").lower()
    if encoding not in _PACKINGS:
        raise DataError(
            f"{path}: NRRD with encoding {encoding!r}; expected raw, gzip or bzip2, so save it with one of these"
        )
    letters = _letters(path, axes)
    shape = tuple(axis.length for axis in reversed(axes))
    block = _block(path, header, end, dtype=dtype, shape=shape, packing=_PACKINGS[encoding])
    info = {"format": "nrrd", "units_reason": "NRRD does not state the meaning of its values"}
    if letters.startswith("T"):
        info["frames"] = str(shape[0])
    colour = letters.endswith("C")
    return Grid(
        block=block,
        axes=letters,
        units="rgb" if colour else "stored",
        geometry=_geometry(header, axes, info),
        info=info,
        finish=_without_alpha if colour and shape[-1] == 4 else None,
    )


def _without_alpha(array: NDArray[Any]) -> NDArray[Any]:
    return np.ascontiguousarray(array[..., :3])


def _header(path: Path) -> tuple[dict[str, str], int]:
    """Return the fields in lower case, and where the data starts after the empty line."""
    with path.open("rb") as file:
        head = file.read(_HEADER_BYTES)
    match = re.search(rb"\r?\n\r?\n", head)
    end = match.end() if match else len(head)
    if match is None and len(head) == _HEADER_BYTES:
        raise DataError(f"{path}: no end of the NRRD header within {_HEADER_BYTES} bytes")
    lines = head[:end].decode("utf-8", "replace").splitlines()
    fields: dict[str, str] = {}
    for line in lines[1:]:
        if line.startswith("#") or ":=" in line or ": " not in f"{line} ":
            continue
        name, _, value = line.partition(":")
        fields["".join(name.lower().split())] = value.strip()
    missing = [name for name in ("type", "dimension", "sizes", "encoding") if name not in fields]
    if missing:
        raise DataError(f"{path}: broken or truncated NRRD: its header lacks {', '.join(missing)}")
    return fields, end


def _dtype(path: Path, header: Mapping[str, str]) -> np.dtype[Any]:
    kind = _KINDS.get(" ".join(header["type"].lower().split()))
    if kind is None:
        raise DataError(f"{path}: NRRD of type {header['type']!r}; expected whole or real numbers")
    endian = header.get("endian", "").lower()
    if endian not in ("little", "big") and kind not in ("i1", "u1"):
        raise DataError(f"{path}: NRRD without `endian`, so that its samples of {kind[1]} bytes cannot be read")
    return np.dtype((">" if endian == "big" else "<") + kind)


def _file_axes(path: Path, header: Mapping[str, str]) -> list[_Axis]:
    sizes = [_whole(path, "sizes", word) for word in header["sizes"].split()]
    count = _whole(path, "dimension", header["dimension"])
    if len(sizes) != count or not 2 <= count <= 5 or min(sizes) < 1:
        raise DataError(f"{path}: NRRD of dimension {count} and sizes {sizes}; expected two to five positive sizes")
    kinds = header.get("kinds", "").lower().split() or [""] * count
    directions = _directions(path, header.get("spacedirections", ""), count)
    spacings = [_real(path, "spacings", word) for word in header.get("spacings", "").split()] or [math.nan] * count
    units = re.findall(r'"([^"]*)"', header.get("spaceunits", "") or header.get("units", ""))
    if len(kinds) != count or len(spacings) != count:
        raise DataError(f"{path}: NRRD with {len(kinds)} kinds and {len(spacings)} spacings for {count} axes")
    unit = next(iter(units), "").lower()
    return [
        _Axis(size, kind, direction, spacing, unit)
        for size, kind, direction, spacing in zip(sizes, kinds, directions, spacings, strict=True)
    ]


def _directions(path: Path, text: str, count: int) -> list[Vector | None]:
    if not text:
        return [None] * count
    found: list[Vector | None] = []
    for word in re.findall(r"none|\([^()]*\)", text.lower()):
        found.append(None if word == "none" else _vector(path, "space directions", word))
    if len(found) != count:
        raise DataError(f"{path}: NRRD with {len(found)} space directions for {count} axes")
    return found


def _vector(path: Path, name: str, word: str) -> Vector:
    values = [_real(path, name, part) for part in word.strip("() ").split(",")]
    if len(values) != 3:
        raise DataError(f"{path}: NRRD with {name} {word}; expected three numbers")
    return (values[0], values[1], values[2])


def _letters(path: Path, axes: list[_Axis]) -> Axes:
    """Name the axes, slowest first: colours are the fastest, time the slowest axis."""
    colour = axes[0].kind in _COLOURS and axes[0].length in (3, 4)
    rest = axes[1:] if colour else axes
    stated = any(axis.direction for axis in rest)
    times = [
        number
        for number, axis in enumerate(rest)
        if axis.kind not in _SPATIAL or (stated and axis.direction is None) or number > 2
    ]
    if times and times != [len(rest) - 1]:
        kinds = ", ".join(axis.kind or "unnamed" for axis in axes)
        raise DataError(f"{path}: NRRD with axes of kind {kinds}; expected space first, then at most one of time")
    letters = {2: "YX", 3: "ZYX"}.get(len(rest) - len(times), "")
    letters = ("T" if times else "") + letters + ("C" if colour else "")
    if letters not in ("YX", "YXC", "ZYX", "ZYXC", "TYX", "TYXC", "TZYX"):
        raise DataError(
            f"{path}: NRRD of sizes {[axis.length for axis in axes]}; expected a volume or a series of it"
        )
    return letters  # type: ignore[return-value]


def _block(
    path: Path, header: Mapping[str, str], end: int, *, dtype: np.dtype[Any], shape: tuple[int, ...], packing: Packing
) -> Block:
    name = header.get("datafile", "")
    place, start = (beside(path, name), 0) if name else (path, end)
    skip = _whole(path, "byte skip", header.get("byteskip", "0"))
    if _whole(path, "line skip", header.get("lineskip", "0")):
        raise DataError(f"{path}: NRRD with `line skip`; save it with `byte skip` or without")
    if skip < 0:
        if packing or skip != -1:
            raise DataError(f"{path}: NRRD with `byte skip: {skip}`; expected 0 or more, or -1 for raw samples")
        start, skip = place.stat().st_size - math.prod(shape) * dtype.itemsize, 0
        if start < 0:
            raise DataError(f"{path}: broken or truncated NRRD: its data file is too small; copy it again")
    return Block(path=place, start=start, skip=skip, packing=packing, dtype=dtype, shape=shape)


def _geometry(header: Mapping[str, str], axes: list[_Axis], info: dict[str, str]) -> Geometry | None:
    """Return the geometry of the spatial axes in LPS, or None and the reason in `info`."""
    space = header.get("space", "").lower().removesuffix("-time").removesuffix("t")
    placed = [axis for axis in axes if axis.direction is not None]
    spaced = [axis for axis in axes if math.isfinite(axis.spacing) and axis.kind in _SPATIAL][:3]
    chosen = placed or spaced
    if len(chosen) not in (2, 3):
        info["geometry_missing"] = "neither `space directions` nor `spacings` are stated"
        return None
    scale = _MILLIMETRES.get(chosen[0].unit)
    if scale is None:
        info["geometry_missing"] = f"`space units` are {chosen[0].unit!r}, expected mm"
        return None
    if not chosen[0].unit:
        info["spatial_units"] = "not stated, read as mm, which is the custom of the format"
    try:
        return _placed(header, chosen, space, scale, info)
    except DataError as error:
        info["geometry_missing"] = f"`space directions` or `spacings` are wrong: {error}"
        return None


def _placed(header: Mapping[str, str], axes: list[_Axis], space: str, scale: float, info: dict[str, str]) -> Geometry:
    ordered = list(reversed(axes))
    steps = [math.hypot(*axis.direction) if axis.direction else axis.spacing for axis in ordered]
    spacing = tuple(step * scale for step in steps)
    source = "space directions" if axes[0].direction else "spacings"
    origin = header.get("spaceorigin", "")
    signs = _TO_LPS.get(space)
    if not axes[0].direction or signs is None or not origin:
        info["position_missing"] = (
            "`space directions` are not stated"
            if not axes[0].direction
            else f"space {space!r} does not name the patient's axes"
            if signs is None
            else "`space origin` is not stated"
        )
        return Geometry(spacing_mm=spacing, source=source)
    if not all(steps):
        raise DataError("a direction has the length 0")
    at = _vector(Path("space"), "space origin", origin)
    return Geometry(
        spacing_mm=spacing,
        directions=tuple(
            _signed(signs, axis.direction, 1.0 / step)
            for axis, step in zip(ordered, steps, strict=True)
            if axis.direction
        ),
        origin_mm=_signed(signs, at, scale),
        source=source,
    )


def _signed(signs: Vector, vector: Vector, factor: float) -> Vector:
    x, y, z = (sign * value * factor for sign, value in zip(signs, vector, strict=True))
    return (x, y, z)


def _whole(path: Path, name: str, word: str) -> int:
    if not re.fullmatch(r"[+-]?\d{1,18}", word):
        raise DataError(f"{path}: NRRD with `{name}: {word[:40]}`; expected a whole number")
    return int(word)


def _real(path: Path, name: str, word: str) -> float:
    try:
        return float(word)
    except ValueError:
        raise DataError(f"{path}: NRRD with {word[:40]!r} in `{name}`; expected a number") from None
