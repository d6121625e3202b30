"""DRIVE: 40 fundus photographs with vessel masks and the field of view, 20 for training and 20 for testing.

Masks are GIF with a palette and are written once as PNG below ``unpacked/``. The old archive has the vessels of the
test photographs by two readers; the new one keeps them back, and both are read. Scores are to be taken inside the
field.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from vesalius.data.corpus import Corpus
from vesalius.data.datasets._fundus import FIELD, VESSELS, field_of_view, photograph, vessels
from vesalius.data.datasets._rasters import binary_mask, save_picture
from vesalius.data.datasets._virtual import pixels, studies_of
from vesalius.data.datasets.base import About, Sample, Twin, provenance, require_files, virtual_origin
from vesalius.data.records import Provenance, Study
from vesalius.errors import DataError

__all__ = ["ABOUT", "TWIN", "read", "write"]

ABOUT = About(
    title="DRIVE", slug="drive", licence="by agreement, for research",
    access="Join the DRIVE challenge with your account and download both archives",
    home="https://drive.grand-challenge.org",
)  # fmt: skip
TWIN = Twin(preset="fundus", image_size=64)

_PARTS = {"training": "train", "test": "test"}


def read(root: Path) -> Iterator[Sample]:
    """Yield the photographs of both parts by number."""
    found = [folder for folder in _PARTS if (root / folder / "images").is_dir()]
    if not found:
        require_files(root, ["training/images", "training/1st_manual", "training/mask", "test/images"], ABOUT)
    origin = provenance(root, ABOUT)
    for folder in found:
        for path in sorted((root / folder / "images").glob("*.tif")):
            yield Sample(_study(root, path, origin), _PARTS[folder])


def _study(root: Path, path: Path, origin: Provenance) -> Study:
    folder = path.parents[1]
    number = re.fullmatch(r"(\d\d)_(training|test)", path.stem)
    if number is None:
        raise DataError(f"{path}: expected a name such as 21_training.tif or 01_test.tif")
    field = folder / "mask" / f"{path.stem}_mask.gif"
    if not field.exists():
        raise DataError(f"{path}: no field of view {field}; unpack the archive again")
    marked = [(FIELD, field)]
    marked += [
        (VESSELS, place)
        for reader, name in (("1st_manual", "manual1"), ("2nd_manual", "manual2"))
        if (place := folder / reader / f"{number[1]}_{name}.gif").exists()
    ]
    drawn = tuple((what, binary_mask(root, place)) for what, place in marked)
    return photograph(path.stem, path, patient=path.stem, marked=drawn, origin=origin)


def write(corpus: Corpus, root: Path) -> list[Sample]:
    """Write TIFF photographs and GIF masks; the first test photograph alone has a second reader."""
    tests = studies_of(corpus, "test")
    made, origin = [], virtual_origin(ABOUT)
    numbers = {"training": 20, "test": 0}
    for study in sorted(corpus, key=lambda study: (study.id in tests, study.id)):
        folder = "test" if study.id in tests else "training"
        numbers[folder] += 1
        number = f"{numbers[folder]:02d}"
        path = root / folder / "images" / f"{number}_{folder}.tif"
        save_picture(path, pixels(corpus, study.images[0]))
        save_picture(root / folder / "mask" / f"{number}_{folder}_mask.gif", field_of_view(corpus, study))
        save_picture(root / folder / "1st_manual" / f"{number}_manual1.gif", vessels(corpus, study))
        if (folder, number) == ("test", "01"):
            thin = vessels(corpus, study) & np.roll(vessels(corpus, study), 1, axis=0)
            save_picture(root / folder / "2nd_manual" / f"{number}_manual2.gif", thin)
        made.append(Sample(_study(root, path, origin), _PARTS[folder]))
    return made
