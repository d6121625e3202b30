"""ISIC challenges of 2018 (masks), 2019 (eight classes) and 2020 (melanoma or not), as far as they are there.

2018 task 1 gives masks of lesions; its table of task 3 is HAM10000 and is read by that name. 2019 contains HAM10000
and BCN: never train on the one and test on the other. In 2019 a lesion is the patient where the metadata name one,
in 2020 the patient is. Rows are one-hot; the class UNK states nothing. The test part of 2019 has labels where its
table is there.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np

from vesalius.data.corpus import Corpus
from vesalius.data.datasets._labels import closed, rows_of, write_rows
from vesalius.data.datasets._paths import first_of
from vesalius.data.datasets._rasters import described, save_picture
from vesalius.data.datasets._virtual import masks, pixels, present, studies_of, union
from vesalius.data.datasets.base import About, Sample, Twin, provenance, require_files, virtual_origin
from vesalius.data.records import Finding, Image, Provenance, Region, Study
from vesalius.errors import DataError

__all__ = ["ABOUT", "CLASSES", "TWIN", "read", "write"]

ABOUT = About(
    title="ISIC challenges 2018 to 2020", slug="isic", licence="CC BY-NC 4.0; CC0 in part",
    access="It is open: download images, ground truth and metadata of the year from the ISIC archive",
    home="https://challenge.isic-archive.com/data/",
)  # fmt: skip
TWIN = Twin(preset="dermatoscopy", settings=("normal=0",), image_size=64)

CLASSES = {
    "MEL": "melanoma", "NV": "melanocytic_naevus", "BCC": "basal_cell_carcinoma", "AK": "actinic_keratosis",
    "BKL": "benign_keratosis", "DF": "dermatofibroma", "VASC": "vascular_skin_lesion",
    "SCC": "skin_squamous_cell_carcinoma",
}  # fmt: skip
"""Classes of 2019 and our names."""
_UNKNOWN = "UNK"
_VIRTUAL = {"seborrhoeic_keratosis": "BKL"}
_PARTS_2018 = {"Training": "train", "Validation": "val", "Test": "test"}
_PARTS_2019 = {"Training": "train", "Test": "test"}


class _Person(NamedTuple):
    """What a table of metadata states of a picture."""

    patient: str
    age_years: float | None
    sex: Literal["F", "M", ""]


def read(root: Path) -> Iterator[Sample]:
    """Yield 2018 (task 1), 2019 and 2020, each in the order of its files."""
    origin, any_year = provenance(root, ABOUT), False
    for year in (_read_2018, _read_2019, _read_2020):
        for sample in year(root, origin):
            any_year = True
            yield sample
    if not any_year:
        require_files(root, ["ISIC_2019_Training_GroundTruth.csv", "ISIC_2019_Training_Input"], ABOUT)


def _read_2018(root: Path, origin: Provenance) -> Iterator[Sample]:
    for part, split in _PARTS_2018.items():
        for path in sorted((root / f"ISIC2018_Task1-2_{part}_Input").glob("*.jpg")):
            yield Sample(_segmented(root, part, path, origin), split)


def _segmented(root: Path, part: str, path: Path, origin: Provenance) -> Study:
    folder = first_of(root, f"ISIC2018_Task1_{part}_GroundTruth", f"ISIC2018_Task1_{part}_GroundTruth/masks")
    mask = folder / f"{path.stem}_segmentation.png"
    regions: tuple[Region, ...] = ()
    if mask.exists():
        regions = (Region(image="lesion", kind="mask", mask=str(mask), mask_value=255, anatomy="skin lesion"),)
    elif part == "Training":
        raise DataError(f"{path}: no mask {mask}; unpack the archive again")
    return Study(
        id=f"2018_{path.stem}", patient=path.stem, images=(_image(path),), regions=regions, provenance=origin
    )


def _image(path: Path) -> Image:
    like = Image(id="lesion", path="", modality="XC", view="dermatoscopic", body_part="SKIN")
    return described(path, like=like)


def _read_2019(root: Path, origin: Provenance) -> Iterator[Sample]:
    for part, split in _PARTS_2019.items():
        table = root / f"ISIC_2019_{part}_GroundTruth.csv"
        if not table.exists():
            continue
        people = _people(root / f"ISIC_2019_{part}_Metadata.csv")
        for line, row in rows_of(table, needs=["image", *CLASSES]):
            chosen = [name for name in (*CLASSES, _UNKNOWN) if float(row.get(name) or 0) == 1]
            if len(chosen) != 1:
                raise DataError(f"{table}, line {line}: classes {chosen}; expected exactly one 1.0 in the row")
            path = root / f"ISIC_2019_{part}_Input" / f"{row['image']}.jpg"
            yield Sample(_classified(path, chosen[0], people.get(row["image"]), origin), split)


def _people(table: Path) -> dict[str, _Person]:
    if not table.exists():
        return {}
    return {row["image"]: _person(row, row.get("lesion_id", "")) for _, row in rows_of(table, needs=["image"])}


def _person(row: Mapping[str, str], patient: str) -> _Person:
    age, sex = row.get("age_approx", ""), row.get("sex", "")
    return _Person(
        patient, float(age) if age and age != "NA" else None, "F" if sex == "female" else "M" if sex == "male" else ""
    )


def _classified(path: Path, name: str, person: _Person | None, origin: Provenance) -> Study:
    who = person or _Person("", None, "")
    findings: tuple[Finding, ...] = ()
    if name != _UNKNOWN:
        findings = closed([CLASSES[name]], CLASSES.values(), source="label file")[:-1]
    stem = path.stem.removesuffix("_downsampled")
    return Study(
        id=f"2019_{stem}", patient=who.patient or stem, images=(_image(path),), findings=findings,
        age_years=who.age_years, sex=who.sex, provenance=origin,
    )  # fmt: skip


def _read_2020(root: Path, origin: Provenance) -> Iterator[Sample]:
    table = first_of(root, "ISIC_2020_Training_GroundTruth_v2.csv", "ISIC_2020_Training_GroundTruth.csv")
    if table.exists():
        for line, row in rows_of(table, needs=["image_name", "patient_id", "target"]):
            if row["target"] not in ("0", "1"):
                raise DataError(f"{table}, line {line}: target {row['target']!r}; expected 0 or 1")
            folder = first_of(root, "ISIC_2020_Training_Input", "ISIC_2020_Training_JPEG/train", "train")
            yield Sample(_binary(folder / f"{row['image_name']}.jpg", row, origin), "train")


def _binary(path: Path, row: Mapping[str, str], origin: Provenance) -> Study:
    who = _person(row, row["patient_id"])
    status: Literal["present", "absent"] = "present" if row["target"] == "1" else "absent"
    return Study(
        id=f"2020_{path.stem}", patient=who.patient or path.stem, images=(_image(path),), age_years=who.age_years,
        sex=who.sex, findings=(Finding(concept="melanoma", status=status, source="label file"),), provenance=origin,
    )  # fmt: skip


def write(corpus: Corpus, root: Path) -> list[Sample]:
    """Write each picture in all three years; every third name of 2019 ends in _downsampled, and one row is UNK."""
    tests, studies = studies_of(corpus, "test"), sorted(corpus, key=lambda study: study.id)
    made, origin = [], virtual_origin(ABOUT)
    for place, study in enumerate(studies):
        path = root / "ISIC2018_Task1-2_Training_Input" / f"ISIC_9{place:06d}.jpg"
        save_picture(path, pixels(corpus, study.images[0]))
        mask = np.where(union(corpus, masks(study, anatomy=["skin lesion"]), study.images[0].shape), 255, 0)
        name = f"{path.stem}_segmentation.png"
        save_picture(root / "ISIC2018_Task1_Training_GroundTruth" / name, mask.astype(np.uint8))
        made.append(Sample(_segmented(root, "Training", path, origin), "train"))
    for part, split in _PARTS_2019.items():
        chosen = [(place, study) for place, study in enumerate(studies) if (study.id in tests) == (part == "Test")]
        made += [Sample(study, split) for study in _write_2019(corpus, root, part, chosen)]
    return made + [Sample(study, "train") for study in _write_2020(corpus, root, studies)]


def _write_2019(corpus: Corpus, root: Path, part: str, chosen: list[tuple[int, Study]]) -> Iterator[Study]:
    ours = {name: key for key, name in CLASSES.items()} | _VIRTUAL
    rows, people = [], []
    for place, study in chosen:
        label = next((ours[concept] for concept in present(study) if concept in ours), "NV")
        label = _UNKNOWN if place == 4 else label
        name = f"ISIC_8{place:06d}{'_downsampled' if place % 3 == 0 else ''}"
        path = root / f"ISIC_2019_{part}_Input" / f"{name}.jpg"
        save_picture(path, pixels(corpus, study.images[0]))
        rows.append([name, *(f"{float(key == label):.1f}" for key in (*CLASSES, _UNKNOWN))])
        lesion, sex = f"BCN_9{place // 2:06d}", {"F": "female", "M": "male"}[study.sex]
        people.append((name, f"{study.age_years or 0:.1f}", "anterior torso", lesion, sex))
        yield _classified(path, label, _Person(lesion, float(study.age_years or 0), study.sex), virtual_origin(ABOUT))  # type: ignore[arg-type]
    if chosen:
        write_rows(root / f"ISIC_2019_{part}_GroundTruth.csv", ("image", *CLASSES, _UNKNOWN), rows)
        header = ("image", "age_approx", "anatom_site_general", "lesion_id", "sex")
        write_rows(root / f"ISIC_2019_{part}_Metadata.csv", header, people)


def _write_2020(corpus: Corpus, root: Path, studies: list[Study]) -> Iterator[Study]:
    header = ("image_name", "patient_id", "lesion_id", "sex", "age_approx", "target")
    rows = []
    for place, study in enumerate(studies):
        path = root / "ISIC_2020_Training_Input" / f"ISIC_7{place:06d}.jpg"
        save_picture(path, pixels(corpus, study.images[0]))
        sex = {"F": "female", "M": "male"}[study.sex]
        row = (path.stem, f"IP_9{place // 2:06d}", f"IL_9{place:06d}", sex, f"{study.age_years or 0:.1f}",
               str(int("melanoma" in present(study))))  # fmt: skip
        rows.append(row)
        yield _binary(path, dict(zip(header, row, strict=True)), virtual_origin(ABOUT))
    write_rows(root / "ISIC_2020_Training_GroundTruth_v2.csv", header, rows)
