"""Pixel data of DICOM files: which decoder takes which transfer syntax, and the three that need our own
hands.

Decoders are chosen by name, never "whatever is installed", so that the same file gives the same pixels
everywhere: gdcm for JPEG, OpenJPEG for JPEG 2000 and HTJ2K, CharLS for JPEG-LS. The GPL-licensed
    pylibjpeg-libjpeg is never used.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable
from functools import cache
from typing import TYPE_CHECKING, Any, BinaryIO, NamedTuple

import numpy as np
from numpy.typing import NDArray

from vesalius.data.readers.dicom_tags import has, number, whole
from vesalius.errors import DataError
from vesalius.optional import require

if TYPE_CHECKING:
    from pydicom import Dataset

__all__ = ["DEFLATED_DATASET", "SUPPORTED", "Codec", "codec_of", "decode"]

DEFLATED_DATASET = "1.2.840.10008.1.2.1.99"
_PLAIN = ("1.2.840.10008.1.2", "1.2.840.10008.1.2.1", DEFLATED_DATASET)
_JPEG_EXTENDED = "1.2.840.10008.1.2.4.51"
_RLE = "1.2.840.10008.1.2.5"
_DEFLATED_FRAME = "1.2.840.10008.1.2.8.1"


class Codec(NamedTuple):
    """Decoder of one transfer syntax: its pydicom plugin (empty for none) and the packages that it needs."""

    plugin: str
    packages: tuple[str, ...] = ()


_NATIVE = Codec("")
_GDCM = Codec("gdcm", ("gdcm",))
_CHARLS = Codec("pyjpegls", ("jpeg_ls",))
_OPENJPEG = Codec("pylibjpeg", ("pylibjpeg", "openjpeg"))

SUPPORTED: dict[str, Codec] = {
    "1.2.840.10008.1.2": _NATIVE,
    "1.2.840.10008.1.2.1": _NATIVE,
    DEFLATED_DATASET: _NATIVE,
    "1.2.840.10008.1.2.2": _NATIVE,
    _RLE: Codec("pydicom"),
    "1.2.840.10008.1.2.4.50": _GDCM,
    _JPEG_EXTENDED: _GDCM,
    "1.2.840.10008.1.2.4.57": _GDCM,
    "1.2.840.10008.1.2.4.70": _GDCM,
    "1.2.840.10008.1.2.4.80": _CHARLS,
    "1.2.840.10008.1.2.4.81": _CHARLS,
    "1.2.840.10008.1.2.4.90": _OPENJPEG,
    "1.2.840.10008.1.2.4.91": _OPENJPEG,
    "1.2.840.10008.1.2.4.201": _OPENJPEG,
    "1.2.840.10008.1.2.4.202": _OPENJPEG,
    "1.2.840.10008.1.2.4.203": _OPENJPEG,
    _DEFLATED_FRAME: _NATIVE,
}
"""Transfer syntaxes that can be decoded, by UID."""


def codec_of(name: str, uid: str) -> Codec:
    """Return the decoder of a transfer syntax.

    Raises:
        DataError: no decoder exists; names the file and the syntax.
        MissingDependency: its package is not installed.
    """
    codec = SUPPORTED.get(uid)
    if codec is None:
        from pydicom.uid import UID

        known = UID(uid).name
        shown = f"{uid} ({known})" if known != uid else repr(uid)
        raise DataError(
            f"{name}: transfer syntax {shown} cannot be decoded; convert it to Explicit VR Little Endian, "
            f"for example with `gdcmconv --raw in.dcm out.dcm`"
        )
    _require(uid)
    return codec


@cache
def _require(uid: str) -> None:
    from pydicom.uid import UID

    if SUPPORTED[uid].packages:
        require(*SUPPORTED[uid].packages, purpose=f"decoding {UID(uid).name}")


def decode(dataset: Dataset, source: bytes | BinaryIO, uid: str, frame: int | None) -> NDArray[Any]:
    """Decode all frames, or one.

    Args:
        dataset: holds the image pixel module.
        source: value of the pixel data element, or a file standing at its start, of which only the frame is
            read.
        uid: transfer syntax.
        frame: index of the frame, or None for all.

    Returns:
        Samples as stored, (rows, columns) or (frames, rows, columns), with a last axis of 3 for colour that
        has been turned to RGB.
    """
    plain = _plain(dataset, source, uid)
    if plain is not None:
        return plain if frame is None or plain.ndim == 2 else plain[frame]
    special = _special(dataset, uid)
    if special is not None:
        return _decode_frames(dataset, source, special, frame)
    from pydicom.pixels import as_pixel_options, get_decoder

    options = as_pixel_options(dataset)
    _name_float_samples(dataset, options)
    array, _ = get_decoder(uid).as_array(
        source,
        index=frame,
        decoding_plugin=SUPPORTED[uid].plugin,
        allow_excess_frames=False,
        **options,
    )
    return np.asarray(array)


def _plain(dataset: Dataset, source: bytes | BinaryIO, uid: str) -> NDArray[Any] | None:
    """Look at native grey samples where they lie, without a copy; None where there is more to do than that."""
    if uid not in _PLAIN or not isinstance(source, bytes) or whole(dataset, "SamplesPerPixel") != 1:
        return None
    allocated, stored = whole(dataset, "BitsAllocated"), whole(dataset, "BitsStored")
    rows, columns = whole(dataset, "Rows"), whole(dataset, "Columns")
    frames = int(number(dataset, "NumberOfFrames") or 1)
    if allocated not in (8, 16) or not stored or not rows or not columns or not has(dataset, "PixelData"):
        return None
    count = rows * columns * frames
    if len(source) < count * allocated // 8:
        return None
    signed = bool(whole(dataset, "PixelRepresentation"))
    array = np.frombuffer(source, dtype=f"<{'i' if signed else 'u'}{allocated // 8}", count=count)
    if stored < allocated:
        # Bits beyond the stored ones may hold something else, which pydicom then removes.
        high = 2 ** (stored - 1) if signed else 2**stored
        if array.max() >= high or (signed and array.min() < -high):
            return None
    return array.reshape((rows, columns) if frames == 1 else (frames, rows, columns))


def _name_float_samples(dataset: Dataset, options: dict[str, Any]) -> None:
    floats = ("FloatPixelData", "DoubleFloatPixelData")
    keyword = next((name for name in floats if has(dataset, name)), "PixelData")
    options["pixel_keyword"] = keyword
    # Bytes of big endian words are swapped, so that the form in which they were written counts.
    options["pixel_vr"] = dataset.get_item(keyword).VR or "OW"


def _special(dataset: Dataset, uid: str) -> Callable[[Dataset, bytes], NDArray[Any]] | None:
    """Return the decoder of one frame where pydicom has none."""
    if uid == _JPEG_EXTENDED and dataset.BitsStored != 8:
        require("imagecodecs", purpose="decoding JPEG Extended with 12 bits")
        return _jpeg_12_bit
    if uid == _DEFLATED_FRAME:
        return _inflate
    if uid == _RLE and dataset.BitsAllocated == 1:
        require("imagecodecs", purpose="decoding run lengths of single bits")
        return _unpack_run_lengths
    return None


def _decode_frames(
    dataset: Dataset,
    source: bytes | BinaryIO,
    decoder: Callable[[Dataset, bytes], NDArray[Any]],
    frame: int | None,
) -> NDArray[Any]:
    from pydicom.encaps import generate_frames, get_frame

    total = int(dataset.get("NumberOfFrames") or 1)
    if frame is not None:
        return decoder(dataset, get_frame(source, frame, number_of_frames=total))
    arrays = [decoder(dataset, data) for data in generate_frames(source, number_of_frames=total)]
    if len(arrays) < total:
        raise ValueError(f"{len(arrays)} of {total} frames are there")
    return arrays[0] if total == 1 else np.stack(arrays)


def _jpeg_12_bit(dataset: Dataset, data: bytes) -> NDArray[Any]:
    import imagecodecs

    array = imagecodecs.jpeg8_decode(data, out=np.empty((dataset.Rows, dataset.Columns), dtype=np.uint16))
    return np.asarray(array)


def _inflate(dataset: Dataset, data: bytes) -> NDArray[Any]:
    """Inflate one frame (Deflated Image Frame Compression), and no more bytes than the frame holds."""
    bits = dataset.Rows * dataset.Columns * dataset.SamplesPerPixel * dataset.BitsAllocated
    raw = zlib.decompressobj(wbits=-zlib.MAX_WBITS).decompress(data, (bits + 7) // 8)
    return _frame(dataset, raw)


def _unpack_run_lengths(dataset: Dataset, data: bytes) -> NDArray[Any]:
    """Decode one RLE segment of packed bits (PS3.5 G.5: a header of 16 words, then the segment)."""
    import imagecodecs

    segments, start = np.frombuffer(data[:8], dtype="<u4").tolist()
    if segments != 1:
        raise ValueError(f"{segments} run length segments for single bits, expected 1")
    return _frame(dataset, bytes(imagecodecs.packbits_decode(data[start:])))


def _frame(dataset: Dataset, raw: bytes) -> NDArray[Any]:
    """Shape the little-endian samples of one frame, single bits or whole bytes."""
    rows, columns, samples = dataset.Rows, dataset.Columns, dataset.SamplesPerPixel
    count = rows * columns * samples
    bits = dataset.BitsAllocated
    if bits == 1:
        flat: NDArray[Any] = np.unpackbits(np.frombuffer(raw, dtype=np.uint8), bitorder="little")[:count]
    else:
        kind = "i" if dataset.PixelRepresentation else "u"
        flat = np.frombuffer(raw, dtype=f"<{kind}{bits // 8}").copy()
    if samples == 1:
        return flat.reshape(rows, columns)
    if dataset.PlanarConfiguration:
        return np.moveaxis(flat.reshape(samples, rows, columns), 0, -1)
    return flat.reshape(rows, columns, samples)
