"""MedFMC 2023: ColonPath, ChestDR and Endo, with lists of files, labels and few-shot experiments.

A root holds any of ``colon``, ``chest`` and ``endo``, or is one of them. Lines of `trainval.txt` and
`test_WithLabel.txt` are "file label" (colon: 0 or 1) or "file 0,1,0,…" (several labels); `train_20.txt` and
`val_20.txt` part the training pictures, where they are there. The patient is the first part of the file name; of
ChestDR each picture is one. `few_shot` reads an experiment.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from vesalius.data.corpus import Corpus
from vesalius.data.datasets._labels import closed
from vesalius.data.datasets._paths import below
from vesalius.data.datasets._rasters import described, save_picture
from vesalius.data.datasets._virtual import patient_numbers, pixels, present, studies_of
from vesalius.data.datasets.base import About, Sample, Twin, provenance, require_files, virtual_origin
from vesalius.data.records import Image, Provenance, Study
from vesalius.errors import DataError

__all__ = ["ABOUT", "LABELS", "TWIN", "few_shot", "read", "write"]

ABOUT = About(
    title="MedFMC, ColonPath and its sisters", slug="medfm_colonpath", licence="CC BY 4.0",
    access="It is open: register with the MedFM challenge, or download the archive from Figshare",
    home="https://medfm2023.grand-challenge.org",
)  # fmt: skip
TWIN = Twin(
    preset="pathology", image_size=64,
    settings=("exams=[histology, chest_radiograph]", "prevalence.colorectal_adenocarcinoma=0.4",
              "prevalence.pleural_effusion=0.4", "follow_up.share=0.5", "follow_up.visits=2"),
)  # fmt: skip

LABELS = {
    "colon": ("colorectal_tumour",),
    "endo": ("ulcer", "erosion", "colon_polyp", "gastrointestinal_tumour"),
    "chest": (
        "pleural_effusion", "lung_nodule", "pneumonia", "cardiomegaly", "hilar_enlargement", "fracture_old",
        "fibrosis", "aortic_calcification", "tortuous_aorta", "thickened_pleura", "tuberculosis", "pneumothorax",
        "emphysema", "atelectasis", "calcification", "pulmonary_edema", "increased_lung_markings",
        "elevated_diaphragm", "consolidation",
    ),
}  # fmt: skip
"""Labels of the sets in the order of their flags."""
_MODALITY = {"colon": ("SM", "COLON"), "endo": ("ES", "GASTROINTESTINAL TRACT"), "chest": ("DX", "CHEST")}
_LISTS = ("train_20.txt", "val_20.txt")


class _Row(NamedTuple):
    """A line of a list."""

    name: str
    flags: tuple[int, ...]


def read(root: Path) -> Iterator[Sample]:
    """Yield the pictures of the sets that are there in the order of their lists."""
    sets = {name: root / name for name in LABELS if (root / name).is_dir()}
    if not sets and root.name in LABELS and (root / "images").is_dir():
        sets = {root.name: root}
    if not sets:
        require_files(root, ["colon/images", "colon/trainval.txt", "colon/test_WithLabel.txt"], ABOUT)
    origin = provenance(root, ABOUT)
    for name, folder in sets.items():
        require_files(folder, ["trainval.txt"], ABOUT)
        parts = {split: {row.name for row in _rows(folder / table, name)} for split, table in
                 zip(("train", "val"), _LISTS, strict=True) if (folder / table).exists()}  # fmt: skip
        for row in _rows(folder / "trainval.txt", name):
            split = next((part for part, names in parts.items() if row.name in names), "train" if not parts else "")
            yield Sample(_study(folder, name, row, origin), split)
        for row in _rows(folder / "test_WithLabel.txt", name) if (folder / "test_WithLabel.txt").exists() else ():
            yield Sample(_study(folder, name, row, origin), "test")


def _rows(table: Path, kind: str) -> Iterator[_Row]:
    with table.open(encoding="utf-8") as file:
        for number, line in enumerate(file, start=1):
            name, _, flags = line.strip().rpartition(" ")
            cells = flags.split(",")
            if not line.strip():
                continue
            if len(cells) != len(LABELS[kind]) or not set(cells) <= {"0", "1"} or not name:
                raise DataError(
                    f"{table}, line {number}: {line.strip()!r}; expected a file and {len(LABELS[kind])} flags"
                )
            yield _Row(name, tuple(int(cell) for cell in cells))


def few_shot(folder: Path, *, shots: int, experiment: int, part: str = "train") -> tuple[str, ...]:
    """Return the file names of a few-shot experiment, 1 to 5, of a set's folder; `part` is "train" or "val"."""
    table = folder / f"{folder.name}_{shots}-shot_{part}_exp{experiment}.txt"
    if not table.exists():
        raise DataError(f"{table}: no such experiment; the release has 1, 5 and 10 shots, experiments 1 to 5")
    return tuple(line.split()[0] for line in table.read_text(encoding="utf-8").splitlines() if line.strip())


def _study(folder: Path, kind: str, row: _Row, origin: Provenance) -> Study:
    modality, part = _MODALITY[kind]
    path = below(folder, f"images/{row.name}")
    image = described(path, like=Image(id="image", path="", modality=modality, body_part=part))
    shown = [name for name, flag in zip(LABELS[kind], row.flags, strict=True) if flag]
    stem = f"{kind}_{path.stem}"
    patient = stem if kind == "chest" else f"{kind}_{path.stem.partition('_')[0]}"
    findings = closed(shown, LABELS[kind], source="label file")
    return Study(id=stem, patient=patient, images=(image,), findings=findings, provenance=origin)


def write(corpus: Corpus, root: Path) -> list[Sample]:
    """Write ColonPath and ChestDR with all lists and a one-shot experiment."""
    numbers, tests, validated = patient_numbers(corpus), studies_of(corpus, "test"), studies_of(corpus, "val")
    made: list[Sample] = []
    for kind, modality in (("colon", "SM"), ("chest", "DX")):
        rows: dict[str, list[_Row]] = {"train": [], "val": [], "test": []}
        for place, study in enumerate(sorted(corpus, key=lambda study: study.id)):
            image = next(one for one in study.images if one.modality == modality)
            shown = set(present(study)) | (
                {"colorectal_tumour"} if "colorectal_adenocarcinoma" in present(study) else set()
            )
            row = _Row(f"{numbers[study.patient]:04d}_{20200101 + place}_{place}.png",
                       tuple(int(name in shown) for name in LABELS[kind]))  # fmt: skip
            values = pixels(corpus, image)
            eight = values if values.dtype == "uint8" else (values.astype("float64") / 257).astype("uint8")
            save_picture(root / kind / "images" / row.name, eight)
            rows["test" if study.id in tests else "val" if study.id in validated else "train"].append(row)
        _write_lists(root / kind, kind, rows)
        made += [
            Sample(_study(root / kind, kind, row, virtual_origin(ABOUT)), part) for part in rows for row in rows[part]
        ]
    return made


def _write_lists(folder: Path, kind: str, rows: dict[str, list[_Row]]) -> None:
    lists = {
        "trainval.txt": rows["train"] + rows["val"], "train_20.txt": rows["train"], "val_20.txt": rows["val"],
        "test_WithLabel.txt": rows["test"], f"{kind}_1-shot_train_exp1.txt": rows["train"][:1],
    }  # fmt: skip
    for name, chosen in lists.items():
        text = "".join(f"{row.name} {','.join(map(str, row.flags))}\n" for row in chosen)
        (folder / name).write_text(text, encoding="utf-8")
