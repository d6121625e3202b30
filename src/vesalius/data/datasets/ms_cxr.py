"""MS-CXR: 1 162 phrases of MIMIC-CXR reports with the boxes that they speak of.

A study is a picture's study of MIMIC-CXR with the names used there. Each phrase is a dialogue whose one turn is the
phrase and whose evidence are the indices of its boxes in `Study.regions`; a phrase with several boxes stands in
several rows of the table, which are gathered by picture, category and words.

The pictures are files of MIMIC-CXR-JPG and are no part of the release: put or link its ``files`` into the root. The
split is official since version 1.1.0 only and does not follow that of MIMIC-CXR: of all its 851 patients none may be
in data that a model is trained on before. Without it the split is "". The number in the name of the folder is not
that of the files; the newest table in the root is taken.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from vesalius.data.corpus import Corpus
from vesalius.data.datasets import _mimic
from vesalius.data.datasets._mimic import folder_of
from vesalius.data.datasets._pictures import Gaps, box_in, cases, pixels_of, write_picture
from vesalius.data.datasets._tables import box_of, find, form, number, read_json, read_rows, write_json, write_rows
from vesalius.data.datasets.base import About, Sample, Twin, provenance, require_files
from vesalius.data.records import Box, Dialogue, Image, Provenance, Region, Study, Turn
from vesalius.errors import DataError, did_you_mean

__all__ = ["ABOUT", "CATEGORIES", "TWIN", "Phrase", "phrases", "read", "write"]

ABOUT = About(
    title="MS-CXR", slug="ms_cxr", licence="PhysioNet Credentialed Health Data License 1.5.0",
    access="It is credentialed: finish the training, sign the data use agreement and download it from PhysioNet",
    home="https://physionet.org/content/ms-cxr/",
)  # fmt: skip
TWIN = Twin(preset="chest", settings=("normal=0",), image_size=96)

CATEGORIES = {
    "Atelectasis": "atelectasis", "Cardiomegaly": "cardiomegaly", "Consolidation": "consolidation", "Edema": "edema",
    "Lung Opacity": "lung_opacity", "Pleural Effusion": "pleural_effusion", "Pneumonia": "pneumonia",
    "Pneumothorax": "pneumothorax",
}  # fmt: skip
_CSV, _JSON = "MS_CXR_Local_Alignment_v*.csv", "MS_CXR_Local_Alignment_v*.json"
_COLUMNS = ("dicom_id", "category_name", "label_text", "path", "x", "y", "w", "h", "image_width", "image_height")
_SPLITS = {"train": "train", "val": "val", "valid": "val", "validate": "val", "test": "test", "": ""}


class Phrase(NamedTuple):
    """A row of the table: a phrase and one of its boxes."""

    dicom: str
    category: str
    text: str
    path: str
    box: Box
    """In pixels of the JPEG file."""
    shape: tuple[int, int]
    """Rows and columns of the JPEG file."""
    split: str


def phrases(root: Path) -> Iterator[Phrase]:
    """Yield the rows of the table, or of the JSON file where there is no table."""
    table, document = find(root, _CSV), find(root, _JSON)
    if table is None and document is None:
        require_files(root, ["MS_CXR_Local_Alignment_v1.1.0.csv"], ABOUT)
    yield from _from_table(table) if table else _from_json(document or root)


def _from_table(path: Path) -> Iterator[Phrase]:
    for line in read_rows(path, _COLUMNS):
        cells, where = line.cells, f"{path}, line {line.number}"
        x, y, width, height, columns, rows = (number(cells, column, where) for column in _COLUMNS[4:])
        phrase = Phrase(
            cells["dicom_id"], cells["category_name"], cells["label_text"], cells["path"],
            box_of((x, y, x + width, y + height), where), (int(rows), int(columns)), cells.get("split", ""),
        )  # fmt: skip
        yield _checked(phrase, where)


def _from_json(path: Path) -> Iterator[Phrase]:
    content = read_json(path, dict)
    with form(str(path)):
        images = {image["id"]: image for image in content["images"]}
        names = {category["id"]: category["name"] for category in content["categories"]}
        rows = list(enumerate(content["annotations"]))
    for place, row in rows:
        where = f"{path}, annotations[{place}]"
        with form(where):
            image = images[row["image_id"]]
            x, y, width, height = map(float, row["bbox"])
            phrase = Phrase(
                PurePosixPath(image["path"]).stem, names[row["category_id"]], row["label_text"], image["path"],
                box_of((x, y, x + width, y + height), where), (int(image["height"]), int(image["width"])),
                str(image.get("split", row.get("split", ""))),
            )  # fmt: skip
        yield _checked(phrase, where)


def _checked(phrase: Phrase, where: str) -> Phrase:
    if phrase.category not in CATEGORIES:
        raise DataError(f"{where}: category {phrase.category!r}{did_you_mean(phrase.category, CATEGORIES)}")
    if phrase.split not in _SPLITS:
        raise DataError(f"{where}: split {phrase.split!r}{did_you_mean(phrase.split, _SPLITS)}")
    if len(PurePosixPath(phrase.path).parts) < 4 or ".." in phrase.path:
        raise DataError(f"{where}: path {phrase.path!r}, expected files/p10/p10000032/s50414267/<dicom_id>.jpg")
    return phrase


def read(root: Path) -> Iterator[Sample]:
    """Yield one study for each study of MIMIC-CXR that has phrases, in the order of its first one."""
    gaps, origin = Gaps(root, ABOUT.title), provenance(root, ABOUT)
    studies: dict[str, list[Phrase]] = {}
    for phrase in phrases(root):
        studies.setdefault(PurePosixPath(phrase.path).parts[-2], []).append(phrase)
    for name, rows in studies.items():
        splits = {_SPLITS[row.split] for row in rows}
        if len(splits) > 1:
            raise DataError(f"{root}: study {name} is in the splits {', '.join(sorted(splits))}")
        present = {}
        for row in rows:
            path = root / row.path
            if path.is_file():
                present[row.dicom] = path
            elif row.dicom not in present:
                gaps.note(path, "missing")
        yield Sample(_study(name, rows, present, origin), splits.pop())
    gaps.tell()


def _study(name: str, rows: Sequence[Phrase], present: Mapping[str, Path], origin: Provenance) -> Study:
    """Build a study; without its picture a phrase has no boxes, since a region belongs to one."""
    images = {
        row.dicom: Image(id=row.dicom, path=str(present[row.dicom]), modality="DX", shape=row.shape, units="display",
                         body_part="CHEST")
        for row in rows if row.dicom in present
    }  # fmt: skip
    regions: list[Region] = []
    said: dict[tuple[str, str, str], list[int]] = {}
    for row in rows:
        evidence = said.setdefault((row.dicom, row.category, row.text), [])
        if row.dicom in images:
            evidence.append(len(regions))
            regions.append(Region(image=row.dicom, kind="box", concept=CATEGORIES[row.category], box=row.box))
    dialogues = tuple(
        Dialogue(id=f"{dicom}/{place}", answer_type="box", evidence=tuple(evidence), source=ABOUT.title,
                 turns=(Turn(role="user", text=text, images=(dicom,) if dicom in images else ()),))
        for place, ((dicom, _, text), evidence) in enumerate(said.items())
    )  # fmt: skip
    patient = PurePosixPath(rows[0].path).parts[-3]
    return Study(
        id=name, patient=patient, images=tuple(images.values()), regions=tuple(regions), dialogues=dialogues,
        provenance=origin,
    )  # fmt: skip


def write(corpus: Corpus, root: Path) -> list[Sample]:
    """Write pictures, the newest table, its JSON form, and an older table without the split."""
    rows: list[Phrase] = []
    made = []
    for case in cases(corpus):
        subject, study = _mimic.virtual_subject(case.patient), _mimic.virtual_study(case.number)
        name, source = _mimic.virtual_dicom(study, 0), case.study.images[0]
        path = root / folder_of(subject, study) / f"{name}.jpg"
        ours = {concept: category for category, concept in CATEGORIES.items()}
        own = [
            Phrase(name, ours[concept], f"{'increased ' if case.visit else ''}{concept.replace('_', ' ')}",
                   path.relative_to(root).as_posix(), Box(*box), (source.shape[0], source.shape[1]), case.split)
            for concept, box in box_in(case.study, source.id, ours)
        ]  # fmt: skip
        if own:
            write_picture(path, pixels_of(corpus, source.path))
            rows += own
            origin = Provenance(source=ABOUT.title, licence=ABOUT.licence, virtual=True)
            made.append(Sample(_study(f"s{study}", own, {name: path}, origin), case.split))
    if not rows:
        raise DataError("none of these virtual patients has a finding that MS-CXR marks: ask for more patients")
    lines = [_line(row) for row in rows]
    write_rows(root / _CSV.replace("*", "1.1.0"), (*_COLUMNS, "split"), lines)
    write_rows(root / _CSV.replace("*", "1.0.0"), _COLUMNS, [line[:-1] for line in lines])
    write_json(root / _JSON.replace("*", "1.1.0"), _document(rows))
    return made


def _line(row: Phrase) -> tuple[object, ...]:
    left, top, right, bottom = row.box
    size = (row.shape[1], row.shape[0])
    return (row.dicom, row.category, row.text, row.path, left, top, right - left, bottom - top, *size, row.split)


def _document(rows: Sequence[Phrase]) -> dict[str, object]:
    """Return the rows in the form of COCO."""
    paths = list(dict.fromkeys(row.path for row in rows))
    by_path = {row.path: row for row in rows}
    names = list(CATEGORIES)
    return {
        "images": [
            {"id": place, "file_name": f"{by_path[path].dicom}.jpg", "path": path, "width": by_path[path].shape[1],
             "height": by_path[path].shape[0], "num_annotations": sum(row.path == path for row in rows),
             "split": by_path[path].split}
            for place, path in enumerate(paths)
        ],
        "annotations": [
            {"id": place, "image_id": paths.index(row.path), "category_id": names.index(row.category) + 1,
             "bbox": list(_line(row)[4:8]), "iscrowd": 0, "label_text": row.text}
            for place, row in enumerate(rows)
        ],
        "categories": [{"id": place, "name": name} for place, name in enumerate(names, start=1)],
    }  # fmt: skip
