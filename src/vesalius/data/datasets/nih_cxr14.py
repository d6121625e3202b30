"""NIH ChestX-ray14: 112 120 frontal radiographs with 14 labels mined from reports, and 984 boxes.

Labels are closed: what a row does not name is absent by the miner's word, which errs in about one of ten. The
table's pixel spacing is that of the original picture; the PNG was scaled to 1024 × 1024, so its spacing is larger by
the ratio.
"""

from __future__ import annotations

import csv
from collections import defaultdict
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from PIL import Image as Picture

from vesalius.data.corpus import Corpus
from vesalius.data.datasets.base import About, Sample, Twin, copy_png, provenance, require_files
from vesalius.data.records import Box, Finding, Image, Provenance, Region, Study
from vesalius.errors import DataError

__all__ = ["ABOUT", "LABELS", "TWIN", "read", "write"]

ABOUT = About(
    title="NIH ChestX-ray14", slug="nih_cxr14", licence="open, credit the NIH Clinical Center",
    access="It is open: download the images, the two tables and the two lists from the NIH Clinical Center",
    home="https://nihcc.app.box.com/v/ChestXray-NIHCC",
)  # fmt: skip
TWIN = Twin(preset="chest", settings=("follow_up.share=0.4",), image_size=256)

LABELS = {
    "Atelectasis": "atelectasis", "Cardiomegaly": "cardiomegaly", "Consolidation": "consolidation", "Edema": "edema",
    "Effusion": "pleural_effusion", "Emphysema": "emphysema", "Fibrosis": "fibrosis", "Hernia": "hiatal_hernia",
    "Infiltration": "infiltration", "Mass": "lung_mass", "Nodule": "lung_nodule",
    "Pleural_Thickening": "pleural_thickening", "Pneumonia": "pneumonia", "Pneumothorax": "pneumothorax",
}  # fmt: skip
"""The release's names and ours."""
_NORMAL = "No Finding"
_BOXED = {"Infiltrate": "infiltration"} | {
    name: LABELS[name]
    for name in ("Atelectasis", "Cardiomegaly", "Effusion", "Mass", "Nodule", "Pneumonia", "Pneumothorax")
}
"""Classes of the list of boxes, one of which is spelt otherwise there."""
_TABLES = ("Data_Entry_2017_v2020.csv", "Data_Entry_2017.csv")
_BOXES, _TRAIN, _TEST = "BBox_List_2017.csv", "train_val_list.txt", "test_list.txt"
_HEADER = (
    "Image Index,Finding Labels,Follow-up #,Patient ID,Patient Age,Patient Gender,View Position,"
    "OriginalImage[Width,Height],OriginalImagePixelSpacing[x,y]"
)
_COLUMNS = 11
_BOX_HEADER = "Image Index,Finding Label,Bbox [x,y,w,h],,,"


def read(root: Path) -> Iterator[Sample]:
    """Yield one study a picture in the order of the table; splits "train" (the official train_val list) or "test"."""
    table = next((name for name in _TABLES if (root / name).exists()), _TABLES[0])
    require_files(root, [table, _BOXES, _TRAIN, _TEST], ABOUT)
    pictures = {path.name: path for path in _pictures(root)}
    boxes, splits, origin = _read_boxes(root / _BOXES), _read_splits(root), provenance(root, ABOUT)
    with (root / table).open(encoding="utf-8", newline="") as file:
        rows = csv.reader(file)
        next(rows)
        for number, row in enumerate(rows, start=2):
            if len(row) < _COLUMNS:
                raise DataError(f"{root / table}, line {number}: {len(row)} columns, expected {_COLUMNS}")
            name = row[0]
            if name not in pictures:
                raise DataError(f"{root / table}, line {number}: no picture {name} under {root}/images")
            yield Sample(_study(row, pictures[name], boxes.get(name, []), origin), splits.get(name, ""))


def _pictures(root: Path) -> Iterator[Path]:
    yield from (root / "images").glob("*.png")
    yield from root.glob("images_*/images/*.png")


def _read_splits(root: Path) -> dict[str, str]:
    found = dict.fromkeys((root / _TRAIN).read_text(encoding="utf-8").split(), "train")
    return found | dict.fromkeys((root / _TEST).read_text(encoding="utf-8").split(), "test")


def _read_boxes(path: Path) -> Mapping[str, list[tuple[str, Box]]]:
    found: dict[str, list[tuple[str, Box]]] = defaultdict(list)
    with path.open(encoding="utf-8", newline="") as file:
        rows = csv.reader(file)
        next(rows)
        for number, row in enumerate(rows, start=2):
            if row[1] not in _BOXED:
                raise DataError(
                    f"{path}, line {number}: label {row[1]!r}, expected one of {', '.join(sorted(_BOXED))}"
                )
            x, y, width, height = (float(value) for value in row[2:6])
            found[row[0]].append((_BOXED[row[1]], Box(x, y, x + width, y + height)))
    return found


def _study(row: list[str], path: Path, boxes: list[tuple[str, Box]], origin: Provenance) -> Study:
    with Picture.open(path) as picture:
        width, height = picture.size
    step_x, step_y = (float(row[9 + axis]) * int(row[7 + axis]) / (width, height)[axis] for axis in range(2))
    return _of(
        name=path.stem, patient=row[3], present=[LABELS[label] for label in row[1].split("|") if label != _NORMAL],
        image=Image(id="cxr", path=str(path), modality="DX", shape=(height, width), spacing_mm=(step_y, step_x),
                    units="display", view=row[6], body_part="CHEST"),
        boxes=boxes, age=float(row[4].rstrip("Y")), sex=row[5], origin=origin,
    )  # fmt: skip


def _of(
    *, name: str, patient: str, present: list[str], image: Image, boxes: list[tuple[str, Box]], age: float, sex: Any,
    origin: Provenance,
) -> Study:  # fmt: skip
    stated = [Finding(concept=concept, status="present", source="text mining") for concept in sorted(present)]
    stated += [
        Finding(concept=concept, status="absent", source="text mining")
        for concept in sorted(LABELS.values())
        if concept not in present
    ]
    stated.append(Finding(concept="no_finding", status="absent" if present else "present", source="text mining"))
    return Study(
        id=name, patient=patient, images=(image,), findings=tuple(stated), age_years=age, sex=sex,
        regions=tuple(Region(image=image.id, kind="box", concept=concept, box=box) for concept, box in boxes),
        provenance=origin,
    )  # fmt: skip


def write(corpus: Corpus, root: Path) -> list[Sample]:
    """Write pictures, tables and lists; the second picture is RGBA and only test pictures have boxes, as there."""
    (root / "images").mkdir(parents=True, exist_ok=True)
    tests = set(corpus.split("test").ids) if corpus.has_split else set()
    numbers: dict[str, int] = {}
    visits: dict[str, int] = defaultdict(int)
    made: list[Sample] = []
    rows: list[str] = []
    boxed: list[str] = []
    for study in sorted(
        corpus, key=lambda study: (study.patient, sum(prior.days_before for prior in study.priors[:1]))
    ):
        number = numbers.setdefault(study.patient, len(numbers) + 1)
        visit = visits[study.patient]
        visits[study.patient] += 1
        sample = _kept(study, root / "images" / f"{number:08d}_{visit:03d}.png", str(number), study.id in tests)
        source, target = corpus.path(study.images[0].path), Path(sample.study.images[0].path)
        copy_png(source, target, mode="RGBA" if len(made) == 1 else "L")
        rows.append(_row(sample.study, visit))
        boxed += _box_rows(sample.study)
        made.append(sample)
    _write_lists(root, made, rows, boxed)
    return made


def _kept(study: Study, path: Path, patient: str, test: bool) -> Sample:
    """Reduce a study to what the layout holds."""
    image = study.images[0]
    ours = set(LABELS.values())
    present = sorted({part.concept for part in study.findings if part.status == "present"} & ours)
    spelt = set(_BOXED.values())
    boxes = [(part.concept, part.box) for part in study.regions if part.concept in spelt and part.box and test]
    kept = Image(
        id="cxr", path=str(path), modality="DX", shape=image.shape, spacing_mm=image.spacing_mm, units="display",
        view=image.view, body_part="CHEST",
    )  # fmt: skip
    age = float(round(study.age_years or 0))
    origin = Provenance(source=ABOUT.title, licence=ABOUT.licence, virtual=study.provenance.virtual)
    reduced = _of(
        name=path.stem,
        patient=patient,
        present=present,
        image=kept,
        boxes=boxes,
        age=age,
        sex=study.sex,
        origin=origin,
    )
    return Sample(reduced, "test" if test else "train")


def _row(study: Study, visit: int) -> str:
    image = study.images[0]
    names = [name for name, ours in LABELS.items() if study.status(ours) == "present"]
    (height, width), (step_y, step_x) = image.shape, image.spacing_mm
    cells = [
        Path(image.path).name, "|".join(names) or _NORMAL, visit, study.patient, int(study.age_years or 0), study.sex,
        image.view, width, height, repr(step_x), repr(step_y),
    ]  # fmt: skip
    return ",".join(str(cell) for cell in cells)


def _box_rows(study: Study) -> list[str]:
    spelt = {ours: name for name, ours in _BOXED.items()}
    found = []
    for region in study.regions:
        if region.box:
            x, y, right, bottom = region.box
            name = Path(study.images[0].path).name
            found.append(f"{name},{spelt[region.concept]},{x!r},{y!r},{right - x!r},{bottom - y!r},,,")
    return found


def _write_lists(root: Path, made: list[Sample], rows: list[str], boxed: list[str]) -> None:
    def lines(name: str, content: list[str]) -> None:
        (root / name).write_text("".join(f"{line}\n" for line in content), encoding="utf-8")

    lines(_TABLES[0], [_HEADER, *rows])
    lines(_BOXES, [_BOX_HEADER, *boxed])
    for name, split in ((_TRAIN, "train"), (_TEST, "test")):
        lines(name, [Path(sample.study.images[0].path).name for sample in made if sample.split == split])
