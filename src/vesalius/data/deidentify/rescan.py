"""The second scan: the output read as bytes, and searched for everything that the source said of people."""

from __future__ import annotations

import hashlib
import re
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from vesalius.data.deidentify.bytesearch import WordSearch
from vesalius.data.deidentify.journal import Looks
from vesalius.data.deidentify.options import Options
from vesalius.data.deidentify.second_look import shows_text
from vesalius.data.ordered import ordered_map
from vesalius.data.readers.limits import MAX_DECODED_BYTES
from vesalius.data.readers.quiet import quiet
from vesalius.errors import DataError

__all__ = ["Leftover", "scan"]

_PICTURES = {".dcm": "dicom", ".png": "png", ".jpg": "jpeg", ".jpeg": "jpeg", ".tif": "tiff", ".tiff": "tiff"}
_TEXTS = {".txt", ".csv", ".tsv", ".json", ".jsonl", ".ndjson", ".md"}
_FORMS = {
    "e-mail": re.compile(rb"[\w.+-]+@(?!example\.org)[\w-]+\.[a-z]{2,}", re.IGNORECASE),
    "social security number": re.compile(rb"(?<![\d-])\d{3}-\d{2}-\d{4}(?![\d-])"),
    "telephone": re.compile(rb"(?<![\d.])\(\d{3}\) ?\d{3}-\d{4}(?!\d)"),
}
"""Looked for in texts whose replacements are tags; an invented number has the form of a number."""
_SHORT = 8
"""Bytes; shorter words may stand in random bytes, so that they are not looked for in pixels."""


class Leftover(NamedTuple):
    """Something that should not be there: where and of what kind, never what."""

    path: str
    kind: str


def scan(
    root: Path, words: set[tuple[str, str]], options: Options, *, paths: list[str], workers: int = 1,
    advance: Callable[[int], None] = lambda count: None,
) -> list[Leftover]:  # fmt: skip
    """Return what is left in the files of an output folder.

    All bytes are searched every time; what was seen in the pixels of a file is noted by its hash, so that an
    interrupted scan goes on.

    Args:
        root: the output folder.
        words: kind and value of everything that the source told.
        options: of the run; under "keep" pixels are not looked at, invented values are not taken for numbers.
        paths: of the files below the root.
        workers: processes.
        advance: is told how many files are done.
    """
    every = WordSearch(words)
    long = WordSearch((kind, word) for kind, word in words if len(word) >= _SHORT)
    task = _Scan(root, every, long, options, Looks(root).known())
    found: set[Leftover] = set()
    for leftovers in ordered_map(task, paths, backend="processes" if workers > 1 else "local", workers=workers):
        found.update(leftovers)
        advance(1)
    return sorted(found)


@dataclass(frozen=True)
class _Scan:
    """What a process needs for the scan of a file."""

    root: Path
    every: WordSearch
    long: WordSearch
    options: Options
    seen: dict[str, bool]
    """Whether text was seen in the pixels of files, by hash."""

    def __call__(self, path: str) -> list[Leftover]:
        names = [f"{kind} in the file name" for kind, _ in self.every.kinds_in(path.encode())]
        return [Leftover(path, kind) for kind in (*names, *self._kinds_of(path))]

    def _kinds_of(self, relative: str) -> Iterator[str]:
        path = self.root / relative
        stored = path.read_bytes()
        data = _inflated(stored) if stored.startswith(b"\x1f\x8b") else stored
        suffix = path.suffix.lower()
        first, last = _pixel_bytes(path, data) if suffix in _PICTURES else (len(data), len(data))
        if path.name.endswith((".nii", ".nii.gz")):
            first, last = min(len(data), 1024), len(data)
        for search, start, stop in (
            (self.every, 0, first), (self.every, last, len(data)), (self.long, first, last),
        ):  # fmt: skip
            yield from (f"{kind} at byte {at + start}" for kind, at in search.kinds_in(data[start:stop]))
        if suffix in _TEXTS and self.options.texts == "tag":
            yield from (f"{kind} by its form" for kind, form in _FORMS.items() if form.search(data))
        if suffix in _PICTURES and self.options.pixels != "keep" and self._shows_text(path, stored):
            yield "text in pixels"

    def _shows_text(self, path: Path, stored: bytes) -> bool:
        mark = hashlib.sha256(stored).hexdigest()
        if (known := self.seen.get(mark)) is not None:
            return known
        seen = _shows_text(path, _PICTURES[path.suffix.lower()], self.options)
        Looks(self.root).add(mark, text=seen)
        return seen


def _inflated(data: bytes) -> bytes:
    try:
        return zlib.decompressobj(wbits=31).decompress(data, MAX_DECODED_BYTES)
    except zlib.error:
        raise DataError("the second scan met a compressed file that it cannot open") from None


def _pixel_bytes(path: Path, data: bytes) -> tuple[int, int]:
    """Return the bytes in which samples lie; for a picture all after its header."""
    if path.suffix.lower() != ".dcm":
        return min(len(data), 1024), len(data)
    marks = [
        data.rfind(tag)
        for tag in (b"\xe0\x7f\x10\x00", b"\x7f\xe0\x00\x10", b"\xe0\x7f\x08\x00", b"\xe0\x7f\x09\x00")
    ]
    at = min((mark for mark in marks if mark > 0), default=len(data))
    return at, len(data)


def _shows_text(path: Path, kind: str, options: Options) -> bool:
    """Look for text in the pixels of the written file by other code than that which masked it."""
    from vesalius.data.deidentify.dicom_pixels import NO_PICTURE
    from vesalius.data.readers.dicom import open_dataset
    from vesalius.data.readers.dicom_tags import has, text

    if kind == "dicom":
        dataset = open_dataset(path, pixels=False)
        if text(dataset, "Modality") in NO_PICTURE or not has(dataset, "Rows") or not _has_samples(path):
            return False
    return shows_text(path, kind, network=options.detector == "ocr")


def _has_samples(path: Path) -> bool:
    """Say whether a DICOM file has whole-numbered samples; those of floating point are computed."""
    from pydicom import dcmread

    with quiet():
        return "PixelData" in dcmread(path, defer_size=1024)
