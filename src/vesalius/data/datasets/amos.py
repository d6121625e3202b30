"""AMOS22: abdominal CT and MR with fifteen organs; labels of the test volumes are kept back.

`dataset.json` lists the three parts and names the labels; one of them is spelt "arota" there and is the aorta here.
Numbers above 500 are MR. Age and sex come from the table of metadata where it is there.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from vesalius.data.corpus import Corpus
from vesalius.data.datasets._labels import rows_of, write_rows
from vesalius.data.datasets._organs import listed, structure_of, value_regions, virtual_names, write_case
from vesalius.data.datasets._virtual import studies_of
from vesalius.data.datasets._volumes import volume
from vesalius.data.datasets.base import About, Sample, Twin, provenance, require_files, virtual_origin
from vesalius.data.formats.nnunet import describe, load_json
from vesalius.data.records import Image, Provenance, Study
from vesalius.errors import DataError

__all__ = ["ABOUT", "TWIN", "read", "write"]

ABOUT = About(
    title="AMOS22", slug="amos", licence="CC BY 4.0",
    access="It is open: download amos22.zip from Zenodo and unpack it",
    home="https://zenodo.org/records/7262581",
)  # fmt: skip
TWIN = Twin(preset="abdomen-ct", image_size=32)

_LABELS = (
    "background", "spleen", "right kidney", "left kidney", "gall bladder", "esophagus", "liver", "stomach", "arota",
    "postcava", "pancreas", "right adrenal gland", "left adrenal gland", "duodenum", "bladder", "prostate/uterus",
)  # fmt: skip
_PARTS = {"training": "train", "validation": "val", "test": "test"}
_FIRST_MR = 501
_TABLE = "labeled_data_meta_0000_0599.csv"
_SEX, _AGE, _MAKER = "Patient's Sex", "Patient's Age", "Manufacturer"


def read(root: Path) -> Iterator[Sample]:
    """Yield the volumes in the order of `dataset.json`."""
    base = root / "amos22" if (root / "amos22").is_dir() else root
    require_files(base, ["dataset.json"], ABOUT)
    where = base / "dataset.json"
    document, origin = load_json(where), provenance(root, ABOUT)
    values = {value: structure_of(name) for name, (value,) in describe(base).labels}
    people = {int(row["amos_id"]): row for _, row in rows_of(base / _TABLE, needs=["amos_id"])} if (
        base / _TABLE
    ).exists() else {}  # fmt: skip
    for key, split in _PARTS.items():
        for path, label in listed(base, document, key, where=where):
            yield Sample(_study(path, label, values, people, origin), split)


def _study(
    path: Path, label: Path | None, values: Mapping[int, str], people: Mapping[int, Mapping[str, str]],
    origin: Provenance,
) -> Study:  # fmt: skip
    found = re.fullmatch(r"amos_(\d{4})\.nii\.gz", path.name)
    if found is None:
        raise DataError(f"{path}: expected a name such as amos_0001.nii.gz")
    number = int(found[1])
    modality = "MR" if number >= _FIRST_MR else "CT"
    like = Image(id="volume", path="", modality=modality, units="HU" if modality == "CT" else "stored")
    about = people.get(number, {})
    age = re.search(r"\d+", about.get(_AGE, ""))
    sex = about.get(_SEX, "")
    return Study(
        id=f"amos_{found[1]}", patient=f"amos_{found[1]}", images=(volume(path, like=like),),
        regions=() if label is None else value_regions(label, values, image="volume"),
        age_years=float(age[0]) if age else None, sex="F" if sex == "F" else "M" if sex == "M" else "",
        site=about.get(_MAKER, ""), provenance=origin,
    )  # fmt: skip


def write(corpus: Corpus, root: Path) -> list[Sample]:
    """Write the three parts with their list; every third volume has a number of MR (it is a CT all the same)."""
    values = {value: virtual_names(structure_of(name)) for value, name in enumerate(_LABELS) if value}
    stated = {value: structure_of(name) for value, name in enumerate(_LABELS) if value}
    tests, validated = studies_of(corpus, "test"), studies_of(corpus, "val")
    lists: dict[str, list[dict[str, str]]] = {key: [] for key in _PARTS}
    rows, made = [], []
    for place, study in enumerate(sorted(corpus, key=lambda study: study.id), start=1):
        key = "test" if study.id in tests else "validation" if study.id in validated else "training"
        number = place + (_FIRST_MR - 1 if place % 3 == 0 else 0)
        end = {"training": "Tr", "validation": "Va", "test": "Ts"}[key]
        path = root / f"images{end}" / f"amos_{number:04d}.nii.gz"
        label = None if key == "test" else root / f"labels{end}" / path.name
        write_case(corpus, study, study.images[0], values, path=path, label=label)
        entry = {"image": f"./images{end}/{path.name}"}
        lists[key].append(entry | ({"label": f"./labels{end}/{path.name}"} if label else {}))
        rows.append((str(number), study.sex, f"{int(study.age_years or 0):03d}Y", study.site))
        made.append((key, path, label, rows[-1]))
    write_rows(root / _TABLE, ("amos_id", _SEX, _AGE, _MAKER), rows)
    document = {
        "name": "AMOS", "description": "VIRTUAL twin", "tensorImageSize": "3D",
        "modality": {"0": "CT"}, "labels": {str(value): name for value, name in enumerate(_LABELS)}, **lists,
    }  # fmt: skip
    (root / "dataset.json").write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")
    people = {int(row[0]): {_SEX: row[1], _AGE: row[2], _MAKER: row[3]} for row in rows}
    order = {key: place for place, key in enumerate(_PARTS)}
    made.sort(key=lambda item: order[item[0]])
    origin = virtual_origin(ABOUT)
    return [Sample(_study(path, label, stated, people, origin), _PARTS[key]) for key, path, label, _ in made]
