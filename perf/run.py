"""Run every measurement of this folder, one after the other, and say where the figures are."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

FOLDER = Path(__file__).parent
SHARED = {"run", "measure"}
LONG = {"shortcuts", "deidentify", "dedup", "methods"}
"""Run when named only: up to half an hour on two cores."""


def main() -> None:
    """Run the scripts named on the command line, or all of them; a failed one does not stop the others."""
    scripts = sorted(
        path for path in FOLDER.glob("*.py") if path.stem not in SHARED and not path.stem.startswith("_")
    )
    wanted = set(sys.argv[1:]) or {path.stem for path in scripts} - LONG
    threads = os.environ.get("OMP_NUM_THREADS") or str(os.cpu_count())
    failed = []
    for script in scripts:
        if script.stem in wanted:
            print(f"== {script.stem}", flush=True)
            done = subprocess.run(
                [sys.executable, script], env={**os.environ, "OMP_NUM_THREADS": threads}, check=False
            )
            failed += [script.stem] if done.returncode else []
    sys.exit(f"failed: {', '.join(failed)}" if failed else 0)


if __name__ == "__main__":
    main()
