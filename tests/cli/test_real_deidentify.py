"""`vesalius deidentify` on real files: the second scan finds nothing, and what is left can be used."""

from __future__ import annotations

import csv
import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

from vesalius.cli.main import app
from vesalius.data import readers

pytestmark = [pytest.mark.real, pytest.mark.slow]


def typed(*arguments: object) -> dict[str, Any]:
    done = CliRunner().invoke(app, [*map(str, arguments), "--json"])
    assert done.exit_code == 0, done.output or done.exception
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def test_a_real_series_keeps_its_voxels_and_loses_its_names(real_data: Path, tmp_path: Path) -> None:
    source = real_data / "dicom" / "series-mr-vs"
    if not source.exists():
        pytest.skip(f"no {source}")
    typed(
        "deidentify", source, "--out", tmp_path / "clean", "--secret", tmp_path / "key.json", "--workers", 1,
        "--pixels", "keep",
    )  # fmt: skip
    (folder,) = {path.parent for path in (tmp_path / "clean").rglob("*.dcm")}
    before, after = readers.read(source), readers.read(folder)
    assert np.array_equal(before.array, after.array)
    assert before.geometry == after.geometry
    with (real_data / "dicom" / "index.csv").open(newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["file"].startswith("series-mr-vs/")]
    assert len(rows) == 24
    for path in folder.iterdir():
        data = path.read_bytes()
        for row in rows:
            assert row["patient_id"].encode() not in data
            assert row["series_uid"].encode() not in data
    assert typed("ingest", tmp_path / "clean", "--out", tmp_path / "corpus")["counts"]["images"] == 1


def test_real_films_with_their_table(real_data: Path, tmp_path: Path) -> None:
    table = real_data / "cxr-covid" / "metadata.csv"
    if not table.exists():
        pytest.skip(f"no {table}")
    source = tmp_path / "source"
    (source / "images").mkdir(parents=True)
    with table.open(encoding="utf-8-sig", newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["clinical_notes"]][:6]
    wanted = ["file", "patientid", "sex", "date", "location", "finding", "clinical_notes"]
    with (source / "metadata.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, wanted, extrasaction="ignore")
        writer.writeheader()
        writer.writerows(rows)
    for row in rows:
        shutil.copyfile(real_data / "cxr-covid" / row["file"], source / row["file"])
    report = typed(
        "deidentify", source, "--out", tmp_path / "clean", "--secret", tmp_path / "key.json", "--workers", 1,
        "--patient", "patientid", "--date", "date", "--place", "location", "--text", "clinical_notes", "--keep",
        "file", "--keep", "sex", "--keep", "finding",
    )  # fmt: skip
    (table,) = (tmp_path / "clean").rglob("*.csv")
    told = table.read_text(encoding="utf-8")
    for row in rows:
        assert not row["location"] or row["location"] not in told
        assert f",{row['patientid']}," not in told
    assert not report.get("leftovers")
