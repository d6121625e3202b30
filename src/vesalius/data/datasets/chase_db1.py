"""CHASE_DB1: both eyes of 14 children with vessel masks by two readers.

There is no official split: the usual one of papers, the first twenty photographs for training and the last eight for
testing, keeps the eyes of a child together, and is given. Masks of one bit are brought to 0 and 255 as PNG.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import numpy as np
from PIL import Image as Pillow

from vesalius.data.corpus import Corpus
from vesalius.data.datasets._fundus import VESSELS, photograph, seen_as, vessels
from vesalius.data.datasets._rasters import binary_mask, save_picture
from vesalius.data.datasets._virtual import patient_numbers, pixels, studies_of
from vesalius.data.datasets.base import About, Sample, Twin, provenance, require_files, virtual_origin
from vesalius.data.records import Provenance, Study
from vesalius.errors import DataError

__all__ = ["ABOUT", "TWIN", "read", "write"]

ABOUT = About(
    title="CHASE_DB1", slug="chase_db1", licence="CC BY 4.0",
    access="It is open: download the archive from Kingston University and unpack it",
    home="https://blogs.kingston.ac.uk/retinal/chasedb1/",
)  # fmt: skip
TWIN = Twin(preset="fundus", settings=("follow_up.share=0.95", "follow_up.visits=2"), image_size=64)

_LAST_TRAINING = 10
"""Number of the last child of the first twenty photographs."""
_READERS = ("1stHO", "2ndHO")


def read(root: Path) -> Iterator[Sample]:
    """Yield the photographs by name."""
    pictures = sorted(root.glob("Image_*.jpg"))
    if not pictures:
        require_files(root, ["Image_01L.jpg", "Image_01L_1stHO.png", "Image_01L_2ndHO.png"], ABOUT)
    origin = provenance(root, ABOUT)
    for path in pictures:
        yield _sample(root, path, origin)


def _sample(root: Path, path: Path, origin: Provenance) -> Sample:
    found = re.fullmatch(r"Image_(\d\d)([LR])", path.stem)
    if found is None:
        raise DataError(f"{path}: expected a name such as Image_01L.jpg")
    drawn = [path.with_name(f"{path.stem}_{reader}.png") for reader in _READERS]
    marked = tuple((VESSELS, binary_mask(root, mask)) for mask in drawn if mask.exists())
    if not marked:
        raise DataError(f"{path}: no vessels {drawn[0].name} beside it; unpack the archive again")
    side: Literal["left", "right"] = "left" if found[2] == "L" else "right"
    study: Study = photograph(path.stem, path, patient=found[1], marked=marked, origin=origin, side=side)
    return Sample(study, "train" if int(found[1]) <= _LAST_TRAINING else "test")


def write(corpus: Corpus, root: Path) -> list[Sample]:
    """Write both eyes of those who came twice, as JPEG with masks of one bit; children 11 to 14 are for testing."""
    numbers = patient_numbers(corpus)
    tests = studies_of(corpus, "test")
    children: dict[str, int] = {}
    free = {True: iter(range(_LAST_TRAINING + 1, 15)), False: iter(range(1, _LAST_TRAINING + 1))}
    made, origin = [], virtual_origin(ABOUT)
    for study in sorted(corpus, key=lambda study: (numbers[study.patient], study.id)):
        if study.patient not in children:
            number = next(free[study.id in tests], None)
            if number is None:
                continue
            children[study.patient] = number
        left = root / f"Image_{children[study.patient]:02d}L.jpg"
        path = left.with_name(left.name.replace("L.", "R.")) if left.exists() else left
        side = "left" if path == left else "right"
        save_picture(path, seen_as(side, study.images[0], pixels(corpus, study.images[0])))
        drawn = seen_as(side, study.images[0], vessels(corpus, study))
        for reader, mask in zip(_READERS, (drawn, drawn & np.roll(drawn, 1, axis=1)), strict=True):
            Pillow.fromarray(mask).convert("1").save(path.with_name(f"{path.stem}_{reader}.png"))
        made.append((path, origin))
    return [_sample(root, path, origin) for path, origin in sorted(made, key=lambda pair: pair[0])]
