"""RSNA Pneumonia Detection Challenge, stage 2: 26 684 frontal radiographs with boxes, and 3 000 without labels.

"pneumonia" is the challenge's target: an opacity that may be pneumonia; the class of a picture (normal, not normal
but no opacity, opacity) is stated as "no_finding" and "lung_opacity". The test part has no labels. A patientId names
a picture, not a person: persons are known only where the mapping of the RSNA to NIH ChestX-ray14 lies in the root.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from vesalius.data.corpus import Corpus
from vesalius.data.datasets._dicom import Header, image_of, sex_of, write_dicom, years_of
from vesalius.data.datasets._pictures import Case, Gaps, box_in, cases, pixels_of
from vesalius.data.datasets._tables import (
    Line,
    box_of,
    find,
    form,
    groups,
    number,
    read_json,
    read_rows,
    write_json,
    write_rows,
)  # fmt: skip
from vesalius.data.datasets.base import About, Sample, Twin, provenance, require_files
from vesalius.data.records import Box, Finding, Image, Provenance, Region, Status, Study
from vesalius.errors import DataError

__all__ = ["ABOUT", "CLASSES", "TWIN", "read", "write"]

ABOUT = About(
    title="RSNA Pneumonia Detection Challenge", slug="rsna_pneumonia",
    licence="RSNA Pneumonia Detection Challenge terms of use",
    access="It needs an account: accept the rules of the challenge on Kaggle and download stage 2",
    home="https://www.kaggle.com/c/rsna-pneumonia-detection-challenge",
)  # fmt: skip
TWIN = Twin(
    preset="chest", settings=("prevalence.consolidation=0.5", "normal=0.3"), image_size=96,
)  # fmt: skip

CLASSES: dict[str, tuple[Status, Status]] = {
    "Normal": ("present", "absent"),
    "No Lung Opacity / Not Normal": ("absent", "absent"),
    "Lung Opacity": ("absent", "present"),
}
"""Status of no_finding and of lung_opacity in each class of the detailed class file."""
_LABELS, _CLASSES = "stage_2_train_labels.csv", "stage_2_detailed_class_info.csv"
_TRAIN, _TEST = "stage_2_train_images", "stage_2_test_images"
_SUBMISSION = "stage_2_sample_submission.csv"
_MAPPING = "pneumonia-challenge-dataset-mappings_2018.json"
_COLUMNS = ("patientId", "x", "y", "width", "height", "Target")
_SOURCE = "radiologists"


def read(root: Path) -> Iterator[Sample]:
    """Yield one study a picture: those of the label file as "train", then the unlabelled ones as "test"."""
    require_files(root, [_LABELS, _CLASSES, _TRAIN], ABOUT)
    classes = _read_classes(root / _CLASSES)
    persons, gaps, origin = _persons(root), Gaps(root, ABOUT.title), provenance(root, ABOUT)
    seen: set[str] = set()
    for name, rows in groups(read_rows(root / _LABELS, _COLUMNS), lambda line: line.cells["patientId"]):
        if name in seen or name not in classes:
            reason = "its rows stand apart" if name in seen else f"it is not in {_CLASSES}"
            raise DataError(f"{root / _LABELS}, line {rows[0].number}: {name}: {reason}")
        seen.add(name)
        boxes = list(_boxes(rows, root / _LABELS))
        opened = image_of(root / _TRAIN / f"{name}.dcm", "cxr", gaps)
        yield Sample(_study(name, persons.get(name, name), opened, classes[name], boxes, origin), "train")
    for path in sorted((root / _TEST).glob("*.dcm")):
        opened = image_of(path, "cxr", gaps)
        yield Sample(_study(path.stem, persons.get(path.stem, path.stem), opened, "", [], origin), "test")
    gaps.tell()


def _read_classes(path: Path) -> dict[str, str]:
    """Return the class of each picture; the file has a row for every row of the labels, so that pictures repeat."""
    found: dict[str, str] = {}
    for line in read_rows(path, ("patientId", "class")):
        stated = line.cells["class"]
        if stated not in CLASSES or found.setdefault(line.cells["patientId"], stated) != stated:
            raise DataError(f"{path}, line {line.number}: class {stated!r}, expected one of {', '.join(CLASSES)}, "
                            "the same for all rows of a picture")  # fmt: skip
    return found


def _persons(root: Path) -> dict[str, str]:
    path = find(root, _MAPPING)
    if path is None:
        return {}
    rows = read_json(path, list)
    with form(str(path)):
        return {row["subset_img_id"]: row["img_id"].partition("_")[0] for row in rows if row.get("subset_img_id")}


def _boxes(rows: Sequence[Line], path: Path) -> Iterator[Box]:
    for row in rows:
        where = f"{path}, line {row.number}"
        target = row.cells["Target"]
        if target not in ("0", "1") or (target == "1") != bool(row.cells["x"]):
            raise DataError(
                f"{where}: Target {target!r} with x {row.cells['x']!r}; expected a box with 1, none with 0"
            )
        if target == "1":
            x, y, width, height = (number(row.cells, column, where) for column in _COLUMNS[1:5])
            yield box_of((x, y, x + width, y + height), where)


def _study(
    name: str, patient: str, opened: tuple[Image, Header] | None, stated: str, boxes: Sequence[Box],
    origin: Provenance,
) -> Study:  # fmt: skip
    image, facts = opened or (None, None)
    findings: list[Finding] = []
    if stated:
        normal, opacity = CLASSES[stated]
        target: Status = "present" if boxes else "absent"
        pairs = (("pneumonia", target), ("lung_opacity", opacity), ("no_finding", normal))
        findings = [Finding(concept=concept, status=status, source=_SOURCE) for concept, status in pairs]
    return Study(
        id=name, patient=patient, images=(image,) if image else (), findings=tuple(findings),
        regions=tuple(Region(image="cxr", kind="box", concept="pneumonia", box=box) for box in boxes if image),
        age_years=years_of(facts.age) if facts else None, sex=sex_of(facts.sex) if facts else "", provenance=origin,
    )  # fmt: skip


def write(corpus: Corpus, root: Path) -> list[Sample]:
    """Write 8-bit DICOM files and tables; pictures of the test part have no labels, and patients come again."""
    labels: list[tuple[object, ...]] = []
    classes: list[tuple[str, str]] = []
    mapping: list[dict[str, str]] = []
    made: dict[str, list[Sample]] = {"train": [], "test": []}
    for case in cases(corpus):
        test = case.split == "test"
        name = f"00000000-0000-4000-8000-{case.number:012d}"
        boxes = [Box(*box) for _, box in box_in(case.study, case.study.images[0].id, ("consolidation",))]
        stated = "" if test else _class_of(case, boxes)
        sample = _write_picture(corpus, case, root / (_TEST if test else _TRAIN) / f"{name}.dcm", stated, boxes)
        made["test" if test else "train"].append(sample)
        mapping.append({"subset_img_id": name, "img_id": f"{sample.study.patient}_{case.visit:03d}.png"})
        if not test:
            labels += _label_rows(name, boxes)
            classes += [(name, stated)] * max(len(boxes), 1)
    for samples in made.values():
        samples.sort(key=lambda sample: sample.study.id)
    write_rows(root / _LABELS, _COLUMNS, labels)
    write_rows(root / _CLASSES, ("patientId", "class"), classes)
    write_rows(root / _SUBMISSION, ("patientId", "PredictionString"),
               [(sample.study.id, "0.5 0 0 100 100") for sample in made["test"]])  # fmt: skip
    write_json(root / _MAPPING, mapping)
    return [*made["train"], *made["test"]]


def _class_of(case: Case, boxes: Sequence[Box]) -> str:
    if boxes:
        return "Lung Opacity"
    return "Normal" if case.has("no_finding") else "No Lung Opacity / Not Normal"


def _label_rows(name: str, boxes: Sequence[Box]) -> list[tuple[object, ...]]:
    if not boxes:
        return [(name, "", "", "", "", 0)]
    return [(name, box.x_min, box.y_min, box.x_max - box.x_min, box.y_max - box.y_min, 1) for box in boxes]


def _write_picture(corpus: Corpus, case: Case, path: Path, stated: str, boxes: Sequence[Box]) -> Sample:
    source = case.study.images[0]
    age = round(case.study.age_years or 0)
    write_dicom(path, pixels_of(corpus, source.path), bits=8, modality="CR",
                tags={"PatientAge": f"{age:03d}Y", "PatientSex": case.study.sex, "ViewPosition": source.view,
                      "PixelSpacing": [f"{step:.4f}" for step in source.spacing_mm]})  # fmt: skip
    image = Image(
        id="cxr", path=str(path), modality="CR", shape=source.shape,
        spacing_mm=tuple(float(f"{step:.4f}") for step in source.spacing_mm), units="stored", view=source.view,
        body_part="CHEST",
    )  # fmt: skip
    facts = Header(image.shape[:2], image.spacing_mm, "CR", source.view, f"{age:03d}Y", case.study.sex, None)  # type: ignore[arg-type]
    origin = Provenance(source=ABOUT.title, licence=ABOUT.licence, virtual=True)
    study = _study(path.stem, f"{90000 + case.patient:08d}", (image, facts), stated, boxes if stated else [], origin)
    return Sample(study, "train" if stated else "test")
