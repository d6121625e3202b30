"""Pictures of a release as records: sizes from the header, bytes in tables unpacked once."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from PIL import Image as Picture

from vesalius.data.datasets.base import unpacked
from vesalius.data.ingest.columns import modality_code
from vesalius.data.readers.limits import DECODER_FAULTS
from vesalius.data.readers.quiet import quiet
from vesalius.data.records import Image
from vesalius.data.releases.rows import Row

__all__ = ["OTHER", "first_of", "modality_of", "picture", "picture_in", "stem", "suffix_of"]

OTHER = "OT"
"""Code of DICOM for "other", where a release does not say what made a picture."""
_MAGIC = {
    b"\x89PNG": ".png", b"\xff\xd8\xff": ".jpg", b"II*\x00": ".tif", b"MM\x00*": ".tif", b"GIF8": ".gif",
    b"BM": ".bmp", b"RIFF": ".webp",
}  # fmt: skip
_WORDS = (
    ("fundus", "OP"), ("optical coherence", "OPT"), ("oct", "OPT"), ("dermoscopy", "XC"), ("dermatoscop", "XC"),
    ("microscop", "SM"), ("histo", "SM"), ("pathology", "SM"), ("ultraso", "US"), ("endoscop", "ES"),
    ("colonoscop", "ES"), ("mammo", "MG"), ("x-ray", "DX"), ("xray", "DX"), ("radiograph", "DX"),
    ("positron", "PT"), ("pet", "PT"), ("computed tomography", "CT"), ("ct", "CT"), ("magnetic", "MR"),
    ("mag-netic", "MR"), ("mr", "MR"), ("photograph", "XC"), ("angiogra", "XA"), ("colposcop", "XC"),
)  # fmt: skip
"""Beginnings or parts of the names that releases give to modalities, the more special first."""


def picture(path: Path, *, id: str, **facts: Any) -> Image | None:
    """Return the record of a PNG, JPEG or TIFF from its header; None where the file is missing or broken.

    Args:
        path: of the file.
        id: of the image in its study.
        facts: further fields of the record; `modality` is "OT" where none is given.
    """
    try:
        with quiet(), Picture.open(path) as opened:
            width, height = opened.size
            channels = 1 if opened.mode in ("1", "L", "LA") or opened.mode.startswith(("I", "F")) else 3
    except (*DECODER_FAULTS, Picture.DecompressionBombError):
        return None
    facts["modality"] = facts.get("modality") or OTHER
    units = "display" if channels == 1 else "rgb"
    return Image(id=id, path=str(path), shape=(height, width), channels=channels, units=units, **facts)


def picture_in(root: Path, row: Row, column: str, *, id: str, folder: str, **facts: Any) -> Image | None:
    """Return the picture whose bytes stand in a cell of a Parquet table, unpacked on the first read.

    Args:
        root: folder of the release, below which pictures are unpacked.
        row: its cell holds bytes, or an object with `bytes` as the datasets library writes it, or nothing.
        column: name of the cell.
        id: of the image in its study; also the file name.
        folder: below ``root/unpacked``.
        facts: further fields of the record.
    """
    value = row.cells.get(column)
    content = value.get("bytes") if isinstance(value, dict) else value
    if content is None:
        return None
    if not isinstance(content, bytes):
        raise row.fault(f"{column} holds no bytes of a picture")
    return picture(unpacked(root, f"{folder}/{id}{suffix_of(content)}", content), id=id, **facts)


def suffix_of(content: bytes) -> str:
    """Return the ending for the bytes of a picture, ".bin" where they begin like none."""
    return next((suffix for magic, suffix in _MAGIC.items() if content.startswith(magic)), ".bin")


def first_of(folders: Iterable[Path], name: str) -> Path:
    """Return where a file lies that may be in several folders; the first place where it is in none."""
    places = [folder / name for folder in folders]
    return next((place for place in places if place.exists()), places[0])


def modality_of(words: str) -> str:
    """Return the DICOM code for a modality in a release's own words, "OT" for what is not known."""
    plain = words.strip().casefold()
    short = modality_code(plain)
    if len(short) == 2 and short.isalpha() and short != plain.upper():
        return short
    for part, code in _WORDS:
        if plain.startswith(part) or (len(part) > 3 and part in plain):
            return code
    return OTHER


def stem(name: str) -> str:
    """Return a file name without folders and suffix."""
    return Path(name.replace("\\", "/")).stem
