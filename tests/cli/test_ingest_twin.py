"""`vesalius ingest --dataset NAME --twin`: without the release, its twin."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from vesalius.cli.ingest import app
from vesalius.errors import ConfigError


def test_the_twin_is_written_once_and_read(tmp_path: Path) -> None:
    words = [str(tmp_path / "release"), "--dataset", "vqa_rad", "--twin", "--patients", "6", "--json"]
    told = []
    for name in ("one", "two"):
        done = CliRunner().invoke(app, [*words, "--out", str(tmp_path / name)])
        assert done.exit_code == 0, done.output
        told.append(json.loads(done.stdout))
    assert told[0]["studies"] == told[1]["studies"] > 0
    assert json.loads((tmp_path / "one" / "corpus.json").read_text())["virtual"]


def test_a_twin_needs_a_data_set(tmp_path: Path) -> None:
    done = CliRunner().invoke(app, [str(tmp_path), "--out", str(tmp_path / "out"), "--twin"])
    assert isinstance(done.exception, ConfigError)
    with pytest.raises(ConfigError, match="--dataset"):
        raise done.exception
