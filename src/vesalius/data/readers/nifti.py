"""NIfTI-1 and -2 volumes (.nii, .nii.gz): axes turned to (slices, rows, columns), geometry from RAS to LPS.

The file's index (i, j, k) becomes array[k, j, i]; nothing is flipped, so a voxel keeps its index. The sform
is taken where its code says that it is stated, else the qform; a file with neither has a spacing and no
place in the patient.
"""

from __future__ import annotations

import gzip
import io
import math
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from vesalius.data.geometry import Geometry
from vesalius.data.readers.block import Block, Grid
from vesalius.data.readers.gunzip import gunzip
from vesalius.data.readers.limits import DECODER_FAULTS, check_size
from vesalius.data.readers.pixels import Axes, Pixels, Presentation, Window
from vesalius.data.readers.quiet import quiet
from vesalius.errors import DataError
from vesalius.optional import require

__all__ = ["describe", "read"]

_AXES: dict[int, Axes] = {2: "YX", 3: "ZYX", 4: "TZYX"}
_GZIP = b"\x1f\x8b"
_HEADER_BYTES = 348
_MILLIMETRES = {"meter": 1000.0, "mm": 1.0, "micron": 0.001}
_SECONDS = {"sec": 1.0, "msec": 1e-3, "usec": 1e-6}


def read(path: Path, *, frame: int | None = None) -> Pixels:
    """Read a NIfTI volume, or one time point of a series; the modality is not in the format and stays empty.

    Raises:
        DataError: truncated or broken file, an affine that is none, or no such time point.
    """
    nibabel = require("nibabel", purpose=f"{path}: reading NIfTI")
    faults = (*DECODER_FAULTS, nibabel.spatialimages.HeaderDataError, nibabel.filebasedimages.ImageFileError)
    try:
        with quiet(), _opened(path) as file:
            packed = isinstance(file, gzip.GzipFile)
            image = _image_class(nibabel, path, file).from_stream(file)
            shape = _shape(path, image.shape)
            _check(path, image.header, shape, frame)
            if packed and frame is None and (data := gunzip(path, _size(image))) is not None:
                unpacked = type(image).from_stream(io.BytesIO(data))
                return _described(path, image, _samples(path, unpacked, shape, None), None)
            array = _samples(path, image, shape, frame)
            file.read(1)  # The checksum of a packed file is looked at when its end is reached.
            return _described(path, image, array, frame)
    except faults as error:
        reason = (str(error).strip() or type(error).__name__).splitlines()[0][:200]
        raise DataError(f"{path}: broken or truncated NIfTI: {reason}; copy it again from its source") from None


def describe(path: Path) -> Grid:
    """Read the header alone."""
    nibabel = require("nibabel", purpose=f"{path}: reading NIfTI")
    faults = (*DECODER_FAULTS, nibabel.spatialimages.HeaderDataError, nibabel.filebasedimages.ImageFileError)
    try:
        with quiet(), _opened(path) as file:
            packed = isinstance(file, gzip.GzipFile)
            image = _image_class(nibabel, path, file).from_stream(file)
            shape, proxy = _shape(path, image.shape), image.dataobj
            colour = bool(proxy.dtype.names)
            info = _info(image, shape)
            axes = _axes(shape, None, colour=colour)
            sample = np.dtype((np.uint8, len(proxy.dtype.names))) if colour else proxy.dtype
            return Grid(
                block=Block(
                    path=path,
                    start=0,
                    skip=int(proxy.offset),
                    packing="gzip" if packed else "",
                    dtype=sample.base,
                    shape=(*reversed(shape), *sample.shape),
                ),
                axes=axes,
                units="rgb" if colour else "stored",
                geometry=_geometry(image.header, axes, info),
                info=info,
                presentation=_presentation(image.header, colour=colour),
                finish=partial(_scaled, path, nibabel, proxy),
            )
    except faults as error:
        reason = (str(error).strip() or type(error).__name__).splitlines()[0][:200]
        raise DataError(f"{path}: broken or truncated NIfTI: {reason}; copy it again from its source") from None


def _scaled(path: Path, nibabel: Any, proxy: Any, array: NDArray[Any]) -> NDArray[Any]:
    """Scale stored samples as `_samples` does; colours lose their fourth channel."""
    if array.dtype.kind == "c":
        raise DataError(f"{path}: complex samples; expected real ones, so store magnitude or phase")
    if proxy.dtype.names:
        return np.ascontiguousarray(array[..., :3])
    if proxy.slope == 1 and proxy.inter == 0:
        return array
    scaled = nibabel.volumeutils.apply_read_scaling(array, np.asanyarray(proxy.slope), np.asanyarray(proxy.inter))
    return np.asarray(scaled, dtype=np.float32 if proxy.dtype.itemsize <= 2 else np.float64)


def _described(path: Path, image: Any, array: NDArray[Any], frame: int | None) -> Pixels:
    shape, header = _shape(path, image.shape), image.header
    colour = bool(header.get_data_dtype().names)
    info = _info(image, shape)
    axes = _axes(shape, frame, colour=colour)
    return Pixels(
        array=array,
        axes=axes,
        units="rgb" if colour else "stored",
        geometry=_geometry(header, axes, info),
        info=info,
        source=str(path),
        presentation=_presentation(header, colour=colour),
    )


def _size(image: Any) -> int:
    """Bytes of a file that holds header, extensions and samples, and nothing behind them."""
    proxy = image.dataobj
    return int(proxy.offset) + math.prod(map(int, image.shape)) * int(proxy.dtype.itemsize)


def _opened(path: Path) -> BinaryIO:
    """Open by content, packed or not: a renamed file must open all the same."""
    with path.open("rb") as file:
        packed = file.read(2) == _GZIP
    return gzip.open(path, "rb") if packed else path.open("rb")  # type: ignore[return-value]


def _image_class(nibabel: Any, path: Path, file: BinaryIO) -> Any:
    head = file.read(_HEADER_BYTES)
    file.seek(0)
    if head[4:8] == b"n+2\x00":
        return nibabel.Nifti2Image
    if head[344:348] == b"n+1\x00":
        return nibabel.Nifti1Image
    if head[344:348] == b"ni1\x00" or head[4:8] == b"ni2\x00":
        raise DataError(f"{path}: the header of a .hdr/.img pair; convert the pair to one .nii file")
    raise DataError(f"{path}: gzip data that holds no NIfTI volume; unpack it if it holds something else")


def _shape(path: Path, shape: tuple[int, ...]) -> tuple[int, ...]:
    """Drop trailing axes of length 1 beyond the third."""
    while len(shape) > 3 and shape[-1] == 1:
        shape = shape[:-1]
    if len(shape) not in _AXES or 0 in shape:
        raise DataError(f"{path}: NIfTI of shape {shape}; expected two to four axes with at least one sample each")
    return shape


def _check(path: Path, header: Any, shape: tuple[int, ...], frame: int | None) -> None:
    frames = shape[3] if len(shape) == 4 else 1
    if frame is not None and frame >= frames:
        raise DataError(f"{path}: frame {frame} asked for, the file has {frames} time points")
    sample = max(int(header.get_data_dtype().itemsize), 4)
    check_size(str(path), math.prod(shape) * sample // (1 if frame is None else frames))


def _samples(path: Path, image: Any, shape: tuple[int, ...], frame: int | None) -> NDArray[Any]:
    """Return scaled samples in C order with the axes reversed: (time,) slices, rows, columns (, colour)."""
    proxy = image.dataobj
    several = len(shape) == 4
    array = np.asanyarray(proxy[..., frame] if several and frame is not None else proxy[...])
    array = array.reshape(shape[:3] if several and frame is not None else shape)
    if array.dtype.kind == "c":
        raise DataError(f"{path}: complex samples; expected real ones, so store magnitude or phase")
    if array.dtype.names:
        colours = [array[name].T for name in array.dtype.names[:3]]
        return np.stack(colours, axis=-1)
    whole = proxy.slope == 1 and proxy.inter == 0
    kind = array.dtype.newbyteorder("=") if whole else np.float32 if proxy.dtype.itemsize <= 2 else np.float64
    return np.ascontiguousarray(array.T, dtype=kind)


def _axes(shape: tuple[int, ...], frame: int | None, *, colour: bool) -> Axes:
    axes = _AXES[3 if frame is not None and len(shape) == 4 else len(shape)]
    return axes + "C" if colour else axes  # type: ignore[return-value]


def _info(image: Any, shape: tuple[int, ...]) -> dict[str, str]:
    header = image.header
    info = {"format": "nifti", "units_reason": "NIfTI does not state the meaning of its values"}
    slope, intercept = image.dataobj.slope, image.dataobj.inter
    if (slope, intercept) != (1.0, 0.0):
        info["scaling"] = f"scl_slope {slope:g} and scl_inter {intercept:g} applied"
    if len(shape) == 4:
        info["frames"] = str(shape[3])
        step, unit = float(header.get_zooms()[3]), header.get_xyzt_units()[1]
        if unit in _SECONDS and step > 0:
            info["seconds_per_frame"] = f"{step * _SECONDS[unit]:g}"
    return info


def _geometry(header: Any, axes: Axes, info: dict[str, str]) -> Geometry | None:
    """Read sform, else qform, else the spacing alone; wrong numbers give None and the reason in `info`."""
    unit = header.get_xyzt_units()[0]
    scale = _MILLIMETRES.get(unit, 1.0)
    if unit not in _MILLIMETRES:
        info["spatial_units"] = "not stated, read as mm, which is the custom of the format"
    name = "sform" if int(header["sform_code"]) > 0 else "qform" if int(header["qform_code"]) > 0 else ""
    try:
        if not name:
            info["position_missing"] = "neither sform_code nor qform_code is set"
            zooms = [float(zoom) * scale for zoom in header.get_zooms()[: min(len(header.get_zooms()), 3)]]
            return Geometry(spacing_mm=tuple(reversed(zooms)), source="pixdim")
        affine = np.array(header.get_sform() if name == "sform" else header.get_qform(), dtype=np.float64)
        affine[:3] *= scale
        geometry = Geometry.from_nifti(affine, source=name)
    except (DataError, *DECODER_FAULTS) as error:
        info["geometry_missing"] = f"{name or 'pixdim'} of the header is wrong: {error}"
        return None
    if "Z" in axes:
        return geometry
    return Geometry(
        spacing_mm=geometry.spacing_mm[1:],
        directions=geometry.directions[1:],
        origin_mm=geometry.origin_mm,
        source=name,
    )


def _presentation(header: Any, *, colour: bool) -> Presentation:
    """Take the shown range cal_min to cal_max for a window, where it is one."""
    if colour:
        return Presentation(white=255.0)
    low, high = float(header["cal_min"]), float(header["cal_max"])
    if not (math.isfinite(low) and math.isfinite(high) and high > low):
        return Presentation()
    return Presentation(windows=(Window((low + high) / 2.0, high - low, "LINEAR_EXACT"),))
