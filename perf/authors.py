"""The authors' forward and backward beside ours: MGCA and M3AE with the same sizes, weights and batch.

``AUTHORS`` names a folder with clones of HKU-MedAI/MGCA (as ``MGCA``) and zhjohnchan/M3AE (as ``M3AE``); one that is
missing is skipped and said. Their code runs as it is but for constructors that load weights from the network and for
packages that a step does not need, in whose place stand a few lines (`_authors_mgca`, `_authors_m3ae`). The losses
are compared first; then the sides step by turns, so that what else the machine does falls on both.
"""

from __future__ import annotations

import importlib
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from measure import save, spread

ROUNDS = 8
LOSSES = {"mgca": ("instance", "token", "prototype"), "m3ae": ("pixel", "word", "match")}
CLONES = {"mgca": "MGCA", "m3ae": "M3AE"}
NOT_TIMED = {
    "arl": "its forward wants a graph of UMLS and the weights of encoders that are to be downloaded",
    "ptunifier": "its forward wants versions of packages that are no longer installed",
    "medslip": "its forward is compared in tests, and not timed: the encoders are libraries' on both sides",
    "conceptclip": "the loss alone is published",
    "merlin": "the training loop is not published",
    "pubmedclip": "its step is CLIP's with a factor; see the measurement `contrastive`",
    "unimed_clip": "its step is open_clip's; see the measurement `contrastive`",
    "msd": "no code is published",
    "mmclip": "no code is published",
    "devide": "no code is published",
    "convirt": "no training code is published",
}
"""Systems without a time of their authors' step, and why."""


def main() -> None:
    """Measure every system whose clone is there, or the one that is named, in this process."""
    if len(sys.argv) > 2 and sys.argv[1] == "--of":
        print(json.dumps(measured(sys.argv[2])))
        return
    rows: dict[str, Any] = {}
    if not any(clone(name).is_dir() for name in CLONES):
        print("AUTHORS names no folder with a clone: nothing is measured")
        return
    for name in CLONES:
        if not clone(name).is_dir():
            rows[name] = f"no clone at AUTHORS/{CLONES[name]}"
            print(f"{name:8} {rows[name]}", flush=True)
            continue
        done = subprocess.run([sys.executable, __file__, "--of", name], capture_output=True, text=True, check=True)
        rows[name] = json.loads(done.stdout.splitlines()[-1])
        ratio = rows[name]["faster"]["median"]
        print(f"{name:8} {ratio:5.2f} x as fast, losses apart {rows[name]['largest_difference']:.1e}", flush=True)
    save("authors", {"methods": rows, "not_timed": NOT_TIMED})


def clone(name: str) -> Path:
    """Return the folder of the authors' repository."""
    return Path(os.environ.get("AUTHORS", "")) / CLONES[name] if os.environ.get("AUTHORS") else Path("no-clone")


def measured(name: str) -> dict[str, Any]:
    """Compare the losses of one batch, then time steps by turns."""
    side = importlib.import_module(f"_authors_{name}")
    theirs, ours = side.sides(clone(name))
    first, second = theirs.values(LOSSES[name]), ours.values(LOSSES[name])
    seconds: dict[str, list[float]] = {"theirs": [], "ours": []}
    for turn in range(ROUNDS + 1):
        taken = {"theirs": theirs.step(), "ours": ours.step()}
        for which in seconds if turn else ():
            seconds[which].append(taken[which])
    faster = [slow / fast for slow, fast in zip(seconds["theirs"], seconds["ours"], strict=True)]
    return {
        "commit": commit(clone(name)),
        "batch": side.BATCH,
        "losses": {"names": LOSSES[name], "theirs": first, "ours": second},
        "largest_difference": max(abs(one - other) / abs(one) for one, other in zip(first, second, strict=True)),
        "seconds": {which: spread(taken) for which, taken in seconds.items()},
        "faster": {**spread(faster), "least": min(faster)},
    }


def commit(folder: Path) -> str:
    """Return the commit of a clone."""
    done = subprocess.run(["git", "-C", folder, "rev-parse", "HEAD"], capture_output=True, text=True, check=True)
    return done.stdout.strip()


if __name__ == "__main__":
    main()
