"""NIfTI: the texts of the header and all extensions are emptied, the voxels stay byte for byte."""

from __future__ import annotations

import gzip
import struct
import zlib
from collections import Counter
from pathlib import Path

from vesalius.data.readers.limits import MAX_DECODED_BYTES
from vesalius.errors import DataError

__all__ = ["treat_nifti"]

_GZIP = b"\x1f\x8b"
_TEXTS = {
    348: ((4, 10), (14, 18), (148, 80), (228, 24), (328, 16)),
    540: ((240, 80), (320, 24), (508, 16), (525, 15)),
}
"""Start and length of data_type, db_name, descrip, aux_file and intent_name by size of header; in NIfTI-2 descrip,
aux_file, intent_name and the unused bytes at the end."""
_OFFSET = {348: (108, "f"), 540: (168, "q")}
"""Place and type of vox_offset."""


def treat_nifti(path: Path) -> tuple[Counter[str], bytes]:
    """Return counts and the bytes of the new file, compressed where the old one was.

    Raises:
        DataError: not NIfTI, a pair of two files, or broken.
    """
    data = path.read_bytes()
    packed = data.startswith(_GZIP)
    if packed:
        data = _inflated(path, data)
    order, size = _layout(path, data)
    offset_at, offset_type = _OFFSET[size]
    start = int(struct.unpack_from(f"{order}{offset_type}", data, offset_at)[0])
    if not size <= start <= len(data):
        raise DataError(f"{path}: voxels are said to begin at byte {start} of {len(data)}; not a sound NIfTI file")
    header = bytearray(data[:size])
    for first, length in _TEXTS[size]:
        header[first : first + length] = b"\0" * length
    first_voxel = size + 4 + (-(size + 4)) % 16
    struct.pack_into(f"{order}{offset_type}", header, offset_at, first_voxel)
    new = bytes(header) + b"\0" * (first_voxel - size) + data[start : start + _voxel_bytes(data, order, size)]
    extensions = int(start > first_voxel and any(data[size : size + 4]))
    counts = Counter({"header texts emptied": len(_TEXTS[size]), "extensions removed": extensions})
    return counts, gzip.compress(new, mtime=0) if packed else new


def _inflated(path: Path, data: bytes) -> bytes:
    try:
        inflater = zlib.decompressobj(wbits=31)
        plain = inflater.decompress(data, MAX_DECODED_BYTES)
    except zlib.error:
        raise DataError(f"{path}: broken compression; copy it again from its source") from None
    if inflater.unconsumed_tail or not inflater.eof:
        raise DataError(f"{path}: cut off, or larger than {MAX_DECODED_BYTES / 2**30:.0f} GiB when unpacked")
    return plain


def _layout(path: Path, data: bytes) -> tuple[str, int]:
    """Return byte order and size of the header of a single file."""
    for order in "<>":
        size = int(struct.unpack_from(f"{order}i", data, 0)[0]) if len(data) >= 348 else 0
        if size == 348 and data[344:347] == b"n+1":
            return order, size
        if size == 540 and len(data) >= 540 and data[4:7] == b"n+2":
            return order, size
    raise DataError(f"{path}: not a NIfTI file in one piece; join a pair of .hdr and .img into one .nii first")


def _voxel_bytes(data: bytes, order: str, size: int) -> int:
    """Return the bytes of all voxels, so that nothing after them is taken along."""
    if size == 348:
        dims = struct.unpack_from(f"{order}8h", data, 40)
        bits = struct.unpack_from(f"{order}h", data, 72)[0]
    else:
        dims = struct.unpack_from(f"{order}8q", data, 16)
        bits = struct.unpack_from(f"{order}h", data, 14)[0]
    count = 1
    for length in dims[1 : 1 + max(0, min(7, dims[0]))]:
        count *= max(1, length)
    return int(count * bits + 7) // 8
