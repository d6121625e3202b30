"""How long a person waits for `--help`: ours and the peers', interleaved, warm."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

from measure import peer_has, peer_python, save, spread

REPEATS = 20
OURS = Path(sys.executable).parent / "vesalius"


def commands() -> dict[str, list[str]]:
    """Return what is timed: our verbs, and for the peers the import that each of their verbs begins with."""
    found = {
        "vesalius --help": [str(OURS), "--help"],
        "vesalius systems": [str(OURS), "systems"],
        "python -c pass": [sys.executable, "-c", "pass"],
    }
    for module in ("open_clip", "monai", "trl", "torchxrayvision", "transformers"):
        if peer_has(module):
            found[f"import {module}"] = [str(peer_python()), "-c", f"import {module}"]
    return found


def main() -> None:
    """Time every command, interleaved, and write seconds and ratios."""
    wanted = commands()
    timed: dict[str, list[float]] = {name: [] for name in wanted}
    for repeat in range(REPEATS + 1):
        for name, command in wanted.items():
            if name.startswith("import") and repeat > 5:
                continue
            start = time.perf_counter()
            subprocess.run(command, capture_output=True, check=True)
            if repeat:
                timed[name].append(time.perf_counter() - start)
    seconds = {name: spread(values) for name, values in timed.items()}
    ours = seconds["vesalius --help"]["median"]
    ratios = {name: value["median"] / ours for name, value in seconds.items() if name.startswith("import")}
    path = save("startup", {"seconds": seconds, "slower_than_our_help": ratios})
    systems = seconds["vesalius systems"]["median"]
    print(f"--help {ours * 1000:.0f} ms, systems {systems * 1000:.0f} ms, written to {path.name}")


if __name__ == "__main__":
    main()
