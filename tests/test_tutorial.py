"""The tutorial's commands, typed as they stand, on the real X-rays that it names."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

PAGE = Path(__file__).parent.parent / "docs" / "tutorial.md"


@pytest.mark.real
@pytest.mark.slow
def test_the_tutorial_runs_as_it_stands(tmp_path: Path, real_data: Path) -> None:
    commands = "\n".join(re.findall(r"```bash\n(.*?)```", PAGE.read_text(encoding="utf-8"), flags=re.DOTALL))
    assert commands.count("vesalius ") == 7
    environment = {
        **os.environ,
        "DATA": str(real_data / "cxr-covid"),
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
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
    for run in ("run", "run-virtual"):
        folder = tmp_path / run / "evaluations" / "cxr-covid-test"
        assert (folder / "report.html").is_file()
        scores = json.loads((folder / "scores.json").read_text(encoding="utf-8"))
        covid = [row for row in scores["scores"] if row["task"] == "zero_shot" and row["label"] == "covid_19"]
        assert covid
        assert {row["control"] for row in scores["controls"]} == {"untrained", "majority", "shuffled"}
