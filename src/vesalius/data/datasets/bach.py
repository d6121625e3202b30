"""BACH (ICIAR 2018): 400 microscopy pictures of breast tissue in four classes, and 100 to test without labels.

The table `microscopy_ground_truth.csv` has no header: its first row is a picture. Where it is missing the folders
tell the class. No patients are stated in the names; neighbours are often of one patient, so that random folds leak.
Whole slides (``WSI/A01.svs``) are not read here, see `wsi`.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path

from vesalius.data.corpus import Corpus
from vesalius.data.datasets._labels import closed
from vesalius.data.datasets._rasters import described, save_picture
from vesalius.data.datasets._virtual import pixels, present, studies_of
from vesalius.data.datasets.base import About, Sample, Twin, provenance, require_files, virtual_origin
from vesalius.data.records import Image, Provenance, Study
from vesalius.errors import DataError

__all__ = ["ABOUT", "CLASSES", "TWIN", "read", "write"]

ABOUT = About(
    title="BACH, ICIAR 2018", slug="bach", licence="CC BY-NC-ND 4.0",
    access="It is open: register with the challenge and download ICIAR2018_BACH_Challenge.zip and the test set",
    home="https://iciar2018-challenge.grand-challenge.org",
)  # fmt: skip
TWIN = Twin(preset="pathology", settings=("prevalence.breast_carcinoma=0.5",), image_size=64)

CLASSES = {
    "Normal": "", "Benign": "benign_breast_lesion", "InSitu": "carcinoma_in_situ", "Invasive": "invasive_carcinoma",
}  # fmt: skip
"""Folders, and what they state."""
_PREFIX = {"Normal": "n", "Benign": "b", "InSitu": "is", "Invasive": "iv"}
_SPACING_MM = 0.00042
"""The release states 0.42 µm a pixel."""
_TABLE = "microscopy_ground_truth.csv"
_TRAIN, _TEST = "ICIAR2018_BACH_Challenge/Photos", "ICIAR2018_BACH_Challenge_TestDataset/Photos"


def read(root: Path) -> Iterator[Sample]:
    """Yield the pictures in the order of the table, or by folder and name; then those to test, by number."""
    base = next(
        (
            place
            for place in (root / _TRAIN, root / "Photos", root)
            if any((place / name).is_dir() for name in CLASSES)
        ),
        None,
    )
    tests = root / _TEST
    if base is None and not tests.is_dir():
        require_files(root, [f"{_TRAIN}/Normal", f"{_TRAIN}/{_TABLE}"], ABOUT)
    origin = provenance(root, ABOUT)
    if base is not None:
        for path, name in _labelled(base):
            yield Sample(_study(path, name, origin), "train")
    for path in sorted(tests.glob("test*.tif"), key=lambda path: (len(path.stem), path.stem)):
        yield Sample(_study(path, None, origin), "test")


def _labelled(base: Path) -> Iterator[tuple[Path, str]]:
    table = base / _TABLE
    if not table.exists():
        for name in CLASSES:
            yield from ((path, name) for path in sorted((base / name).glob("*.tif")))
        return
    with table.open(encoding="utf-8-sig", newline="") as file:
        for line, row in enumerate(csv.reader(file), start=1):
            if len(row) != 2 or row[1] not in CLASSES:
                raise DataError(f"{table}, line {line}: {row}; expected a file name and one of {', '.join(CLASSES)}")
            yield base / row[1] / row[0], row[1]


def _study(path: Path, name: str | None, origin: Provenance) -> Study:
    like = Image(
        id="field", path="", modality="SM", body_part="BREAST", sequence="H&E", spacing_mm=(_SPACING_MM, _SPACING_MM)
    )
    image = described(path, like=like)
    if name is None:
        return Study(id=path.stem, patient=path.stem, images=(image,), provenance=origin)
    known = [concept for concept in CLASSES.values() if concept]
    findings = closed([CLASSES[name]] if CLASSES[name] else [], known, source="label file")
    return Study(id=path.stem, patient=path.stem, images=(image,), findings=findings, provenance=origin)


def write(corpus: Corpus, root: Path) -> list[Sample]:
    """Write TIFF pictures by class, the table without a header, and pictures to test."""
    tests, counts, rows, made = studies_of(corpus, "test"), dict.fromkeys(CLASSES, 0), [], []
    origin, hidden = virtual_origin(ABOUT), 0
    for study in sorted(corpus, key=lambda study: (study.id in tests, study.id)):
        shown = present(study)
        name = "Invasive" if "breast_carcinoma" in shown else "Normal" if not shown else "Benign"
        if study.id in tests:
            path = root / _TEST / f"test{hidden}.tif"
            hidden += 1
        else:
            counts[name] += 1
            path = root / _TRAIN / name / f"{_PREFIX[name]}{counts[name]:03d}.tif"
            rows.append(f"{path.name},{name}\n")
        save_picture(path, pixels(corpus, study.images[0]))
        made.append(
            Sample(
                _study(path, None if study.id in tests else name, origin), "test" if study.id in tests else "train"
            )
        )
    (root / _TRAIN / _TABLE).write_text("".join(rows), encoding="utf-8")
    return made
