"""KiTS19, KiTS21 and KiTS23: CT of the kidneys with kidney, tumour and, since 2021, cyst.

The first axis of the files is the one from slice to slice, and the affine says so: arrays are turned as every NIfTI
is, and the orientation of the record tells where each axis runs. Cases without a label map are the hidden test.
Images come by a script of the release and not with its repository.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from vesalius.data.corpus import Corpus
from vesalius.data.datasets._organs import value_regions
from vesalius.data.datasets._paths import first_of
from vesalius.data.datasets._virtual import label_map, pixels, present, studies_of
from vesalius.data.datasets._volumes import require_same_grid, volume, write_volume
from vesalius.data.datasets.base import About, Sample, Twin, provenance, require_files, virtual_origin
from vesalius.data.formats.nnunet import concept_of
from vesalius.data.records import Finding, Image, Provenance, Region, Study
from vesalius.errors import DataError

__all__ = ["ABOUT", "LABELS", "TWIN", "read", "write"]

ABOUT = About(
    title="KiTS, Kidney Tumor Segmentation", slug="kits", licence="CC BY-NC-SA 4.0",
    access="It is open: clone the repository of the year and run its script that downloads the images",
    home="https://kits-challenge.org",
)  # fmt: skip
TWIN = Twin(
    preset="abdomen-ct", settings=("prevalence.renal_cell_carcinoma=0.7", "prevalence.renal_cyst=0.4", "normal=0"),
    image_size=32,
)  # fmt: skip

LABELS = {1: "kidney", 2: "renal_tumour", 3: "renal_cyst"}
"""Values of the label maps; KiTS19 has the first two."""
_FINDINGS = ("renal_tumour", "renal_cyst")
_TABLES = ("kits23.json", "kits21.json", "kits.json")


def read(root: Path) -> Iterator[Sample]:
    """Yield the cases by number; "train" with a label map, "test" without."""
    base = next((root / name for name in ("dataset", "data") if (root / name).is_dir()), root)
    cases = sorted(path for path in base.glob("case_*") if path.is_dir())
    if not cases:
        require_files(root, ["dataset/case_00000/imaging.nii.gz", "dataset/case_00000/segmentation.nii.gz"], ABOUT)
    table = next((place for name in _TABLES for place in (root / name, base / name) if place.exists()), None)
    known, origin = _cases(table), provenance(root, ABOUT)
    first = table is not None and table.name == _TABLES[-1]
    for folder in cases:
        yield _sample(folder, known.get(folder.name, {}), first, origin)


def _cases(table: Path | None) -> dict[str, Mapping[str, Any]]:
    if table is None:
        return {}
    try:
        found = json.loads(table.read_text(encoding="utf-8"))
        return {str(case["case_id"]): case for case in found}
    except (ValueError, TypeError, KeyError) as error:
        raise DataError(f"{table}: expected a list of cases with case_id: {error}") from None


def _sample(folder: Path, case: Mapping[str, Any], first: bool, origin: Provenance) -> Sample:
    path, label = first_of(folder, "imaging.nii.gz", "imaging.nii"), folder / "segmentation.nii.gz"
    image = volume(path, like=Image(id="ct", path="", modality="CT", units="HU", body_part="ABDOMEN"))
    labelled = label.exists()
    regions: tuple[Region, ...] = ()
    if labelled:
        require_same_grid(path, label)
        values = {value: name for value, name in LABELS.items() if not (first and value == 3)}
        regions = value_regions(label, values, image="ct", findings=_FINDINGS)
    histology = str(case.get("tumor_histologic_subtype") or "")
    findings: tuple[Finding, ...] = ()
    if histology:
        findings = (Finding(concept="renal_tumour", attributes=(("histology", concept_of(histology)),),
                            source="clinical table"),)  # fmt: skip
    age, gender = case.get("age_at_nephrectomy"), str(case.get("gender") or "").casefold()
    study = Study(
        id=folder.name, patient=folder.name, images=(image,), regions=regions, findings=findings,
        age_years=float(age) if isinstance(age, int | float) else None,
        sex="F" if gender == "female" else "M" if gender == "male" else "", provenance=origin,
    )  # fmt: skip
    return Sample(study, "train" if labelled else "test")


def write(corpus: Corpus, root: Path) -> list[Sample]:
    """Write cases with slices first, as KiTS23; test cases have no label map."""
    tests = studies_of(corpus, "test")
    cases: list[dict[str, Any]] = []
    values = {1: ["left kidney", "right kidney"], 2: ["renal_cell_carcinoma"], 3: ["renal_cyst"]}
    for number, study in enumerate(sorted(corpus, key=lambda study: study.id)):
        folder, image = root / "dataset" / f"case_{number:05d}", study.images[0]
        _write_turned(folder / "imaging.nii.gz", pixels(corpus, image), image)
        if study.id not in tests:
            labels = label_map(corpus, study, values, image=image)
            _write_turned(folder / "segmentation.nii.gz", labels, image)
        tumour = "renal_cell_carcinoma" in present(study)
        cases.append({
            "case_id": folder.name, "age_at_nephrectomy": int(study.age_years or 0),
            "gender": "female" if study.sex == "F" else "male",
            "tumor_histologic_subtype": "clear_cell_rcc" if tumour else "oncocytoma",
        })  # fmt: skip
    (root / "kits23.json").write_text(json.dumps(cases, indent=1), encoding="utf-8")
    origin = virtual_origin(ABOUT)
    return [_sample(root / "dataset" / case["case_id"], case, False, origin) for case in cases]


def _write_turned(path: Path, values: Any, image: Image) -> None:
    """Write a volume with the slices along the first axis of the file."""
    z, y, x = image.spacing_mm
    left, back, low = image.origin_mm
    affine = np.array([[0, 0, -x, -left], [0, -y, 0, -back], [z, 0, 0, low], [0, 0, 0, 1]], np.float64)
    write_volume(path, np.ascontiguousarray(values.transpose(2, 1, 0)), like=image, affine=affine)
