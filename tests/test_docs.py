"""What the README and the pages say can be typed, and the generated tables are those of the code."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest
import typer

from vesalius.training.recipe import open_recipe

ROOT = Path(__file__).parent.parent
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]


def commands(page: Path) -> list[list[str]]:
    """Every `vesalius` and `make` line of a page's bash blocks, as words."""
    blocks = re.findall(r"```bash\n(.*?)```", page.read_text(encoding="utf-8"), flags=re.DOTALL)
    lines = "\n".join(blocks).replace("\\\n", " ").splitlines()
    return [shlex.split(line, comments=True) for line in lines if line.startswith(("vesalius ", "make "))]


SHOWN = [(page.name, words) for page in PAGES if page.name != "own-method.md" for words in commands(page)]
"""Commands of all pages but the one whose own test types it, with a method that is made there."""
MAKE = {words[1] for name, words in SHOWN if words[0] == "make"}
VERBS = [(name, words[1:]) for name, words in SHOWN if words[0] == "vesalius"]


def test_how_many_were_seen() -> None:
    assert len(VERBS) >= 15
    assert {"demo", "test"} <= MAKE


@pytest.mark.parametrize("target", sorted(MAKE))
def test_make_targets_exist(target: str) -> None:
    assert re.search(rf"^{target}:", (ROOT / "Makefile").read_text(encoding="utf-8"), flags=re.MULTILINE)


@pytest.mark.parametrize(
    ("page", "words"), VERBS, ids=lambda value: value if isinstance(value, str) else " ".join(value)
)
def test_commands_can_be_typed(page: str, words: list[str]) -> None:
    verb, *arguments = words
    command = typer.main.get_command(import_module(f"vesalius.cli.{verb}").app)
    if hasattr(command, "commands"):
        command = command.commands[arguments.pop(0)]
    context = command.make_context(verb, list(arguments))
    if verb == "train" and context.params["recipe"] and not context.params["resume"]:
        recipe = context.params["recipe"]
        if not recipe.endswith(".yaml"):
            open_recipe(recipe, overrides=context.args)


def test_readme_begins_with_the_two_commands() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    first = re.findall(r"```bash\n(.*?)```", text, flags=re.DOTALL)[0]
    assert [line.split("#")[0].split() for line in first.strip().splitlines()] == [["make", "demo"], ["make", "test"]]


def test_generated_tables_are_those_of_the_code() -> None:
    done = subprocess.run(
        [sys.executable, ROOT / "docs" / "generate.py", "--check"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.slow
def test_the_documentation_builds_with_every_link_good(tmp_path: Path) -> None:
    subprocess.run([sys.executable, ROOT / "docs" / "generate.py"], check=True)
    build = [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", str(tmp_path / "site")]
    done = subprocess.run(build, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "site" / "index.html").is_file()
