"""The main job with every registered method, as a user types it, on virtual patients and on real X-rays."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

PROGRAM = [sys.executable, "-m", "vesalius"]
METHODS = (
    "arl",
    "conceptclip",
    "convirt",
    "devide",
    "m3ae",
    "medslip",
    "mgca",
    "mmclip",
    "msd",
    "ptunifier",
    "pubmedclip",
    "unimed-clip",
)


def vesalius(*arguments: object, folder: Path) -> Any:
    command = [*PROGRAM, *map(str, arguments), "--json"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=900, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def train_evaluate_predict(method: str, *, folder: Path, settings: list[str], concept: str) -> None:
    """Train, evaluate and predict; the scores have the promised form and the controls stand beside them."""
    trained = vesalius("train", f"{method}/tiny", "data=corpus", *settings, "--out", "run", folder=folder)
    assert (folder / trained["last"] / "model.safetensors").is_file()
    evaluated = vesalius("evaluate", "run", "--on", "corpus", "--resamples", 100, folder=folder)
    for row in [*evaluated["scores"], *evaluated["controls"]]:
        assert {"task", "metric", "label", "value", "low", "high", "n", "n_patients", "passport"} <= set(row)
        assert row["passport"] in evaluated["passports"]
    assert {row["control"] for row in evaluated["controls"]} == {"untrained", "majority", "shuffled"}
    tasks = {row["task"] for row in evaluated["scores"]}
    assert {"zero_shot", "retrieval"} <= tasks or {"zero_shot_matching", "matching"} <= tasks
    place = folder / evaluated["folder"]
    assert (place / "report.html").stat().st_size > 10_000
    assert pq.read_table(place / "predictions.parquet").num_rows > 0
    image = next(
        path for path in sorted((folder / "corpus" / "media").rglob("*")) if path.suffix in (".png", ".jpg", ".gz")
    )
    answered = vesalius("predict", "run", image, "--labels", concept, folder=folder)
    assert any(answer["label"] == concept for answer in answered["predictions"])


@pytest.mark.slow
@pytest.mark.parametrize(
    "method",
    [
        pytest.param(
            name,
            marks=pytest.mark.evidence(
                name, "L1", "trains, saves, loads, evaluates and predicts on virtual patients"
            ),
        )
        for name in METHODS
    ],
)
def test_virtual_patients(method: str, tmp_path: Path) -> None:
    vesalius("virtual", "make", "--patients", 60, "--image-size", 64, "--out", "corpus", folder=tmp_path)
    train_evaluate_predict(method, folder=tmp_path, settings=[], concept="cardiomegaly")


@pytest.mark.slow
@pytest.mark.evidence("merlin", "L1", "trains, saves, loads, evaluates and predicts on virtual patients' volumes")
def test_virtual_volumes(tmp_path: Path) -> None:
    preset = ("--preset", "abdomen-ct", "--patients", 30, "--image-size", 32)
    vesalius("virtual", "make", *preset, "--out", "corpus", folder=tmp_path)
    train_evaluate_predict("merlin", folder=tmp_path, settings=[], concept="renal_cyst")


@pytest.mark.real
@pytest.mark.slow
@pytest.mark.parametrize(
    "method",
    [
        pytest.param(
            name, marks=pytest.mark.evidence(name, "L1", "trains, evaluates and predicts on real X-rays with notes")
        )
        for name in METHODS
    ],
)
def test_real_x_rays(method: str, tmp_path: Path, real_data: Path) -> None:
    columns = (
        "--image file --text clinical_notes --patient patientid --label finding --split split --modality modality"
    )
    table = real_data / "cxr-covid" / "metadata.csv"
    report = vesalius("ingest", table, *columns.split(), "--out", "corpus", folder=tmp_path)
    assert report["counts"]["studies"] == 308
    settings = ["data.modalities=[DX]"]
    train_evaluate_predict(method, folder=tmp_path, settings=settings, concept="covid_19")
