"""EyePACS (Kaggle 2015): fundus photographs of both eyes with grades of diabetic retinopathy.

A study is a patient, the number before ``_left`` and ``_right``; an eye that is missing on the disk or in the table
is missing in the study. The test part has grades where `retinaLabels.csv` or `testLabels.csv`, released later, is
there. Some pictures are upside down or mirrored. Grades are of the eye: findings name the side.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import groupby
from pathlib import Path
from typing import Literal, NamedTuple

from vesalius.data.corpus import Corpus
from vesalius.data.datasets._fundus import seen_as
from vesalius.data.datasets._labels import rows_of, write_rows
from vesalius.data.datasets._rasters import described, save_picture
from vesalius.data.datasets._retinopathy import grade_of, graded
from vesalius.data.datasets._virtual import patient_numbers, pixels, studies_of
from vesalius.data.datasets.base import About, Sample, Twin, provenance, require_files, virtual_origin
from vesalius.data.records import Image, Provenance, Study
from vesalius.errors import DataError

__all__ = ["ABOUT", "TWIN", "read", "write"]

ABOUT = About(
    title="EyePACS, Kaggle Diabetic Retinopathy Detection", slug="eyepacs",
    licence="rules of the competition: no redistribution",
    access="Accept the rules of the competition with your account and download its data",
    home="https://www.kaggle.com/c/diabetic-retinopathy-detection",
)  # fmt: skip
TWIN = Twin(
    preset="fundus", settings=("prevalence.diabetic_retinopathy=0.6", "follow_up.share=0.7", "follow_up.visits=2"),
    image_size=64,
)  # fmt: skip

_PARTS = {"train": ("trainLabels.csv",), "test": ("retinaLabels.csv", "testLabels.csv")}


class _Eye(NamedTuple):
    """A row of the table."""

    name: str
    grade: int
    path: Path
    where: str


def read(root: Path) -> Iterator[Sample]:
    """Yield the patients in the order of the tables; the test part only where its grades are there."""
    require_files(root, ["trainLabels.csv", "train"], ABOUT)
    origin = provenance(root, ABOUT)
    for split, tables in _PARTS.items():
        table = next((root / name for name in tables if (root / name).exists()), None)
        if table is not None:
            for _, eyes in groupby(_eyes(root, table, split), key=lambda eye: eye.name.partition("_")[0]):
                yield Sample(_study(list(eyes), split, origin), split)


def _eyes(root: Path, table: Path, split: str) -> Iterator[_Eye]:
    for line, row in rows_of(table, needs=["image", "level"]):
        name, where = row["image"], f"{table}, line {line}"
        if name.partition("_")[2] not in ("left", "right") or not row["level"].isdigit():
            raise DataError(f"{where}: {name!r}, {row['level']!r}; expected a name such as 10_left and a grade")
        yield _Eye(name, int(row["level"]), root / split / f"{name}.jpeg", where)


def _study(eyes: list[_Eye], split: str, origin: Provenance) -> Study:
    images, findings, measured = [], [], []
    for eye in eyes:
        side: Literal["left", "right"] = "left" if eye.name.endswith("_left") else "right"
        like = Image(id=side, path="", modality="OP", body_part="EYE", laterality=side)
        images.append(described(eye.path, like=like))
        stated, grade = graded(eye.grade, image=side, where=eye.where)
        findings += [replace(finding, laterality=side) for finding in stated]
        measured.append(replace(grade, laterality=side))
    number = eyes[0].name.partition("_")[0]
    return Study(
        id=f"{split}_{number}", patient=f"{split}_{number}", images=tuple(images), findings=tuple(findings),
        measurements=tuple(measured), provenance=origin,
    )  # fmt: skip


def write(corpus: Corpus, root: Path) -> list[Sample]:
    """Write patients with one eye or, from a second visit, both; grades of the test part stand in their own table."""
    numbers, tests = patient_numbers(corpus), studies_of(corpus, "test")
    rows: dict[str, list[_Eye]] = {"train": [], "test": []}
    (root / "train").mkdir(parents=True)
    for study in sorted(corpus, key=lambda study: (numbers[study.patient], study.id)):
        split = "test" if study.id in tests else "train"
        number = str(10 + numbers[study.patient])
        side = "right" if any(eye.name == f"{number}_left" for eye in rows[split]) else "left"
        name = f"{number}_{side}"
        path = root / split / f"{name}.jpeg"
        save_picture(path, seen_as(side, study.images[0], pixels(corpus, study.images[0])))
        rows[split].append(_Eye(name, grade_of(study), path, "twin"))
    made, origin = [], virtual_origin(ABOUT)
    for split, eyes in rows.items():
        if eyes or split == "train":
            write_rows(root / _PARTS[split][0], ("image", "level"), [(eye.name, eye.grade) for eye in eyes])
        groups = groupby(eyes, key=lambda eye: eye.name.partition("_")[0])
        made += [Sample(_study(list(group), split, origin), split) for _, group in groups]
    return made
