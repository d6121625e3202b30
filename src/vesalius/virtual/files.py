"""Files of pictures and masks: PNG, TIFF for clips, NIfTI for volumes; every one says that it is virtual."""

from __future__ import annotations

import gzip
import io
import struct
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, PngImagePlugin

from vesalius.virtual.picture import Picture

__all__ = ["VIRTUAL", "encode_nifti", "encode_picture", "encode_png", "suffix_of"]

VIRTUAL = "rendered virtual patient, not a person"
_TYPES = {"uint8": (2, 8), "int16": (4, 16), "float32": (16, 32), "uint16": (512, 16)}


def suffix_of(picture: Picture) -> str:
    """Return the ending of the picture's file name."""
    return {"image": ".png", "video": ".tiff", "volume": ".nii.gz"}[picture.kind]


def encode_picture(picture: Picture) -> bytes:
    """Write the pixels in the format that `suffix_of` names."""
    if picture.kind == "image":
        return encode_png(picture.pixels)
    if picture.kind == "video":
        return _encode_tiff(picture.pixels)
    return encode_nifti(picture.pixels, picture.spacing_mm, picture.origin_mm)


def encode_png(pixels: NDArray[Any]) -> bytes:
    """Write 8 or 16 bit grey values (H, W) or colours (H, W, 3) as PNG."""
    image = Image.fromarray(pixels)
    notes = PngImagePlugin.PngInfo()
    notes.add_text("VIRTUAL", VIRTUAL)
    buffer = io.BytesIO()
    image.save(buffer, "PNG", pnginfo=notes, compress_level=4)
    return buffer.getvalue()


def _encode_tiff(frames: NDArray[Any]) -> bytes:
    """Write (T, H, W) or (T, H, W, 3) as pages of a TIFF without loss."""
    pages = [Image.fromarray(frame) for frame in frames]
    buffer = io.BytesIO()
    pages[0].save(
        buffer, "TIFF", save_all=True, append_images=pages[1:], compression="tiff_adobe_deflate",
        tiffinfo={270: f"VIRTUAL: {VIRTUAL}"},
    )  # fmt: skip
    return buffer.getvalue()


def encode_nifti(volume: NDArray[Any], spacing_mm: tuple[float, ...], origin_mm: tuple[float, ...]) -> bytes:
    """Write (D, H, W) as gzipped NIfTI-1.

    The volume's axes run to the head, to the back and to the patient's left (LPS); NIfTI states places in RAS, so
    that the first two signs of the affine change.

    Args:
        volume: uint8, uint16, int16 or float32.
        spacing_mm: of the slices, rows and columns.
        origin_mm: LPS place of the first voxel's centre, (x, y, z).
    """
    code, bits = _TYPES[volume.dtype.name]
    depth, height, width = volume.shape
    z, y, x = (float(step) for step in spacing_mm)
    header = bytearray(352)
    struct.pack_into("<i", header, 0, 348)
    struct.pack_into("<8h", header, 40, 3, width, height, depth, 1, 1, 1, 1)
    struct.pack_into("<2h", header, 70, code, bits)
    struct.pack_into("<8f", header, 76, 1.0, x, y, z, 1.0, 1.0, 1.0, 1.0)
    struct.pack_into("<3f", header, 108, 352.0, 1.0, 0.0)
    header[123] = 2
    note = f"VIRTUAL: {VIRTUAL}".encode()
    header[148 : 148 + len(note)] = note
    struct.pack_into("<2h", header, 252, 0, 1)
    rows = ((-x, 0.0, 0.0, -origin_mm[0]), (0.0, -y, 0.0, -origin_mm[1]), (0.0, 0.0, z, origin_mm[2]))
    struct.pack_into("<12f", header, 280, *(value for row in rows for value in row))
    header[344:348] = b"n+1\0"
    data = bytes(header) + np.ascontiguousarray(volume, dtype=volume.dtype.newbyteorder("<")).tobytes()
    return gzip.compress(data, compresslevel=1, mtime=0)
