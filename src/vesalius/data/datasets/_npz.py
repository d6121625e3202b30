"""Arrays in .npz archives, one entry along the first axis after the other, so that none is held whole."""

from __future__ import annotations

import math
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from vesalius.data.readers.limits import DECODER_FAULTS, check_size
from vesalius.errors import DataError

__all__ = ["array_names", "entries", "whole"]


def array_names(path: Path) -> tuple[str, ...]:
    """Return the names of the arrays of an archive."""
    try:
        with zipfile.ZipFile(path) as archive:
            return tuple(name.removesuffix(".npy") for name in archive.namelist())
    except (OSError, zipfile.BadZipFile) as error:
        raise DataError(f"{path}: no .npz archive that opens ({error}); download it again") from None


def whole(path: Path, name: str) -> NDArray[Any]:
    """Return a small array, such as labels, whole."""
    found = list(entries(path, name))
    return np.stack(found) if found else np.empty((0,))


def entries(path: Path, name: str) -> Iterator[NDArray[Any]]:
    """Yield ``array[0]``, ``array[1]``, … of an array of an archive; pickled objects are refused.

    Raises:
        DataError: no such array, truncated, or of objects.
    """
    try:
        with zipfile.ZipFile(path) as archive, archive.open(f"{name}.npy") as file:
            yield from _entries(path, name, file)
    except KeyError:
        raise DataError(f"{path}: no array {name!r}; found {', '.join(array_names(path))}") from None
    except (zipfile.BadZipFile, *DECODER_FAULTS) as error:
        raise DataError(f"{path}: array {name!r} is broken or truncated ({error}); download it again") from None


def _entries(path: Path, name: str, file: IO[bytes]) -> Iterator[NDArray[Any]]:
    version = npy.read_magic(file)
    header = npy.read_array_header_1_0(file) if version == (1, 0) else npy.read_array_header_2_0(file)
    shape, fortran, dtype = header
    if dtype.hasobject or fortran or not shape:
        raise DataError(f"{path}: array {name!r} of {dtype}, shape {shape}; expected plain numbers in C order")
    size = dtype.itemsize * math.prod(shape[1:])
    check_size(f"{path}: array {name}", size)
    for number in range(shape[0]):
        data = file.read(size)
        if len(data) != size:
            raise DataError(f"{path}: array {name!r} ends at entry {number} of {shape[0]}; download it again")
        yield np.frombuffer(data, dtype).reshape(shape[1:])
