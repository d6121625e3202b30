"""All systems with claims, one after the other, each in a process of its own: what breaks one leaves the others."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

__all__ = ["reproduce_all"]

Start = Callable[[Sequence[str]], tuple[int, str]]
"""Runs the program with arguments; returns its exit code and what it printed."""
_STOPPED = 130


def reproduce_all(
    slugs: Sequence[str],
    *,
    arguments: Sequence[str] = (),
    out: str = "",
    say: Callable[[str], None] = lambda message: None,
    start: Start | None = None,
) -> list[dict[str, Any]]:
    """Reproduce every system and return one row each.

    Args:
        slugs: systems.
        arguments: options of ``vesalius reproduce`` for all of them.
        out: folder for one folder a system; ``reproductions`` where it is empty.
        say: told which system comes next, and how it ended.
        start: runs the program; a process of its own where none is given.

    Returns:
        Rows with `slug`, `seconds`, `error` (empty where it went well) and `claims` as in reproduction.json.
    """
    begin = start or _process
    rows = []
    for number, slug in enumerate(slugs):
        say(f"{slug} ({number + 1} of {len(slugs)})")
        began = time.monotonic()
        folder = ["--out", str(Path(out) / slug)] if out else []
        code, printed = begin(["reproduce", slug, *arguments, *folder, "--json"])
        if code == _STOPPED:
            raise KeyboardInterrupt
        error, claims = _read(code, printed)
        rows.append({"slug": slug, "seconds": round(time.monotonic() - began, 1), "error": error, "claims": claims})
        say(f"{slug}: {error or ', '.join(claim['verdict'] for claim in claims)}")
    return rows


def _read(code: int, printed: str) -> tuple[str, list[dict[str, Any]]]:
    """Return what went wrong, and the claims of the printed document."""
    if code:
        return f"ended with exit code {code}; its message stands above", []
    try:
        return "", list(json.loads(printed)["claims"])
    except (ValueError, KeyError):
        return "printed no document", []


def _process(arguments: Sequence[str]) -> tuple[int, str]:
    """Run the program; after Ctrl-C, wait until it has saved what it was doing."""
    command = [sys.executable, "-m", "vesalius", *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            printed, _ = process.communicate()
        except KeyboardInterrupt:
            process.wait()
            raise
    return process.returncode, printed
