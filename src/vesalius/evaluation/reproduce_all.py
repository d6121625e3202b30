"""All systems with claims, each in a process of its own: what breaks one leaves the others.

Several are reproduced at once, each on its share of the cores: a compact run gains little from a second thread.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

__all__ = ["cores", "reproduce_all"]

Say = Callable[[str], None]
Start = Callable[[Sequence[str]], tuple[int, str]]
"""Runs the program with arguments; returns its exit code and what it printed."""
_STOPPED = 130


def cores() -> int:
    """Return the cores that this process may use: systems that are reproduced at once where nothing is said."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def reproduce_all(
    slugs: Sequence[str],
    *,
    arguments: Sequence[str] = (),
    out: str = "",
    jobs: int = 1,
    say: Say = lambda message: None,
    start: Start | None = None,
) -> list[dict[str, Any]]:
    """Reproduce every system and return one row each.

    Args:
        slugs: systems.
        arguments: options of ``vesalius reproduce`` for all of them.
        out: folder for one folder a system; ``reproductions`` where it is empty.
        jobs: systems at once.
        say: told which system comes next, what it says, and how it ended.
        start: runs the program; a process of its own where none is given.

    Returns:
        Rows with `slug`, `seconds`, `error` (empty where it went well) and `claims` as in reproduction.json.
    """
    begin = start or _Process(threads=max(1, cores() // jobs), say=say)

    def one(number: int, slug: str) -> dict[str, Any]:
        say(f"{slug} ({number} of {len(slugs)})")
        began = time.monotonic()
        folder = ["--out", str(Path(out) / slug)] if out else []
        code, printed = begin(["reproduce", slug, *arguments, *folder, "--json"])
        if code == _STOPPED:
            raise KeyboardInterrupt
        error, claims = _read(code, printed)
        say(f"{slug}: {error or ', '.join(claim['verdict'] for claim in claims)}")
        return {"slug": slug, "seconds": round(time.monotonic() - began, 1), "error": error, "claims": claims}

    pool = ThreadPoolExecutor(jobs)
    try:
        return [row.result() for row in [pool.submit(one, *item) for item in enumerate(slugs, start=1)]]
    finally:
        # After Ctrl-C, which the processes get as well, those under way save what they were doing.
        pool.shutdown(cancel_futures=True)


def _read(code: int, printed: str) -> tuple[str, list[dict[str, Any]]]:
    """Return what went wrong, and the claims of the printed document."""
    if code:
        return f"ended with exit code {code}; its message stands above", []
    try:
        return "", list(json.loads(printed)["claims"])
    except (ValueError, KeyError):
        return "printed no document", []


@dataclass(frozen=True, kw_only=True)
class _Process:
    """Starts the program in a process of its own and passes on what it says."""

    threads: int
    say: Say

    def __call__(self, arguments: Sequence[str]) -> tuple[int, str]:
        command = [sys.executable, "-m", "vesalius", *arguments]
        threads = {name: str(self.threads) for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS")}
        with (
            tempfile.TemporaryFile("w+") as printed,
            subprocess.Popen(
                command, stdout=printed, stderr=subprocess.PIPE, text=True, env={**os.environ, **threads}
            ) as process,
        ):
            assert process.stderr is not None
            for line in process.stderr:
                self.say(f"{arguments[1]}: {line.rstrip()}")
            code = process.wait()
            printed.seek(0)
            return code, printed.read()
