"""VinDr-CXR: 18 000 frontal radiographs with boxes and labels, each train picture read by three radiologists.

All readers are kept: a finding's source is its reader ("R9", in the test part "consensus of five radiologists"), and
`Region.instance` of a train picture is the reader's number, so that boxes of one reader belong together. Readers
disagree; `agreed` merges their labels. `marks` yields the boxes as they stand in the file.

The version of the Kaggle challenge (``train.csv``, 14 of the 28 classes) is read where the folder ``marks`` is
missing. There is no patient: pictures count as patients of their own.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from vesalius.data.corpus import Corpus
from vesalius.data.datasets._dicom import image_of, write_dicom
from vesalius.data.datasets._pictures import Case, Gaps, cases, pixels_of
from vesalius.data.datasets._tables import box_of, number, read_rows, write_rows
from vesalius.data.datasets.base import About, Sample, Twin, provenance, require_files
from vesalius.data.records import Box, Finding, Image, Provenance, Region, Status, Study
from vesalius.errors import DataError, did_you_mean

__all__ = ["ABOUT", "CONSENSUS", "GLOBAL", "LOCAL", "TWIN", "Annotation", "agreed", "marks", "read", "write"]

ABOUT = About(
    title="VinDr-CXR", slug="vindr_cxr", licence="PhysioNet Credentialed Health Data License 1.5.0",
    access="It is credentialed: finish the training, sign the data use agreement and download it from PhysioNet",
    home="https://physionet.org/content/vindr-cxr/",
)  # fmt: skip
TWIN = Twin(preset="chest-wide", settings=("normal=0.3",), image_size=96)

LOCAL = {
    "Aortic enlargement": "aortic_enlargement", "Atelectasis": "atelectasis", "Calcification": "calcification",
    "Cardiomegaly": "cardiomegaly", "Clavicle fracture": "clavicle_fracture", "Consolidation": "consolidation",
    "Edema": "edema", "Emphysema": "emphysema", "Enlarged PA": "enlarged_pulmonary_artery",
    "ILD": "interstitial_lung_disease", "Infiltration": "infiltration", "Lung Opacity": "lung_opacity",
    "Lung cavity": "lung_cavity", "Lung cyst": "lung_cyst", "Mediastinal shift": "mediastinal_shift",
    "Nodule/Mass": "lung_nodule_or_mass", "Pleural effusion": "pleural_effusion",
    "Pleural thickening": "pleural_thickening", "Pneumothorax": "pneumothorax",
    "Pulmonary fibrosis": "fibrosis", "Rib fracture": "rib_fracture", "Other lesion": "other_lesion",
}  # fmt: skip
"""Classes that are marked with boxes, and ours."""
GLOBAL = {
    "COPD": "chronic_obstructive_pulmonary_disease", "Lung tumor": "lung_tumor", "Pneumonia": "pneumonia",
    "Tuberculosis": "tuberculosis", "Other disease": "other_disease", "No finding": "no_finding",
}  # fmt: skip
"""Classes of the whole picture, and ours; the train file says "Other diseases"."""
CONSENSUS = "consensus of five radiologists"

_CONCEPTS = LOCAL | GLOBAL | {"Other diseases": "other_disease"}
_NONE = "No finding"
_CORNERS = ("x_min", "y_min", "x_max", "y_max")
_FOLDER, _KAGGLE = "annotations", "train.csv"
_TWIN_CLASSES = {
    "aortic_aneurysm": "Aortic enlargement", "atelectasis": "Atelectasis", "cardiomegaly": "Cardiomegaly",
    "clavicle_fracture": "Clavicle fracture", "consolidation": "Consolidation", "edema": "Edema",
    "emphysema": "Emphysema", "lung_cavity": "Lung cavity", "lung_mass": "Nodule/Mass",
    "lung_nodule": "Nodule/Mass", "pleural_effusion": "Pleural effusion", "pneumothorax": "Pneumothorax",
    "fibrosis": "Pulmonary fibrosis", "rib_fracture": "Rib fracture",
}  # fmt: skip


class Annotation(NamedTuple):
    """A row of the files of boxes."""

    image: str
    reader: str
    """R1 to R17; empty in the test part."""
    name: str
    """Class as it is written."""
    box: Box | None
    """None for "No finding"."""


def marks(root: Path, part: str = "train") -> Iterator[Annotation]:
    """Yield the rows of a file of boxes: "train", "test", or "kaggle" for that of the challenge."""
    path = root / _KAGGLE if part == "kaggle" else root / _FOLDER / f"annotations_{part}.csv"
    columns = ("image_id", "class_name", *_CORNERS, *(() if part == "test" else ("rad_id",)))
    for line in read_rows(path, columns):
        cells, where = line.cells, f"{path}, line {line.number}"
        if cells["class_name"] not in _CONCEPTS:
            raise DataError(f"{where}: class {cells['class_name']!r}{did_you_mean(cells['class_name'], _CONCEPTS)}")
        corners = (number(cells, corner, where) for corner in _CORNERS)
        box = box_of(corners, where) if cells["x_min"] else None
        yield Annotation(cells["image_id"], cells.get("rad_id", ""), cells["class_name"], box)


def agreed(study: Study, *, readers: int = 2) -> dict[str, bool]:
    """Return for each concept whether at least so many readers state it: 1 is the union, 2 of three the majority."""
    votes: dict[str, int] = defaultdict(int)
    for finding in study.findings:
        votes[finding.concept] += finding.status == "present"
    return {
        concept: count >= min(readers, len({f.source for f in study.findings})) for concept, count in votes.items()
    }


def read(root: Path) -> Iterator[Sample]:
    """Yield one study a picture; splits "train" and "test" (the challenge has "train" alone)."""
    if not (root / _FOLDER).exists() and (root / _KAGGLE).exists():
        yield from _read_kaggle(root)
        return
    names = [f"{_FOLDER}/{kind}_{part}.csv" for part in ("train", "test") for kind in ("annotations", "image_labels")]
    require_files(root, names, ABOUT)
    gaps, origin = Gaps(root, ABOUT.title), provenance(root, ABOUT)
    for part in ("train", "test"):
        boxes = _by_image(marks(root, part))
        for name, findings in _labels(root / _FOLDER / f"image_labels_{part}.csv").items():
            opened = image_of(root / part / f"{name}.dicom", "cxr", gaps)
            yield Sample(_study(name, opened[0] if opened else None, findings, boxes.get(name, ()), origin), part)
    gaps.tell()


def _read_kaggle(root: Path) -> Iterator[Sample]:
    gaps, origin = Gaps(root, ABOUT.title), provenance(root, ABOUT)
    marked = _by_image(marks(root, "kaggle"))
    classes = sorted({row.name for rows in marked.values() for row in rows} - {_NONE})
    for name, rows in marked.items():
        findings = [finding for reader in sorted({row.reader for row in rows})
                    for finding in _stated(reader, {row.name for row in rows if row.reader == reader},
                                           [*classes, _NONE])]  # fmt: skip
        opened = image_of(root / "train" / f"{name}.dicom", "cxr", gaps)
        yield Sample(_study(name, opened[0] if opened else None, findings, rows, origin), "train")
    gaps.tell()


def _by_image(rows: Iterator[Annotation]) -> Mapping[str, Sequence[Annotation]]:
    """Return the rows by image; there are some ten thousand, so that they are held."""
    found: dict[str, list[Annotation]] = defaultdict(list)
    for row in rows:
        found[row.image].append(row)
    return found


def _labels(path: Path) -> dict[str, list[Finding]]:
    found: dict[str, list[Finding]] = defaultdict(list)
    for line in read_rows(path, ("image_id", *LOCAL)):
        classes = [name for name in line.cells if name in _CONCEPTS]
        wrong = [name for name in classes if line.cells[name].removesuffix(".0") not in ("0", "1")]
        if wrong:
            raise DataError(f"{path}, line {line.number}: {wrong[0]} is {line.cells[wrong[0]]!r}, expected 0 or 1")
        present = {name for name in classes if line.cells[name].startswith("1")}
        found[line.cells["image_id"]] += _stated(line.cells.get("rad_id") or CONSENSUS, present, classes)
    return found


def _stated(source: str, present: set[str], classes: Sequence[str]) -> list[Finding]:
    def status(name: str) -> Status:
        return "present" if name in present else "absent"

    return [Finding(concept=_CONCEPTS[name], status=status(name), source=source) for name in classes]


def _study(
    name: str, image: Image | None, findings: Sequence[Finding], marked: Sequence[Annotation], origin: Provenance
) -> Study:
    regions = tuple(
        Region(image="cxr", kind="box", concept=_CONCEPTS[row.name], box=row.box,
               instance=int(row.reader[1:]) if row.reader[1:].isdecimal() else None)
        for row in marked
        if row.box is not None and image is not None
    )  # fmt: skip
    return Study(
        id=name, patient=name, images=(image,) if image else (), findings=tuple(findings), regions=regions,
        provenance=origin,
    )  # fmt: skip


def write(corpus: Corpus, root: Path) -> list[Sample]:
    """Write DICOM files and tables: three readers, one of whom misses what is hardly seen, one MONOCHROME1 file."""
    made: dict[str, list[Sample]] = {"train": [], "test": []}
    boxes: dict[str, list[tuple[object, ...]]] = {part: [] for part in made}
    labels: dict[str, list[tuple[object, ...]]] = {part: [] for part in made}
    for case in cases(corpus):
        part = "test" if case.split == "test" else "train"
        name = f"{'0' * 24}{case.number:08x}"
        image = _write_image(corpus, case, root / part / f"{name}.dicom")
        marked, findings = _marks(case, name, part), list[Finding]()
        classes = list(LOCAL) + [_global(name, part) for name in GLOBAL]
        for reader in _readers(case, part):
            own = {row.name for row in marked if row.reader == reader}
            findings += _stated(reader or CONSENSUS, own, classes)
            labels[part].append((name, *([reader] if reader else []), *(int(label in own) for label in classes)))
        boxes[part] += [_box_row(row) for row in marked]
        origin = Provenance(source=ABOUT.title, licence=ABOUT.licence, virtual=True)
        made[part].append(Sample(_study(name, image, findings, marked, origin), part))
    for part in made:
        who = ["rad_id"] if part == "train" else []
        classes = list(LOCAL) + [_global(name, part) for name in GLOBAL]
        write_rows(root / _FOLDER / f"annotations_{part}.csv",
                   ("image_id", *who, "class_name", *_CORNERS), boxes[part])  # fmt: skip
        write_rows(root / _FOLDER / f"image_labels_{part}.csv", ("image_id", *who, *classes), labels[part])
    return [*made["train"], *made["test"]]


def _global(name: str, part: str) -> str:
    return "Other diseases" if name == "Other disease" and part == "train" else name


def _readers(case: Case, part: str) -> list[str]:
    if part == "test":
        return [""]
    return [f"R{number}" for number in (8, 9, 10)] if case.number % 2 == 0 else ["R1", "R9", "R17"]


def _marks(case: Case, name: str, part: str) -> list[Annotation]:
    """Return what each reader marks; the last one of three sees no nodules, masses and fractures."""
    image = case.study.images[0].id
    seen = [(_TWIN_CLASSES[region.concept], region.box) for region in case.study.regions
            if region.image == image and region.box and region.concept in _TWIN_CLASSES]  # fmt: skip
    marked: list[Annotation] = []
    for place, reader in enumerate(_readers(case, part)):
        blind = ("Nodule/Mass", "Rib fracture", "Clavicle fracture", "Cardiomegaly") if place == 2 else ()
        own = [(label, Box(*(value + 0.25 * place for value in box))) for label, box in seen if label not in blind]
        marked += [Annotation(name, reader, label, box) for label, box in own]
        if not own:
            marked.append(Annotation(name, reader, _NONE, None))
    return marked


def _box_row(row: Annotation) -> tuple[object, ...]:
    corners = row.box or ("", "", "", "")
    return (row.image, *([row.reader] if row.reader else []), row.name, *corners)


def _write_image(corpus: Corpus, case: Case, path: Path) -> Image:
    source = case.study.images[0]
    write_dicom(path, pixels_of(corpus, source.path), bits=(12, 14, 16, 10)[case.number % 4],
                inverted=case.number == 1)  # fmt: skip
    return Image(id="cxr", path=str(path), modality="DX", shape=source.shape, units="stored", body_part="CHEST")
