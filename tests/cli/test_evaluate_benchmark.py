"""`vesalius evaluate MODEL --on BENCHMARK`, as a user types it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from vesalius.cli.evaluate import app
from vesalius.errors import ConfigError, DataError


def evaluate(*words: str, code: int = 0) -> str:
    done = CliRunner().invoke(app, [*words, "--resamples", "50"])
    assert done.exit_code == code, done.output
    return done.stdout


def test_a_twin_is_asked_and_compared_with_a_base(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    told = evaluate(
        "control:oracle", "--on", "mediconfusion", "--twin", "--patients", "16", "--base", "control:random", "--json"
    )
    document = json.loads(told)
    folder = Path(document["folder"])
    assert (folder / "report.html").is_file()
    assert (folder / "against-base" / "comparison.html").is_file()
    assert any(row["difference"] > 0 for row in document["against_base"]["pairs"])
    assert document["corpus"]["virtual"]
    shown = evaluate("control:oracle", "--on", "mediconfusion", "--twin", "--patients", "16", "--rescore")
    assert "set_accuracy" in shown
    assert "no clinical evidence" in shown


def test_several_benchmarks_have_folders_of_their_own(tmp_path: Path) -> None:
    names = "mediconfusion,smmile"
    told = evaluate(
        "control:majority", "--on", names, "--twin", "--patients", "16", "--data", str(tmp_path / "twins"), "--out",
        str(tmp_path / "out"), "--limit", "10", "--json",
    )  # fmt: skip
    assert [one["corpus"]["name"] for one in json.loads(told)] == names.split(",")
    for name in names.split(","):
        assert (tmp_path / "out" / name / "scores.json").is_file()
        assert (tmp_path / "twins" / name / "VIRTUAL.json").is_file()


def test_of_several_benchmarks_a_broken_one_stops_no_other(tmp_path: Path) -> None:
    (tmp_path / "twins" / "mediconfusion").mkdir(parents=True)
    (tmp_path / "twins" / "mediconfusion" / "notes.txt").write_text("of somebody else", encoding="utf-8")
    names = "mediconfusion,smmile,temmed-bench"
    done = CliRunner().invoke(
        app,
        ["control:majority", "--on", names, "--twin", "--patients", "16", "--limit", "10",
         "--data", str(tmp_path / "twins"), "--out", str(tmp_path / "out"), "--resamples", "20"],
    )  # fmt: skip
    assert isinstance(done.exception, DataError)
    assert "1 of 3 benchmarks could not be evaluated:\nmediconfusion:" in str(done.exception)
    table = done.stdout[done.stdout.index("benchmark  ") :]
    assert {line.split()[0] for line in table.splitlines() if line[0] != " "} == {
        "benchmark",
        "smmile",
        "temmed_bench",
    }


def test_a_misspelt_benchmark_is_offered_the_nearest() -> None:
    done = CliRunner().invoke(app, ["control:oracle", "--on", "mediconfusio", "--twin"])
    assert isinstance(done.exception, ConfigError)
    assert "did you mean 'mediconfusion'?" in str(done.exception)
