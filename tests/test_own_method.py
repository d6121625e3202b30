"""The page "your own method in 80 lines", typed as it stands into a copy of the package."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PAGE = (ROOT / "docs" / "own-method.md").read_text(encoding="utf-8")
FILES = re.findall(r"^`([\w/.]+)`:.*?```(?:python|yaml)\n(.*?)```", PAGE, flags=re.DOTALL | re.MULTILINE)
COMMANDS = re.findall(r"```bash\n(.*?)```", PAGE, flags=re.DOTALL)


def test_it_is_80_lines() -> None:
    lines = [line for _, text in FILES for line in text.splitlines() if line.strip()]
    assert [name for name, _ in FILES] == [
        "src/vesalius/methods/withheld.py",
        "src/vesalius/recipes/withheld/base.yaml",
        "tests/methods/test_withheld.py",
    ]
    assert len(lines) <= 80


@pytest.mark.slow
def test_the_page_runs_as_it_stands(tmp_path: Path) -> None:
    shutil.copytree(ROOT / "src", tmp_path / "src", ignore=shutil.ignore_patterns("__pycache__"))
    for name, text in FILES:
        place = tmp_path / name
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(text, encoding="utf-8")
    shutil.copytree(ROOT / "tests" / "conformance", tmp_path / "tests" / "conformance")
    shutil.copy(ROOT / "tests" / "conftest.py", tmp_path / "tests")
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    bin_folder = tmp_path / "bin"
    bin_folder.mkdir()
    program = bin_folder / "vesalius"
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m vesalius "$@"\n', encoding="utf-8")
    program.chmod(0o755)
    environment = {
        **os.environ,
        "PYTHONPATH": str(tmp_path / "src"),
        "PATH": f"{bin_folder}{os.pathsep}{os.environ['PATH']}",
    }

    def run(*command: str) -> None:
        done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]

    own = ["tests/methods/test_withheld.py", "tests/conformance/test_methods.py", "-k", "withheld"]
    run(sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *own)
    run("bash", "-euo", "pipefail", "-c", "\n".join(COMMANDS))
    scores = json.loads(
        next((tmp_path / "own" / "evaluations").glob("*-test/scores.json")).read_text(encoding="utf-8")
    )
    assert scores["model"]["method"] == "withheld"
    assert list((tmp_path / "compared").glob("*.html"))
