"""BraTS 2017 to 2023: four MR sequences of brain tumours on one grid with a label map, by folders of cases.

Both ways of naming are read: ``BraTS20_Training_001_flair.nii`` (labels 1 core, 2 oedema, 4 enhancing) and, since
2023, ``BraTS-GLI-00000-000-t2f.nii.gz`` (3 instead of 4). All masks have the tumour for their concept, so that the
whole tumour is their union; the part stands in the anatomy. A mask by another name (case 355 of 2020) is taken,
too. Since 2023 the last number is the time and the middle number the patient. Cases without a mask are "val".
Editions share patients under other names.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from vesalius.data.corpus import Corpus
from vesalius.data.datasets._labels import rows_of, write_rows
from vesalius.data.datasets._virtual import image_of, label_map, pixels
from vesalius.data.datasets._volumes import require_same_grid, volume, write_volume
from vesalius.data.datasets.base import About, Sample, Twin, provenance, require_files, virtual_origin
from vesalius.data.records import Image, Measurement, Provenance, Region, Study
from vesalius.errors import DataError

__all__ = ["ABOUT", "TWIN", "read", "write"]

ABOUT = About(
    title="BraTS", slug="brats", licence="by agreement, for research",
    access="Register at Synapse for the challenge of the year and download its training data",
    home="https://www.synapse.org/brats",
)  # fmt: skip
TWIN = Twin(
    preset="brain-mr", image_size=32,
    settings=("prevalence.high_grade_glioma=0.9", "normal=0", "follow_up.share=0.5", "follow_up.visits=2"),
)  # fmt: skip

_SEQUENCES = {
    "flair": "FLAIR", "t1": "T1", "t1ce": "T1 contrast", "t2": "T2",
    "t2f": "FLAIR", "t1n": "T1", "t1c": "T1 contrast", "t2w": "T2",
}  # fmt: skip
_PARTS = {1: "necrotic core", 2: "oedema", 4: "enhancing tumour", 3: "enhancing tumour"}
_TUMOURS = {"MEN": "meningioma", "MET": "brain_metastases"}
_VIRTUAL = {"necrotic core": "core", "oedema": "oedema", "enhancing tumour": "rim"}
_OLD = re.compile(r"(.+)_(flair|t1|t1ce|t2)\.nii(?:\.gz)?")
_NEW = re.compile(r"(BraTS-([A-Z]+)-(\d{5})-(\d{3}))-(t1n|t1c|t2w|t2f)\.nii(?:\.gz)?")
_SURVIVAL = ("Brats20ID", "Age", "Survival_days", "Extent_of_Resection")


@dataclass(frozen=True)
class _Case:
    """A folder with its files."""

    folder: Path
    sequences: tuple[tuple[str, Path], ...]
    mask: Path | None
    new: bool


def read(root: Path) -> Iterator[Sample]:
    """Yield the cases of all folders below the root, by path."""
    folders = sorted(
        {path.parent for path in root.rglob("*.nii*") if _OLD.fullmatch(path.name) or _NEW.fullmatch(path.name)}
    )
    if not folders:
        require_files(root, ["BraTS20_Training_001/BraTS20_Training_001_flair.nii"], ABOUT)
    origin, known = provenance(root, ABOUT), _survival(root)
    for folder in folders:
        case = _case(folder)
        yield Sample(_study(case, known.get(folder.name, {}), origin), "val" if case.mask is None else "train")


def _survival(root: Path) -> dict[str, Mapping[str, str]]:
    table = next(iter(sorted(root.rglob("survival_info.csv"))), None)
    if table is None:
        return {}
    return {next(iter(row.values())): row for _, row in rows_of(table, needs=["Age", "Survival_days"])}


def _case(folder: Path) -> _Case:
    found, new = {}, False
    for path in sorted(folder.iterdir()):
        match = _NEW.fullmatch(path.name) or _OLD.fullmatch(path.name)
        if match:
            new = match.re is _NEW
            found[match[match.lastindex or 1]] = path
    if len(found) != 4:
        raise DataError(f"{folder}: sequences {', '.join(found)}; expected four; download the case again")
    masks = [path for path in sorted(folder.glob("*.nii*")) if re.search(r"seg(m|\b|\.)", path.name, re.IGNORECASE)]
    mask = next((path for path in masks if path not in found.values()), None)
    return _Case(folder, tuple(found.items()), mask, new)


def _study(case: _Case, row: Mapping[str, str], origin: Provenance) -> Study:
    images = tuple(
        volume(path, like=Image(id=key, path="", modality="MR", units="stored", body_part="HEAD",
                                sequence=_SEQUENCES[key]))
        for key, path in case.sequences
    )  # fmt: skip
    name = case.folder.name
    number = re.fullmatch(r"BraTS-([A-Z]+)-(\d{5})-(\d{3})", name)
    concept = _TUMOURS.get(number[1], "glioma") if number else "glioma"
    regions: tuple[Region, ...] = ()
    if case.mask is not None:
        require_same_grid(case.sequences[0][1], case.mask)
        regions = tuple(
            Region(image=images[0].id, kind="mask", mask=str(case.mask), mask_value=value, concept=concept,
                   anatomy=_PARTS[value])
            for value in ((1, 2, 3) if case.new else (1, 2, 4))
        )  # fmt: skip
    days = re.search(r"\d+", row.get("Survival_days", ""))
    alive = row.get("Survival_days", "").startswith("ALIVE")
    what = "time alive so far" if alive else "survival"
    measured = (Measurement(name=what, value=float(days[0]), unit="d", source="survival_info.csv"),) if days else ()
    return Study(
        id=name, patient=f"BraTS-{number[1]}-{number[2]}" if number else name, images=images, regions=regions,
        measurements=measured, age_years=float(row["Age"]) if row.get("Age") else None, provenance=origin,
    )  # fmt: skip


def write(corpus: Corpus, root: Path) -> list[Sample]:
    """Write first visits as 2020, the second with its mask misnamed, and those who came twice as 2023."""
    visits: dict[str, list[Study]] = {}
    for study in sorted(corpus, key=lambda study: sum(prior.days_before for prior in study.priors[:1])):
        visits.setdefault(study.patient, []).append(study)
    rows: dict[str, tuple[str, str, str, str]] = {}
    folders = []
    for number, studies in enumerate(visits[key] for key in sorted(visits)):
        for time, study in enumerate(studies):
            new = len(studies) > 1
            name = f"BraTS-GLI-{number:05d}-{time:03d}" if new else f"BraTS20_Training_{number + 1:03d}"
            top = "ASNR-MICCAI-BraTS2023-GLI-Challenge-TrainingData" if new else "MICCAI_BraTS2020_TrainingData"
            folders.append(root / top / name)
            _write_case(corpus, study, folders[-1], misnamed=number % 3 == 1)
            if not new:
                days = "ALIVE (361 days later)" if number % 2 else str(100 + number)
                rows[name] = (name, f"{float(study.age_years or 0)}", days, "GTR")
    if rows:
        write_rows(root / "MICCAI_BraTS2020_TrainingData" / "survival_info.csv", _SURVIVAL, list(rows.values()))
    stated = {name: dict(zip(_SURVIVAL, row, strict=True)) for name, row in rows.items()}
    origin = virtual_origin(ABOUT)
    return [Sample(_study(_case(path), stated.get(path.name, {}), origin), "train") for path in sorted(folders)]


def _write_case(corpus: Corpus, study: Study, folder: Path, *, misnamed: bool) -> None:
    new = folder.name.startswith("BraTS-")
    keys = ("t2f", "t1n", "t1c", "t2w") if new else ("flair", "t1", "t1ce", "t2")
    join, end = ("-", ".nii.gz") if new else ("_", ".nii")
    truth = image_of(study, sequence="FLAIR")
    assert truth is not None, "every examination of the head has all sequences"
    for key in keys:
        image = image_of(study, sequence=_SEQUENCES[key])
        assert image is not None, "every examination of the head has all sequences"
        write_volume(folder / f"{folder.name}{join}{key}{end}", pixels(corpus, image).astype(np.int16), like=image)
    values = {
        value: [f"{_VIRTUAL[_PARTS[value]]} of high grade glioma"] for value in ((1, 2, 3) if new else (1, 2, 4))
    }
    labels = label_map(corpus, study, values, image=truth)
    name = f"{folder.name}{join}seg{end}" if new or not misnamed else "W39_1998.09.19_Segm.nii"
    write_volume(folder / name, labels, like=truth)
