"""Volumes of a release: described from the header of the NIfTI, MetaImage or NRRD file, and written for twins.

Axes are (slices, rows, columns), places patient LPS, as `vesalius.data.readers` gives them.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vesalius.data.geometry import Geometry
from vesalius.data.readers import metaimage, nrrd
from vesalius.data.readers.limits import DECODER_FAULTS
from vesalius.data.readers.quiet import quiet
from vesalius.data.records import Image
from vesalius.errors import DataError
from vesalius.optional import require

__all__ = ["on_grid_of", "require_same_grid", "volume", "write_volume"]

_OTHERS = (".mhd", ".mha", ".nrrd", ".nhdr")
_TO_MM = {"meter": 1000.0, "mm": 1.0, "micron": 0.001}
_SAME_MM = 0.01
"""Grids whose voxels lie nearer to each other than this are the same: headers round to float32 and to 0.01 mm."""


def volume(path: Path, *, like: Image) -> Image:
    """Return `like` with the path, shape, spacing and place that the header states; the voxels are not read.

    A file with several time points or sequences keeps its last axis first, as `vesalius.data.readers` does.

    Raises:
        DataError: no such file, or no volume in it.
    """
    shape, geometry = _header(path)
    spacing = geometry.spacing_mm if geometry else ()
    if len(shape) == 4:
        spacing = (float("nan"), *spacing) if spacing else ()
    return replace(
        like, path=str(path), kind="volume", shape=shape, spacing_mm=spacing,
        orientation=geometry.cosines if geometry else (), origin_mm=geometry.origin_mm if geometry else (),
    )  # fmt: skip


def _header(path: Path) -> tuple[tuple[int, ...], Geometry | None]:
    """Return the shape as readers give it, and the geometry of the three axes in space, if it is stated."""
    if not path.is_file():
        raise DataError(f"{path}: no such volume, though the release names it; download it, or drop its row")
    if path.suffix in _OTHERS:
        grid = (nrrd if path.suffix in (".nrrd", ".nhdr") else metaimage).describe(path)
        return grid.shape, grid.geometry
    nibabel = require("nibabel", purpose=f"{path}: reading NIfTI")
    faults = (*DECODER_FAULTS, nibabel.spatialimages.HeaderDataError, nibabel.filebasedimages.ImageFileError)
    try:
        with quiet():
            header: Any = nibabel.load(path).header
            shape = tuple(int(count) for count in header.get_data_shape())
    except faults as error:
        raise DataError(f"{path}: broken or truncated NIfTI: {error}; download it again") from None
    while len(shape) > 3 and shape[-1] == 1:
        shape = shape[:-1]
    if len(shape) not in (3, 4) or 0 in shape:
        raise DataError(f"{path}: NIfTI of shape {shape}; expected a volume, or a series of volumes")
    return tuple(reversed(shape)), _geometry(header)


def _geometry(header: Any) -> Geometry | None:
    unit = header.get_xyzt_units()[0]
    scale = _TO_MM.get(unit, 1.0)
    name = "sform" if int(header["sform_code"]) > 0 else "qform" if int(header["qform_code"]) > 0 else ""
    try:
        if not name:
            zooms = [float(zoom) * scale for zoom in header.get_zooms()[:3]]
            return Geometry(spacing_mm=tuple(reversed(zooms)), source="pixdim")
        affine = np.array(header.get_sform() if name == "sform" else header.get_qform(), dtype=np.float64)
        affine[:3] *= scale
        return Geometry.from_nifti(affine, source=name)
    except (DataError, *DECODER_FAULTS):
        return None


def on_grid_of(image: Path, mask: Path) -> str:
    """Return what parts the grids of two volumes, or nothing where they are the same."""
    (shape, place), (other, there) = _header(image), _header(mask)
    if shape[-3:] != other[-3:]:
        return f"{shape[-3:]} voxels against {other[-3:]}"
    if place is None or there is None or not place.directions or not there.directions:
        return ""
    corners = np.array([[0, 0, 0], [shape[-3] - 1, 0, 0], [0, shape[-2] - 1, 0], [0, 0, shape[-1] - 1]])
    apart = float(np.abs(place.to_patient(corners) - there.to_patient(corners)).max())
    return f"voxels lie up to {apart:.2f} mm apart" if apart > _SAME_MM else ""


def require_same_grid(image: Path, mask: Path) -> None:
    """Refuse a mask that does not lie on the grid of its image.

    Raises:
        DataError: other shape, or the corners lie apart.
    """
    differing = on_grid_of(image, mask)
    if differing:
        raise DataError(
            f"{mask}: not on the grid of {image}: {differing}; resample the labels to the image, or mend the header"
        )


def write_volume(path: Path, values: NDArray[Any], *, like: Image, affine: NDArray[np.float64] | None = None) -> None:
    """Write a volume of a twin as NIfTI-1, packed where the name ends in .gz; folders are made.

    Args:
        path: ends in .nii or .nii.gz.
        values: (slices, rows, columns), or (series, slices, rows, columns).
        like: image whose spacing, orientation and origin hold; LPS axes where it states none.
        affine: takes (i, j, k, 1) to RAS mm, (4, 4), instead of that of `like`.
    """
    nibabel = require("nibabel", purpose="writing NIfTI volumes")
    path.parent.mkdir(parents=True, exist_ok=True)
    found = nibabel.Nifti1Image(np.ascontiguousarray(values.T), _affine(like) if affine is None else affine)
    found.header.set_xyzt_units("mm")
    found.header["descrip"] = b"VIRTUAL: rendered virtual patient, not a person"
    if path.suffix == ".gz":
        from gzip import compress

        path.write_bytes(compress(found.to_bytes(), compresslevel=1, mtime=0))
    else:
        path.write_bytes(found.to_bytes())


def _affine(like: Image) -> NDArray[np.float64]:
    cosines = like.orientation or (1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0)
    columns, rows, slices = ((cosines[at], cosines[at + 1], cosines[at + 2]) for at in (0, 3, 6))
    x, y, z = like.origin_mm or (0.0, 0.0, 0.0)
    geometry = Geometry(spacing_mm=like.spacing_mm[-3:], directions=(slices, rows, columns), origin_mm=(x, y, z))
    return geometry.nifti_affine
