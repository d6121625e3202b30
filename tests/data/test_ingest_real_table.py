"""A real table of radiographs, cell by cell: what goes in is what stands there."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from vesalius.data.corpus import Corpus
from vesalius.data.ingest import Columns, ingest
from vesalius.data.records import Study

NUMBERS = {
    "geographic_mean": ("geographic_mean", "1"), "opacity_mean": ("opacity_mean", "1"), "offset": ("offset", "d"),
    "temperature": ("temperature", "Cel"), "pO2_saturation": ("oxygen_saturation", "%"),
    "neutrophil_count": ("neutrophil_count", "10*9/L"), "lymphocyte_count": ("lymphocyte_count", "10*9/L"),
}  # fmt: skip
COLUMNS = Columns(
    image=("file",), text=("clinical_notes:note", "other_notes:note"), patient="patientid", label=("finding",),
    split="split", age="age", sex="sex", view="view", modality="modality", site="location", licence="license",
    measurement=tuple(f"{column}:{name}:{unit}" for column, (name, unit) in NUMBERS.items()),
)  # fmt: skip


def stated(study: Study) -> dict[str, object]:
    image = study.images[0]
    return {
        "patient": study.patient, "sex": study.sex, "age": study.age_years, "view": image.view,
        "modality": image.modality, "site": study.site, "licence": study.provenance.licence,
        "size": image.shape, "texts": {text.text for text in study.texts},
        "findings": len({finding.concept for finding in study.findings if finding.status == "present"}),
        "numbers": {measurement.name: measurement.value for measurement in study.measurements},
    }  # fmt: skip


def expected(row: dict[str, str]) -> dict[str, object]:
    return {
        "patient": row["patientid"], "sex": row["sex"], "age": float(row["age"]) if row["age"] else None,
        "view": row["view"], "modality": {"X-ray": "DX", "CT": "CT"}[row["modality"]],
        "site": row["location"].strip(), "licence": row["license"].strip(),
        "size": (int(row["height"]), int(row["width"])),
        "texts": {text for column in ("clinical_notes", "other_notes") if (text := row[column].strip())},
        "findings": len({name.strip() for name in row["finding"].split(",") if name.strip()}),
        "numbers": {name: float(row[column]) for column, (name, _) in NUMBERS.items() if row[column]},
    }  # fmt: skip


@pytest.mark.real
def test_no_cell_is_lost(real_data: Path, tmp_path: Path) -> None:
    source = real_data / "cxr-covid" / "metadata.csv"
    if not source.exists():
        pytest.skip(f"no {source}")
    ingest(source, out=tmp_path / "corpus", columns=COLUMNS, workers=1)
    corpus = Corpus.open(tmp_path / "corpus")
    by_hash = {study.images[0].sha256: study for study in corpus}
    with source.open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == len(by_hash) == 308
    for row in rows:
        assert stated(by_hash[row["sha256"]]) == expected(row)
    part_of = {patient: part for part in ("train", "val", "test") for patient in corpus.split(part).patients}
    assert all(part_of[row["patientid"]] == row["split"] for row in rows)
