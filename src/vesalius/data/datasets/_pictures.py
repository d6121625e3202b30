"""Pictures of a release as they lie there: what their heads state, which are missing or cut off, and a twin's.

A release is rarely whole: people download a part, and some files came broken. A picture that is missing or cut off is
left out of its study, and how many there were is told at the end by one line of the log.
"""

from __future__ import annotations

import io
import logging
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Picture
from PIL.PngImagePlugin import PngInfo

from vesalius.data.readers.limits import DECODER_FAULTS
from vesalius.data.readers.quiet import quiet
from vesalius.data.records import Image, Study
from vesalius.errors import DataError

if TYPE_CHECKING:
    from vesalius.data.corpus import Corpus

__all__ = [
    "VIRTUAL", "Case", "Gaps", "Head", "box_in", "cases", "encoded_mask", "head", "is_lateral", "pixels_of",
    "write_picture",
]  # fmt: skip

VIRTUAL = "rendered virtual patient, not a person"
_LOG = logging.getLogger("vesalius.data.datasets")
_TAILS = {".png": b"IEND\xaeB`\x82", ".jpg": b"\xff\xd9", ".jpeg": b"\xff\xd9"}
"""How a whole file ends, by its suffix."""
_TAIL_BYTES = 4096
_CYCLE = ("train", "val", "test", "train", "train", "train", "train", "train", "train", "test")
"""Splits of a twin's patients in turn: 70, 10 and 20 of 100, and each among the first three."""


class Head(NamedTuple):
    """What the head of a picture file states."""

    shape: tuple[int, int]
    """Rows and columns."""
    channels: int


class Gaps:
    """Counts what a release lacks or what is broken in it, and tells it at the end."""

    def __init__(self, root: Path, title: str) -> None:
        self._root, self._title = root, title
        self._count = 0
        self._first: list[str] = []

    def note(self, path: Path, reason: str) -> None:
        """Count a file that is left out."""
        self._count += 1
        if len(self._first) < 3:
            name = path.relative_to(self._root) if path.is_relative_to(self._root) else path.name
            self._first.append(f"{name} ({reason})")

    def head(self, path: Path) -> Head | None:
        """Return the head of a PNG or JPEG file, or None and count it where it is missing or broken."""
        if not path.is_file():
            self.note(path, "missing")
            return None
        try:
            return head(path)
        except DataError:
            self.note(path, "broken or cut off")
            return None

    def tell(self) -> None:
        """Log one line if anything was left out."""
        if self._count:
            _LOG.warning("%s: %d files are left out: %s%s", self._title, self._count, ", ".join(self._first),
                         "" if self._count == len(self._first) else " and others")  # fmt: skip


def head(path: Path) -> Head:
    """Read the size of a PNG or JPEG file without decoding it, and see that its end is there.

    Raises:
        DataError: not a picture, or cut off.
    """
    try:
        with quiet(), Picture.open(path, formats=("PNG", "JPEG")) as picture:
            width, height = picture.size
            kind, mode = picture.format, picture.mode
    except (*DECODER_FAULTS, Picture.DecompressionBombError) as error:
        raise DataError(f"{path} is broken or no PNG or JPEG: {type(error).__name__}; download it again") from None
    tail = _TAILS[".png" if kind == "PNG" else ".jpg"]
    with path.open("rb") as file:
        file.seek(max(path.stat().st_size - _TAIL_BYTES, 0))
        if tail not in file.read():
            raise DataError(f"{path} is cut off: it does not end as a {kind} file does; download it again")
    channels = 3 if mode in ("RGB", "RGBA", "P", "CMYK", "YCbCr") else 1
    return Head((height, width), channels)


class Case(NamedTuple):
    """A virtual study for a twin, with its place in the order of patients and visits."""

    study: Study
    number: int
    """Of the study, from 0."""
    patient: int
    """From 1."""
    visit: int
    """From 0."""
    day: int
    """Since the patient's first visit."""
    split: str
    """train, val or test; by patient."""

    def has(self, *concepts: str) -> bool:
        """Say whether one of the concepts is present."""
        return any(self.study.status(concept) == "present" for concept in concepts)


def is_lateral(image: Image) -> bool:
    """Say whether a virtual radiograph is taken from the side."""
    return image.view in ("LL", "RL", "LATERAL")


def cases(corpus: Corpus) -> list[Case]:
    """Return the studies of a corpus by patient and time."""
    dated = [(study, _day(study)) for study in corpus]
    dated.sort(key=lambda pair: (pair[0].patient, pair[1]))
    found: list[Case] = []
    for index, (study, day) in enumerate(dated):
        last = found[-1] if found else None
        same = last is not None and last.study.patient == study.patient
        patient = last.patient + (not same) if last else 1
        visit = last.visit + 1 if same and last else 0
        found.append(Case(study, index, patient, visit, day, _CYCLE[(patient - 1) % len(_CYCLE)]))
    return found


def _day(study: Study) -> int:
    return round(max((prior.days_before for prior in study.priors), default=0.0))


def pixels_of(corpus: Corpus, path: str) -> NDArray[np.uint8]:
    """Return the grey values of a PNG in a corpus, (rows, columns), black 0."""
    with Picture.open(corpus.path(path)) as picture:
        return np.asarray(picture.convert("L"), np.uint8)


def write_picture(path: Path, pixels: NDArray[Any], *, mode: str = "") -> None:
    """Write a PNG or JPEG by the suffix of `path`, (rows, columns) or with three colours last, marked as virtual."""
    path.parent.mkdir(parents=True, exist_ok=True)
    picture = Picture.fromarray(pixels)
    if mode:
        picture = picture.convert(mode)
    if path.suffix.lower() == ".png":
        notes = PngInfo()
        notes.add_text("VIRTUAL", VIRTUAL)
        picture.save(path, "PNG", pnginfo=notes)
    else:
        picture.save(path, "JPEG", quality=95, comment=f"VIRTUAL: {VIRTUAL}")


def encoded_mask(mask: NDArray[np.bool_]) -> bytes:
    """Return a mask, (rows, columns), as PNG with 0 and 1."""
    buffer = io.BytesIO()
    Picture.fromarray(mask.astype(np.uint8)).save(buffer, "PNG")
    return buffer.getvalue()


def box_in(study: Study, image: str, concepts: Iterable[str]) -> list[tuple[str, Sequence[float]]]:
    """Return concept and box of what is marked on an image, for those concepts, in whole pixels."""
    wanted = set(concepts)
    return [
        (region.concept, tuple(round(value) for value in region.box))
        for region in study.regions
        if region.image == image and region.box and region.concept in wanted
    ]
