"""MetaImage volumes (.mha, .mhd with its data file): plain or zlib samples, axes turned to (slices, rows, columns).

The format's world is taken for patient LPS, as the toolkits that write it have it. `TransformMatrix` holds one
unit vector a file axis, fastest first. What is not stated is not invented: without `ElementSpacing` there is no
geometry, without `Offset` and `TransformMatrix` no place in the patient.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from vesalius.data.geometry import Geometry, Vector
from vesalius.data.readers.beside import beside
from vesalius.data.readers.block import Block, Grid
from vesalius.data.readers.pixels import Axes, Pixels
from vesalius.errors import DataError

__all__ = ["describe", "read"]

_HEADER_BYTES = 2**16
_LAST = "elementdatafile"
_KINDS = {
    "MET_CHAR": "i1", "MET_UCHAR": "u1", "MET_SHORT": "i2", "MET_USHORT": "u2", "MET_INT": "i4", "MET_UINT": "u4",
    "MET_LONG": "i4", "MET_ULONG": "u4", "MET_LONG_LONG": "i8", "MET_ULONG_LONG": "u8", "MET_FLOAT": "f4",
    "MET_DOUBLE": "f8",
}  # fmt: skip
_AXES: dict[tuple[int, bool], Axes] = {
    (2, False): "YX", (2, True): "YXC", (3, False): "ZYX", (3, True): "ZYXC", (4, False): "TZYX",
}  # fmt: skip
_ALIASES = {"position": "offset", "origin": "offset", "rotation": "transformmatrix", "orientation": "transformmatrix"}


def read(path: Path, *, frame: int | None = None) -> Pixels:
    """Read a volume, or one time point of a series.

    Raises:
        DataError: a broken header, or too few samples; names the field.
    """
    grid = describe(path)
    return grid.read()[0] if frame is None else grid.frame(frame)


def describe(path: Path) -> Grid:
    """Read the header alone."""
    header, end = _header(path)
    sizes = _wholes(path, header, "dimsize")
    channels = _wholes(path, header, "elementnumberofchannels", default="1")[0]
    letters = _AXES.get((len(sizes), channels == 3))
    if letters is None or channels not in (1, 3) or min(sizes) < 1:
        raise DataError(
            f"{path}: MetaImage of size {sizes} with {channels} channels; expected grey or RGB, 2 to 4 axes"
        )
    shape = (*reversed(sizes), *((3,) if channels == 3 else ()))
    block = _block(path, header, end, shape)
    info = {"format": "metaimage", "units_reason": "MetaImage does not state the meaning of its values"}
    if letters.startswith("T"):
        info["frames"] = str(shape[0])
    return Grid(
        block=block,
        axes=letters,
        units="rgb" if channels == 3 else "stored",
        geometry=_geometry(path, header, min(len(sizes), 3), info),
        info=info,
    )


def _header(path: Path) -> tuple[dict[str, str], int]:
    """Return the fields in lower case, and where the data starts after the line that must be the last."""
    with path.open("rb") as file:
        head = file.read(_HEADER_BYTES)
    fields: dict[str, str] = {}
    end = 0
    for line in head.splitlines(keepends=True):
        end += len(line)
        name, _, value = line.decode("utf-8", "replace").partition("=")
        key = name.strip().lower()
        fields[_ALIASES.get(key, key)] = value.strip()
        if key == _LAST:
            break
    missing = [name for name in ("DimSize", "ElementType", "ElementDataFile") if name.lower() not in fields]
    if missing:
        raise DataError(f"{path}: broken or truncated MetaImage: its header lacks {', '.join(missing)}")
    if fields.get("binarydata", "true").lower() not in ("true", "1"):
        raise DataError(f"{path}: MetaImage with its samples as text; save it as binary")
    return fields, end


def _block(path: Path, header: Mapping[str, str], end: int, shape: tuple[int, ...]) -> Block:
    kind = _KINDS.get(header["elementtype"].upper())
    if kind is None:
        raise DataError(
            f"{path}: MetaImage of ElementType {header['elementtype'][:40]!r}; expected whole or real numbers"
        )
    big = header.get("binarydatabyteordermsb", header.get("elementbyteordermsb", "false")).lower() in ("true", "1")
    dtype: np.dtype[Any] = np.dtype((">" if big else "<") + kind)
    name = header[_LAST]
    local = name.upper() == "LOCAL"
    packed = header.get("compresseddata", "false").lower() in ("true", "1")
    place = path if local else beside(path, name)
    skip = _wholes(path, header, "headersize", default="0")[0]
    if skip < 0 and not packed:
        skip = 0
        end = place.stat().st_size - int(np.prod(shape, dtype=np.float64)) * dtype.itemsize
        if end < 0:
            raise DataError(f"{path}: broken or truncated MetaImage: its data file is too small; copy it again")
    elif not local:
        end = 0
    return Block(path=place, start=end + max(skip, 0), packing="zlib" if packed else "", dtype=dtype, shape=shape)


def _geometry(path: Path, header: Mapping[str, str], axes: int, info: dict[str, str]) -> Geometry | None:
    name = next((name for name in ("elementspacing", "elementsize") if name in header), "")
    if not name:
        info["geometry_missing"] = "ElementSpacing is not stated"
        return None
    try:
        spacing = tuple(reversed(_reals(path, header, name)[:axes]))
        origin, cosines = _reals(path, header, "offset"), _reals(path, header, "transformmatrix")
        lacking = [label for label, found in (("Offset", origin), ("TransformMatrix", cosines)) if not found]
        if lacking or axes < 3:
            info["position_missing"] = f"{' and '.join(lacking)} not stated" if lacking else "a plane, not a volume"
            return Geometry(spacing_mm=spacing, source=name)
        total = round(len(cosines) ** 0.5)
        rows: list[Vector] = [_vector(cosines[total * row : total * row + 3]) for row in range(3)]
        return Geometry(
            spacing_mm=spacing,
            directions=tuple(reversed(rows)),
            origin_mm=_vector(origin[:3]),
            source="TransformMatrix",
        )
    except DataError as error:
        info["geometry_missing"] = f"ElementSpacing, Offset or TransformMatrix is wrong: {error}"
        return None


def _vector(values: list[float]) -> Vector:
    if len(values) != 3:
        raise DataError(f"{len(values)} numbers, expected 3")
    return (values[0], values[1], values[2])


def _wholes(path: Path, header: Mapping[str, str], name: str, *, default: str = "") -> list[int]:
    words = header.get(name, default).split()
    if not words or not all(re.fullmatch(r"-?\d{1,18}", word) for word in words):
        raise DataError(f"{path}: MetaImage with {name} {' '.join(words)[:60]!r}; expected whole numbers")
    return [int(word) for word in words]


def _reals(path: Path, header: Mapping[str, str], name: str) -> list[float]:
    try:
        return [float(word) for word in header.get(name, "").split()]
    except ValueError:
        raise DataError(f"{path}: {name} {header[name][:60]!r} is not made of numbers") from None
