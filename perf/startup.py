"""How long a person waits for `--help`: ours and the peers', interleaved, warm.

open_clip is not timed: it does not import without torchvision, which the peers' environment does not hold.
"""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

from measure import peer_has, peer_python, save, spread

REPEATS = 20
OURS = Path(sys.executable).parent / "vesalius"


def commands() -> dict[str, list[str]]:
    """Return what is timed: our verbs, the peers' `--help`, and the import where a peer has no command."""
    found = {
        "vesalius --help": [str(OURS), "--help"],
        "vesalius systems": [str(OURS), "systems"],
        "python -c pass": [sys.executable, "-c", "pass"],
    }
    peers = peer_python()
    if peers is None:
        return found
    if peer_has("trl"):
        found["trl --help"] = [str(peers.parent / "trl"), "--help"]
    for module in ("monai", "transformers"):
        if peer_has(module):
            found[f"import {module}"] = [str(peers), "-c", f"import {module}"]
    return found


def main() -> None:
    """Time every command, interleaved, and write seconds and ratios."""
    wanted = commands()
    timed: dict[str, list[float]] = {name: [] for name in wanted}
    for repeat in range(REPEATS + 1):
        for name, command in wanted.items():
            start = time.perf_counter()
            subprocess.run(command, capture_output=True, check=True)
            if repeat:
                timed[name].append(time.perf_counter() - start)
    seconds = {name: spread(values) for name, values in timed.items()}
    ours = seconds["vesalius --help"]["median"]
    ratios = {name: value["median"] / ours for name, value in seconds.items()}
    path = save("startup", {"seconds": seconds, "times_our_help": ratios})
    systems = seconds["vesalius systems"]["median"]
    print(f"--help {ours * 1000:.0f} ms, systems {systems * 1000:.0f} ms, written to {path.name}")


if __name__ == "__main__":
    main()
