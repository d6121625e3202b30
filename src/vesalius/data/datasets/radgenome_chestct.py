"""RadGenome-ChestCT: sentences of CT-RATE's reports by region, with masks of ten regions of the chest.

A study is a volume; rows without a region are of the whole scan. Regions are called as the release calls them,
"trachea and bronchie" with its slip is "trachea and bronchi" here. Masks lie in a folder of the volume's name, one
file a region, on the grid of the volume in `*_preprocessed` and not on that of CT-RATE. Archives that were split
(``train_anatomy_mask_aa`` and so on) are to be joined and unpacked first: a folder that still holds them says so.
Volumes that are not here are left out.
"""

from __future__ import annotations

import warnings
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np

from vesalius.data.corpus import Corpus
from vesalius.data.datasets._labels import rows_of, write_rows
from vesalius.data.datasets._virtual import label_map, pixels, studies_of
from vesalius.data.datasets._volumes import volume, write_volume
from vesalius.data.datasets.base import About, Sample, Twin, provenance, require_files, virtual_origin
from vesalius.data.records import Dialogue, Image, Provenance, Region, Study, Text, Turn
from vesalius.errors import DataError

__all__ = ["ABOUT", "TWIN", "read", "write"]

ABOUT = About(
    title="RadGenome-ChestCT", slug="radgenome_chestct", licence="CC BY-NC-SA 4.0",
    access="Accept its terms on the hub with your account and download the tables, volumes and masks",
    home="https://huggingface.co/datasets/RadGenome/RadGenome-ChestCT",
)  # fmt: skip
TWIN = Twin(preset="chest-ct", image_size=24)

_PARTS = {"train": "train", "validation": "valid"}
"""Word for a part in the tables, and in the folders."""
_SPELT = {"trachea and bronchie": "trachea and bronchi", "esophagus": "oesophagus"}
_QUESTIONS = ("vqa_abnormality", "vqa_location", "vqa_presence", "vqa_size")
_COLUMNS = ("Volumename", "Anatomy", "Sentence")
_VIRTUAL = {
    "heart": ["heart"], "lung": ["right upper lobe", "right middle lobe", "right lower lobe", "left upper lobe",
                                 "left lower lobe"], "trachea and bronchie": ["trachea"],
}  # fmt: skip


def read(root: Path) -> Iterator[Sample]:
    """Yield the volumes in the order of the tables of sentences, "train" before "valid"."""
    base = next((place for place in (root / "dataset", root) if (place / "radgenome_files").is_dir()), root)
    tables = {word: base / "radgenome_files" / f"{word}_region_report.csv" for word in _PARTS}
    if not any(table.exists() for table in tables.values()):
        require_files(base, [table.relative_to(base).as_posix() for table in tables.values()], ABOUT)
    origin = provenance(root, ABOUT)
    for word, part in _PARTS.items():
        if tables[word].exists():
            _refuse_split_archives(base, part)
            for study in _part(base, word, tables[word], origin):
                yield Sample(study, part)


def _refuse_split_archives(base: Path, part: str) -> None:
    pieces = sorted(base.glob(f"**/{part}_*_mask_a[a-z]"))
    if pieces and not (base / f"{part}_region_mask").is_dir():
        stem = pieces[0].name[:-3]
        raise DataError(f"{pieces[0]}: a piece of an archive; join them with cat {stem}_* > {stem}.tar and unpack it")


def _part(base: Path, word: str, table: Path, origin: Provenance) -> Iterator[Study]:
    sentences: dict[str, list[tuple[str, str]]] = defaultdict(list)
    for _, row in rows_of(table, needs=_COLUMNS):
        sentences[row["Volumename"]].append((row["Anatomy"].strip(), row["Sentence"].strip()))
    questions = _questions(base, word)
    missing = 0
    for name, rows in sentences.items():
        path = _volume(base, _PARTS[word], name)
        if path is None:
            missing += 1
        else:
            yield _study(base, _PARTS[word], path, rows, questions.get(_stem(name), ()), origin)
    if missing == len(sentences):
        raise DataError(f"{table}: none of its {missing} volumes is below {_PARTS[word]}_preprocessed; download some")
    if missing:
        warnings.warn(f"{table}: {missing} of {len(sentences)} volumes are not here and are left out", stacklevel=3)


def _stem(name: str) -> str:
    return name.removesuffix(".gz").removesuffix(".nii")


def _volume(base: Path, part: str, name: str) -> Path | None:
    """Find a volume: ``train_1/train_1a/train_1_a_1.nii.gz``, without an underscore before the letter."""
    stem = _stem(name)
    scan = stem.rpartition("_")[0]
    patient, _, letter = scan.rpartition("_")
    top = base / f"{part}_preprocessed" / patient
    places = [top / folder / f"{stem}.nii.gz" for folder in (f"{patient}{letter}", scan)]
    return next((path for path in places if path.is_file()), None)


def _questions(base: Path, word: str) -> Mapping[str, Sequence[tuple[str, str]]]:
    """Return question and answer by volume, from the tables that are there."""
    found: dict[str, list[tuple[str, str]]] = defaultdict(list)
    for kind in _QUESTIONS:
        table = base / "radgenome_files" / f"{word}_{kind}.csv"
        if table.exists():
            for _, row in rows_of(table, needs=["Volumename", "Question", "Answer"]):
                found[_stem(row["Volumename"])].append((row["Question"].strip(), row["Answer"].strip()))
    return found


def _study(
    base: Path, part: str, path: Path, rows: Sequence[tuple[str, str]], asked: Sequence[tuple[str, str]],
    origin: Provenance,
) -> Study:  # fmt: skip
    name = _stem(path.name)
    image = volume(path, like=Image(id="ct", path="", modality="CT", units="HU", body_part="CHEST"))
    folder = base / f"{part}_region_mask" / f"seg_{name}"
    folder = folder if folder.is_dir() else folder.with_name(name)
    masks = sorted(folder.glob("*.nii.gz"))
    regions = tuple(
        Region(image="ct", kind="mask", mask=str(mask), anatomy=_SPELT.get(_stem(mask.name), _stem(mask.name)))
        for mask in masks
    )
    texts = [Text(text=" ".join(text for _, text in rows if text), role="findings")]
    texts += [Text(text=f"{_SPELT.get(where, where)}: {text}", role="note") for where, text in rows if where and text]
    dialogues = tuple(
        Dialogue(id=f"{name}_{number}", answer=answer, answer_type="open", source="RadGenome-ChestCT",
                 turns=(Turn(role="user", text=question, images=("ct",)), Turn(role="assistant", text=answer)))
        for number, (question, answer) in enumerate(asked)
    )  # fmt: skip
    patient = "_".join(name.split("_")[:2])
    return Study(
        id=name, patient=patient, images=(image,), regions=regions, texts=tuple(text for text in texts if text.text),
        dialogues=dialogues, provenance=origin,
    )  # fmt: skip


def write(corpus: Corpus, root: Path) -> list[Sample]:
    """Write volumes with masks of three regions, of which one has no sentence, and a question each."""
    tests = studies_of(corpus, "test")
    rows: dict[str, list[tuple[str, str, str]]] = {word: [] for word in _PARTS}
    asked: dict[str, list[tuple[str, str, str]]] = {word: [] for word in _PARTS}
    made: list[tuple[str, Path, list[tuple[str, str]], list[tuple[str, str]]]] = []
    for number, study in enumerate(sorted(corpus, key=lambda study: (study.id in tests, study.id)), start=1):
        word = "validation" if study.id in tests else "train"
        part, name = _PARTS[word], f"{_PARTS[word]}_{number}_a_1"
        path = root / f"{part}_preprocessed" / f"{part}_{number}" / f"{part}_{number}a" / f"{name}.nii.gz"
        write_volume(path, pixels(corpus, study.images[0]).astype(np.int16), like=study.images[0])
        for region, names in _VIRTUAL.items():
            values = label_map(corpus, study, {1: names}, image=study.images[0])
            write_volume(
                root / f"{part}_region_mask" / f"seg_{name}" / f"{region}.nii.gz", values, like=study.images[0]
            )
        own = [
            ("lung", study.text("findings")),
            ("", study.text("impression")),
            ("trachea and bronchie", "They are open."),
        ]
        pair = ("Is there an abnormality of the lung?", "yes" if number % 2 else "no")
        rows[word] += [(f"{name}.nii.gz", where, text) for where, text in own]
        asked[word].append((f"{name}.nii.gz", *pair))
        made.append((part, path, own, [pair]))
    for word in _PARTS:
        if rows[word]:
            write_rows(root / "radgenome_files" / f"{word}_region_report.csv", _COLUMNS, rows[word])
            header = ("Volumename", "Question", "Answer")
            write_rows(root / "radgenome_files" / f"{word}_vqa_presence.csv", header, asked[word])
    origin = virtual_origin(ABOUT)
    return [Sample(_study(root, part, path, own, pairs, origin), part) for part, path, own, pairs in made]
