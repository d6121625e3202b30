"""NIfTI-1: a volume or mask with its place in the patient.

Records and readers are LPS with axes (slices, rows, columns); the file states RAS with axes (columns, rows,
slices). Nothing is flipped: array[k, j, i] becomes voxel (i, j, k).
"""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vesalius.data.disk import replacing
from vesalius.data.geometry import Geometry
from vesalius.errors import DataError
from vesalius.optional import require

__all__ = ["write_nifti"]

_SCANNER = 1
"""Code of sform and qform: scanner coordinates, which is what DICOM positions are."""
_NOTE_BYTES = 80
# Cosine between two axes up to which a qform, which knows turns only, can hold the grid: rounding of decimals.
_ORTHOGONAL = 1e-4


def write_nifti(
    array: NDArray[Any], geometry: Geometry, path: str | Path, *, slope: float = 1.0, intercept: float = 0.0,
    note: str = "",
) -> Path:  # fmt: skip
    """Write an array as .nii or .nii.gz; the same call gives the same bytes.

    The sform always states the place; the qform does, too, where the axes stand at right angles, and is left
    out for a tilted gantry, which it cannot state. A geometry without position writes the spacing only.

    Args:
        array: (slices, rows, columns) or (rows, columns); bool is stored as uint8, 64-bit integers are refused.
        geometry: of the array, axis by axis.
        path: file to write.
        slope: true value is slope times stored value plus intercept.
        intercept: see `slope`.
        note: description in the header, at most 79 ASCII characters, such as that it is virtual.

    Raises:
        DataError: shape, type or geometry that the format cannot hold.
    """
    path = Path(path)
    nibabel = require("nibabel", purpose=f"{path.name}: writing NIfTI")
    stored = _stored(array, path)
    if stored.ndim not in (2, 3) or len(geometry.spacing_mm) != stored.ndim:
        raise DataError(
            f"{path}: array of shape {array.shape} with {len(geometry.spacing_mm)} spacings; expected two or "
            f"three of both"
        )
    image = nibabel.Nifti1Image(np.ascontiguousarray(stored.T), _affine(geometry), dtype=stored.dtype)
    image.header.set_zooms(tuple(reversed(geometry.spacing_mm)))
    image.header.set_xyzt_units("mm")
    image.header["descrip"] = note.encode("ascii", "replace")[: _NOTE_BYTES - 1]
    _place(image, geometry)
    data = image.to_bytes() if (slope, intercept) == (1.0, 0.0) else _with_scaling(image, stored, slope, intercept)
    with replacing(path, scratch=path.parent, durable=False) as file:
        file.write(gzip.compress(data, compresslevel=6, mtime=0) if path.suffix == ".gz" else data)
    return path


def _stored(array: NDArray[Any], path: Path) -> NDArray[Any]:
    if array.dtype == np.bool_:
        return array.astype(np.uint8)
    if array.dtype.kind not in "iuf" or array.dtype.itemsize > (8 if array.dtype.kind == "f" else 4):
        raise DataError(f"{path}: samples of type {array.dtype}; expected bool, integers up to 32 bits or floats")
    return array.astype(np.float32) if array.dtype == np.float16 else array


def _affine(geometry: Geometry) -> NDArray[np.float64] | None:
    if not geometry.directions:
        return None
    return _full(geometry).nifti_affine


def _full(geometry: Geometry) -> Geometry:
    """Give a plane a third axis along its normal, one millimetre thick, because an affine has three."""
    if len(geometry.directions) == 3:
        return geometry
    row, column = geometry.directions
    x, y, z = np.cross(column, row).tolist()
    return Geometry(
        spacing_mm=(1.0, *geometry.spacing_mm),
        directions=((x, y, z), *geometry.directions),
        origin_mm=geometry.origin_mm,
        source=geometry.source,
    )


def _place(image: Any, geometry: Geometry) -> None:
    if not geometry.directions:
        image.header["sform_code"] = image.header["qform_code"] = 0
        return
    full = _full(geometry)
    axes = np.array(full.directions)
    square = np.abs(axes @ axes.T - np.eye(3)).max() <= _ORTHOGONAL
    image.set_sform(full.nifti_affine, code=_SCANNER)
    image.set_qform(full.nifti_affine if square else None, code=_SCANNER if square else 0)


def _with_scaling(image: Any, stored: NDArray[Any], slope: float, intercept: float) -> bytes:
    """Put stored values behind the header as they are; the library would divide them by the slope."""
    header = image.header.copy()
    header.set_slope_inter(slope, intercept)
    header.set_data_offset(header.single_vox_offset)
    native = stored.astype(stored.dtype.newbyteorder("<"))
    return bytes(header.binaryblock) + b"\0\0\0\0" + np.ascontiguousarray(native).tobytes()
