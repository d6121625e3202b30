"""The program: verbs without imports, one JSON document, exit codes, no traceback."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

VERBS = {
    "assistant",
    "chat",
    "compare",
    "demo",
    "embed",
    "env",
    "evaluate",
    "ingest",
    "predict",
    "systems",
    "train",
    "virtual",
    "why",
}


def vesalius(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", "from vesalius.cli.main import run; run()", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


def test_help_names_every_verb_and_imports_none() -> None:
    code = (
        "import sys\nfrom vesalius.cli.main import run\nsys.argv = ['vesalius', '--help']\n"
        "try:\n    run()\nexcept SystemExit:\n    pass\n"
        "loaded = [name for name in sys.modules if name.startswith('vesalius.cli.')]\n"
        "assert set(loaded) == {'vesalius.cli.main'}, loaded\n"
        "assert not {'torch', 'numpy', 'rich', 'pydantic'} & set(sys.modules)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    listed = {line.split()[0] for line in done.stdout.split("Verbs:")[1].splitlines() if line.strip()}
    assert listed >= VERBS


@pytest.mark.parametrize("verb", sorted(VERBS))
def test_every_verb_has_help_and_json(verb: str) -> None:
    done = vesalius(verb, *(["make"] if verb == "virtual" else []), "--help")
    assert done.returncode == 0, done.stderr
    assert "--json" in done.stdout


def test_an_unknown_verb_offers_the_nearest() -> None:
    done = vesalius("evalute")
    assert done.returncode == 2
    assert "did you mean 'evaluate'?" in done.stderr


def test_systems_prints_one_json_document_with_a_row_for_every_card() -> None:
    rows = json.loads(vesalius("systems", "--json").stdout)
    assert len(rows) == 93
    assert {"slug", "name", "kind", "home", "level", "evidence"} <= set(rows[0])
    assert {row["level"] for row in rows} <= {"L0", "L1", "L2", "L3", "L4"}


def test_env_names_versions_but_no_user_and_no_host() -> None:
    import getpass
    import socket

    done = vesalius("env", "--json")
    document = json.loads(done.stdout)
    assert {"vesalius", "python", "torch", "platform"} <= set(document)
    assert socket.gethostname() not in done.stdout.split()
    assert f'"{getpass.getuser()}"' not in done.stdout


def test_an_error_of_ours_is_a_message_and_a_code(tmp_path: object) -> None:
    done = vesalius("train", "convirt", "data=nowhere/at/all", "model.widht=8")
    assert done.returncode == 2
    assert "did you mean 'width'" in done.stderr
    assert "Traceback" not in done.stderr


def test_an_interrupt_says_that_one_may_go_on() -> None:
    code = (
        "import typer\nfrom vesalius.cli import main\nmain.app = typer.Typer()\n"
        "@main.app.command()\ndef stop():\n    raise KeyboardInterrupt\nmain.run()\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 130
    assert done.stderr.strip().endswith("the same command goes on from there")
    assert "Traceback" not in done.stderr
