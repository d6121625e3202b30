"""Open a medical picture, volume or clip by what the file holds, whatever its name is."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from functools import partial
from importlib import import_module
from pathlib import Path

from vesalius.data.readers.pixels import LookupTable, Pixels, Presentation, Window
from vesalius.data.readers.video_index import container_of
from vesalius.errors import DataError

__all__ = ["LookupTable", "Pixels", "Presentation", "Window", "read", "sniff"]

# Bytes at the start of a file, by format. DICOM and uncompressed NIfTI carry theirs further in, see `sniff`.
_MAGIC = {
    b"\x89PNG\r\n\x1a\n": "png",
    b"\xff\xd8\xff": "jpeg",
    b"II*\x00": "tiff",
    b"MM\x00*": "tiff",
    b"II+\x00": "tiff",
    b"MM\x00+": "tiff",
    b"\x1f\x8b": "nifti",
    b"NRRD000": "nrrd",
}
_FOREIGN = {
    b"BM": "a BMP picture",
    b"GIF8": "a GIF picture",
    b"RIFF": "a RIFF container (WebP, or WAV audio, which readers.audio opens)",
    b"%PDF": "a PDF document",
    b"PK\x03\x04": "a ZIP archive",
    b"\x89HDF": "an HDF5 file",
    b"\x93NUMPY": "a NumPy array",
    b"\x00\x00\x00\x0cjP": "a JPEG 2000 picture",
    b"<": "XML or HTML text",
    b"{": "JSON text",
}
_HEAD_BYTES = 400
_ADVICE = "expected DICOM, NIfTI, NRRD, MetaImage, PNG, JPEG, TIFF or a video"
_METAIMAGE = re.compile(rb"\s*(ObjectType|NDims|Comment|ObjectSubType)\s*=", re.IGNORECASE)
_ANALYZE = (b"\x5c\x01\x00\x00", b"\x00\x00\x01\x5c")


def read(path: str | os.PathLike[str], *, frame: int | None = None) -> Pixels:
    """Read the pixels of a file with their units and geometry, or the volume that a folder of DICOM files holds.

    The format is found from the content, so a renamed file opens all the same.

    Args:
        path: DICOM, NIfTI, NRRD, MetaImage, PNG, JPEG, TIFF or video file, or a folder with one DICOM volume; for one
            of several volumes, or one that lacks slices, see `vesalius.data.readers.series.read`.
        frame: read this frame only, counted from 0, without decoding the others; of a folder one time where it
            holds several, else one slice.

    Raises:
        DataError: names the file, what was found in it and what to do.
    """
    path = Path(path)
    if frame is not None and frame < 0:
        raise DataError(f"{path}: frame {frame} asked for; frames are counted from 0")
    if path.is_dir():
        return _reader("series")(path, frame=frame)
    return _reader(sniff(path))(path, frame=frame)


def sniff(path: str | os.PathLike[str]) -> str:
    """Return "png", "jpeg", "tiff", "dicom", "nifti", "nrrd", "metaimage" or "video" from the first bytes of a file.

    Raises:
        DataError: no such file, nothing in it, or a format that no reader knows.
    """
    head = _head(Path(path))
    if head[128:132] == b"DICM":
        # First, because the preamble of a DICOM file may hold a TIFF header.
        return "dicom"
    for magic, name in _MAGIC.items():
        if head.startswith(magic):
            return name
    if _is_bare_dicom(head):
        return "dicom"
    if head[344:348] in (b"n+1\x00", b"ni1\x00") or head[4:8] in (b"n+2\x00", b"ni2\x00"):
        return "nifti"
    if _METAIMAGE.match(head):
        return "metaimage"
    if container_of(head):
        return "video"
    found = next((label for magic, label in _FOREIGN.items() if head.startswith(magic)), None)
    if head.startswith(_ANALYZE):
        found = "the header of an Analyze .hdr/.img pair, which states no orientation; convert the pair to NIfTI"
    if not head.strip(b"\x00"):
        found = "only zero bytes"
    raise DataError(f"{path}: found {found or f'unknown content starting with {head[:8].hex()}'}; {_ADVICE}")


def _reader(name: str) -> Callable[..., Pixels]:
    if name in ("png", "jpeg", "tiff"):
        return partial(import_module("vesalius.data.readers.raster").read, kind=name)
    reader: Callable[..., Pixels] = import_module(f"vesalius.data.readers.{name}").read
    return reader


def _head(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            head = file.read(_HEAD_BYTES)
    except FileNotFoundError:
        raise DataError(f"{path}: no such file; give the path relative to the current folder, or absolute") from None
    except IsADirectoryError:
        raise DataError(f"{path}: this is a folder, expected one file; `vesalius ingest` reads folders") from None
    except OSError as error:
        raise DataError(f"{path}: cannot be opened: {error.strerror}; check its permissions") from None
    if not head:
        raise DataError(f"{path}: the file is empty (0 bytes); copy it again from its source")
    return head


def _is_bare_dicom(head: bytes) -> bool:
    """Tell DICOM without its preamble: a first tag of group 0002 or 0008 with a VR or plausible length."""
    if len(head) < 8 or head[:2] not in (b"\x02\x00", b"\x08\x00") or head[3] != 0:
        return False
    explicit = head[4:6].isalpha() and head[4:6].isupper()
    return explicit or 0 < int.from_bytes(head[4:8], "little") < 2**16
