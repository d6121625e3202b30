"""The commands of the page on adapting a model of the hub, typed as they stand, on tiny weights."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from tests.inference.writers import saved

PAGE = Path(__file__).parent.parent / "docs" / "adapt-a-model.md"


@pytest.mark.slow
def test_the_page_runs_as_it_stands(tmp_path: Path) -> None:
    commands = "\n".join(re.findall(r"```bash\n(.*?)```", PAGE.read_text(encoding="utf-8"), flags=re.DOTALL))
    assert commands.count("vesalius ") == 6
    environment = {
        **os.environ,
        "BASE": str(saved("llava", tmp_path / "base")),
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "HF_HUB_OFFLINE": "1",
    }
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", commands],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    proof = json.loads((tmp_path / "adapted" / "stages" / "1-adapt" / "stage.json").read_text(encoding="utf-8"))
    moved = {part for part, counts in proof["weights"].items() if counts["moved"]}
    assert moved == {"language"}
    for folder in ("base-answers", "adapted-answers"):
        scores = json.loads((tmp_path / folder / "scores.json").read_text(encoding="utf-8"))
        assert {row["task"] for row in scores["scores"]}
        assert (tmp_path / folder / "report.html").is_file()
    assert json.loads((tmp_path / "comparison" / "comparison.json").read_text(encoding="utf-8"))
