"""The folder of a run: recipe, environment, metrics, checkpoints; what training leaves and others read."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from vesalius.environment import describe
from vesalius.errors import CheckpointError, ConfigError

if TYPE_CHECKING:
    from vesalius.training.recipe import Recipe

__all__ = ["Run", "environment", "new_folder"]


@dataclass(frozen=True)
class Run:
    """A run on disk."""

    folder: Path

    def recipe(self) -> Recipe:
        """Return the resolved recipe that was trained."""
        from vesalius.training.recipe import load_recipe

        return load_recipe(self.folder / "recipe.yaml")

    def checkpoint(self, which: Literal["best", "last"] = "best") -> Path:
        """Return the folder of a model in Hugging Face form.

        Raises:
            CheckpointError: it is not there.
        """
        folder = self.folder / which
        if not folder.is_dir():
            raise CheckpointError(f"run {self.folder} has no {which}/; was it stopped before the first validation?")
        return folder

    def metrics(self) -> list[dict[str, Any]]:
        """Return the lines of `metrics.jsonl` in the order of steps; of a run of stages, one stage after another."""
        stages = sorted(
            (self.folder / "stages").glob("*-*/metrics.jsonl"), key=lambda path: int(path.parent.name.split("-")[0])
        )
        lines = []
        for path in stages or [self.folder / "metrics.jsonl"]:
            named = {"stage": path.parent.name} if stages else {}
            text = path.read_text(encoding="utf-8") if path.exists() else ""
            lines += [{**json.loads(line), **named} for line in text.splitlines() if line]
        return lines


def new_folder(out: str, name: str) -> Path:
    """Return the folder for a new run: `out`, or ``runs/<name>`` with the first free number behind it.

    Raises:
        ConfigError: `out` already holds something.
    """
    if out:
        folder = Path(out)
        if folder.exists() and any(folder.iterdir()):
            raise ConfigError(f"{folder} is not empty; go on with it by --resume latest, or choose another --out")
        return folder
    stem = Path("runs") / name.replace("/", "-")
    number = 1
    while (folder := stem if number == 1 else stem.with_name(f"{stem.name}-{number}")).exists():
        number += 1
    return folder


def environment() -> dict[str, Any]:
    """Return what a run depends on beside its recipe: versions, machine, threads, code; no names of user or host."""
    arguments = [Path(argument).name if Path(argument).is_absolute() else argument for argument in sys.argv]
    return {
        **describe(),
        "commit": _commit(),
        "processes": int(os.environ.get("WORLD_SIZE", "1")),
        "command": arguments,
    }


def _commit() -> str:
    """Commit of the source tree that the package runs from, with "+changes" where it was edited; else empty."""
    root = Path(__file__).parents[3]
    if not (root / ".git").exists():
        return ""
    try:
        head = subprocess.run(
            ["git", "-C", str(root), "rev-parse", "HEAD"],
            capture_output=True,
            text=True,
            check=True,
            timeout=5,
        )
        edited = subprocess.run(
            ["git", "-C", str(root), "diff", "--quiet", "HEAD"], capture_output=True, check=False, timeout=5
        )
    except (OSError, subprocess.SubprocessError):
        return ""
    return head.stdout.strip() + ("+changes" if edited.returncode else "")
