"""Whole slides with a table of labels and folds, in the form that slide papers use (CLAM).

``dataset_csv/<task>.csv`` names slide, case, label and fold (``case,slide,label,fold`` or
``case_id,slide_id,label``); slides are found below ``slides`` by name with any ending that a slide reader opens. A
TCGA slide's patient is the first twelve letters of its name. Features of a slide (``h5_files/<slide>.h5`` with
`features` and `coords`) are not read into the study. Several tables may name one slide: then each table has a study
of it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from vesalius.data.corpus import Corpus
from vesalius.data.datasets._labels import rows_of, write_rows
from vesalius.data.datasets._virtual import patient_numbers, pixels, present, studies_of
from vesalius.data.datasets.base import About, Sample, Twin, provenance, require_files, virtual_origin
from vesalius.data.formats.nnunet import concept_of
from vesalius.data.readers.slide import describe_slide
from vesalius.data.records import Finding, Provenance, Study
from vesalius.errors import DataError
from vesalius.optional import require

__all__ = ["ABOUT", "TWIN", "patient_of", "read", "write"]

ABOUT = About(
    title="Whole slides with labels", slug="wsi", licence="that of the slides",
    access="It is a form: put slides below `slides` and tables with case, slide, label and fold below `dataset_csv`",
    home="https://github.com/mahmoodlab/CLAM",
)  # fmt: skip
TWIN = Twin(preset="pathology", settings=("prevalence.colorectal_adenocarcinoma=0.4",), image_size=128)

_ENDINGS = (".svs", ".tif", ".tiff", ".ndpi", ".mrxs", ".scn", ".bif", ".dcm")
_SLIDES, _TABLES = "slides", "dataset_csv"
_TILE = 128


def patient_of(slide: str, case: str) -> str:
    """Return the patient: of a TCGA slide by its name, else the case of the table, else the slide."""
    return slide[:12] if slide.startswith("TCGA-") else case or slide


def read(root: Path) -> Iterator[Sample]:
    """Yield the rows of all tables by name; the split is the fold."""
    tables = sorted((root / _TABLES).glob("*.csv"))
    if not tables:
        require_files(root, [f"{_TABLES}/task.csv", _SLIDES], ABOUT)
    origin = provenance(root, ABOUT)
    for table in tables:
        for line, row in rows_of(table, needs=["label"]):
            slide = row.get("slide") or row.get("slide_id") or ""
            path = _slide(root, slide)
            if path is None:
                raise DataError(
                    f"{table}, line {line}: no slide {slide!r} with an ending of a slide below {root / _SLIDES}"
                )
            yield Sample(_study(path, table.stem, row, origin), row.get("fold", ""))


def _slide(root: Path, name: str) -> Path | None:
    stems = [name, *(name.removesuffix(end) for end in _ENDINGS if name.endswith(end))]
    places = (root / _SLIDES / f"{stem}{ending}" for stem in stems for ending in ("", *_ENDINGS))
    return next((path for path in places if path.is_file()), None)


def _study(path: Path, task: str, row: Mapping[str, str], origin: Provenance) -> Study:
    slide, case = path.stem, row.get("case") or row.get("case_id") or ""
    image = describe_slide(path, id="slide")
    finding = Finding(concept=concept_of(row["label"]), source="label file")
    return Study(
        id=f"{task}_{slide}", patient=patient_of(slide, case), images=(image,), findings=(finding,), provenance=origin
    )


def write(corpus: Corpus, root: Path) -> list[Sample]:
    """Write tiled TIFF slides of two levels, one table, and the features of the first slide."""
    numbers, folds = (
        patient_numbers(corpus),
        {name: part for part in ("train", "val", "test") for name in studies_of(corpus, part)},
    )
    rows, made = [], []
    for study in sorted(corpus, key=lambda study: study.id):
        slide = f"TCGA-V{numbers[study.patient]:01d}-{numbers[study.patient]:04d}-01Z-00-DX1.{study.id[:8]}"
        path = root / _SLIDES / f"{slide}.tiff"
        _write_slide(path, np.tile(pixels(corpus, study.images[0]), (4, 4, 1)), study.images[0].spacing_mm[-1])
        label = "tumour" if present(study) else "normal"
        row = {"case": slide[:12], "slide": slide, "label": label, "fold": folds.get(study.id, "")}
        rows.append(row)
        made.append(Sample(_study(path, "tumour", row, virtual_origin(ABOUT)), row["fold"]))
    write_rows(root / _TABLES / "tumour.csv", ("case", "slide", "label", "fold"), [[*row.values()] for row in rows])
    _write_features(root / "h5_files" / f"{rows[0]['slide']}.h5")
    return made


def _write_slide(path: Path, values: NDArray[np.uint8], step_mm: float) -> None:
    """Write a pyramid of two levels; the resolution stands in pixels a centimetre."""
    tifffile = require("tifffile", purpose="writing the slides of a twin")
    path.parent.mkdir(parents=True, exist_ok=True)
    with tifffile.TiffWriter(path) as file:
        for level, picture in enumerate((values, values[::2, ::2])):
            step = 10 / (step_mm * 2**level)
            file.write(
                np.ascontiguousarray(picture), tile=(_TILE, _TILE), photometric="rgb", compression="adobe_deflate",
                resolution=(step, step), resolutionunit="CENTIMETER", subfiletype=int(level > 0), metadata=None,
                description="VIRTUAL: rendered virtual patient, not a person", software="vesalius",
            )  # fmt: skip


def _write_features(path: Path) -> None:
    """Write features of four tiles with their places on the first level."""
    h5py = require("h5py", purpose="writing the features of a twin")
    path.parent.mkdir(parents=True, exist_ok=True)
    with h5py.File(path, "w") as file:
        file.create_dataset("features", data=np.zeros((4, 8), np.float32), track_times=False)
        places = np.array([[0, 0], [_TILE, 0], [0, _TILE], [_TILE, _TILE]], np.int64)
        file.create_dataset("coords", data=places, track_times=False)
