"""CheXpert: 224 316 chest radiographs of 65 240 patients with fourteen labels mined from reports.

A study is one examination with its pictures; its labels stand in every row of it and are stated once. What is empty
is not mentioned and gives no finding, -1 is uncertain: `vesalius.data.chexpert_labels.targets` offers the policies
of the papers. "valid" is called "val" here; its labels are a consensus of three radiologists. The test part came
later with CheXlocalize, see there. Age 0 means that it is missing, and ages end at 90.

The full release is handed out in folders such as "CheXpert-v1.0 batch 2 (train 1)" while its tables still say
"CheXpert-v1.0/train/…"; pictures are found in either.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path, PurePosixPath

from vesalius.data.chexpert_labels import LABELS, findings_of_row
from vesalius.data.corpus import Corpus
from vesalius.data.datasets._dicom import sex_of, years_of
from vesalius.data.datasets._pictures import Case, Gaps, cases, is_lateral, pixels_of, write_picture
from vesalius.data.datasets._tables import Line, groups, read_rows, write_rows
from vesalius.data.datasets._twin_labels import labelled
from vesalius.data.datasets.base import About, Sample, Twin, provenance, require_files
from vesalius.data.records import Image, Provenance, Study
from vesalius.errors import DataError

__all__ = ["ABOUT", "CONSENSUS", "LABELLER", "TWIN", "read", "write"]

ABOUT = About(
    title="CheXpert", slug="chexpert", licence="Stanford University Dataset Research Use Agreement",
    access="It needs registration: accept the research use agreement of the Stanford AIMI Center and download it",
    home="https://aimi.stanford.edu/datasets/chexpert-chest-x-rays",
)  # fmt: skip
TWIN = Twin(preset="chest-two-views", settings=("follow_up.share=0.25",), image_size=64)

LABELLER, CONSENSUS = "CheXpert labeller", "three radiologists"
"""Sources of the findings of the train and of the validation part."""
_HEADER = ("Path", "Sex", "Age", "Frontal/Lateral", "AP/PA", *LABELS)
_PARTS = {"train": ("train.csv", LABELLER), "val": ("valid.csv", CONSENSUS)}
_FOLDERS = ("", "CheXpert-v1.0", "CheXpert-v1.0-small")
_BATCHES = "CheXpert-v1.0 batch *"


def read(root: Path) -> Iterator[Sample]:
    """Yield the studies in the order of the tables; splits "train" and "val".

    Args:
        root: the folder of the tables, or the one that holds ``CheXpert-v1.0`` or ``CheXpert-v1.0-small``.
    """
    base = next((root / name for name in _table_folders(root) if (root / name / "train.csv").exists()), root)
    require_files(base, [name for name, _ in _PARTS.values()], ABOUT)
    places, gaps, origin = _places(root, base), Gaps(root, ABOUT.title), provenance(root, ABOUT)
    for split, (name, source) in _PARTS.items():
        lines = read_rows(base / name, _HEADER)
        for study, rows in groups(lines, lambda line, path=base / name: _study_of(line, path)):  # type: ignore[misc]
            yield Sample(_study(study, rows, base / name, source, places=places, gaps=gaps, origin=origin), split)
    gaps.tell()


def _table_folders(root: Path) -> list[str]:
    return [*_FOLDERS, *sorted(path.name for path in root.glob(_BATCHES))]


def _places(root: Path, base: Path) -> list[Path]:
    """Folders in which a path of the tables may begin."""
    batches = sorted([*root.glob(_BATCHES), *base.parent.glob(_BATCHES)])
    return list(dict.fromkeys([base, *batches]))


def _parts(path: str) -> tuple[str, ...]:
    """Return a path of the tables from the name of its part on: train, patient00001, study1, view1_frontal.jpg."""
    return PurePosixPath(path).parts[-4:]


def _study_of(line: Line, table: Path) -> str:
    parts = _parts(line.cells["Path"])
    if len(parts) < 4 or not parts[1].startswith("patient") or ".." in parts:
        raise DataError(
            f"{table}, line {line.number}: path {line.cells['Path']!r}, "
            "expected .../train/patient00001/study1/view1_frontal.jpg"
        )
    return f"{parts[1]}/{parts[2]}"


def _study(
    name: str, rows: Sequence[Line], table: Path, source: str, *, places: Sequence[Path], gaps: Gaps,
    origin: Provenance,
) -> Study:  # fmt: skip
    findings = [
        finding
        for row in rows
        for finding in findings_of_row(row.cells, source=source, where=f"{table}, line {row.number}")
    ]
    images = []
    for row in rows:
        path = _found(places, _parts(row.cells["Path"]))
        if found := gaps.head(path):
            images.append(_image(path, found.shape, row.cells["AP/PA"], row.cells["Frontal/Lateral"]))
    cells = rows[0].cells
    return Study(
        id=name, patient=name.partition("/")[0], images=tuple(images), findings=tuple(dict.fromkeys(findings)),
        age_years=years_of(cells["Age"]) or None, sex=sex_of(cells["Sex"]), provenance=origin,
    )  # fmt: skip


def _found(places: Sequence[Path], parts: tuple[str, ...]) -> Path:
    candidates = [place.joinpath(*names) for place in places for names in (parts, parts[1:])]
    return next((path for path in candidates if path.is_file()), candidates[0])


def _image(path: Path, shape: tuple[int, int], view: str, side: str) -> Image:
    return Image(
        id=path.stem, path=str(path), modality="DX", shape=shape, units="display", view=view or side.upper(),
        body_part="CHEST",
    )  # fmt: skip


def write(corpus: Corpus, root: Path) -> list[Sample]:
    """Write pictures and tables: all codes, an unknown sex, an age 0, an LL view, and a valid part without blanks."""
    rows: dict[str, list[tuple[str, ...]]] = {split: [] for split in _PARTS}
    made: dict[str, list[Sample]] = {split: [] for split in _PARTS}
    for case in cases(corpus):
        split = "val" if case.split == "val" else "train"
        source = _PARTS[split][1]
        sample, lines = _write_study(corpus, case, root, split, source)
        rows[split] += lines
        made[split].append(sample)
    for split, (name, _) in _PARTS.items():
        write_rows(root / name, _HEADER, rows[split])
    return [sample for samples in made.values() for sample in samples]


def _write_study(
    corpus: Corpus, case: Case, root: Path, split: str, source: str
) -> tuple[Sample, list[tuple[str, ...]]]:
    name = f"patient{90000 + case.patient}/study{case.visit + 1}"
    folder = f"{'valid' if split == 'val' else 'train'}/{name}"
    codes = labelled(case, list(LABELS), silent=split == "train")
    if split == "val":
        codes = {label: code.replace("-1.0", "0.0") for label, code in codes.items()}
    age = 0 if case.number == 1 else min(round(case.study.age_years or 0), 90)
    sex = "Unknown" if case.number == 2 else {"F": "Female", "M": "Male"}.get(case.study.sex, "Unknown")
    images, rows = [], []
    for number, image in enumerate(case.study.images, start=1):
        side = "Lateral" if is_lateral(image) else "Frontal"
        view = "" if side == "Lateral" else "LL" if case.number == 0 else image.view
        path = root / folder / f"view{number}_{side.lower()}.jpg"
        write_picture(path, pixels_of(corpus, image.path))
        images.append(_image(path, (image.shape[0], image.shape[1]), view, side))
        rows.append((f"CheXpert-v1.0/{folder}/{path.name}", sex, str(age), side, view, *codes.values()))
    study = Study(
        id=name, patient=name.partition("/")[0], images=tuple(images),
        findings=findings_of_row(codes, source=source, where=name), age_years=float(age) if age else None,
        sex="" if sex == "Unknown" else case.study.sex,
        provenance=Provenance(source=ABOUT.title, licence=ABOUT.licence, virtual=True),
    )  # fmt: skip
    return Sample(study, split), rows
