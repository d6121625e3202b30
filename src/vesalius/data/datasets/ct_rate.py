"""CT-RATE: chest CT with reports in English, 18 labels taken from them by a classifier, and several reconstructions.

A study is a scan (``train_1_a``), its images are the reconstructions that are on the disk; scans of which none is
there are left out with a warning, because few people have all of it. Files of the repaired release
(``train_fixed``) state their geometry and Hounsfield values; where only the first release is there, spacing,
position and direction come from the metadata table, because those headers are blank or wrong, and the rescale slope
and intercept that are still to be applied are measurements of the image. Scans listed in ``no_chest_*.txt`` are
dropped. The release has no third part: "valid" is what papers test on.
"""

from __future__ import annotations

import json
import re
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import groupby
from pathlib import Path

import numpy as np

from vesalius.data.corpus import Corpus
from vesalius.data.datasets._labels import closed, rows_of, write_rows
from vesalius.data.datasets._paths import first_of
from vesalius.data.datasets._virtual import patient_numbers, pixels, present, studies_of
from vesalius.data.datasets._volumes import volume, write_volume
from vesalius.data.datasets.base import About, Sample, Twin, provenance, require_files, virtual_origin
from vesalius.data.records import Image, Measurement, Provenance, Study, Text
from vesalius.errors import DataError

__all__ = ["ABOUT", "LABELS", "TWIN", "read", "write"]

ABOUT = About(
    title="CT-RATE", slug="ct_rate", licence="CC BY-NC-SA 4.0",
    access="Accept its terms on the hub with your account, then download the folder `dataset`",
    home="https://huggingface.co/datasets/ibrahimhamamci/CT-RATE",
)  # fmt: skip
TWIN = Twin(preset="chest-ct", settings=("follow_up.share=0.4", "follow_up.visits=2"), image_size=24)

LABELS = {
    "Medical material": "medical_material", "Arterial wall calcification": "arterial_wall_calcification",
    "Cardiomegaly": "cardiomegaly", "Pericardial effusion": "pericardial_effusion",
    "Coronary artery wall calcification": "coronary_artery_wall_calcification", "Hiatal hernia": "hiatal_hernia",
    "Lymphadenopathy": "lymphadenopathy", "Emphysema": "emphysema", "Atelectasis": "atelectasis",
    "Lung nodule": "lung_nodule", "Lung opacity": "lung_opacity",
    "Pulmonary fibrotic sequela": "pulmonary_fibrotic_sequela", "Pleural effusion": "pleural_effusion",
    "Mosaic attenuation pattern": "mosaic_attenuation_pattern",
    "Peribronchial thickening": "peribronchial_thickening", "Consolidation": "consolidation",
    "Bronchiectasis": "bronchiectasis", "Interlobular septal thickening": "interlobular_septal_thickening",
}  # fmt: skip
"""The release's names and ours, in the order of its table."""
_VIRTUAL = {
    "lung_opacity": ("ground_glass", "consolidation", "lung_mass"), "pulmonary_fibrotic_sequela": ("fibrosis",),
    "medical_material": ("central_venous_catheter", "pacemaker", "chest_drain", "endotracheal_tube", "feeding_tube"),
    "lung_nodule": ("lung_nodule", "lung_metastases", "granuloma"),
}  # fmt: skip
"""What stands for a label in virtual patients, where it is not the finding of that name."""
_PARTS = {"train": "train", "valid": "validation"}
"""Word for a part in the names of volumes and labels, and in those of reports and metadata."""
_NAME = re.compile(r"\w+_(\d+)_(\w+)_(\d+)\.nii\.gz")
_NOT_GIVEN = "Not given."
_SLOPE, _INTERCEPT = "rescale slope", "rescale intercept"
_REPORT = ("VolumeName", "ClinicalInformation_EN", "Technique_EN", "Findings_EN", "Impressions_EN")
_METADATA = (
    "VolumeName", "Manufacturer", "SeriesDescription", "PatientSex", "PatientAge", "RescaleIntercept", "RescaleSlope",
    "ImagePositionPatient", "ImageOrientationPatient", "NumberofSlices", "XYSpacing", "ZSpacing", "StudyDate",
)  # fmt: skip


@dataclass(frozen=True)
class _Tables:
    """What a part states, by volume name without its ending; metadata of the first release's headers."""

    labels: Mapping[str, tuple[str, ...]]
    metadata: Mapping[str, Mapping[str, str]]
    dropped: frozenset[str]


def read(root: Path) -> Iterator[Sample]:
    """Yield the scans of which a volume is there, "train" before "valid", in the order of the table of reports."""
    base = root / "dataset" if (root / "dataset").is_dir() else root
    parts = [part for part, word in _PARTS.items() if _reports(base, word).exists()]
    if not parts:
        require_files(base, [_reports(base, word).relative_to(base).as_posix() for word in _PARTS.values()], ABOUT)
    require_files(base, [f"multi_abnormality_labels/{part}_predicted_labels.csv" for part in parts], ABOUT)
    origin, listed, found = provenance(root, ABOUT), 0, 0
    for part in parts:
        tables = _tables(base, part)
        rows = (row for _, row in rows_of(_reports(base, _PARTS[part]), needs=_REPORT))
        for _, reports in groupby(rows, key=lambda row: row["VolumeName"].rpartition("_")[0]):
            kept = [row for row in reports if not _dropped(row["VolumeName"], tables)]
            there = [(row, place) for row in kept if (place := _file(base, part, row["VolumeName"])) is not None]
            listed, found = listed + len(kept), found + len(there)
            if there:
                yield Sample(_study(there, tables, origin), part)
    if listed and not found:
        raise DataError(f"{base}: none of the {listed} volumes of the tables is here; download some of them")
    if found < listed:
        warnings.warn(f"{base}: {listed - found} of {listed} volumes are not here and are left out", stacklevel=2)


def _reports(base: Path, word: str) -> Path:
    return base / "radiology_text_reports" / f"{word}_reports.csv"


def _tables(base: Path, part: str) -> _Tables:
    labels, metadata = {}, {}
    for _, row in rows_of(
        base / "multi_abnormality_labels" / f"{part}_predicted_labels.csv", needs=["VolumeName", *LABELS]
    ):
        labels[_stem(row["VolumeName"])] = tuple(name for key, name in LABELS.items() if float(row[key] or 0) == 1)
    table = base / "metadata" / f"{_PARTS[part]}_metadata.csv"
    if table.exists():
        metadata = {_stem(row["VolumeName"]): row for _, row in rows_of(table, needs=["VolumeName"])}
    path = first_of(base / "metadata", f"no_chest_{part}.txt", f"no_chest_{_PARTS[part]}.txt")
    dropped = path.read_text(encoding="utf-8").split() if path.exists() else []
    return _Tables(labels, metadata, frozenset(_stem(name) for name in dropped))


def _stem(name: str) -> str:
    """Volume name as tables write it, with or without its ending."""
    return name.removesuffix(".gz").removesuffix(".nii")


def _dropped(name: str, tables: _Tables) -> bool:
    return _stem(name) in tables.dropped or _stem(name).rpartition("_")[0] in tables.dropped


def _file(base: Path, part: str, name: str) -> Path | None:
    """Return the repaired file, else that of the first release, else None."""
    if not _NAME.fullmatch(name):
        raise DataError(
            f"{_reports(base, _PARTS[part])}: volume {name!r}; expected a name such as train_1_a_1.nii.gz"
        )
    scan = _stem(name).rpartition("_")[0]
    places = [base / folder / scan.rpartition("_")[0] / scan / name for folder in (f"{part}_fixed", part)]
    return next((path for path in places if path.is_file()), None)


def _study(rows: list[tuple[dict[str, str], Path]], tables: _Tables, origin: Provenance) -> Study:
    first = rows[0][0]
    scan = _stem(first["VolumeName"]).rpartition("_")[0]
    about = tables.metadata.get(_stem(first["VolumeName"]), {})
    images, measured = [], []
    for row, path in rows:
        image, values = _image(path, tables.metadata.get(_stem(row["VolumeName"]), {}))
        images.append(image)
        measured += values
    if _stem(first["VolumeName"]) not in tables.labels:
        raise DataError(f"{rows[0][1]}: no row of the table of labels names this volume")
    age, sex = re.fullmatch(r"(\d+)Y", about.get("PatientAge", "")), about.get("PatientSex", "")
    return Study(
        id=scan, patient=scan.rpartition("_")[0], images=tuple(images), texts=tuple(_texts(first)),
        findings=closed(tables.labels[_stem(first["VolumeName"])], LABELS.values(), source="report classifier"),
        measurements=tuple(measured), age_years=float(age[1]) if age else None,
        sex="F" if sex == "F" else "M" if sex == "M" else "", site=about.get("Manufacturer", ""), provenance=origin,
    )  # fmt: skip


def _texts(row: Mapping[str, str]) -> Iterator[Text]:
    for key, role in (("ClinicalInformation_EN", "indication"), ("Technique_EN", "note"), ("Findings_EN", "findings"),
                      ("Impressions_EN", "impression")):  # fmt: skip
        text = row[key].strip()
        if text and text != _NOT_GIVEN:
            yield Text(text=text, role=role)  # type: ignore[arg-type]


def _image(path: Path, row: Mapping[str, str]) -> tuple[Image, list[Measurement]]:
    name = _stem(path.name).rpartition("_")[2]
    image = volume(path, like=Image(id=name, path="", modality="CT", units="HU", body_part="CHEST"))
    image = replace(image, sequence=row.get("SeriesDescription", ""))
    if path.parents[2].name.endswith("_fixed"):
        return image, []
    slope, intercept = (
        float(row.get(key) or default) for key, default in (("RescaleSlope", 1), ("RescaleIntercept", 0))
    )
    unscaled = (slope, intercept) != (1.0, 0.0)
    if not row:
        return replace(image, units="stored", spacing_mm=(), orientation=(), origin_mm=()), []
    image = _placed(replace(image, units="stored" if unscaled else "HU"), row)
    measured = [(_SLOPE, slope), (_INTERCEPT, intercept)] if unscaled else []
    return image, [
        Measurement(name=key, value=value, unit="1", image=name, source="metadata table") for key, value in measured
    ]


def _placed(image: Image, row: Mapping[str, str]) -> Image:
    """Return the image with the geometry that the metadata table states: z is across the rows and columns."""
    try:
        plane = [float(value) for value in json.loads(row["XYSpacing"].replace("'", ""))]
        origin = [float(value) for value in json.loads(row["ImagePositionPatient"].replace("'", ""))]
        cosines = [float(value) for value in json.loads(row["ImageOrientationPatient"].replace("'", ""))]
        step = float(row["ZSpacing"])
    except (KeyError, ValueError, TypeError) as error:
        raise DataError(
            f"{image.path}: its row of the metadata table has no geometry that can be read: {error}"
        ) from None
    normal = np.cross(cosines[:3], cosines[3:])
    return replace(
        image, spacing_mm=(step, plane[1], plane[0]), origin_mm=tuple(origin),
        orientation=(*cosines, *(float(value) + 0.0 for value in normal)),
    )  # fmt: skip


def write(corpus: Corpus, root: Path) -> list[Sample]:
    """Write scans of both releases with one or two reconstructions, a text not given, and a scan without a chest."""
    numbers = patient_numbers(corpus)
    tests = studies_of(corpus, "test", "val")
    studies = sorted(corpus, key=lambda study: (numbers[study.patient], sum(p.days_before for p in study.priors[:1])))
    rows: dict[str, list[_Row]] = {"train": [], "valid": []}
    letters: dict[str, int] = {}
    for place, study in enumerate(studies):
        part = "valid" if study.id in tests else "train"
        letter = letters[study.patient] = letters.get(study.patient, -1) + 1
        scan = f"{part}_{numbers[study.patient]}_{'abcdefgh'[letter]}"
        for number in range(1, 2 + (place % 2)):
            rows[part].append(_write_volume(corpus, study, root, f"{scan}_{number}.nii.gz", fixed=place % 3 != 0))
    made = []
    for part, written in rows.items():
        if written:
            _write_tables(root, part, written)
            made += _samples(root, part, written)
    return made


@dataclass(frozen=True)
class _Row:
    """A volume of the twin with its rows of the three tables."""

    path: Path
    report: dict[str, str]
    present: tuple[str, ...]
    metadata: dict[str, str]


def _write_volume(corpus: Corpus, study: Study, root: Path, name: str, *, fixed: bool) -> _Row:
    image = study.images[0]
    part, scan = name.partition("_")[0], _stem(name).rpartition("_")[0]
    path = root / (f"{part}_fixed" if fixed else part) / scan.rpartition("_")[0] / scan / name
    values = pixels(corpus, image).astype(np.int16)
    if fixed:
        write_volume(path, values, like=image)
    else:
        write_volume(path, values + np.int16(1024), like=image, affine=np.eye(4))
    z, y, x = image.spacing_mm
    clinical = _NOT_GIVEN if study.sex == "F" else "Cough for two weeks."
    report = [name, clinical, "Native CT in the axial plane.", study.text("findings"), study.text("impression")]
    ours = set(present(study))
    shown = tuple(label for label in LABELS.values() if ours & set(_VIRTUAL.get(label, (label,))))
    metadata = [
        name, study.site, "Thorax 1.5 B30f", study.sex, f"{int(study.age_years or 0):03d}Y", "-1024", "1",
        str([str(value) for value in image.origin_mm]), str(["1", "0", "0", "0", "1", "0"]), str(image.shape[0]),
        str([x, y]), repr(z), "20200101",
    ]  # fmt: skip
    return _Row(path, dict(zip(_REPORT, report, strict=True)), shown, dict(zip(_METADATA, metadata, strict=True)))


def _write_tables(root: Path, part: str, rows: list[_Row]) -> None:
    brain = f"{part}_9999_a_1.nii.gz"
    reports = [list(row.report.values()) for row in rows]
    write_rows(_reports(root, _PARTS[part]), _REPORT, [*reports, [brain, _NOT_GIVEN, "Head.", "No chest.", ""]])
    write_rows(
        root / "multi_abnormality_labels" / f"{part}_predicted_labels.csv", ["VolumeName", *LABELS],
        [[row.path.name, *(int(name in row.present) for name in LABELS.values())] for row in rows],
    )  # fmt: skip
    write_rows(
        root / "metadata" / f"{_PARTS[part]}_metadata.csv", _METADATA, [[*row.metadata.values()] for row in rows]
    )
    (root / "metadata" / f"no_chest_{part}.txt").write_text(f"{brain}\n", encoding="utf-8")


def _samples(root: Path, part: str, rows: list[_Row]) -> list[Sample]:
    tables = _Tables(
        {_stem(row.path.name): row.present for row in rows}, {_stem(row.path.name): row.metadata for row in rows},
        frozenset(),
    )  # fmt: skip
    scans = groupby(rows, key=lambda row: _stem(row.path.name).rpartition("_")[0])
    return [
        Sample(_study([(row.report, row.path) for row in group], tables, virtual_origin(ABOUT)), part)
        for _, group in scans
    ]
