"""A benchmark over two models: the same stages for both, a page, and cliques by hand."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from squares import saved_model
from typer.testing import CliRunner

from vesalius.cli.main import app
from vesalius.data.corpus import Corpus
from vesalius.errors import ConfigError
from vesalius.evaluation.benchmark import benchmark
from vesalius.evaluation.report.benchmark import cliques


@pytest.mark.evidence("benchx", "L1", "two encoders go through its stages, from their folders to one table and page")
def test_two_models_one_table(corpus: Corpus, tmp_path: Path) -> None:
    models = [saved_model(tmp_path / kind, vision=kind) for kind in ("vit", "resnet")]
    arguments = ["benchmark", "benchx", *map(str, models), "--on", str(corpus.root), "--out", str(tmp_path / "bench")]
    arguments += ["--draws", "1", "--resamples", "50", "--json", "steps=6", "evaluate_every=3", "warmup=1"]
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 0, result.output
    document = json.loads(result.stdout)
    assert list(document["columns"])[:4] == [
        "classification 1",
        "classification 10",
        "classification 100",
        "segmentation 100",
    ]
    for cells in document["cells"].values():
        cell = cells["classification 100"]
        assert 0 <= cell["low"] <= cell["value"] <= cell["high"] <= 1
        assert set(cell["tried"]) == {"0.3", "1.0"}
        assert cell["untrained"] is not None
        assert cell["seconds"] > 0
        assert cell["peak_mib"] > 0
    ranking = document["ranking"]
    assert sum(ranking["ranks"].values()) == pytest.approx(3)
    page = (tmp_path / "bench" / "benchmark.html").read_text(encoding="utf-8")
    assert "CD 0.98" in page or f"CD {ranking['critical_difference']:.2f}" in page
    table = (tmp_path / "bench" / "benchmark.md").read_text(encoding="utf-8").splitlines()
    assert [line.split("|")[1].strip() for line in table[2:]] == ["vit", "resnet"]


def test_cliques_are_the_longest_runs_within_the_difference() -> None:
    """Ranks 1, 1.5, 2.2, 4 at 1.25: the first three; at 0.8 two pairs that share b; at 0.4 none."""
    ranks = {"a": 1.0, "b": 1.5, "c": 2.2, "d": 4.0}
    assert cliques(ranks, 1.25) == [("a", "c")]
    assert cliques(ranks, 0.8) == [("a", "b"), ("b", "c")]
    assert cliques(ranks, 0.4) == []


def test_faults_are_named(model: Path, corpus: Corpus, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="same name"):
        benchmark("benchx", [model, model], on=corpus, out=tmp_path)
    with pytest.raises(ConfigError, match="benchx"):
        benchmark("bench", [model], on=corpus, out=tmp_path)
