"""Histopathological imaging database for oral cancer: squamous cell carcinoma or normal, at two magnifications.

1,224 pictures in four folders: normal and carcinoma at 100x ("First Set") and at 400x ("Second Set"). Of 230
patients nobody states who is on a picture, so that a random split may part them; no split is given. The
magnification is the image's `sequence`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from vesalius.data.corpus import Corpus
from vesalius.data.datasets._labels import closed
from vesalius.data.datasets._rasters import described, save_picture
from vesalius.data.datasets._virtual import pixels, present
from vesalius.data.datasets.base import About, Sample, Twin, provenance, require_files, virtual_origin
from vesalius.data.records import Image, Provenance, Study
from vesalius.errors import DataError

__all__ = ["ABOUT", "TWIN", "read", "write"]

ABOUT = About(
    title="Histopathological imaging database for Oral Cancer", slug="oscc", licence="CC BY 4.0",
    access="It is open: download both sets from Mendeley Data and unpack them",
    home="https://doi.org/10.17632/ftmp4cvtmb.1",
)  # fmt: skip
_OTHERS = (
    "colorectal_adenocarcinoma", "colonic_adenoma", "breast_carcinoma", "prostate_carcinoma", "lymphoma",
    "steatosis_of_liver_tissue", "chronic_inflammation",
)  # fmt: skip
TWIN = Twin(
    preset="pathology", image_size=64,
    settings=("prevalence.squamous_cell_carcinoma=0.5", *(f"prevalence.{name}=0" for name in _OTHERS)),
)  # fmt: skip

_CONCEPT = "squamous_cell_carcinoma"
_FOLDERS = {
    "First Set": ("100x Normal Oral Cavity Histopathological Images", "100x OSCC Histopathological Images"),
    "Second Set": ("400x Normal Oral Cavity Histopathological Images", "400x OSCC Histopathological Images"),
}  # fmt: skip
_NAME = re.compile(r"(Normal|OSCC)_(100|400)x_(\d+)")


def read(root: Path) -> Iterator[Sample]:
    """Yield the pictures by set, folder and number; JPEG of any case of the ending."""
    found = [
        path for path in root.rglob("*") if path.suffix.lower() in (".jpg", ".jpeg") and _NAME.fullmatch(path.stem)
    ]
    if not found:
        require_files(root, [f"{top}/{name}" for top, names in _FOLDERS.items() for name in names], ABOUT)
    origin = provenance(root, ABOUT)
    for path in sorted(found, key=_order):
        yield Sample(_study(path, origin), "")


def _order(path: Path) -> tuple[str, str, int]:
    found = _NAME.fullmatch(path.stem)
    if found is None:
        raise DataError(f"{path}: expected a name such as OSCC_400x_12.jpg")
    return found[2], found[1], int(found[3])


def _study(path: Path, origin: Provenance) -> Study:
    magnification, kind, _ = _order(path)
    like = Image(id="field", path="", modality="SM", body_part="MOUTH", sequence=f"H&E {magnification}x")
    return Study(
        id=path.stem, patient=path.stem, images=(described(path, like=like),), provenance=origin,
        findings=closed([_CONCEPT] if kind == "OSCC" else [], [_CONCEPT], source="label file"),
    )  # fmt: skip


def write(corpus: Corpus, root: Path) -> list[Sample]:
    """Write the four folders by turns."""
    counts: dict[str, int] = {}
    paths = []
    for place, study in enumerate(sorted(corpus, key=lambda study: study.id)):
        shown = present(study)
        top, magnification = [("First Set", 100), ("Second Set", 400)][place % 2]
        kind = "OSCC" if shown else "Normal"
        stem = f"{kind}_{magnification}x"
        counts[stem] = counts.get(stem, 0) + 1
        path = root / top / _FOLDERS[top][int(bool(shown))] / f"{stem}_{counts[stem]}.jpg"
        save_picture(path, pixels(corpus, study.images[0]))
        paths.append(path)
    return [Sample(_study(path, virtual_origin(ABOUT)), "") for path in sorted(paths, key=_order)]
