"""APTOS 2019: fundus photographs with a grade of diabetic retinopathy; the second part has no grades.

Pictures of the first part are "train", those of the second "test" without a label. No patients are stated; some
pictures occur twice with different grades, so that near-duplicates must be looked for before a split is drawn.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from vesalius.data.corpus import Corpus
from vesalius.data.datasets._labels import rows_of, write_rows
from vesalius.data.datasets._rasters import described, save_picture
from vesalius.data.datasets._retinopathy import grade_of, graded
from vesalius.data.datasets._virtual import pixels, studies_of
from vesalius.data.datasets.base import About, Sample, Twin, provenance, require_files, virtual_origin
from vesalius.data.records import Image, Provenance, Study
from vesalius.errors import DataError

__all__ = ["ABOUT", "TWIN", "read", "write"]

ABOUT = About(
    title="APTOS 2019 Blindness Detection", slug="aptos", licence="rules of the competition: no redistribution",
    access="Accept the rules of the competition with your account and download its data",
    home="https://www.kaggle.com/c/aptos2019-blindness-detection",
)  # fmt: skip
TWIN = Twin(preset="fundus", settings=("prevalence.diabetic_retinopathy=0.6",), image_size=64)

_PARTS = {"train": ("train.csv", "train_images"), "test": ("test.csv", "test_images")}


def read(root: Path) -> Iterator[Sample]:
    """Yield the pictures in the order of the tables; the second part is optional."""
    require_files(root, [*_PARTS["train"]], ABOUT)
    origin = provenance(root, ABOUT)
    for split, (table, folder) in _PARTS.items():
        if not (root / table).exists():
            continue
        needs = ["id_code", "diagnosis"] if split == "train" else ["id_code"]
        for line, row in rows_of(root / table, needs=needs):
            where = f"{root / table}, line {line}"
            grade = row.get("diagnosis", "")
            if grade and not grade.isdigit():
                raise DataError(f"{where}: diagnosis {grade!r}; expected a grade from 0 to 4")
            name = row["id_code"]
            path = root / folder / f"{name}.png"
            yield Sample(_study(name, path, int(grade) if grade else None, where, origin), split)


def _study(name: str, path: Path, grade: int | None, where: str, origin: Provenance) -> Study:
    image = described(path, like=Image(id="fundus", path="", modality="OP", body_part="EYE"))
    if grade is None:
        return Study(id=name, patient=name, images=(image,), provenance=origin)
    findings, measured = graded(grade, image="fundus", where=where)
    return Study(
        id=name, patient=name, images=(image,), findings=findings, measurements=(measured,), provenance=origin
    )


def write(corpus: Corpus, root: Path) -> list[Sample]:
    """Write both parts; ids are twelve hexadecimal digits, as there."""
    tests = studies_of(corpus, "test")
    made, rows, origin = [], [], virtual_origin(ABOUT)
    for study in sorted(corpus, key=lambda study: (study.id in tests, study.id)):
        split = "test" if study.id in tests else "train"
        name, path = study.id[:12], root / _PARTS[split][1] / f"{study.id[:12]}.png"
        save_picture(path, pixels(corpus, study.images[0]))
        grade = None if split == "test" else grade_of(study)
        rows.append((split, name, grade))
        made.append(Sample(_study(name, path, grade, "twin", origin), split))
    write_rows(root / "train.csv", ("id_code", "diagnosis"), [row[1:] for row in rows if row[0] == "train"])
    write_rows(root / "test.csv", ("id_code",), [row[1:2] for row in rows if row[0] == "test"])
    return made
