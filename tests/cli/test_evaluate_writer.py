"""`vesalius evaluate` on a small trained writer: twins of benchmarks, regions, counts, each beside its controls."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from vesalius.cli.evaluate import app
from vesalius.training.trainer import train
from vesalius.virtual.population import make

CONTROLS = {"question-only", "blank"}


@pytest.fixture(scope="module")
def writer(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A run of a model of five tasks, whose boxes and counts are JSON, and its corpus."""
    folder = tmp_path_factory.mktemp("writer")
    corpus = make(folder / "corpus", patients=24, preset="chest", image_size=48, workers=1).make_split()
    settings = [f"data={corpus.root}", "run.report_to=[]", "data.validation=null"]
    run = train("pointdetectcount/tiny", overrides=settings, out=folder / "run")
    return run.folder, corpus.root


def evaluate(*words: str) -> dict[str, Any]:
    done = CliRunner().invoke(app, [*words, "--resamples", "20", "--no-report", "--safety-items", "0", "--json"])
    assert done.exit_code == 0, done.output
    document: dict[str, Any] = json.loads(done.stdout)
    return document


@pytest.mark.evidence("pointdetectcount", "L1", "a twin of VQA-RAD is asked beside question-only and blank pictures")
def test_a_twin_of_questions_beside_its_controls(writer: tuple[Path, Path], tmp_path: Path) -> None:
    found = evaluate(
        str(writer[0]), "--on", "medevalkit", "--twin", "--patients", "6", "--data", str(tmp_path / "twin"),
        "--parts", "vqa_rad", "--limit", "4", "--out", str(tmp_path / "out"),
    )  # fmt: skip
    scores = [row for row in found["scores"] if row["metric"] == "accuracy" and row["label"] == "all"]
    assert scores
    assert {row["control"] for row in found["controls"]} >= CONTROLS, found["skipped"]


@pytest.mark.evidence("pointdetectcount", "L1", "boxes and counts are asked of a run in the form that it learnt")
def test_regions_and_counts_in_the_runs_own_form(writer: tuple[Path, Path], tmp_path: Path) -> None:
    found = evaluate(
        str(writer[0]), "--on", str(writer[1]), "--parts", "bounding,counting", "--limit", "4",
        "--out", str(tmp_path / "out"),
    )  # fmt: skip
    assert {row["task"] for row in found["scores"]} >= {"corpus.bounding", "corpus.counting"}
    assert {row["control"] for row in found["controls"]} >= CONTROLS, found["skipped"]
